//! How policies and tables look, the same in every command.

pub(super) use crate::overview::{as_json, counted, distance, length, seconds, seconds_from, why};

use crate::domain::policy::retry::RetryPolicy;
use crate::settings::format_duration;
use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};

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
