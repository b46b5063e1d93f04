//! The environment as a layer: `FLOWMEND__SECTION__KEY`.

use super::origin::Origin;
use super::reference::{LISTS, SECTIONS};
use super::report::Report;
use super::text::nearest;
use super::value::parse_toml;
use config::{Map, Value, ValueKind};
use std::collections::HashMap;

/// The prefix of our variables. The two underscores exclude the variables that Kubernetes makes for
/// a service called flowmend (`FLOWMEND_PORT=tcp://…`).
const PREFIX: &str = "FLOWMEND__";

/// Reads our variables into a table of sections and lists, and reports those that set nothing.
pub(crate) fn read(
    environment: &HashMap<String, String>,
    report: &mut Report,
) -> Map<String, Value> {
    let mut ours: Vec<(&String, &String)> =
        environment.iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
    ours.sort();
    let mut layer: Map<String, Value> = Map::new();
    for (name, text) in ours {
        let origin = Origin::Variable(name.clone());
        let key = name[PREFIX.len()..].to_lowercase().replace("__", ".");
        match value_of(name, &key, text, report) {
            Ok(value) => insert(&mut layer, &key, origin.mark(value)),
            Err(message) => {
                let key = if key.is_empty() { name } else { &key };
                report.fault(key, origin, message);
            }
        }
    }
    warn_of_near_misses(environment, report);
    layer
}

fn insert(layer: &mut Map<String, Value>, key: &str, value: Value) {
    let Some((section, key)) = key.split_once('.') else {
        layer.insert(key.to_owned(), value);
        return;
    };
    let empty = || Value::new(None, ValueKind::Table(Map::new()));
    let section = layer.entry(section.to_owned()).or_insert_with(empty);
    if let ValueKind::Table(keys) = &mut section.kind {
        keys.insert(key.to_owned(), value);
    }
}

/// Reads the text of the variable `name`, which sets `key`.
fn value_of(name: &str, key: &str, text: &str, report: &Report) -> Result<Value, String> {
    let capitals = name.to_uppercase();
    if key.is_empty() {
        return Err("has no key after the prefix; write FLOWMEND__SECTION__KEY".to_owned());
    }
    if name != capitals {
        return Err(format!("must be in capitals: {capitals}"));
    }
    if LISTS.contains(&key) {
        return tables(key, text);
    }
    if report.known.contains(key) {
        return Ok(Value::from(text));
    }
    Err(match key.split_once('.') {
        None if SECTIONS.contains(&key) => {
            format!("is a section, not a key; set its keys one by one: {capitals}__…")
        }
        Some((list, _)) if LISTS.contains(&list) => {
            format!("set the whole list: {PREFIX}{}=[{{ … }}]", list.to_uppercase())
        }
        _ => match nearest(key, report.known.iter().map(String::as_str).chain(LISTS)) {
            Some(near) => format!("no such key; did you mean {}?", variable_of(near)),
            None => "no such key; `flowmend config default` lists them all".to_owned(),
        },
    })
}

/// A list of tables as TOML; sandboxes may be just their names, separated by commas.
fn tables(key: &str, text: &str) -> Result<Value, String> {
    let text = text.trim();
    if key == "sandbox" && !text.starts_with('[') {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        let table = |name| Value::from(Map::from([("name".to_owned(), Value::from(name))]));
        return Ok(Value::from(names.map(table).collect::<Vec<Value>>()));
    }
    let is_table = |item: &Value| matches!(item.kind, ValueKind::Table(_));
    let list = parse_toml(text).filter(
        |value| matches!(&value.kind, ValueKind::Array(items) if items.iter().all(is_table)),
    );
    let example = match key {
        "sandbox" => "prod,dev or [{ name = \"prod\", include = [\"crm-*\"] }]",
        "rule" | "builtin_rule" => {
            "[{ codes = [\"133\"], action = \"retry\", retry.max_attempts = 3 }]"
        }
        "quiet" => "[{ from = \"22:00\", to = \"06:00\", time_zone = \"Europe/Berlin\" }]",
        "notify" => "[{ name = \"chat\", type = \"slack\", url_file = \"/run/secrets/slack\" }]",
        _ => "[{ match = \"crm-*\", retry.max_attempts = 3 }]",
    };
    list.ok_or_else(|| format!("must be a TOML list of tables, like {example}"))
}

/// Warns of variables that lack an underscore.
fn warn_of_near_misses(environment: &HashMap<String, String>, report: &mut Report) {
    let names: Vec<String> = report.known.iter().map(|key| variable_of(key)).collect();
    for name in names {
        let missed = name.replace("__", "_");
        if environment.contains_key(&missed) {
            report.warn(format!("the variable {missed} is ignored; did you mean {name}?"));
        }
    }
}

/// The variable that sets `key`.
fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "__").to_uppercase())
}
