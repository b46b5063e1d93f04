//! Queries. SQLite gets a list of ids as one JSON array, so that a query takes the same few statements
//! for any number of runs.

use super::fault::cannot;
use super::rows::{AttemptRow, EntryRow, OrderRow, RecoveryRow, RowRef, assemble};
use crate::domain::model::ids::{FlowId, RunId, SandboxName};
use crate::domain::model::journal::{Entry, Event};
use crate::domain::policy::pause_order::Order;
use crate::domain::recovery::{Recovery, State};
use crate::store::{ClientMark, Filter, Progress, StoreError};
use jiff::Timestamp;
use sqlx::Sqlite;
use sqlx::sqlite::{SqliteArguments, SqlitePool};
use std::collections::{HashMap, HashSet};

pub(super) type Query<'q, T> = sqlx::query::QueryAs<'q, Sqlite, T, SqliteArguments>;

// SQLite uses the index `recovery_open` only if the condition is written as in the index.
pub(super) const OPEN_RECOVERIES: &str = "SELECT * FROM recoveries
         WHERE sandbox = ?1 AND state NOT IN ('recovered', 'given_up', 'dismissed')
         ORDER BY failed_at, root_run_id";

/// The recoveries of `sandbox` that `statement` selects.
pub(super) async fn of_sandbox(
    readers: &SqlitePool,
    statement: &'static str,
    sandbox: &SandboxName,
) -> Result<Vec<Recovery>, StoreError> {
    load(readers, sqlx::query_as(statement).bind(sandbox.as_str())).await
}

/// The recoveries that match `filter`, newest change first.
pub(super) async fn recoveries(
    readers: &SqlitePool,
    filter: &Filter,
) -> Result<Vec<Recovery>, StoreError> {
    let query = sqlx::query_as(
        "SELECT * FROM recoveries
         WHERE (?1 = '[]' OR state IN (SELECT value FROM json_each(?1)))
           AND (?2 IS NULL OR sandbox = ?2)
           AND (?3 = '[]' OR flow_id IN (SELECT value FROM json_each(?3))
                          OR flow_name IN (SELECT value FROM json_each(?3)))
           AND updated_at <= ?5 AND (updated_at < ?5 OR root_run_id > ?6)
         ORDER BY updated_at DESC, root_run_id
         LIMIT ?4",
    );
    // In SQLite a negative limit means none.
    let query = bind_filter(query, filter).bind(filter.limit.map_or(-1, i64::from));
    let (at, run) = match &filter.after {
        Some((at, run)) => (at.as_millisecond(), run.as_str()),
        None => (i64::MAX, ""),
    };
    load(readers, query.bind(at).bind(run)).await
}

/// The number of recoveries in each state, in the order of [`State::NAMES`].
pub(super) async fn count_by_state(
    readers: &SqlitePool,
    filter: &Filter,
) -> Result<Vec<(String, u64)>, StoreError> {
    let query = sqlx::query_as(
        "SELECT state, count(*) FROM recovery JOIN flows ON flows.id = flow
         WHERE (?1 = '[]' OR state IN (SELECT value FROM json_each(?1)))
           AND (?2 IS NULL OR sandbox = ?2)
           AND (?3 = '[]' OR flow_id IN (SELECT value FROM json_each(?3))
                          OR flow_name IN (SELECT value FROM json_each(?3)))
         GROUP BY state",
    );
    let mut counts: Vec<(String, u64)> = bind_filter(query, filter)
        .fetch_all(readers)
        .await
        .map_err(cannot("count the recoveries"))?;
    counts.sort_by_key(|(state, _)| State::NAMES.iter().position(|name| name == state));
    Ok(counts)
}

/// Binds the states, the sandbox and the dataflows of `filter` to the first three parameters.
pub(super) fn bind_filter<'q, T>(query: Query<'q, T>, filter: &'q Filter) -> Query<'q, T> {
    query
        .bind(json_array(filter.states.iter().map(String::as_str)))
        .bind(filter.sandbox.as_ref().map(|sandbox| sandbox.as_str()))
        .bind(json_array(filter.flows.iter().map(FlowId::as_str)))
}

pub(super) const RECOVERY_OF: &str = "SELECT * FROM recoveries WHERE root_run_id = (
             SELECT root_run_id FROM recoveries WHERE root_run_id = ?1
             UNION ALL
             SELECT root_run_id FROM attempts WHERE issued = ?1
             LIMIT 1
         )";

/// The recovery whose root run or new run is `run`.
pub(super) async fn recovery_of(
    readers: &SqlitePool,
    run: &RunId,
) -> Result<Option<Recovery>, StoreError> {
    let query = sqlx::query_as(RECOVERY_OF);
    Ok(load(readers, query.bind(run.as_str())).await?.pop())
}

pub(super) const KNOWN_RUNS: &str = "SELECT asked.key FROM json_each(?1) AS asked
         JOIN runs ON run_id = asked.value
         WHERE EXISTS (SELECT 1 FROM recovery WHERE root = runs.id)
            OR EXISTS (SELECT 1 FROM attempt WHERE issued_run = runs.id)
            OR EXISTS (SELECT 1 FROM entry
                       WHERE run = runs.id AND event = 'skipped'
                         AND reason IN ('succeeded_since', 'too_old_at_first'))";

/// Those of `runs` that belong to a recovery, or were skipped for good.
pub(super) async fn known_runs(
    readers: &SqlitePool,
    runs: &[RunId],
) -> Result<HashSet<RunId>, StoreError> {
    let indexes: Vec<i64> = sqlx::query_scalar(KNOWN_RUNS)
        .bind(json_array(runs.iter().map(RunId::as_str)))
        .fetch_all(readers)
        .await
        .map_err(cannot("look up runs"))?;
    let known = indexes.into_iter().filter_map(|index| runs.get(usize::try_from(index).ok()?));
    Ok(known.cloned().collect())
}

/// Watermark, sweep; the client id, since when it is used, and whether runs have it.
type ProgressRow = (i64, i64, Option<String>, Option<i64>, Option<bool>);

/// How far the runs of `sandbox` have been read.
pub(super) async fn progress(
    readers: &SqlitePool,
    sandbox: &SandboxName,
) -> Result<Option<Progress>, StoreError> {
    let row: Option<ProgressRow> = sqlx::query_as(
        "SELECT watermark, swept_at, client, client_since, client_named
         FROM progress WHERE sandbox = ?1",
    )
    .bind(sandbox.as_str())
    .fetch_optional(readers)
    .await
    .map_err(cannot("read how far the runs have been read"))?;
    let Some((watermark, swept_at, client, since, named)) = row else { return Ok(None) };
    let row = RowRef { table: "progress", row: sandbox.as_str() };
    Ok(Some(Progress {
        watermark: row.instant("watermark", watermark)?,
        swept_at: row.instant("swept_at", swept_at)?,
        client: match client.zip(since) {
            Some((id, since)) => {
                Some(ClientMark { id, since: row.instant("client_since", since)?, named })
            }
            None => None,
        },
    }))
}

/// The last known name of each dataflow.
pub(super) async fn flow_names(
    readers: &SqlitePool,
) -> Result<HashMap<FlowId, String>, StoreError> {
    let rows: Vec<(String, String, i64)> = sqlx::query_as(
        "SELECT flow_id, flow_name, max(id) FROM flows WHERE flow_name <> '' GROUP BY flow_id",
    )
    .fetch_all(readers)
    .await
    .map_err(cannot("read the names of the dataflows"))?;
    Ok(rows.into_iter().map(|(flow, name, _)| (FlowId::new(flow), name)).collect())
}

pub(super) const JOURNAL: &str = "SELECT * FROM journal WHERE id IN (
             SELECT entry.id FROM runs
             JOIN entry ON run = runs.id OR root = runs.id OR new_run = runs.id
             WHERE run_id = ?1
         )
         ORDER BY id";

/// The journal's entries about `run`, oldest first.
pub(super) async fn journal(readers: &SqlitePool, run: &RunId) -> Result<Vec<Entry>, StoreError> {
    let rows: Vec<EntryRow> = sqlx::query_as(JOURNAL)
        .bind(run.as_str())
        .fetch_all(readers)
        .await
        .map_err(cannot("read the journal"))?;
    rows.into_iter().map(EntryRow::read).collect()
}

/// The journal's entries of these events since `since`, of `sandbox` or of all, oldest first.
pub(super) async fn history(
    readers: &SqlitePool,
    sandbox: Option<&SandboxName>,
    since: Timestamp,
    events: &[Event],
) -> Result<Vec<Entry>, StoreError> {
    // Two statements, because one for both would use no index.
    let query = match sandbox {
        Some(_) => {
            "SELECT * FROM journal
             WHERE sandbox = ?1 AND at >= ?2 AND event IN (SELECT value FROM json_each(?3))
             ORDER BY id"
        }
        None => {
            "SELECT * FROM journal
             WHERE ?1 IS NULL AND at >= ?2 AND event IN (SELECT value FROM json_each(?3))
             ORDER BY id"
        }
    };
    let rows: Vec<EntryRow> = sqlx::query_as(query)
        .bind(sandbox.map(SandboxName::as_str))
        .bind(since.as_millisecond())
        .bind(json_array(events.iter().map(|event| event.as_str())))
        .fetch_all(readers)
        .await
        .map_err(cannot("read the journal"))?;
    rows.into_iter().map(EntryRow::read).collect()
}

/// The operators' orders, one for each scope.
pub(super) async fn orders(readers: &SqlitePool) -> Result<Vec<Order>, StoreError> {
    let rows: Vec<OrderRow> = sqlx::query_as("SELECT * FROM orders ORDER BY sandbox, flow")
        .fetch_all(readers)
        .await
        .map_err(cannot("read the orders"))?;
    rows.into_iter().map(OrderRow::read).collect()
}

pub(super) const ATTEMPTS: &str = "SELECT * FROM attempts
         WHERE root_run_id IN (SELECT value FROM json_each(?1))
         ORDER BY root_run_id, number";

/// Runs `query` and fetches the attempts of its recoveries with one more statement, in the same
/// snapshot.
pub(super) async fn load(
    readers: &SqlitePool,
    query: Query<'_, RecoveryRow>,
) -> Result<Vec<Recovery>, StoreError> {
    let failed = cannot("read the recoveries");
    let mut snapshot = readers.begin().await.map_err(failed)?;
    let rows: Vec<RecoveryRow> = query.fetch_all(&mut *snapshot).await.map_err(failed)?;
    let attempts: Vec<AttemptRow> = sqlx::query_as(ATTEMPTS)
        .bind(json_array(rows.iter().map(|row| row.root_run_id.as_str())))
        .fetch_all(&mut *snapshot)
        .await
        .map_err(failed)?;
    snapshot.commit().await.map_err(failed)?;
    assemble(rows, attempts)
}

pub(super) fn json_array<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    serde_json::Value::from_iter(texts).to_string()
}
