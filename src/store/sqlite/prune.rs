//! Removes old, final recoveries in small transactions.

use super::fault::cannot;
use super::lease;
use crate::store::{Owner, StoreError};
use jiff::Timestamp;
use sqlx::sqlite::SqlitePool;

/// The most rows that one transaction removes, so that other processes do not wait long for the file.
const ROWS_PER_TRANSACTION: i64 = 2_000;
/// The most keys that one transaction inspects.
const KEYS_PER_TRANSACTION: i64 = 10_000;

const WHAT: &str = "remove old recoveries";

/// The foreign key removes attempts together with their recovery.
pub(super) const OLD_RECOVERIES: &str = "
    DELETE FROM recovery WHERE root IN (
        SELECT root FROM recovery
        WHERE updated_at < ?1 AND state IN ('recovered', 'given_up', 'dismissed')
        LIMIT ?2
    )";

pub(super) const OLD_ENTRIES: &str = "
    DELETE FROM entry WHERE id IN (
        SELECT id FROM entry
        WHERE at < ?1 AND NOT EXISTS (SELECT 1 FROM recovery WHERE recovery.root = entry.root)
        LIMIT ?2
    )";

/// Removes rows without references, and finds the largest key of their table.
pub(super) const UNUSED: [(&str, &str); 3] = [
    (
        "DELETE FROM runs WHERE id BETWEEN ?1 AND ?2
             AND NOT EXISTS (SELECT 1 FROM entry WHERE run = runs.id)
             AND NOT EXISTS (SELECT 1 FROM entry WHERE root = runs.id)
             AND NOT EXISTS (SELECT 1 FROM entry WHERE new_run = runs.id)
             AND NOT EXISTS (SELECT 1 FROM recovery WHERE root = runs.id)
             AND NOT EXISTS (SELECT 1 FROM attempt WHERE asked_run = runs.id)
             AND NOT EXISTS (SELECT 1 FROM attempt WHERE issued_run = runs.id)",
        "SELECT max(id) FROM runs",
    ),
    (
        "DELETE FROM flows WHERE id BETWEEN ?1 AND ?2
             AND NOT EXISTS (SELECT 1 FROM entry WHERE flow = flows.id)
             AND NOT EXISTS (SELECT 1 FROM recovery WHERE flow = flows.id)",
        "SELECT max(id) FROM flows",
    ),
    (
        "DELETE FROM failures WHERE id BETWEEN ?1 AND ?2
             AND NOT EXISTS (SELECT 1 FROM entry WHERE failure = failures.id)
             AND NOT EXISTS (SELECT 1 FROM recovery WHERE failure = failures.id)",
        "SELECT max(id) FROM failures",
    ),
];

/// Removes final recoveries that last changed before `before`; returns how many.
pub(super) async fn prune(
    writer: &SqlitePool,
    owner: &Owner,
    before: Timestamp,
) -> Result<u64, StoreError> {
    let recoveries = repeat(writer, owner, before, OLD_RECOVERIES).await?;
    let entries = repeat(writer, owner, before, OLD_ENTRIES).await?;
    if recoveries + entries > 0 {
        for (delete, newest) in UNUSED {
            remove_unused(writer, owner, delete, newest).await?;
        }
    }
    Ok(recoveries)
}

/// Runs `delete` until it removes fewer rows than it may.
async fn repeat(
    writer: &SqlitePool,
    owner: &Owner,
    before: Timestamp,
    delete: &'static str,
) -> Result<u64, StoreError> {
    let mut total = 0;
    loop {
        let limits = (before.as_millisecond(), ROWS_PER_TRANSACTION);
        let removed = remove(writer, owner, delete, limits).await?;
        total += removed;
        if removed < ROWS_PER_TRANSACTION.unsigned_abs() {
            return Ok(total);
        }
    }
}

/// Runs `delete` for all keys from 1 to the one that `newest` returns.
async fn remove_unused(
    writer: &SqlitePool,
    owner: &Owner,
    delete: &'static str,
    newest: &'static str,
) -> Result<(), StoreError> {
    let newest: Option<i64> =
        sqlx::query_scalar(newest).fetch_one(writer).await.map_err(cannot(WHAT))?;
    let mut first = 1;
    while Some(first) <= newest {
        let next = first + KEYS_PER_TRANSACTION;
        remove(writer, owner, delete, (first, next - 1)).await?;
        first = next;
    }
    Ok(())
}

/// Runs `delete` with these two values in its own transaction; returns the number of removed rows.
async fn remove(
    writer: &SqlitePool,
    owner: &Owner,
    delete: &'static str,
    (first, second): (i64, i64),
) -> Result<u64, StoreError> {
    let mut transaction = lease::begin(writer, WHAT).await?;
    lease::require(&mut transaction, owner).await?;
    let delete = sqlx::query(delete).bind(first).bind(second);
    let removed = delete.execute(&mut *transaction).await.map_err(cannot(WHAT))?.rows_affected();
    transaction.commit().await.map_err(cannot(WHAT))?;
    Ok(removed)
}
