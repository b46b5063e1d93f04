//! Brings the layers together: the embedded defaults, the files in order, the environment.
//!
//! `config` reads each layer and merges them. Before the merge every value is marked with where it
//! was written, and whatever has not the shape of a setting is reported and taken out: a merge
//! would otherwise let one misplaced value replace a whole section, and its path syntax (`a[9].b`)
//! lets a key make a list of any length.

use super::DEFAULT_TOML;
use super::fault::Origin;
use super::file::read_text;
use super::report::Report;
use super::text::nearest;
use super::value::{describe, parse_toml};
use config::{Config, ConfigError, Environment, File, FileFormat, Map, Source, Value, ValueKind};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};

/// Tables of settings.
const SECTIONS: [&str; 8] = ["adobe", "poll", "retry", "limits", "breaker", "store", "http", "log"];

/// Lists of tables. A later layer replaces the whole list of an earlier one.
const LISTS: [&str; 5] = ["sandbox", "dataflow", "rule", "builtin_rule", "quiet"];

/// What the names of our variables begin with. The two underscores keep out the variables that
/// Kubernetes makes for a service called flowmend (`FLOWMEND_PORT=tcp://…`).
const PREFIX: &str = "FLOWMEND__";

/// A configuration file is not longer than this, in bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Merges the layers into one table of sections.
pub(super) fn merge(
    files: &[PathBuf],
    environment: &HashMap<String, String>,
    report: &mut Report,
) -> Map<String, Value> {
    let mut builder = Config::builder();
    let defaults = parse(DEFAULT_TOML).expect("the embedded defaults are TOML");
    report.known = keys_of(&defaults);
    builder = builder.add_source(Layer::of_file(defaults, &Origin::Defaults, report));
    for path in files {
        if let Some(layer) = read_file(path, report) {
            builder = builder.add_source(layer);
        }
    }
    builder = builder.add_source(Layer::of_environment(environment, report));
    match builder.build().map(|config| config.cache.kind) {
        Ok(ValueKind::Table(merged)) => merged,
        // Layers hold plain tables by now, and merging those cannot fail.
        _ => Map::new(),
    }
}

/// One layer in the shape that the sections expect.
#[derive(Clone)]
struct Layer(Map<String, Value>);

impl fmt::Debug for Layer {
    /// Without the values, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Layer").finish_non_exhaustive()
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.0.clone())
    }
}

impl Layer {
    fn of_file(parsed: Map<String, Value>, origin: &Origin, report: &mut Report) -> Self {
        let mut layer = Map::new();
        for (name, value) in sorted(parsed) {
            if let Some(value) = shaped(&name, value, origin, report) {
                layer.insert(name, marked(value, &origin.tag()));
            }
        }
        Self(layer)
    }

    fn of_environment(environment: &HashMap<String, String>, report: &mut Report) -> Self {
        let mut ours: Vec<(&String, &String)> =
            environment.iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
        ours.sort();
        let mut layer = Map::new();
        for (name, text) in ours {
            let origin = Origin::Variable(name.clone());
            match variable(name, text, report) {
                Ok((key, value)) => _ = layer.insert(key, marked(value, &origin.tag())),
                Err((key, message)) => report.fault(&key, origin, message),
            }
        }
        warn_of_near_misses(environment, report);
        Self(layer)
    }
}

/// Reads a file as a layer.
fn read_file(path: &Path, report: &mut Report) -> Option<Layer> {
    let origin = Origin::File(path.to_owned());
    let parsed = read_text(path, MAX_FILE_BYTES).and_then(|text| parse(&text));
    match parsed {
        Ok(parsed) => Some(Layer::of_file(parsed, &origin, report)),
        Err(message) => {
            report.broken_layer(origin, message);
            None
        }
    }
}

/// Parses TOML. The message tells the place and the reason, and leaves out the line itself, which
/// the parser repeats: it may hold a secret.
fn parse(text: &str) -> Result<Map<String, Value>, String> {
    let parsed: Result<Map<String, Value>, _> = File::from_str(text, FileFormat::Toml).collect();
    parsed.map_err(|error| match error {
        ConfigError::FileParse { cause, .. } => place_and_reason(&cause.to_string()),
        _ => "is not TOML".to_owned(),
    })
}

fn place_and_reason(message: &str) -> String {
    let mut lines = message.lines();
    let place = lines.next().and_then(|first| first.strip_prefix("TOML parse error at "));
    let Some(place) = place else {
        return "holds a number that is too large for any setting".to_owned();
    };
    // The place is followed by a gutter, the line itself, and a gutter with the mark.
    let reason: Vec<&str> = lines.skip(3).collect();
    format!("{place}: is not TOML: {}", reason.join(" "))
}

/// Lets pass what has the shape of a section or of a list of tables.
fn shaped(name: &str, value: Value, origin: &Origin, report: &mut Report) -> Option<Value> {
    let is_section = SECTIONS.contains(&name);
    match value.kind {
        ValueKind::Table(table) if is_section => {
            let mut kept = Map::new();
            for (key, value) in sorted(table) {
                if matches!(value.kind, ValueKind::Table(_)) {
                    let message = "is a table, and no setting of this section is one";
                    report.fault(&format!("{name}.{key}"), origin.clone(), message);
                } else {
                    kept.insert(key, value);
                }
            }
            Some(Value::new(None, kept))
        }
        _ if is_section => {
            let message = format!("is not a table; write [{name}] and its keys below");
            report.fault(name, origin.clone(), message);
            None
        }
        ValueKind::Array(ref items) if LISTS.contains(&name) => {
            let table = |item: &Value| matches!(item.kind, ValueKind::Table(_));
            match items.iter().find(|item| !table(item)) {
                None => Some(value),
                Some(other) => {
                    let message =
                        format!("{} is not a table; write [[{name}]] for each", describe(other));
                    report.fault(name, origin.clone(), message);
                    None
                }
            }
        }
        _ if LISTS.contains(&name) => {
            let message = format!("is not a list; write [[{name}]], with two brackets, for each");
            report.fault(name, origin.clone(), message);
            None
        }
        _ => {
            report.fault(name, origin.clone(), no_such_section(name, &report.known));
            None
        }
    }
}

/// What to say of a top-level key that does not exist.
fn no_such_section<'a>(name: &str, known: impl IntoIterator<Item = &'a String>) -> String {
    if let Some(near) = nearest(name, SECTIONS.into_iter().chain(LISTS)) {
        return format!("no such section; did you mean `{near}`?");
    }
    let inside = known.into_iter().find(|key| key.rsplit('.').next() == Some(name) || *key == name);
    match inside.and_then(|key| key.split_once('.')) {
        Some((section, key)) => format!("no such section; `{key}` belongs below [{section}]"),
        None => "no such section; `flowmend config default` lists them all".to_owned(),
    }
}

/// Reads one variable as `(key, value)`; an error is `(key, message)`.
fn variable(name: &str, text: &str, report: &Report) -> Result<(String, Value), (String, String)> {
    let capitals = name.to_uppercase();
    let source = Environment::with_prefix("FLOWMEND")
        .prefix_separator("__")
        .separator("__")
        .source(Some(Map::from([(name.to_owned(), text.to_owned())])));
    let read: Option<(String, Value)> = source.collect().unwrap_or_default().into_iter().next();
    let Some((key, value)) = read.filter(|(key, _)| !key.is_empty()) else {
        return Err((name.to_owned(), "names no key; write FLOWMEND__SECTION__KEY".to_owned()));
    };
    if name != capitals {
        return Err((key, format!("names of variables are written in capitals: {capitals}")));
    }
    if LISTS.contains(&key.as_str()) {
        return match tables(&key, text) {
            Ok(list) => Ok((key, list)),
            Err(message) => Err((key, message)),
        };
    }
    if report.known.contains(&key) {
        return Ok((key, value));
    }
    let message = match key.split_once('.') {
        None if SECTIONS.contains(&key.as_str()) => {
            format!("is a section; set its keys one by one: {capitals}__…")
        }
        Some((list, _)) if LISTS.contains(&list) => {
            format!("a list is set as a whole: {PREFIX}{}=[{{ … }}]", list.to_uppercase())
        }
        _ => match nearest(&key, report.known.iter().map(String::as_str).chain(LISTS)) {
            Some(near) => format!("no such key; did you mean {}?", variable_of(near)),
            None => "no such key; `flowmend config default` lists them all".to_owned(),
        },
    };
    Err((key, message))
}

/// A list of tables in a variable: TOML, or for sandboxes just their names with commas.
fn tables(key: &str, text: &str) -> Result<Value, String> {
    let text = text.trim();
    if key == "sandbox" && !text.starts_with('[') {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        let tables: Vec<Value> = names
            .map(|name| Value::from(Map::from([("name".to_owned(), Value::from(name))])))
            .collect();
        return Ok(Value::from(tables));
    }
    let list = parse_toml(text).filter(|value| match &value.kind {
        ValueKind::Array(items) => {
            items.iter().all(|item| matches!(item.kind, ValueKind::Table(_)))
        }
        _ => false,
    });
    let example = match key {
        "sandbox" => "prod,dev or [{ name = \"prod\", include = [\"crm-*\"] }]",
        "rule" | "builtin_rule" => {
            "[{ codes = [\"133\"], action = \"retry\", retry.max_attempts = 3 }]"
        }
        "quiet" => "[{ from = \"22:00\", to = \"06:00\", time_zone = \"Europe/Berlin\" }]",
        _ => "[{ match = \"crm-*\", retry.max_attempts = 3 }]",
    };
    list.ok_or_else(|| format!("is not a TOML list of tables; write it like {example}"))
}

/// Warns of variables that were meant for us and miss an underscore.
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

/// A table in an order that is the same each time, and with it that of the faults.
fn sorted(table: Map<String, Value>) -> BTreeMap<String, Value> {
    table.into_iter().collect()
}

/// `value` and everything within it, marked with where it was written.
fn marked(value: Value, tag: &String) -> Value {
    match value.kind {
        ValueKind::Table(table) => {
            let table: Map<String, Value> =
                table.into_iter().map(|(key, value)| (key, marked(value, tag))).collect();
            Value::new(Some(tag), table)
        }
        ValueKind::Array(items) => {
            let items: Vec<Value> = items.into_iter().map(|item| marked(item, tag)).collect();
            Value::new(Some(tag), items)
        }
        plain => Value::new(Some(tag), plain),
    }
}

/// The keys of `table`, with their sections.
fn keys_of(table: &Map<String, Value>) -> BTreeSet<String> {
    let sections = table.iter().filter_map(|(section, value)| match &value.kind {
        ValueKind::Table(keys) => Some((section, keys)),
        _ => None,
    });
    sections
        .flat_map(|(section, keys)| keys.keys().map(move |key| format!("{section}.{key}")))
        .collect()
}
