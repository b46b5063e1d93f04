//! A pass's queries about the past: the calls, and how they ended. SQLite uses an index only if a
//! condition is written as in the index.

use super::fault::cannot;
use super::rows::RowRef;
use crate::domain::model::ids::{FlowId, RunId, SandboxName};
use crate::domain::policy::breaker::{Outcome, Unsuccessful};
use crate::domain::policy::long_failure::Failing;
use crate::store::{CallCount, StoreError};
use jiff::Timestamp;
use sqlx::sqlite::SqlitePool;

pub(super) const CALLS_SINCE: &str =
    "SELECT count(*), min(at) FROM entry WHERE sandbox = ?1 AND event = 'begun' AND at > ?2";

/// The number of intents of `sandbox` begun after `since`, and when the first was.
pub(super) async fn calls_since(
    readers: &SqlitePool,
    sandbox: &SandboxName,
    since: Timestamp,
) -> Result<CallCount, StoreError> {
    let (count, oldest): (i64, Option<i64>) = sqlx::query_as(CALLS_SINCE)
        .bind(sandbox.as_str())
        .bind(since.as_millisecond())
        .fetch_one(readers)
        .await
        .map_err(cannot("count the calls"))?;
    let row = RowRef { table: "journal", row: "begun" };
    Ok(CallCount {
        count: count.unsigned_abs(),
        oldest: oldest.map(|at| row.instant("at", at)).transpose()?,
    })
}

pub(super) const UNSUCCESSFUL: &str = "SELECT unsuccessful.flow_id, flow_name, root_run_id, at
         FROM unsuccessful JOIN recoveries USING (root)
         WHERE unsuccessful.sandbox = ?1 AND at >= ?2
         ORDER BY entry";

/// The recoveries of `sandbox` that ended without success since `since`, without a later success of
/// their dataflow; oldest first.
pub(super) async fn unsuccessful(
    readers: &SqlitePool,
    sandbox: &SandboxName,
    since: Timestamp,
) -> Result<Vec<Unsuccessful>, StoreError> {
    let rows: Vec<(String, String, String, i64)> = sqlx::query_as(UNSUCCESSFUL)
        .bind(sandbox.as_str())
        .bind(since.as_millisecond())
        .fetch_all(readers)
        .await
        .map_err(cannot("read what was given up"))?;
    rows.into_iter()
        .map(|(flow, flow_name, root, at)| {
            let at = RowRef { table: "journal", row: &root }.instant("at", at)?;
            let (flow_id, root_run_id) = (FlowId::new(flow), RunId::new(root));
            Ok(Unsuccessful { flow_id, flow_name, root_run_id, at })
        })
        .collect()
}

pub(super) const OUTCOMES: &str = "SELECT flow_id, run_id, at, reason = 'issued_run_succeeded'
         FROM entry JOIN flows ON flows.id = flow JOIN runs ON runs.id = run
         WHERE sandbox = ?1 AND at >= ?2 AND root IS NOT NULL
           AND (reason = 'issued_run_succeeded' OR failure IS NOT NULL)
           AND (reason = 'issued_run_succeeded' OR run <> root)
         ORDER BY entry.id";

/// The outcomes of re-triggered runs of `sandbox` since `since`; see [`Outcome::of`].
pub(super) async fn outcomes(
    readers: &SqlitePool,
    sandbox: &SandboxName,
    since: Timestamp,
) -> Result<Vec<Outcome>, StoreError> {
    let rows: Vec<(String, String, i64, bool)> = sqlx::query_as(OUTCOMES)
        .bind(sandbox.as_str())
        .bind(since.as_millisecond())
        .fetch_all(readers)
        .await
        .map_err(cannot("read the outcomes"))?;
    rows.into_iter()
        .map(|(flow, run, at, succeeded)| {
            let at = RowRef { table: "journal", row: &run }.instant("at", at)?;
            Ok(Outcome { at, flow_id: FlowId::new(flow), run_id: RunId::new(run), succeeded })
        })
        .collect()
}

pub(super) const FAILING: &str = "WITH succeeded AS (
             SELECT flow_id, max(entry.id) AS id FROM entry JOIN flows ON flows.id = flow
             WHERE sandbox = ?1 AND at >= ?2
               AND event IN ('recovered', 'flow_healed', 'flow_succeeded')
             GROUP BY flow_id
         ), warned AS (
             SELECT flow_id, max(at) AS warned_at FROM entry JOIN flows ON flows.id = flow
             WHERE sandbox = ?1 AND at >= ?2
               AND event = 'flow_warned' AND reason = 'soon_disabled'
             GROUP BY flow_id
         ), failed AS (
             SELECT flow_id, min(at) AS since, max(entry.id) AS last
             FROM entry JOIN flows ON flows.id = flow LEFT JOIN succeeded USING (flow_id)
             WHERE sandbox = ?1 AND at >= ?2
               AND failure IS NOT NULL AND reason <> 'empty_success'
               AND entry.id > coalesce(succeeded.id, 0)
             GROUP BY flow_id HAVING since <= ?3
         )
         SELECT flow_id, since, at, run_id, warned_at
         FROM failed JOIN entry ON entry.id = last JOIN runs ON runs.id = run
         LEFT JOIN warned USING (flow_id)";

/// The dataflows of `sandbox` with failures since `since` and no success after them, the first by
/// `begun_by`.
pub(super) async fn failing(
    readers: &SqlitePool,
    sandbox: &SandboxName,
    since: Timestamp,
    begun_by: Timestamp,
) -> Result<Vec<Failing>, StoreError> {
    let rows: Vec<(String, i64, i64, String, Option<i64>)> = sqlx::query_as(FAILING)
        .bind(sandbox.as_str())
        .bind(since.as_millisecond())
        .bind(begun_by.as_millisecond())
        .fetch_all(readers)
        .await
        .map_err(cannot("read which dataflows fail"))?;
    rows.into_iter()
        .map(|(flow, since, last, run, warned_at)| {
            let at = |at| RowRef { table: "journal", row: &run }.instant("at", at);
            Ok(Failing {
                flow_id: FlowId::new(flow),
                since: at(since)?,
                last: at(last)?,
                run_id: RunId::new(run.as_str()),
                warned_at: warned_at.map(at).transpose()?,
            })
        })
        .collect()
}
