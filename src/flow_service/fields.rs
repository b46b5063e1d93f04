//! Fields of Adobe's JSON, by pointer: one that is missing or of the wrong type is absent.

use jiff::Timestamp;
use serde_json::Value;

/// Smaller numbers are seconds, larger ones milliseconds. Adobe's examples have both; 10^11 is the year
/// 5138 in seconds and the spring of 1973 in milliseconds.
pub(super) const FIRST_MILLISECONDS: i64 = 100_000_000_000;

pub(super) fn text<'a>(item: &'a Value, path: &str) -> Option<&'a str> {
    item.pointer(path)?.as_str()
}

pub(super) fn list<'a>(item: &'a Value, path: &str) -> &'a [Value] {
    item.pointer(path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

pub(super) fn flag(item: &Value, path: &str) -> Option<bool> {
    match item.pointer(path)? {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// A whole number, also one written as text or with a zero fraction.
pub(super) fn number(item: &Value, path: &str) -> Option<i64> {
    match item.pointer(path)? {
        Value::Number(number) => number.as_i64().or_else(|| {
            let float = number.as_f64()?;
            // Within ±2^53 a whole float is exact, and so is the cast.
            (float.fract() == 0.0 && float.abs() < 9e15).then_some(float as i64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A count; Adobe sends -1 if it is unknown.
pub(super) fn count(item: &Value, path: &str) -> Option<u64> {
    u64::try_from(number(item, path)?).ok()
}

/// An instant in milliseconds or seconds; 0 and less mean *never*.
pub(super) fn time(item: &Value, path: &str) -> Option<Timestamp> {
    match number(item, path)? {
        ..=0 => None,
        seconds @ 1..FIRST_MILLISECONDS => Timestamp::from_second(seconds).ok(),
        milliseconds => Timestamp::from_millisecond(milliseconds).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_instant_is_milliseconds_or_seconds_as_number_or_text() {
        let at = |value: Value| time(&json!({ "t": value }), "/t").map(|t| t.as_millisecond());
        assert_eq!(at(json!(1_597_213_529_158_i64)), Some(1_597_213_529_158));
        assert_eq!(at(json!(1_590_512_053)), Some(1_590_512_053_000));
        assert_eq!(at(json!("1590091157")), Some(1_590_091_157_000));
        assert_eq!(at(json!(1.597213529158e12)), Some(1_597_213_529_158));
        for never in
            [json!(0), json!(-1), json!(null), json!("soon"), json!(i64::MAX), json!(1e300)]
        {
            assert_eq!(at(never.clone()), None, "{never}");
        }
    }

    #[test]
    fn a_count_of_minus_one_is_not_known() {
        let records = |value: Value| count(&json!({ "n": value }), "/n");
        assert_eq!(records(json!(-1)), None);
        assert_eq!(records(json!("-1")), None);
        assert_eq!(records(json!("12")), Some(12));
        assert_eq!(records(json!(0)), Some(0));
    }
}
