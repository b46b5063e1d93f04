//! Durations, quotations and similar names.

use std::time::Duration;

/// The longest part of a value that a message repeats, in characters.
const QUOTED_CHARS: usize = 60;

/// The longest name that is compared with others, in characters.
const COMPARED_CHARS: usize = 64;

/// Reads a duration such as `90s`, `5m`, `24h` or `1h 30m`.
///
/// Months and years are refused, although `humantime` knows them: `5M` probably means five minutes.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return Err(format!("{text} has no unit; write \"{text}s\" for seconds, or use m, h or d"));
    }
    let calendar = text
        .split(|c: char| !c.is_alphabetic())
        .any(|unit| unit.starts_with(['M', 'y']) || unit.starts_with("month"));
    match humantime::parse_duration(text) {
        Ok(duration) if !calendar => Ok(duration),
        _ => Err(format!(
            "{} is not a valid duration; write it like \"90s\", \"5m\", \"24h\" or \"30d\"",
            quoted(text)
        )),
    }
}

/// Writes a duration in the largest exact unit; one day is written as 24h.
pub fn format_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if !duration.subsec_nanos().is_multiple_of(1_000_000) {
        return format!("{}ns", duration.as_nanos());
    }
    if duration.subsec_nanos() != 0 {
        return format!("{}ms", duration.as_millis());
    }
    const HOUR: u64 = 60 * 60;
    let units = [(24 * HOUR, 48 * HOUR, "d"), (HOUR, HOUR, "h"), (60, 60, "m")];
    match units.iter().find(|(size, from, _)| seconds >= *from && seconds.is_multiple_of(*size)) {
        Some((size, _, unit)) => format!("{}{unit}", seconds / size),
        None => format!("{seconds}s"),
    }
}

/// A value in a message: quoted, shortened, and without control characters.
pub(crate) fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(QUOTED_CHARS).flat_map(char::escape_debug).collect();
    if text.chars().nth(QUOTED_CHARS).is_some() {
        shown.push('…');
    }
    format!("\"{shown}\"")
}

/// Whether `text` can be sent as a request header, without whitespace.
pub(crate) fn is_header_value(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// `text` as a TOML string.
pub(crate) fn toml_string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// `items` as a TOML list of strings.
pub(crate) fn toml_list(items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|item| toml_string(item)).collect();
    format!("[{}]", items.join(", "))
}

/// The name in `known` that is most similar to `name`, if one is similar enough.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    if length > COMPARED_CHARS {
        return None;
    }
    let tolerated = (length / 3).clamp(1, 3);
    let edits = |known: &str| strsim::osa_distance(&name.to_lowercase(), &known.to_lowercase());
    let ranked = known.into_iter().map(|known| (edits(known), known));
    ranked.filter(|(edits, _)| *edits <= tolerated).min().map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_written_in_the_largest_exact_unit() {
        let table = [
            ("90s", "90s"),
            ("60s", "1m"),
            ("24h", "24h"),
            ("48h", "2d"),
            ("1h 30m", "90m"),
            ("1500ms", "1500ms"),
            ("0s", "0s"),
            ("1s 5ns", "1000000005ns"),
        ];
        for (text, expected) in table {
            assert_eq!(format_duration(parse_duration(text).unwrap()), expected);
        }
    }

    #[test]
    fn a_written_duration_reads_back_the_same() {
        for seconds in (0..400).map(|n| n * 77) {
            let duration = Duration::from_secs(seconds);
            assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }
    }

    #[test]
    fn months_and_years_are_refused() {
        for text in ["5M", "1month", "2 months", "1y", "1year", "1h 1M"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_near_name_is_found_and_a_far_one_is_not() {
        let known = ["max_attempts", "max_interval", "multiplier"];
        assert_eq!(nearest("max_atempts", known), Some("max_attempts"));
        assert_eq!(nearest("MAX_INTERVAL", known), Some("max_interval"));
        assert_eq!(nearest("mulitplier", known), Some("multiplier"));
        assert_eq!(nearest("retries", known), None);
        assert_eq!(nearest("", known), None);
        assert_eq!(nearest(&"x".repeat(100_000), known), None);
    }

    #[test]
    fn a_quotation_is_short_and_holds_no_control_characters() {
        let shown = quoted(&format!("\u{1b}[31m{}", "x".repeat(500)));
        assert!(shown.chars().count() < 80 && !shown.contains('\u{1b}'), "{shown}");
    }
}
