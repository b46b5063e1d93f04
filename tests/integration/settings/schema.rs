//! The schema for editors accepts what the program accepts, and nothing else.

use crate::settings::support::{NEEDED, faults_of};
use config::{Config, File, FileFormat};
use flowmend::settings::{DEFAULT_TOML, schema};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn json_of(toml: &str) -> Value {
    let config = Config::builder().add_source(File::from_str(toml, FileFormat::Toml));
    config.build().unwrap().try_deserialize().unwrap()
}

/// The reference with its example tables.
fn whole_reference() -> Value {
    let is_toml = |line: &str| {
        line.starts_with("[[") || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '))
    };
    let mut shows = false;
    let lines: Vec<&str> = DEFAULT_TOML
        .lines()
        .map(|line| {
            shows = !line.is_empty() && (shows || line.starts_with("# [["));
            line.strip_prefix("# ").filter(|shown| shows && is_toml(shown)).unwrap_or(line)
        })
        .collect();
    json_of(&lines.join("\n"))
}

/// What is wrong with `value`, by the keywords that our schema uses.
fn wrong(schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut refuse = |why: String| wrong.push(format!("{at}: {why}"));
    let fits = match schema["type"].as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64(),
        "number" => value.is_number(),
        other => panic!("{at}: {other}"),
    };
    if !fits {
        refuse(format!("{value} is no {}", schema["type"]));
        return wrong;
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        refuse(format!("{value} is none of {words:?}"));
    }
    if let (Some(low), Some(number)) = (schema["minimum"].as_f64(), value.as_f64())
        && !(low..=schema["maximum"].as_f64().unwrap()).contains(&number)
    {
        refuse(format!("{value} is out of range"));
    }
    if schema["pattern"].is_string() {
        let read = |text: &Value| humantime::parse_duration(text.as_str().unwrap());
        let range = [&schema["x-minimum"], &schema["x-maximum"]].map(|end| read(end).unwrap());
        match read(value) {
            Ok(duration) if (range[0]..=range[1]).contains(&duration) => {}
            _ => refuse(format!("{value} is no duration within {range:?}")),
        }
    }
    for key in schema["required"].as_array().into_iter().flatten() {
        if value.get(key.as_str().unwrap()).is_none() {
            refuse(format!("{key} is missing"));
        }
    }
    for (key, value) in value.as_object().into_iter().flatten() {
        match schema["properties"].get(key) {
            Some(schema) => wrong.extend(self::wrong(schema, value, &format!("{at}.{key}"))),
            None => wrong.push(format!("{at}: no key {key}")),
        }
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        wrong.extend(self::wrong(&schema["items"], item, &format!("{at}[{index}]")));
    }
    wrong
}

/// The keys of a configuration, those of the first table of each list included.
fn keys(value: &Value, at: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(table) => {
            for (key, value) in table {
                keys(value, &format!("{at}.{key}"), found);
            }
        }
        Value::Array(items) if items.first().is_some_and(Value::is_object) => {
            items.iter().for_each(|item| keys(item, at, found));
        }
        _ => _ = found.insert(at.to_owned()),
    }
}

/// Every schema of a single key, by the key's place.
fn leaves<'a>(schema: &'a Value, at: &str, found: &mut Vec<(String, &'a Value)>) {
    if let Some(properties) = schema["properties"].as_object() {
        assert_eq!(schema["additionalProperties"], false, "{at}");
        for (key, schema) in properties {
            leaves(schema, &format!("{at}.{key}"), found);
        }
    } else if schema["items"]["properties"].is_object() {
        leaves(&schema["items"], at, found);
    } else {
        found.push((at.to_owned(), schema));
    }
}

#[test]
fn the_schema_has_exactly_the_keys_of_the_reference() {
    let mut referred = BTreeSet::new();
    keys(&whole_reference(), "", &mut referred);
    let (schema, mut leaves_found) = (schema(), Vec::new());
    leaves(&schema, "", &mut leaves_found);
    let described: BTreeSet<String> = leaves_found.into_iter().map(|(place, _)| place).collect();
    // For [[dataflow]] and [[rule]] the reference shows one key of [retry] as an example of all; a
    // built-in rule has the keys of [[rule]].
    let repeated = |place: &&String| {
        let by_table =
            place.split('.').nth(2) == Some("retry") || place.starts_with(".builtin_rule.");
        by_table && !referred.contains(place.as_str())
    };
    for place in described.iter().filter(repeated) {
        let own = place.split_once(".retry.").map(|(_, own)| format!(".retry.{own}"));
        let meant = own.unwrap_or_else(|| place.replace(".builtin_rule.", ".rule."));
        assert!(referred.contains(&meant), "{place}");
    }
    let described: BTreeSet<&String> = described.iter().filter(|it| !repeated(it)).collect();
    assert_eq!(described, referred.iter().collect());
    assert_eq!(
        schema["properties"]["retry"]["properties"].as_object().unwrap().len(),
        schema["properties"]["dataflow"]["items"]["properties"]["retry"]["properties"]
            .as_object()
            .unwrap()
            .len()
    );
}

#[test]
fn every_key_has_a_type_a_description_and_the_default_of_the_reference() {
    let (schema, reference, mut found) = (schema(), json_of(DEFAULT_TOML), Vec::new());
    leaves(&schema, "", &mut found);
    for (place, leaf) in found {
        assert!(leaf["type"].is_string(), "{place}");
        assert!(leaf["description"].as_str().is_some_and(|text| text.len() > 10), "{place}");
        if let Some(default) = reference.pointer(&place.replace('.', "/")) {
            assert_eq!(&leaf["default"], default, "{place}");
        }
    }
    for (table, schema) in schema["properties"].as_object().unwrap() {
        assert!(schema["description"].is_string(), "{table}");
    }
}

#[test]
fn the_reference_and_the_example_pass_the_schema() {
    let schema = schema();
    let example = include_str!("../../../config/flowmend.example.toml");
    let all = [whole_reference(), json_of(DEFAULT_TOML), json_of(example), json_of(NEEDED)];
    for configuration in all {
        assert_eq!(wrong(&schema, &configuration, ""), Vec::<String>::new());
    }
}

#[test]
fn the_schema_and_the_program_refuse_the_same() {
    let table = [
        "retry.max_attempt = 3",
        "retries.max_attempts = 3",
        "retry.max_attempts = 0",
        "retry.max_attempts = 3.5",
        "retry.max_attempts = \"3\"",
        "retry.multiplier = 0.5",
        "retry.target = \"newest\"",
        "retry.initial_interval = 60",
        "retry.initial_interval = \"60\"",
        "retry.initial_interval = \"1ms\"",
        "retry.retry_empty_success = 1",
        "adobe.scopes = \"openid\"",
        "http.listen = 8321",
        "dataflow = [{ match = \"a\", retry.max_attempts = 0 }]",
        "dataflow = [{ match = \"a\", limits.retriggers_per_day = 1 }]",
        "dataflow = [{ kind = \"batch\" }]",
        "dataflow = [{ match = \"a\", kind = \"fast\" }]",
        "dataflow = { match = \"a\" }",
        "sandbox = [{ include = [\"*\"] }]",
        "rule = [{ codes = [\"133\"] }]",
        "rule = [{ action = \"skip\" }]",
        "rule = [{ action = \"retry\", code = [\"133\"] }]",
        "rule = [{ action = \"retry\", codes = \"133\" }]",
        "rule = [{ action = \"retry\", retry.max_attempts = 0 }]",
        "builtin_rule = [{ action = \"skip\" }]",
        "quiet = [{ from = \"22:00\", to = \"06:00\" }]",
        "breaker.failures = -1",
        "breaker.window = \"1s\"",
    ];
    let schema = schema();
    for toml in table {
        assert_ne!(wrong(&schema, &json_of(toml), ""), Vec::<String>::new(), "{toml}");
        assert_ne!(faults_of(toml), "", "{toml}");
    }
}

#[test]
fn the_program_refuses_numbers_outside_the_bounds_of_the_schema() {
    let (schema, mut found) = (schema(), Vec::new());
    leaves(&schema, "", &mut found);
    let mut tried = 0;
    for (place, leaf) in found {
        // This test skips text and the tables of lists.
        let Some((section, key)) = place[1..].split_once('.') else { continue };
        let Some(highest) = leaf["maximum"].as_f64() else { continue };
        if key.contains('.') {
            continue;
        }
        tried += 1;
        let beyond = if leaf["type"] == "integer" { 1.0 } else { 0.5 };
        for value in [highest + beyond, leaf["minimum"].as_f64().unwrap() - beyond] {
            let value = if beyond == 1.0 { json!(value as i64) } else { json!(value) };
            let faults = faults_of(&format!("[{section}]\n{key} = {value}"));
            assert!(faults.contains(&place[1..]), "{place} = {value}: {faults}");
        }
    }
    assert!(tried >= 10, "{tried}");
}
