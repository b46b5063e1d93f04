//! Merges the layers: the built-in defaults, the files in order, the environment.
//!
//! Before the merge every value is marked with where it was written, and anything that does not have
//! the shape of a setting is reported and dropped.

use super::file::read_text;
use super::origin::Origin;
use super::reference::{DEFAULT_TOML, LISTS, SECTIONS};
use super::report::Report;
use super::text::nearest;
use super::variables;
use config::{ConfigError, File, FileFormat, Map, Source, Value, ValueKind};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::path::PathBuf;

/// The longest configuration file, in bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// What settings are read from.
#[derive(Clone, Default)]
pub struct Sources {
    /// Configuration files; a later one wins. Each must exist.
    pub files: Vec<PathBuf>,
    /// The environment variables; foreign ones are ignored.
    pub environment: HashMap<String, String>,
}

impl fmt::Debug for Sources {
    /// Omits the environment, which contains secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").field("files", &self.files).finish_non_exhaustive()
    }
}

/// Merges the layers into one table of sections and lists.
pub(crate) fn merge(sources: &Sources, report: &mut Report) -> Map<String, Value> {
    let defaults = parse(DEFAULT_TOML).expect("the built-in defaults are valid TOML");
    report.known = keys_of(&defaults);
    let mut merged = checked(defaults, &Origin::Defaults, report);
    for path in &sources.files {
        let origin = Origin::File(path.clone());
        match read_text(path, MAX_FILE_BYTES).and_then(|text| parse(&text)) {
            Ok(parsed) => merge_into(&mut merged, checked(parsed, &origin, report)),
            Err(message) => report.unreadable_file(origin, message),
        }
    }
    merge_into(&mut merged, variables::read(&sources.environment, report));
    merged
}

/// Merges sections key by key; everything else is replaced.
fn merge_into(merged: &mut Map<String, Value>, layer: Map<String, Value>) {
    for (name, value) in layer {
        match (merged.get_mut(&name).map(|below| &mut below.kind), value) {
            (Some(ValueKind::Table(below)), Value { kind: ValueKind::Table(above), .. }) => {
                below.extend(above);
            }
            (_, value) => _ = merged.insert(name, value),
        }
    }
}

/// Parses TOML. The message omits the line itself, which the parser repeats: it may contain a secret.
fn parse(text: &str) -> Result<Map<String, Value>, String> {
    let parsed: Result<Map<String, Value>, _> = File::from_str(text, FileFormat::Toml).collect();
    parsed.map_err(|error| match error {
        ConfigError::FileParse { cause, .. } => place_and_reason(&cause.to_string()),
        _ => "is not valid TOML".to_owned(),
    })
}

fn place_and_reason(message: &str) -> String {
    let mut lines = message.lines();
    let place = lines.next().and_then(|first| first.strip_prefix("TOML parse error at "));
    let Some(place) = place else {
        return "contains a number that is too large for any setting".to_owned();
    };
    // The place is followed by a gutter, the line itself, and a gutter with the mark.
    let reason: Vec<&str> = lines.skip(3).collect();
    format!("{place}: is not valid TOML: {}", reason.join(" "))
}

/// Keeps the sections and lists of tables, marked with `origin`, and reports everything else.
fn checked(parsed: Map<String, Value>, origin: &Origin, report: &mut Report) -> Map<String, Value> {
    let is_table = |value: &Value| matches!(value.kind, ValueKind::Table(_));
    let mut kept = Map::new();
    for (name, mut value) in sorted(parsed) {
        let is_section = SECTIONS.contains(&name.as_str());
        let fits = match &mut value.kind {
            ValueKind::Table(keys) if is_section => {
                let tables = keys.iter().filter(|(_, value)| is_table(value));
                let names: BTreeSet<String> = tables.map(|(key, _)| key.clone()).collect();
                for key in names {
                    let message = "must be a single value, not a table";
                    report.fault(&format!("{name}.{key}"), origin.clone(), message);
                    keys.remove(&key);
                }
                true
            }
            ValueKind::Array(items) => LISTS.contains(&name.as_str()) && items.iter().all(is_table),
            _ => false,
        };
        if fits {
            kept.insert(name, origin.mark(value));
        } else {
            let message = misplaced(&name, &report.known);
            report.fault(&name, origin.clone(), message);
        }
    }
    kept
}

/// The message for a top-level key that has the wrong type or does not exist.
fn misplaced(name: &str, known: &BTreeSet<String>) -> String {
    if SECTIONS.contains(&name) {
        return format!("must be a table; write [{name}] and its keys below it");
    }
    if LISTS.contains(&name) {
        return format!("must be a list of tables; write [[{name}]], with two brackets, for each");
    }
    if let Some(near) = nearest(name, SECTIONS.into_iter().chain(LISTS)) {
        return format!("no such section; did you mean `{near}`?");
    }
    let inside = known.iter().find(|key| key.rsplit('.').next() == Some(name) || *key == name);
    match inside.and_then(|key| key.split_once('.')) {
        Some((section, key)) => format!("no such section; write `{key}` below [{section}]"),
        None => "no such section; `flowmend config default` lists them all".to_owned(),
    }
}

/// A table in a fixed order, and with it the faults.
fn sorted(table: Map<String, Value>) -> BTreeMap<String, Value> {
    table.into_iter().collect()
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
