//! A pass's queries about recoveries: which are in progress, due, or on hold. The history grows,
//! the indexes of these queries do not. SQLite uses them only if a condition is written as in its
//! index.

use super::fault::cannot;
use super::read::{json_array, load};
use super::rows::RowRef;
use crate::domain::model::ids::{FlowId, RunId, SandboxName};
use crate::domain::plan::due::DueRecovery;
use crate::domain::recovery::Recovery;
use crate::store::StoreError;
use jiff::Timestamp;
use sqlx::sqlite::SqlitePool;

pub(super) const UNDER_WAY: &str = "SELECT * FROM recoveries
         WHERE sandbox = ?1 AND state IN ('triggering', 'in_doubt', 'watching')
         ORDER BY failed_at, root_run_id";

pub(super) const DUE: &str = "SELECT root_run_id, flow_id, failed_at,
                (SELECT count(*) FROM attempt WHERE attempt.root = recoveries.root),
                ordered
         FROM recoveries
         WHERE sandbox = ?1 AND state = 'waiting' AND due <= ?2
         ORDER BY ordered DESC, failed_at, root_run_id";

/// The recoveries due in `sandbox` at `now`, requested ones first, then oldest failure first.
pub(super) async fn due(
    readers: &SqlitePool,
    sandbox: &SandboxName,
    now: Timestamp,
) -> Result<Vec<DueRecovery>, StoreError> {
    let rows: Vec<(String, String, i64, u32, bool)> = sqlx::query_as(DUE)
        .bind(sandbox.as_str())
        .bind(now.as_millisecond())
        .fetch_all(readers)
        .await
        .map_err(cannot("read what is due"))?;
    rows.into_iter()
        .map(|(root, flow, failed_at, attempts, ordered)| {
            let failed_at =
                RowRef { table: "recoveries", row: &root }.instant("failed_at", failed_at)?;
            let (root_run_id, flow_id) = (RunId::new(root), FlowId::new(flow));
            Ok(DueRecovery { root_run_id, flow_id, failed_at, attempts, ordered })
        })
        .collect()
}

pub(super) const COUNT_OPEN: &str = "
    SELECT 'waiting', count(*) FROM recovery WHERE sandbox = ?1 AND state = 'waiting'
    UNION ALL
    SELECT 'held', count(*) FROM recovery WHERE sandbox = ?1 AND state = 'held'
    UNION ALL
    SELECT state, count(*) FROM recovery
    WHERE sandbox = ?1 AND state IN ('triggering', 'in_doubt', 'watching')
    GROUP BY state";

/// The number of recoveries of `sandbox` in each state that is not final.
pub(super) async fn count_open(
    readers: &SqlitePool,
    sandbox: &SandboxName,
) -> Result<Vec<(String, u64)>, StoreError> {
    let counts: Vec<(String, i64)> = sqlx::query_as(COUNT_OPEN)
        .bind(sandbox.as_str())
        .fetch_all(readers)
        .await
        .map_err(cannot("count the recoveries"))?;
    Ok(counts.into_iter().map(|(state, count)| (state, count.unsigned_abs())).collect())
}

pub(super) const NEXT_DUE: &str =
    "SELECT min(due) FROM recovery WHERE sandbox = ?1 AND state = 'waiting' AND due > ?2";

/// When the next recovery of `sandbox` becomes due after `now`.
pub(super) async fn next_due(
    readers: &SqlitePool,
    sandbox: &SandboxName,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let due: Option<i64> = sqlx::query_scalar(NEXT_DUE)
        .bind(sandbox.as_str())
        .bind(now.as_millisecond())
        .fetch_one(readers)
        .await
        .map_err(cannot("read what is due next"))?;
    let row = RowRef { table: "recoveries", row: sandbox.as_str() };
    due.map(|due| row.instant("due", due)).transpose()
}

pub(super) const RECOVERIES_OF: &str =
    "SELECT * FROM recoveries WHERE root_run_id IN (SELECT value FROM json_each(?1))
         ORDER BY failed_at, root_run_id";

/// The recoveries of the root runs `roots`, oldest failure first.
pub(super) async fn recoveries_of(
    readers: &SqlitePool,
    roots: &[RunId],
) -> Result<Vec<Recovery>, StoreError> {
    let query = sqlx::query_as(RECOVERIES_OF);
    load(readers, query.bind(json_array(roots.iter().map(RunId::as_str)))).await
}

pub(super) const HELD: &str = "SELECT * FROM recoveries
         WHERE sandbox = ?1 AND state = 'held'
           AND (?2 IS NULL OR root > (SELECT id FROM runs WHERE run_id = ?2))
         ORDER BY root LIMIT ?3";

/// At most `limit` held recoveries of `sandbox` after `after`, in a stable order.
pub(super) async fn held(
    readers: &SqlitePool,
    sandbox: &SandboxName,
    after: Option<&RunId>,
    limit: u32,
) -> Result<Vec<Recovery>, StoreError> {
    let query = sqlx::query_as(HELD);
    let query = query.bind(sandbox.as_str()).bind(after.map(RunId::as_str)).bind(limit);
    load(readers, query).await
}

pub(super) const UNSUPPORTED_FLOWS: &str = "SELECT flow_id, max(updated_at) FROM recoveries
         WHERE sandbox = ?1 AND state = 'held' AND why = 'action_unsupported'
         GROUP BY flow_id";

/// The dataflows of `sandbox` whose source does not support the action, and since when.
pub(super) async fn unsupported_flows(
    readers: &SqlitePool,
    sandbox: &SandboxName,
) -> Result<Vec<(FlowId, Timestamp)>, StoreError> {
    let rows: Vec<(String, i64)> = sqlx::query_as(UNSUPPORTED_FLOWS)
        .bind(sandbox.as_str())
        .fetch_all(readers)
        .await
        .map_err(cannot("read what is held"))?;
    rows.into_iter()
        .map(|(flow, at)| {
            let at = RowRef { table: "recoveries", row: &flow }.instant("updated_at", at)?;
            Ok((FlowId::new(flow), at))
        })
        .collect()
}
