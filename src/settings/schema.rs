//! The JSON Schema of the configuration file, for editors.
//!
//! Nothing in it is written twice: names, types and ranges come from the readers of the settings,
//! descriptions and defaults from the reference.

use crate::settings::read::layers::Sources;
use crate::settings::read::reference::{self, DEFAULT_TOML, Key, Table};
use crate::settings::read::shape::{Shape, Shapes};
use crate::settings::read::text::format_duration;
use crate::settings::read::value::parse_toml;
use crate::settings::settings::Settings;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// A duration: what `humantime` reads, without months and years.
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
    // The reference explains the keys of a rule once.
    let rule = properties.get("rule").map(|rule| rule["items"].clone());
    if let Some((builtin, rule)) = properties.get_mut("builtin_rule").zip(rule) {
        builtin["items"] = rule;
        builtin["description"] =
            json!("The built-in rules, applied after those of [[rule]]; [] for none.");
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of flowmend",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    })
}

/// What each key accepts. The example tables are read too; the credentials make the configuration valid.
fn shapes(tables: &[Table]) -> Shapes {
    let mut environment = HashMap::from(
        [("ORG_ID", "schema@AdobeOrg"), ("CLIENT_ID", "schema"), ("CLIENT_SECRET", "schema")]
            .map(|(key, value)| (format!("FLOWMEND__ADOBE__{key}"), value.to_owned())),
    );
    for table in tables.iter().filter(|table| table.is_example) {
        let variable = format!("FLOWMEND__{}", table.name.to_uppercase());
        environment.insert(variable, format!("[{}]", table.inline()));
    }
    let loaded = Settings::load_with_shapes(&Sources { files: Vec::new(), environment });
    loaded.expect("the reference is a valid configuration").1
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
            // No default: the section of that name applies instead.
            let section = tables.iter().find(|table| table.name == inner);
            let key = section.and_then(|section| section.key(name));
            own["properties"][name] = property(shape, key);
            continue;
        }
        let key = table.key(name);
        let mut property = property(shape, key);
        let written: Option<Value> =
            key.and_then(|key| parse_toml(&key.value)?.try_deserialize().ok());
        if let Some(items) = shapes.defaults.get(place) {
            property["default"] = json!(items);
        } else if let Some(written) = written {
            match table.is_example {
                true => property["examples"] = json!([written]),
                false => property["default"] = written,
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
        // A schema cannot compare durations; the two bounds inform the reader.
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
