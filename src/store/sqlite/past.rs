//! What a pass asks about the past: calls that were made, and how they ended.

use super::fault::cannot;
use super::rows::Place;
use crate::domain::breaker::{Outcome, Unsuccessful};
use crate::domain::ids::{FlowId, RunId, SandboxName};
use crate::store::{CallCount, StoreError};
use jiff::Timestamp;
use sqlx::sqlite::SqlitePool;

/// How many intents of `sandbox` were begun after `since`, and when the first of them.
pub(super) async fn calls_since(
    readers: &SqlitePool,
    sandbox: &SandboxName,
    since: Timestamp,
) -> Result<CallCount, StoreError> {
    let (count, oldest): (i64, Option<i64>) = sqlx::query_as(
        "SELECT count(*), min(at) FROM journal WHERE sandbox = ?1 AND event = 'begun' AND at > ?2",
    )
    .bind(sandbox.as_str())
    .bind(since.as_millisecond())
    .fetch_one(readers)
    .await
    .map_err(cannot("count the calls"))?;
    let place = Place { table: "journal", row: "begun" };
    Ok(CallCount {
        count: count.unsigned_abs(),
        oldest: oldest.map(|at| place.instant("at", at)).transpose()?,
    })
}

/// The recoveries of `sandbox` that ended without success since `since`, and after which their
/// dataflow has not been seen to succeed, oldest first.
pub(super) async fn unsuccessful(
    readers: &SqlitePool,
    sandbox: &SandboxName,
    since: Timestamp,
) -> Result<Vec<Unsuccessful>, StoreError> {
    let rows: Vec<(String, String, String, i64)> = sqlx::query_as(
        "SELECT flow_id, flow_name, root_run_id, at FROM journal AS given_up
         WHERE sandbox = ?1 AND event = 'given_up' AND at >= ?2
           AND root_run_id IS NOT NULL AND new_run_id IS NOT NULL
           AND reason IN ('attempts_spent', 'time_spent', 'watch_timeout', 'not_retriggerable')
           AND NOT EXISTS (
               SELECT 1 FROM journal AS later
               WHERE later.sandbox = ?1 AND later.flow_id = given_up.flow_id
                 AND later.event IN ('recovered', 'flow_healed') AND later.id > given_up.id
           )
         ORDER BY id",
    )
    .bind(sandbox.as_str())
    .bind(since.as_millisecond())
    .fetch_all(readers)
    .await
    .map_err(cannot("read what was given up"))?;
    rows.into_iter()
        .map(|(flow, flow_name, root, at)| {
            let at = Place { table: "journal", row: &root }.instant("at", at)?;
            let (flow_id, root_run_id) = (FlowId::new(flow), RunId::new(root));
            Ok(Unsuccessful { flow_id, flow_name, root_run_id, at })
        })
        .collect()
}

/// The outcomes of re-triggered runs of `sandbox` since `since`: what [`Outcome::of`] takes for one.
pub(super) async fn outcomes(
    readers: &SqlitePool,
    sandbox: &SandboxName,
    since: Timestamp,
) -> Result<Vec<Outcome>, StoreError> {
    let rows: Vec<(String, String, i64, bool)> = sqlx::query_as(
        "SELECT flow_id, run_id, at, reason = 'issued_run_succeeded' FROM journal
         WHERE sandbox = ?1 AND at >= ?2 AND root_run_id IS NOT NULL
           AND (reason = 'issued_run_succeeded' OR failure IS NOT NULL AND run_id <> root_run_id)
         ORDER BY id",
    )
    .bind(sandbox.as_str())
    .bind(since.as_millisecond())
    .fetch_all(readers)
    .await
    .map_err(cannot("read the outcomes"))?;
    rows.into_iter()
        .map(|(flow, run, at, succeeded)| {
            let at = Place { table: "journal", row: &run }.instant("at", at)?;
            Ok(Outcome { at, flow_id: FlowId::new(flow), run_id: RunId::new(run), succeeded })
        })
        .collect()
}
