//! The JSON Schema of the configuration file, for editors.
//!
//! Nothing in it is written down twice: names, types and ranges are what the readers of the settings
//! noted when they read the reference, and descriptions and defaults are the reference's own.

use super::reference::{self, Key, Table};
use super::shape::{Shape, Shapes};
use super::text::format_duration;
use super::value::parse_toml;
use super::{DEFAULT_TOML, Settings, Sources};
use config::ValueKind;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// How a duration is written; what `humantime` reads, without months and years.
const DURATION: &str = "^\\s*([0-9]+(\\.[0-9]+)?\\s*(nanos|nsec|ns|usec|us|µs|millis|msec|ms|\
    seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|hr|h|days?|d|weeks?|wks?|wk|w)\\s*)+$";

/// The schema of a configuration file, JSON Schema draft 2020-12.
pub fn schema() -> Value {
    let tables = reference::read(DEFAULT_TOML);
    let shapes = shapes(&tables);
    let mut properties = Map::new();
    for table in &tables {
        let object = object(table, &tables, &shapes);
        let property = match table.is_list {
            true => {
                json!({ "type": "array", "description": table.description, "items": object })
            }
            false => object,
        };
        properties.entry(table.name.clone()).or_insert(property);
    }
    // The built-in rules are rules; the reference explains the keys once.
    let rule = properties.get("rule").map(|rule| rule["items"].clone());
    if let Some((builtin, rule)) = properties.get_mut("builtin_rule").zip(rule) {
        builtin["items"] = rule;
        builtin["description"] =
            json!("The built-in rules, asked after those of [[rule]]; [] for none.");
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of flowmend",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    })
}

/// What each key accepts. The tables that are only shown are read too, with just enough to be sound.
fn shapes(tables: &[Table]) -> Shapes {
    let mut environment = HashMap::from(
        [("ORG_ID", "schema@AdobeOrg"), ("CLIENT_ID", "schema"), ("CLIENT_SECRET", "schema")]
            .map(|(key, value)| (format!("FLOWMEND__ADOBE__{key}"), value.to_owned())),
    );
    for table in tables.iter().filter(|table| table.is_example) {
        let variable = format!("FLOWMEND__{}", table.name.to_uppercase());
        environment.insert(variable, format!("[{}]", table.inline()));
    }
    let noted = Settings::load_noting(&Sources { files: Vec::new(), environment });
    noted.expect("the reference is a sound configuration").1
}

/// The keys of `table`, and of the tables within it.
fn object(table: &Table, tables: &[Table], shapes: &Shapes) -> Value {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for (place, shape) in &shapes.keys {
        let Some(name) = place.strip_prefix(&table.name).and_then(|it| it.strip_prefix('.')) else {
            continue;
        };
        if let Some((inner, name)) = name.split_once('.') {
            let described = table.key(inner).map_or("", |key| key.description.as_str());
            let own = properties.entry(inner.to_owned()).or_insert_with(|| {
                json!({
                    "type": "object",
                    "description": described,
                    "additionalProperties": false,
                    "properties": {},
                })
            });
            // Where it is left out, the value of the section of that name is in force: no default.
            let section = tables.iter().find(|table| table.name == inner);
            let key = section.and_then(|section| section.key(name));
            own["properties"][name] = property(shape, key);
            continue;
        }
        let key = table.key(name);
        let mut property = property(shape, key);
        let written = key.and_then(|key| parse_toml(&key.value));
        if let Some(items) = shapes.defaults.get(place) {
            property["default"] = json!(items);
        } else if let Some(written) = written {
            match table.is_example {
                true => property["examples"] = json!([plain(written.kind)]),
                false => property["default"] = plain(written.kind),
            }
        }
        properties.insert(name.to_owned(), property);
        if shapes.required.contains(place) {
            required.push(name);
        }
    }
    let mut object = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    if !table.is_list {
        object["description"] = json!(table.description);
    }
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

fn property(shape: &Shape, key: Option<&Key>) -> Value {
    let mut property = match shape {
        Shape::Whole(range) => {
            json!({ "type": "integer", "minimum": range.start(), "maximum": range.end() })
        }
        Shape::Number(range) => {
            json!({ "type": "number", "minimum": range.start(), "maximum": range.end() })
        }
        // A schema cannot compare durations; these two are for whoever reads it.
        Shape::Duration(range) => json!({
            "type": "string",
            "pattern": DURATION,
            "x-minimum": format_duration(*range.start()),
            "x-maximum": format_duration(*range.end()),
        }),
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Word(words) => json!({ "type": "string", "enum": words }),
        Shape::Text => json!({ "type": "string" }),
        Shape::Texts => json!({ "type": "array", "items": { "type": "string" } }),
    };
    if let Some(key) = key {
        property["description"] = json!(key.description);
    }
    property
}

/// A value of the reference as JSON.
fn plain(value: ValueKind) -> Value {
    match value {
        ValueKind::Boolean(flag) => json!(flag),
        ValueKind::I64(number) => json!(number),
        ValueKind::Float(number) => json!(number),
        ValueKind::String(text) => json!(text),
        ValueKind::Array(items) => items.into_iter().map(|item| plain(item.kind)).collect(),
        _ => Value::Null,
    }
}
