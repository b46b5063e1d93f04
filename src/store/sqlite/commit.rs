//! The one write.
//!
//! A change is two questions to the database, asked in the same breath as the write: is the
//! revision still the one the change started from, and for a new recovery, does its root run
//! belong to nobody yet? Whoever reads between two writes has nothing to overwrite.

use super::fault::cannot;
use super::lease;
use super::read::json_array;
use super::rows::{bind_attempt, bind_entry, bind_order, bind_recovery, revision_column};
use crate::domain::ids::{RunId, SandboxName};
use crate::domain::journal::Entry;
use crate::domain::order::Order;
use crate::domain::recovery::{Change, Recovery, State};
use crate::store::{Batch, Committed, Owner, Progress, Queued, StoreError};
use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use std::collections::HashSet;

const WHAT: &str = "record what was decided";

/// Both answer how many attempts are stored, or with no row if the change must be left out.
const INSERT: &str = "
    INSERT INTO recoveries (
        root_run_id, sandbox, flow_id, flow_name, failed_at, state, attempt, due, asked, since,
        absences, issued, why, refusals, ask_root, revision, updated_at, ordered, failure,
        contested, excused, excused_since
    )
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19,
           ?20, ?21, ?22
    WHERE NOT EXISTS (SELECT 1 FROM attempts WHERE issued = ?1)
    ON CONFLICT (root_run_id) DO NOTHING
    RETURNING 0";
const UPDATE: &str = "
    UPDATE recoveries SET
        sandbox = ?2, flow_id = ?3, flow_name = ?4, failed_at = ?5, state = ?6, attempt = ?7,
        due = ?8, asked = ?9, since = ?10, absences = ?11, issued = ?12, why = ?13,
        refusals = ?14, ask_root = ?15, revision = ?16, updated_at = ?17, ordered = ?18,
        failure = ?19, contested = ?20, excused = ?21, excused_since = ?22
    WHERE root_run_id = ?1 AND revision = ?23
    RETURNING (SELECT count(*) FROM attempts WHERE attempts.root_run_id = ?1)";

/// Stores `batch`; if there is an `owner`, on condition that it holds the lease.
pub(super) async fn commit(
    writer: &SqlitePool,
    owner: Option<&Owner>,
    batch: &Batch,
) -> Result<Committed, StoreError> {
    let mut transaction = lease::begin(writer, WHAT).await?;
    if let Some(owner) = owner {
        lease::require(&mut transaction, owner).await?;
    }
    let mut committed = Committed::default();
    let newest_order: Option<i64> = sqlx::query_scalar("SELECT max(at) FROM orders")
        .fetch_one(&mut *transaction)
        .await
        .map_err(cannot(WHAT))?;
    let outdated =
        batch.orders_seen.is_some_and(|seen| newest_order > seen.map(Timestamp::as_millisecond));
    let mut seen = HashSet::new();
    for change in &batch.changes {
        let first = seen.insert(&change.recovery.root_run_id);
        let intent = matches!(change.recovery.state, State::Triggering { .. });
        let fits = first && !(outdated && intent);
        committed.applied.push(fits && apply(&mut transaction, change).await?);
    }
    if let Some(queued) = &batch.queued {
        excuse(&mut transaction, queued, &batch.changes).await?;
    }
    for note in &batch.notes {
        committed.noted.push(write_entry(&mut transaction, note, Repeated::Dropped).await?);
    }
    if let Some((sandbox, progress)) = &batch.progress {
        write_progress(&mut transaction, sandbox, progress).await?;
    }
    transaction.commit().await.map_err(cannot(WHAT))?;
    Ok(committed)
}

/// Stores an operator's order in place of the one with the same scope.
pub(super) async fn order(writer: &SqlitePool, order: &Order) -> Result<(), StoreError> {
    let insert = sqlx::query(
        "INSERT OR REPLACE INTO orders (sandbox, flow, paused, at, reason)
         VALUES (?1, ?2, ?3, max(
             ?4,
             1 + coalesce((SELECT max(at) FROM orders), ?4 - 1),
             1 + coalesce((SELECT max(at) FROM journal), ?4 - 1)
         ), ?5)",
    );
    bind_order(insert, order).execute(writer).await.map_err(cannot(WHAT))?;
    Ok(())
}

/// Stores a change with its entry; `false` if it no longer fits what is stored.
async fn apply(connection: &mut SqliteConnection, change: &Change) -> Result<bool, StoreError> {
    let recovery = &change.recovery;
    let query = match change.from_revision {
        None => bind_recovery(sqlx::query(INSERT), recovery),
        Some(revision) => {
            bind_recovery(sqlx::query(UPDATE), recovery).bind(revision_column(revision))
        }
    };
    let row = query.fetch_optional(&mut *connection).await.map_err(cannot(WHAT))?;
    let Some(row) = row else { return Ok(false) };
    let stored: i64 = row.try_get(0).map_err(cannot(WHAT))?;
    append_attempts(connection, recovery, usize::try_from(stored).unwrap_or(0)).await?;
    write_entry(connection, &change.entry, Repeated::Kept).await?;
    Ok(true)
}

/// Attempts are never changed once they are stored, so only those after the first `stored` are new.
async fn append_attempts(
    connection: &mut SqliteConnection,
    recovery: &Recovery,
    stored: usize,
) -> Result<(), StoreError> {
    for attempt in recovery.attempts.iter().skip(stored) {
        let insert = sqlx::query(
            "INSERT INTO attempts (root_run_id, number, asked, issued, etag, accepted_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        );
        bind_attempt(insert, &recovery.root_run_id, attempt)
            .execute(&mut *connection)
            .await
            .map_err(cannot(WHAT))?;
    }
    Ok(())
}

/// What becomes of an entry whose run, event and reason the journal has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repeated {
    Kept,
    Dropped,
}

/// Appends to the journal; whether it did.
async fn write_entry(
    connection: &mut SqliteConnection,
    entry: &Entry,
    repeated: Repeated,
) -> Result<bool, StoreError> {
    let insert = sqlx::query(
        "INSERT INTO journal (
             at, sandbox, flow_id, flow_name, run_id, root_run_id, event, reason, attempt,
             max_attempts, new_run_id, etag, due, detail, rule, failure
         )
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16
         WHERE ?17 OR NOT EXISTS (
             SELECT 1 FROM journal WHERE run_id = ?5 AND event = ?7 AND reason = ?8
         )",
    );
    let written = bind_entry(insert, entry)
        .bind(repeated == Repeated::Kept)
        .execute(connection)
        .await
        .map_err(cannot(WHAT))?;
    Ok(written.rows_affected() > 0)
}

/// Marks the wait of what is due and waits for others.
async fn excuse(
    connection: &mut SqliteConnection,
    queued: &Queued,
    changes: &[Change],
) -> Result<(), StoreError> {
    let changed = changes.iter().map(|change| &change.recovery.root_run_id);
    sqlx::query(
        "UPDATE recoveries SET excused_since = ?2, revision = revision + 1
         WHERE sandbox = ?1 AND state = 'waiting' AND due <= ?2 AND NOT ordered
           AND excused_since IS NULL
           AND root_run_id NOT IN (SELECT value FROM json_each(?3))",
    )
    .bind(queued.sandbox.as_str())
    .bind(queued.since.as_millisecond())
    .bind(json_array(queued.except.iter().chain(changed).map(RunId::as_str)))
    .execute(connection)
    .await
    .map_err(cannot(WHAT))?;
    Ok(())
}

async fn write_progress(
    connection: &mut SqliteConnection,
    sandbox: &SandboxName,
    progress: &Progress,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO progress (sandbox, watermark, swept_at, client_named) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (sandbox) DO UPDATE
         SET watermark = excluded.watermark, swept_at = excluded.swept_at,
             client_named = excluded.client_named",
    )
    .bind(sandbox.as_str())
    .bind(progress.watermark.as_millisecond())
    .bind(progress.swept_at.as_millisecond())
    .bind(progress.client_named)
    .execute(connection)
    .await
    .map_err(cannot(WHAT))?;
    Ok(())
}
