//! The lease: one row that names the daemon that may act.

use super::fault::cannot;
use super::lock::Lock;
use super::log_check::{Use, mark};
use super::signs;
use crate::domain::model::time::after;
use crate::store::{Holder, Lease, Owner, StoreError};
use jiff::Timestamp;
use sqlx::Sqlite;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use std::time::Duration;

/// A transaction that holds the file's write lock from its first statement on.
pub(super) async fn begin(
    writer: &SqlitePool,
    what: &'static str,
) -> Result<sqlx::Transaction<'static, Sqlite>, StoreError> {
    writer.begin_with("BEGIN IMMEDIATE").await.map_err(cannot(what))
}

const WHO: &str = "read who holds the lease";

/// The row of the lease.
#[derive(Debug, sqlx::FromRow)]
struct Row {
    owner: String,
    expires_at: i64,
    ttl: i64,
    lock: Option<String>,
}

impl Row {
    /// True if its owner keeps the lease when another one requests `ttl` at `now`.
    fn keeps(&self, lock: &Lock, now: Timestamp, ttl: Duration) -> bool {
        let now = now.as_millisecond();
        if self.expires_at <= now {
            return false;
        }
        let alive = self.lock.as_deref().and_then(|identity| lock.is_alive(identity));
        alive.unwrap_or_else(|| {
            // A lease that ends later than is possible was dated by a clock that was ahead.
            let longest = self.ttl.max(milliseconds(ttl));
            self.expires_at <= now.saturating_add(longest)
        })
    }

    fn holder(self, lock: &Lock) -> Result<Holder, StoreError> {
        let instant = |at: i64| {
            let what = || format!("a lease with the time {at} ms");
            Timestamp::from_millisecond(at).map_err(|_| StoreError::Corrupt { what: what() })
        };
        let alive = self.lock.as_deref().and_then(|identity| lock.is_alive(identity));
        Ok(Holder {
            owner: Owner::new(self.owner),
            renewed_at: instant(self.expires_at.saturating_sub(self.ttl))?,
            until: instant(self.expires_at)?,
            is_gone: alive == Some(false),
        })
    }
}

/// Takes or renews the lease, and tries to take the lock too.
pub(super) async fn take(
    writer: &SqlitePool,
    lock: &Lock,
    owner: &Owner,
    now: Timestamp,
    ttl: Duration,
) -> Result<Lease, StoreError> {
    const WHAT: &str = "take the lease";
    let mut transaction = begin(writer, WHAT).await?;
    let row = read(&mut transaction).await?;
    let ours = row.as_ref().is_some_and(|row| row.owner == owner.as_str());
    if let Some(row) = row.filter(|row| !ours && row.keeps(lock, now, ttl)) {
        // A daemon that lost the lease must not block its new holder.
        lock.free(owner);
        let Holder { owner, until, .. } = row.holder(lock)?;
        return Ok(Lease::HeldBy { owner, until });
    }
    sqlx::query("INSERT OR REPLACE INTO lease (id, owner, expires_at, ttl, lock) VALUES (1, ?1, ?2, ?3, ?4)")
        .bind(owner.as_str())
        .bind(after(now, ttl).as_millisecond())
        .bind(milliseconds(ttl))
        // A free lock proves that a holder is dead only if that holder had the lock.
        .bind(lock.hold(owner))
        .execute(&mut *transaction)
        .await
        .map_err(cannot(WHAT))?;
    mark(&mut transaction, Use::Leased).await?;
    transaction.commit().await.map_err(cannot(WHAT))?;
    if !ours {
        // The file shows that it is in use. If another process prevents this now, it happens later.
        let _ = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(writer).await;
    }
    Ok(if ours { Lease::Renewed } else { Lease::Granted })
}

/// The holder of the lease, even if it has expired.
pub(super) async fn holder(
    readers: &SqlitePool,
    lock: &Lock,
) -> Result<Option<Holder>, StoreError> {
    let mut connection = readers.acquire().await.map_err(cannot(WHO))?;
    read(&mut connection).await?.map(|row| row.holder(lock)).transpose()
}

async fn read(connection: &mut SqliteConnection) -> Result<Option<Row>, StoreError> {
    sqlx::query_as("SELECT owner, expires_at, ttl, lock FROM lease")
        .fetch_optional(connection)
        .await
        .map_err(cannot(WHO))
}

fn milliseconds(ttl: Duration) -> i64 {
    i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX)
}

/// Releases the lease, if it is `owner`'s, and notes when.
pub(super) async fn release(
    writer: &SqlitePool,
    lock: &Lock,
    owner: &Owner,
    now: Timestamp,
) -> Result<(), StoreError> {
    let released = async {
        const WHAT: &str = "release the lease";
        let mut transaction = begin(writer, WHAT).await?;
        sqlx::query(signs::STOP)
            .bind(owner.as_str())
            .bind(now.as_millisecond())
            .execute(&mut *transaction)
            .await
            .map_err(cannot(WHAT))?;
        let deleted = sqlx::query("DELETE FROM lease WHERE owner = ?1")
            .bind(owner.as_str())
            .execute(&mut *transaction)
            .await
            .map_err(cannot(WHAT))?;
        if deleted.rows_affected() > 0 {
            mark(&mut transaction, Use::Closed).await?;
        }
        transaction.commit().await.map_err(cannot(WHAT))
    }
    .await;
    lock.free(owner);
    released
}

/// Fails unless the lease is `owner`'s; holds until the transaction of `connection` ends.
pub(super) async fn require(
    connection: &mut SqliteConnection,
    owner: &Owner,
) -> Result<(), StoreError> {
    // Whether it expired does not matter here: until another daemon takes it, no other daemon acts.
    let held: Option<i64> = sqlx::query_scalar("SELECT id FROM lease WHERE owner = ?1")
        .bind(owner.as_str())
        .fetch_optional(connection)
        .await
        .map_err(cannot(WHO))?;
    held.map(|_| ()).ok_or(StoreError::LeaseLost)
}
