//! The lease: one row that names who may act.

use super::fault::cannot;
use crate::domain::schedule::after;
use crate::store::{Lease, Owner, StoreError};
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

/// Takes or renews the lease.
pub(super) async fn take(
    writer: &SqlitePool,
    owner: &Owner,
    now: Timestamp,
    ttl: Duration,
) -> Result<Lease, StoreError> {
    const WHAT: &str = "take the lease";
    let mut transaction = begin(writer, WHAT).await?;
    let ours = require(&mut transaction, owner).await;
    let taken = sqlx::query(
        "INSERT INTO lease (id, owner, expires_at) VALUES (1, ?1, ?2)
         ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at
         WHERE lease.owner = excluded.owner OR lease.expires_at <= ?3",
    )
    .bind(owner.as_str())
    .bind(after(now, ttl).as_millisecond())
    .bind(now.as_millisecond())
    .execute(&mut *transaction)
    .await
    .map_err(cannot(WHAT))?
    .rows_affected();
    let lease = match (taken, ours) {
        (0, _) => holder(&mut transaction).await?,
        (_, Ok(())) => Lease::Renewed,
        (_, Err(StoreError::LeaseLost)) => Lease::Granted,
        (_, Err(error)) => return Err(error),
    };
    transaction.commit().await.map_err(cannot(WHAT))?;
    Ok(lease)
}

async fn holder(connection: &mut SqliteConnection) -> Result<Lease, StoreError> {
    let (owner, until): (String, i64) = sqlx::query_as("SELECT owner, expires_at FROM lease")
        .fetch_one(connection)
        .await
        .map_err(cannot("read who holds the lease"))?;
    let until = Timestamp::from_millisecond(until)
        .map_err(|_| StoreError::Corrupt { what: format!("a lease that ends at {until} ms") })?;
    Ok(Lease::HeldBy { owner: Owner::new(owner), until })
}

/// Gives the lease back, if it is `owner`'s.
pub(super) async fn release(writer: &SqlitePool, owner: &Owner) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM lease WHERE owner = ?1")
        .bind(owner.as_str())
        .execute(writer)
        .await
        .map_err(cannot("give the lease back"))?;
    Ok(())
}

/// Fails unless the lease is `owner`'s; holds until the transaction of `connection` ends.
pub(super) async fn require(
    connection: &mut SqliteConnection,
    owner: &Owner,
) -> Result<(), StoreError> {
    // Whether it ran out does not matter here: as long as nobody else took it, nobody else acts.
    let held: Option<i64> = sqlx::query_scalar("SELECT id FROM lease WHERE owner = ?1")
        .bind(owner.as_str())
        .fetch_optional(connection)
        .await
        .map_err(cannot("read who holds the lease"))?;
    held.map(|_| ()).ok_or(StoreError::LeaseLost)
}
