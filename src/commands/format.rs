//! How recoveries, instants and tables look, the same in every command.

pub(super) use crate::overview::{counted, distance, length};

use crate::domain::policy::retry::RetryPolicy;
use crate::domain::recovery::{Recovery, State};
use crate::settings::format_duration;
use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

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
    let begun_at = match recovery.state {
        State::Triggering { since, .. }
        | State::InDoubt { since, .. }
        | State::Watching { since, .. } => Some(since.to_string()),
        _ => None,
    };
    json!({
        "root_run_id": recovery.root_run_id.as_str(),
        "sandbox": recovery.sandbox.as_str(),
        "flow_id": recovery.flow_id.as_str(),
        "flow_name": recovery.flow_name,
        "state": recovery.state.name(),
        "reason": why(recovery),
        "failed_at": recovery.failed_at.to_string(),
        "codes": recovery.failure.errors.iter().map(|it| it.code.as_str()).collect::<Vec<_>>(),
        "message": recovery.failure.main_error().map(|it| it.message.as_str()),
        "due": recovery.due().map(|due| due.to_string()),
        "begun_at": begun_at,
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

/// An instant to the second, in local time with its offset.
pub(super) fn seconds(at: Timestamp) -> String {
    at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S%:z").to_string()
}

/// An instant, and how far it is from `now`.
pub(super) fn seconds_from(at: Timestamp, now: Timestamp) -> String {
    format!("{} ({})", seconds(at), distance(at, now))
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
