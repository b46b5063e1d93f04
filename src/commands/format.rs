//! How recoveries, instants and tables look, the same in every command.

use crate::domain::policy::retry::RetryPolicy;
use crate::domain::recovery::{Recovery, State};
use crate::settings::format_duration;
use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

/// A recovery for scripts.
pub(super) fn as_json(recovery: &Recovery) -> Value {
    let attempts: Vec<Value> = recovery
        .attempts
        .iter()
        .map(|attempt| {
            json!({
                "attempt": attempt.number,
                "run_id": attempt.asked.as_str(),
                "new_run_id": attempt.issued.as_str(),
                "etag": attempt.etag.as_ref().map(|etag| etag.as_str()),
                "accepted_at": attempt.accepted_at.to_string(),
            })
        })
        .collect();
    json!({
        "root_run_id": recovery.root_run_id.as_str(),
        "sandbox": recovery.sandbox.as_str(),
        "flow_id": recovery.flow_id.as_str(),
        "flow_name": recovery.flow_name,
        "state": recovery.state.name(),
        "reason": why(recovery),
        "failed_at": recovery.failed_at.to_string(),
        "codes": recovery.failure.codes(),
        "due": recovery.due().map(|due| due.to_string()),
        "updated_at": recovery.updated_at.to_string(),
        "attempts": attempts,
    })
}

/// Why a recovery is on hold or has ended.
pub(super) fn why(recovery: &Recovery) -> Option<String> {
    match &recovery.state {
        State::Held { why, .. } | State::Recovered { why } | State::GivenUp { why } => {
            Some(why.as_str().to_owned())
        }
        State::Dismissed { why } => Some(why.clone()),
        _ => None,
    }
}

/// A policy in a few words.
pub(super) fn policy(retry: &RetryPolicy) -> String {
    format!(
        "{}, {} ×{} up to {}",
        counted(retry.max_attempts.into(), "attempt"),
        format_duration(retry.initial_interval),
        retry.multiplier,
        format_duration(retry.max_interval)
    )
}

/// `1 attempt`, `2 attempts`.
pub(super) fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// An instant to the second.
pub(super) fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// An instant, and how far it is from `now`.
pub(super) fn seconds_from(at: Timestamp, now: Timestamp) -> String {
    format!("{} ({})", seconds(at), distance(at, now))
}

/// How far `at` is from `now`, in the two largest units.
pub(super) fn distance(at: Timestamp, now: Timestamp) -> String {
    let away = Duration::from_secs(now.duration_until(at).unsigned_abs().as_secs());
    match (away.is_zero(), at > now) {
        (true, _) => "now".to_owned(),
        (_, true) => format!("in {}", length(away)),
        (_, false) => format!("{} ago", length(away)),
    }
}

/// A length of time in its two largest units.
pub(super) fn length(time: Duration) -> String {
    let seconds = time.as_secs();
    let units = [("d", seconds / 86_400), ("h", seconds / 3_600 % 24), ("m", seconds / 60 % 60)];
    let units = units.into_iter().chain([("s", seconds % 60)]).filter(|(_, count)| *count > 0);
    let shown: Vec<String> = units.take(2).map(|(unit, count)| format!("{count}{unit}")).collect();
    if shown.is_empty() { "0s".to_owned() } else { shown.join(" ") }
}

/// A table without lines, as wide as the terminal.
pub(super) fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(header);
    table
}

/// Ids and names are copied, so these columns are never wrapped, however narrow the terminal is.
pub(super) fn keep_whole(table: &mut Table, columns: &[usize]) {
    for &column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_has_two_units_at_most() {
        let now: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        let table = [
            ("2026-03-01T00:00:00.5Z", "now"),
            ("2026-03-01T00:01:03Z", "in 1m 3s"),
            ("2026-03-02T01:02:03Z", "in 1d 1h"),
            ("2026-02-28T22:59:58Z", "1h 2s ago"),
        ];
        for (at, expected) in table {
            assert_eq!(distance(at.parse().unwrap(), now), expected);
        }
    }
}
