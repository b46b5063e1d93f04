//! Forgetting: what is final and old goes, a little at a time.

use super::fault::cannot;
use super::lease;
use crate::store::{Owner, StoreError};
use jiff::Timestamp;
use sqlx::sqlite::SqlitePool;

/// The most rows that one transaction removes, so that a long-neglected store does not keep
/// everybody else waiting for the file.
const ROWS_PER_TRANSACTION: u32 = 2_000;

const WHAT: &str = "remove what is old";

/// Attempts go with their recovery, by the foreign key.
const OLD_RECOVERIES: &str = "
    DELETE FROM recoveries WHERE root_run_id IN (
        SELECT root_run_id FROM recoveries
        WHERE updated_at < ?1 AND state IN ('recovered', 'given_up', 'dismissed')
        LIMIT ?2
    )";

const OLD_ENTRIES: &str = "
    DELETE FROM journal WHERE id IN (
        SELECT id FROM journal
        WHERE at < ?1 AND NOT EXISTS (
            SELECT 1 FROM recoveries WHERE recoveries.root_run_id = journal.root_run_id
        )
        LIMIT ?2
    )";

/// Removes what is final and last changed before `before`; how many recoveries went.
pub(super) async fn prune(
    writer: &SqlitePool,
    owner: &Owner,
    before: Timestamp,
) -> Result<u64, StoreError> {
    let recoveries = repeat(writer, owner, before, OLD_RECOVERIES).await?;
    repeat(writer, owner, before, OLD_ENTRIES).await?;
    Ok(recoveries)
}

/// Runs `delete` until it finds fewer rows than it may take.
async fn repeat(
    writer: &SqlitePool,
    owner: &Owner,
    before: Timestamp,
    delete: &'static str,
) -> Result<u64, StoreError> {
    let mut total = 0;
    loop {
        let mut transaction = lease::begin(writer, WHAT).await?;
        lease::require(&mut transaction, owner).await?;
        let removed = sqlx::query(delete)
            .bind(before.as_millisecond())
            .bind(ROWS_PER_TRANSACTION)
            .execute(&mut *transaction)
            .await
            .map_err(cannot(WHAT))?
            .rows_affected();
        transaction.commit().await.map_err(cannot(WHAT))?;
        total += removed;
        if removed < u64::from(ROWS_PER_TRANSACTION) {
            return Ok(total);
        }
    }
}
