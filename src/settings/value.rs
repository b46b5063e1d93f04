//! What a written value can be read as. Every `Err` is a finished message: what is wrong, and what
//! would be right.

use super::fault::Origin;
use super::text::{format_duration, parse_duration, quoted, without_unit};
use config::{File, FileFormat, Map, Source, Value, ValueKind};
use std::ops::RangeInclusive;
use std::time::Duration;

/// A whole number within `range`. Only an environment variable may write it as text.
pub(super) fn whole(value: &Value, range: &RangeInclusive<u64>) -> Result<u64, String> {
    let wanted = format!("give a whole number from {} to {}", range.start(), range.end());
    let number = match &value.kind {
        ValueKind::I64(number) => i128::from(*number),
        ValueKind::String(text) if is_variable(value) => text
            .trim()
            .parse()
            .map_err(|_| format!("{} is no whole number; {wanted}", quoted(text)))?,
        _ => return Err(not_a(value, "no whole number", &wanted)),
    };
    let range = i128::from(*range.start())..=i128::from(*range.end());
    let number = in_range(number, &range, &number.to_string(), ["small", "large"], &wanted)?;
    u64::try_from(number).map_err(|_| wanted)
}

/// A number within `range`, fractions allowed.
pub(super) fn number(value: &Value, range: &RangeInclusive<f64>) -> Result<f64, String> {
    let wanted = format!("give a number from {} to {}", range.start(), range.end());
    let number = match &value.kind {
        ValueKind::Float(number) => *number,
        ValueKind::I64(number) => *number as f64,
        ValueKind::String(text) if is_variable(value) => {
            text.trim().parse().map_err(|_| format!("{} is no number; {wanted}", quoted(text)))?
        }
        _ => return Err(not_a(value, "no number", &wanted)),
    };
    in_range(number, range, &number.to_string(), ["small", "large"], &wanted)
}

/// A duration within `range`.
pub(super) fn duration(
    value: &Value,
    range: &RangeInclusive<Duration>,
) -> Result<Duration, String> {
    let [from, to] = [range.start(), range.end()].map(|end| format_duration(*end));
    let wanted = format!("give \"{from}\" to \"{to}\"");
    match &value.kind {
        ValueKind::String(text) => duration_text(text, range),
        ValueKind::I64(number) if *number >= 0 => Err(without_unit(&number.to_string())),
        ValueKind::Float(number) if number.is_finite() && *number >= 0.0 => {
            Err(without_unit(&number.to_string()))
        }
        _ => Err(format!("{} is not a duration; {wanted}", describe(value))),
    }
}

/// A duration within `range`, from text.
pub(super) fn duration_text(
    text: &str,
    range: &RangeInclusive<Duration>,
) -> Result<Duration, String> {
    let [from, to] = [range.start(), range.end()].map(|end| format_duration(*end));
    let wanted = format!("give \"{from}\" to \"{to}\"");
    in_range(parse_duration(text)?, range, &quoted(text.trim()), ["short", "long"], &wanted)
}

/// What to say of a value of the wrong type. Numbers in quotes are the usual one.
fn not_a(value: &Value, what: &str, wanted: &str) -> String {
    match &value.kind {
        ValueKind::String(text) => format!("{} is text; {wanted}, without quotes", quoted(text)),
        _ => format!("{} is {what}; {wanted}", describe(value)),
    }
}

fn in_range<T: PartialOrd>(
    value: T,
    range: &RangeInclusive<T>,
    shown: &str,
    [low, high]: [&str; 2],
    wanted: &str,
) -> Result<T, String> {
    if range.contains(&value) {
        Ok(value)
    } else if value < *range.start() {
        Err(format!("{shown} is too {low}; {wanted}"))
    } else if value > *range.end() {
        Err(format!("{shown} is too {high}; {wanted}"))
    } else {
        Err(format!("{shown} is no number; {wanted}"))
    }
}

/// `true` or `false`.
pub(super) fn flag(value: &Value) -> Result<bool, String> {
    match &value.kind {
        ValueKind::Boolean(flag) => Ok(*flag),
        ValueKind::String(text) if is_variable(value) => match text.trim() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(format!("{} is neither; give true or false", quoted(text))),
        },
        _ => Err(not_a(value, "neither", "give true or false")),
    }
}

/// Text.
pub(super) fn text(value: &Value) -> Result<String, String> {
    match &value.kind {
        ValueKind::String(text) => Ok(text.clone()),
        _ => Err(format!("{} is not text; put it in double quotes", describe(value))),
    }
}

/// Text that no message repeats.
pub(super) fn secret(value: &Value) -> Result<String, String> {
    match &value.kind {
        ValueKind::String(text) => Ok(text.clone()),
        _ => Err("is not text; put it in double quotes".to_owned()),
    }
}

/// One of a few words.
pub(super) fn word<T: Copy>(value: &Value, words: &[(&str, T)]) -> Result<T, String> {
    let found = match &value.kind {
        ValueKind::String(text) => words.iter().find(|(word, _)| word == text),
        _ => None,
    };
    found.map(|(_, meaning)| *meaning).ok_or_else(|| {
        let words: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        format!("{} is none of the choices; give {}", describe(value), words.join(" or "))
    })
}

/// A list of texts. An environment variable writes it with commas, or as a TOML list where an
/// item holds a comma itself.
pub(super) fn list(value: &Value) -> Result<Vec<String>, String> {
    const WANTED: &str = "give a list of texts, like [\"a\", \"b\"]";
    match &value.kind {
        ValueKind::Array(items) => items
            .iter()
            .map(|item| text(item).map_err(|_| format!("{} is not text; {WANTED}", describe(item))))
            .collect(),
        ValueKind::String(text) if is_variable(value) => match text.trim() {
            toml if toml.starts_with('[') => {
                let parsed = parse_toml(toml);
                let parsed = parsed.filter(|parsed| matches!(parsed.kind, ValueKind::Array(_)));
                list(&parsed.ok_or(format!("is no TOML list; {WANTED}, or: a,b"))?)
            }
            "" => Ok(Vec::new()),
            plain => Ok(plain.split(',').map(|item| item.trim().to_owned()).collect()),
        },
        _ => Err(format!("{} is not a list; {WANTED}", describe(value))),
    }
}

/// Reads one TOML value. The parser's own message would repeat the text, so there is none.
pub(super) fn parse_toml(text: &str) -> Option<Value> {
    let parsed = File::from_str(&format!("value = {text}"), FileFormat::Toml).collect().ok()?;
    let mut parsed: Map<String, Value> = parsed;
    let value = parsed.remove("value")?;
    parsed.is_empty().then_some(value)
}

/// A value as a message names it: texts and numbers themselves, anything larger by what it is.
pub(super) fn describe(value: &Value) -> String {
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
