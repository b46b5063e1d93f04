//! The one write.
//!
//! A batch takes a few statements, however many changes it contains: each statement gets all its rows
//! as one JSON text. The statement that writes a change also checks its condition: that the revision is
//! still the one the change started from, or, for a new recovery, that its root run belongs to no
//! recovery yet. So a writer that read an older state cannot overwrite a newer one.

use super::fault::cannot;
use super::lease;
use super::read::json_array;
use super::rows::{AttemptRow, EntryRow, RecoveryRow, RowRef, bind_order, revision_column};
use super::tables::{ATTEMPT, ENTRY, RECOVERY, column_value, insert, intern};
use crate::domain::model::ids::{RunId, SandboxName};
use crate::domain::model::journal::Entry;
use crate::domain::model::time::after;
use crate::domain::policy::pause_order::Order;
use crate::domain::recovery::{Change, State};
use crate::store::{Batch, Committed, Owner, Progress, Queued, StoreError};
use jiff::Timestamp;
use serde::Serialize;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use std::collections::HashSet;
use std::sync::LazyLock;
use std::time::Duration;

const WHAT: &str = "store the decisions";

/// The root run of a written row of `recovery`.
const ROOT: &str = "(SELECT run_id FROM runs WHERE id = root)";

/// Both write the changes whose condition holds, and return the root runs of these.
pub(super) static INSERT: LazyLock<String> = LazyLock::new(|| {
    insert(
        "recovery",
        RECOVERY,
        &format!(
            "NOT EXISTS (SELECT 1 FROM attempt WHERE issued_run = {})
             ON CONFLICT (root) DO NOTHING RETURNING {ROOT}",
            column_value("root")
        ),
    )
});
pub(super) static UPDATE: LazyLock<String> = LazyLock::new(|| {
    let set: Vec<String> =
        RECOVERY[1..].iter().map(|column| format!("{column} = {}", column_value(column))).collect();
    format!(
        "UPDATE recovery SET {} FROM json_each(?1) AS new
         WHERE recovery.root = {} AND recovery.revision = new.value ->> 'from_revision'
         RETURNING {ROOT}",
        set.join(", "),
        column_value("root")
    )
});

/// A stored attempt is never changed.
pub(super) static APPEND: LazyLock<String> =
    LazyLock::new(|| insert("attempt", ATTEMPT, "TRUE ON CONFLICT DO NOTHING"));

pub(super) static WRITE: LazyLock<String> =
    LazyLock::new(|| insert("entry", ENTRY, "TRUE ORDER BY new.key"));
pub(super) static NOTE: LazyLock<String> = LazyLock::new(|| {
    insert(
        "entry",
        ENTRY,
        &format!(
            "NOT EXISTS (
                 SELECT 1 FROM entry AS old
                 WHERE old.run = {} AND old.event = new.value ->> 'event'
                   AND old.reason = new.value ->> 'reason' AND old.reason <> 'soon_disabled'
             )
             ORDER BY new.key RETURNING (SELECT run_id FROM runs WHERE id = run), event, reason",
            column_value("run")
        ),
    )
});

/// A row of `recoveries`, and the revision that must be stored for it to be written.
#[derive(Debug, Serialize)]
struct ChangeRow {
    #[serde(flatten)]
    recovery: RecoveryRow,
    from_revision: Option<i64>,
}

/// Stores `batch`; with an `owner`, only if it holds the lease.
pub(super) async fn commit(
    writer: &SqlitePool,
    owner: Option<&Owner>,
    batch: &Batch,
) -> Result<Committed, StoreError> {
    let mut transaction = lease::begin(writer, WHAT).await?;
    if let Some(owner) = owner {
        lease::require(&mut transaction, owner).await?;
    }
    let outdated = match batch.orders_seen {
        Some(seen) => newest_order(&mut transaction).await? > seen,
        None => false,
    };
    intern(&mut transaction, batch).await?;
    let applied = match owner {
        Some(_) => apply_all(&mut transaction, &batch.changes, outdated).await?,
        // What an operator decides now comes after every order so far, whatever the clocks show.
        None => {
            let newest = newest_order(&mut transaction).await?;
            let later = newest.map_or(Timestamp::MIN, |at| after(at, Duration::from_millis(1)));
            let mut changes = batch.changes.clone();
            for Change { recovery, .. } in &mut changes {
                recovery.updated_at = recovery.updated_at.max(later);
            }
            apply_all(&mut transaction, &changes, outdated).await?
        }
    };
    let noted = write_notes(&mut transaction, &batch.notes).await?;
    if let Some(queued) = &batch.queued {
        excuse(&mut transaction, queued, &batch.changes).await?;
    }
    if let Some((sandbox, progress)) = &batch.progress {
        write_progress(&mut transaction, sandbox, progress).await?;
    }
    transaction.commit().await.map_err(cannot(WHAT))?;
    Ok(Committed { applied, noted })
}

/// Stores an operator's order and replaces the one with the same scope.
pub(super) async fn order(writer: &SqlitePool, order: &Order) -> Result<(), StoreError> {
    let insert = sqlx::query(
        "INSERT OR REPLACE INTO orders (sandbox, flow, paused, at, reason)
         VALUES (?1, ?2, ?3, max(
             ?4,
             1 + coalesce((SELECT max(at) FROM orders), ?4 - 1),
             1 + coalesce((SELECT max(at) FROM entry), ?4 - 1)
         ), ?5)",
    );
    bind_order(insert, order).execute(writer).await.map_err(cannot(WHAT))?;
    Ok(())
}

/// When the newest order of an operator was given.
async fn newest_order(connection: &mut SqliteConnection) -> Result<Option<Timestamp>, StoreError> {
    let newest: Option<i64> = sqlx::query_scalar("SELECT max(at) FROM orders")
        .fetch_one(connection)
        .await
        .map_err(cannot(WHAT))?;
    let row = RowRef { table: "orders", row: "the newest" };
    newest.map(|at| row.instant("at", at)).transpose()
}

/// Stores the changes whose condition holds, with their entries; returns for each whether it did.
async fn apply_all(
    connection: &mut SqliteConnection,
    changes: &[Change],
    outdated: bool,
) -> Result<Vec<bool>, StoreError> {
    let mut roots = HashSet::new();
    let candidates: Vec<bool> = changes
        .iter()
        .map(|change| {
            let first = roots.insert(&change.recovery.root_run_id);
            let intent = matches!(change.recovery.state, State::Triggering { .. });
            first && !(outdated && intent)
        })
        .collect();
    let tried = || changes.iter().zip(&candidates).filter(|(_, it)| **it).map(|(change, _)| change);
    let (new, changed): (Vec<&Change>, Vec<&Change>) =
        tried().partition(|change| change.from_revision.is_none());
    // Changes first: a new run of this batch must not be adopted by it.
    let mut stored = apply(connection, &UPDATE, &changed).await?;
    stored.extend(apply(connection, &INSERT, &new).await?);
    let applied: Vec<bool> = changes
        .iter()
        .zip(candidates)
        .map(|(change, tried)| tried && stored.contains(change.recovery.root_run_id.as_str()))
        .collect();
    let entries = changes.iter().zip(&applied).filter(|(_, applied)| **applied);
    let entries: Vec<EntryRow> = entries.map(|(change, _)| EntryRow::from(&change.entry)).collect();
    write(connection, &WRITE, &entries).await?;
    Ok(applied)
}

/// Runs `statement` for the changes, appends the attempts of the stored ones and returns their root
/// runs.
async fn apply(
    connection: &mut SqliteConnection,
    statement: &'static str,
    changes: &[&Change],
) -> Result<HashSet<String>, StoreError> {
    if changes.is_empty() {
        return Ok(HashSet::new());
    }
    let rows: Vec<ChangeRow> = changes
        .iter()
        .map(|change| ChangeRow {
            recovery: RecoveryRow::from(&change.recovery),
            from_revision: change.from_revision.map(revision_column),
        })
        .collect();
    let stored: Vec<String> = sqlx::query_scalar(statement)
        .bind(json(&rows))
        .fetch_all(&mut *connection)
        .await
        .map_err(cannot(WHAT))?;
    let stored: HashSet<String> = stored.into_iter().collect();
    let recoveries = changes.iter().map(|change| &change.recovery);
    let attempts: Vec<AttemptRow> = recoveries
        .filter(|recovery| stored.contains(recovery.root_run_id.as_str()))
        .flat_map(AttemptRow::of)
        .collect();
    write(connection, &APPEND, &attempts).await?;
    Ok(stored)
}

/// Appends the notes that the journal does not contain yet; returns for each whether it was new.
async fn write_notes(
    connection: &mut SqliteConnection,
    notes: &[Entry],
) -> Result<Vec<bool>, StoreError> {
    if notes.is_empty() {
        return Ok(Vec::new());
    }
    let mut seen = HashSet::new();
    let first: Vec<bool> =
        notes.iter().map(|note| seen.insert((&note.run_id, note.event, note.reason))).collect();
    let rows = notes.iter().zip(&first).filter(|(_, first)| **first);
    let rows: Vec<EntryRow> = rows.map(|(note, _)| EntryRow::from(note)).collect();
    let written: Vec<(String, String, String)> = sqlx::query_as(NOTE.as_str())
        .bind(json(&rows))
        .fetch_all(connection)
        .await
        .map_err(cannot(WHAT))?;
    let written: HashSet<(&str, &str, &str)> =
        written.iter().map(|(run, event, reason)| (&**run, &**event, &**reason)).collect();
    let is_new = |note: &Entry| {
        written.contains(&(note.run_id.as_str(), note.event.as_str(), note.reason.as_str()))
    };
    Ok(notes.iter().zip(first).map(|(note, first)| first && is_new(note)).collect())
}

/// Runs a statement without a result for `rows`, if there are any.
async fn write<T: Serialize>(
    connection: &mut SqliteConnection,
    statement: &'static str,
    rows: &[T],
) -> Result<(), StoreError> {
    if !rows.is_empty() {
        sqlx::query(statement).bind(json(rows)).execute(connection).await.map_err(cannot(WHAT))?;
    }
    Ok(())
}

/// Rows as one JSON text; they contain only texts and numbers, so this cannot fail.
fn json<T: Serialize>(rows: &[T]) -> String {
    serde_json::to_string(rows).unwrap_or_default()
}

pub(super) const EXCUSE: &str = "UPDATE recovery SET excused_since = ?2, revision = revision + 1
         WHERE sandbox = ?1 AND state = 'waiting' AND due <= ?2 AND NOT ordered
           AND excused_since IS NULL
           AND root NOT IN (
               SELECT id FROM runs WHERE run_id IN (SELECT value FROM json_each(?3))
           )";

/// Marks due recoveries that wait for others as excused.
async fn excuse(
    connection: &mut SqliteConnection,
    queued: &Queued,
    changes: &[Change],
) -> Result<(), StoreError> {
    let changed = changes.iter().map(|change| &change.recovery.root_run_id);
    sqlx::query(EXCUSE)
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
    let client = progress.client.as_ref();
    sqlx::query(
        "INSERT INTO progress (sandbox, watermark, swept_at, client, client_since, client_named)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (sandbox) DO UPDATE
         SET watermark = excluded.watermark, swept_at = excluded.swept_at,
             client = excluded.client, client_since = excluded.client_since,
             client_named = excluded.client_named",
    )
    .bind(sandbox.as_str())
    .bind(progress.watermark.as_millisecond())
    .bind(progress.swept_at.as_millisecond())
    .bind(client.map(|it| it.id.as_str()))
    .bind(client.map(|it| it.since.as_millisecond()))
    .bind(client.and_then(|it| it.named))
    .execute(connection)
    .await
    .map_err(cannot(WHAT))?;
    Ok(())
}
