//! The tables behind the views: their columns, and the value of each. Every statement that writes is
//! generated from these lists, and values are matched by name.
//!
//! Repeated ids and texts are stored once, in `runs`, `flows` and `failures`; the other tables contain
//! their keys. These are written before the rest of a batch.

use super::fault::cannot;
use super::read::json_array;
use super::rows::failure_column;
use crate::domain::model::journal::Entry;
use crate::store::{Batch, StoreError};
use sqlx::sqlite::SqliteConnection;
use std::collections::BTreeSet;

/// The columns of `recovery`; the first is its key.
pub(super) const RECOVERY: &[&str] = &[
    "root",
    "sandbox",
    "flow",
    "failed_at",
    "state",
    "attempt",
    "due",
    "asked",
    "since",
    "absences",
    "issued",
    "why",
    "refusals",
    "ask_root",
    "ordered",
    "revision",
    "updated_at",
    "failure",
    "contested",
    "excused",
    "excused_since",
];

/// The columns of `attempt`.
pub(super) const ATTEMPT: &[&str] =
    &["root", "number", "asked_run", "issued_run", "etag", "accepted_at"];

/// The columns of `entry` except its key, which SQLite assigns.
pub(super) const ENTRY: &[&str] = &[
    "at",
    "sandbox",
    "flow",
    "run",
    "root",
    "event",
    "reason",
    "attempt",
    "max_attempts",
    "new_run",
    "etag",
    "due",
    "detail",
    "rule",
    "failure",
];

/// The SQL value of a column: a field of the row `new` of a JSON array, or the key of such fields.
pub(super) fn column_value(column: &str) -> String {
    let key = |of: &str, columns: &[(&str, &str)]| {
        let same: Vec<String> = columns
            .iter()
            .map(|(column, field)| format!("{column} = new.value ->> '{field}'"))
            .collect();
        format!("(SELECT id FROM {of} WHERE {})", same.join(" AND "))
    };
    match column {
        "root" => key("runs", &[("run_id", "root_run_id")]),
        "run" => key("runs", &[("run_id", "run_id")]),
        "new_run" => key("runs", &[("run_id", "new_run_id")]),
        "asked_run" => key("runs", &[("run_id", "asked")]),
        "issued_run" => key("runs", &[("run_id", "issued")]),
        "flow" => key("flows", &[("flow_id", "flow_id"), ("flow_name", "flow_name")]),
        "failure" => key("failures", &[("json", "failure")]),
        field => format!("new.value ->> '{field}'"),
    }
}

/// The statement that inserts into `table` the rows of a JSON array for which `condition` holds.
pub(super) fn insert(table: &str, columns: &[&str], condition: &str) -> String {
    let values: Vec<String> = columns.iter().map(|column| column_value(column)).collect();
    format!(
        "INSERT INTO {table} ({}) SELECT {} FROM json_each(?1) AS new WHERE {condition}",
        columns.join(", "),
        values.join(", ")
    )
}

/// Stores the runs, dataflows and failures of `batch` that have no key yet.
pub(super) async fn intern(
    connection: &mut SqliteConnection,
    batch: &Batch,
) -> Result<(), StoreError> {
    let (mut runs, mut flows, mut failures) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for recovery in batch.changes.iter().map(|change| &change.recovery) {
        runs.insert(recovery.root_run_id.as_str());
        runs.extend(
            recovery.attempts.iter().flat_map(|it| [it.asked.as_str(), it.issued.as_str()]),
        );
        flows.insert((recovery.flow_id.as_str(), recovery.flow_name.as_str()));
        failures.insert(failure_column(&recovery.failure));
    }
    for entry in batch.changes.iter().map(|change| &change.entry).chain(&batch.notes) {
        let Entry { run_id, root_run_id, new_run_id, .. } = entry;
        let others = root_run_id.iter().chain(new_run_id);
        runs.extend(std::iter::once(run_id).chain(others).map(|run| run.as_str()));
        flows.insert((entry.flow_id.as_str(), entry.flow_name.as_str()));
        failures.extend(entry.failure.as_ref().map(failure_column));
    }
    let flows = serde_json::Value::from_iter(flows.iter().map(|(id, name)| vec![*id, *name]));
    for (statement, values) in [
        (
            "INSERT INTO runs (run_id) SELECT value FROM json_each(?1) WHERE TRUE
             ON CONFLICT DO NOTHING",
            json_array(runs.into_iter()),
        ),
        (
            "INSERT INTO flows (flow_id, flow_name) SELECT value ->> 0, value ->> 1
             FROM json_each(?1) WHERE TRUE ON CONFLICT DO NOTHING",
            flows.to_string(),
        ),
        (
            "INSERT INTO failures (json) SELECT value FROM json_each(?1) WHERE TRUE
             ON CONFLICT DO NOTHING",
            json_array(failures.iter().map(String::as_str)),
        ),
    ] {
        if values != "[]" {
            let stored = sqlx::query(statement).bind(values).execute(&mut *connection).await;
            stored.map_err(cannot("store the decisions"))?;
        }
    }
    Ok(())
}
