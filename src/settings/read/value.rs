//! Reads single values. Every `Err` is a complete message: what the value must be, and what it is.

use super::origin::Origin;
use super::text::{format_duration, parse_duration, quoted};
use config::{File, FileFormat, Map, Source, Value, ValueKind};
use std::ops::RangeInclusive;
use std::time::Duration;

/// A whole number within `range`. Only an environment variable may write it as text.
pub(crate) fn whole(value: &Value, range: &RangeInclusive<u32>) -> Result<u32, String> {
    let number = match &value.kind {
        ValueKind::I64(number) => u32::try_from(*number).ok(),
        ValueKind::String(text) if is_variable(value) => text.trim().parse().ok(),
        _ => None,
    };
    let wanted = || format!("a whole number from {} to {}", range.start(), range.end());
    number.filter(|it| range.contains(it)).ok_or_else(|| must_be_bare(&wanted(), value))
}

/// A number within `range`, fractions allowed.
pub(crate) fn number(value: &Value, range: &RangeInclusive<f64>) -> Result<f64, String> {
    let number = match &value.kind {
        ValueKind::Float(number) => Some(*number),
        ValueKind::I64(number) => Some(*number as f64),
        ValueKind::String(text) if is_variable(value) => text.trim().parse().ok(),
        _ => None,
    };
    let wanted = || format!("a number from {} to {}", range.start(), range.end());
    number.filter(|it| range.contains(it)).ok_or_else(|| must_be_bare(&wanted(), value))
}

/// A duration within `range`.
pub(crate) fn duration(
    value: &Value,
    range: &RangeInclusive<Duration>,
) -> Result<Duration, String> {
    match &value.kind {
        ValueKind::String(text) => duration_text(text, range),
        ValueKind::I64(_) | ValueKind::Float(_) => duration_text(&describe(value), range),
        _ => Err(must_be(&span(range), value)),
    }
}

/// A duration within `range`, from text.
pub(crate) fn duration_text(
    text: &str,
    range: &RangeInclusive<Duration>,
) -> Result<Duration, String> {
    let duration = parse_duration(text)?;
    let is_within = range.contains(&duration);
    is_within
        .then_some(duration)
        .ok_or_else(|| format!("must be {}, not {}", span(range), quoted(text.trim())))
}

fn span(range: &RangeInclusive<Duration>) -> String {
    let [from, to] = [range.start(), range.end()].map(|end| format_duration(*end));
    format!("a duration from \"{from}\" to \"{to}\"")
}

/// `true` or `false`. Only an environment variable may write it as text.
pub(crate) fn flag(value: &Value) -> Result<bool, String> {
    let flag = match &value.kind {
        ValueKind::Boolean(flag) => Some(*flag),
        ValueKind::String(text) if is_variable(value) => text.trim().parse().ok(),
        _ => None,
    };
    flag.ok_or_else(|| must_be_bare("true or false", value))
}

/// Text.
pub(crate) fn text(value: &Value) -> Result<String, String> {
    secret(value).map_err(|message| format!("{message}, not {}", describe(value)))
}

/// Text that no message repeats.
pub(crate) fn secret(value: &Value) -> Result<String, String> {
    match &value.kind {
        ValueKind::String(text) => Ok(text.clone()),
        _ => Err("must be text in double quotes".to_owned()),
    }
}

/// One of at least two words, with what it stands for.
pub(crate) fn word<T: Copy>(
    value: &Value,
    words: &[(&'static str, T)],
) -> Result<(&'static str, T), String> {
    let found = match &value.kind {
        ValueKind::String(text) => words.iter().find(|(word, _)| word == text),
        _ => None,
    };
    found.copied().ok_or_else(|| {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        must_be(&one_of(&words), value)
    })
}

/// The words as a choice: `"a", "b" or "c"`.
pub(crate) fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    match quoted.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => quoted.concat(),
    }
}

/// A list of texts. An environment variable separates the items by commas, or is a TOML list if an
/// item contains a comma.
pub(crate) fn list(value: &Value) -> Result<Vec<String>, String> {
    const WANTED: &str = "a list of texts, like [\"a\", \"b\"]";
    match &value.kind {
        ValueKind::Array(items) => {
            let not_text = |item| format!("must be {WANTED}; {} is not text", describe(item));
            let item = |item| text(item).map_err(|_| not_text(item));
            items.iter().map(item).collect()
        }
        ValueKind::String(text) if is_variable(value) => match text.trim() {
            toml if toml.starts_with('[') => {
                let parsed = parse_toml(toml);
                let parsed = parsed.filter(|parsed| matches!(parsed.kind, ValueKind::Array(_)));
                list(&parsed.ok_or_else(|| format!("must be {WANTED}, or like a,b"))?)
            }
            "" => Ok(Vec::new()),
            plain => Ok(plain.split(',').map(|item| item.trim().to_owned()).collect()),
        },
        _ => Err(must_be(WANTED, value)),
    }
}

/// Reads one TOML value. The parser's own message would repeat the text, so there is none.
pub(crate) fn parse_toml(text: &str) -> Option<Value> {
    let parsed = File::from_str(&format!("value = {text}"), FileFormat::Toml).collect().ok()?;
    let mut parsed: Map<String, Value> = parsed;
    let value = parsed.remove("value")?;
    parsed.is_empty().then_some(value)
}

fn must_be(wanted: &str, value: &Value) -> String {
    format!("must be {wanted}, not {}", describe(value))
}

/// As [`must_be`], for a value that has no quotes in a file.
fn must_be_bare(wanted: &str, value: &Value) -> String {
    match value.kind {
        ValueKind::String(_) if !is_variable(value) => {
            must_be(&format!("{wanted} without quotes"), value)
        }
        _ => must_be(wanted, value),
    }
}

/// A value in a message: texts and numbers themselves, tables and lists by their type.
fn describe(value: &Value) -> String {
    match &value.kind {
        ValueKind::String(text) => quoted(text),
        ValueKind::Table(_) => "a table".to_owned(),
        ValueKind::Array(_) => "a list".to_owned(),
        ValueKind::Nil => "nothing".to_owned(),
        other => other.to_string(),
    }
}

fn is_variable(value: &Value) -> bool {
    matches!(Origin::of(value), Origin::Variable(_))
}
