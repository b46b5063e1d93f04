//! How settings are written as text: durations, quotations, and names that are near each other.

use std::time::Duration;

/// The longest piece of a value that is repeated in a message, in characters.
const QUOTED_CHARS: usize = 60;

/// The longest name that is compared with others; longer ones are near to nothing we know.
const COMPARED_CHARS: usize = 64;

/// Reads a duration such as `90s`, `5m`, `24h` or `1h 30m`.
///
/// Months and years are refused, although `humantime` knows them: `5M` is more often five minutes
/// in a hurry than five months on purpose.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return Err(without_unit(text));
    }
    let calendar = text
        .split(|c: char| !c.is_alphabetic())
        .any(|unit| unit.starts_with(['M', 'y']) || unit.starts_with("month"));
    match humantime::parse_duration(text) {
        Ok(duration) if !calendar => Ok(duration),
        _ => Err(format!(
            "{} is not a duration; write it like \"90s\", \"5m\", \"24h\" or \"30d\"",
            quoted(text)
        )),
    }
}

/// What to say of a number where a duration is wanted.
pub(super) fn without_unit(number: &str) -> String {
    format!("{number} has no unit; write \"{number}s\" for seconds, or use m, h or d")
}

/// Writes a duration in the largest unit that tells it exactly; a single day is 24h, as people say.
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

/// A value as a message repeats it: quoted, shortened, and with nothing that could steer a terminal.
pub(super) fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(QUOTED_CHARS).flat_map(char::escape_debug).collect();
    if text.chars().nth(QUOTED_CHARS).is_some() {
        shown.push('…');
    }
    format!("\"{shown}\"")
}

/// `text` as a TOML string.
pub(super) fn toml_string(text: &str) -> String {
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
pub(super) fn toml_list(items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|item| toml_string(item)).collect();
    format!("[{}]", items.join(", "))
}

/// The one of `known` that `name` was probably meant to be.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name: Vec<char> = name.to_lowercase().chars().take(COMPARED_CHARS + 1).collect();
    let tolerated = (name.len() / 3).clamp(1, 3);
    if name.len() > COMPARED_CHARS {
        return None;
    }
    known
        .into_iter()
        .map(|candidate| {
            (edits(&name, &candidate.to_lowercase().chars().collect::<Vec<_>>()), candidate)
        })
        .filter(|(edits, _)| *edits <= tolerated)
        .min()
        .map(|(_, candidate)| candidate)
}

/// How many letters must be put in, left out, replaced or swapped with their neighbour to turn `a`
/// into `b`.
fn edits(a: &[char], b: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before_last[j - 2] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
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
    fn what_is_written_reads_back_the_same() {
        for seconds in (0..400).map(|n| n * 77) {
            let duration = Duration::from_secs(seconds);
            assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }
    }

    #[test]
    fn months_and_years_are_no_durations() {
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
