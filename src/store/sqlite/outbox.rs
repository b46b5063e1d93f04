//! The tables of notifications.

use super::SqliteStore;
use super::fault::cannot;
use super::lease;
use super::rows::{EntryRow, RowRef};
use crate::domain::model::journal::Entry;
use crate::store::{Message, Mute, Outbox, StoreError, TargetRow};
use async_trait::async_trait;
use jiff::Timestamp;

const READ: &str = "read the notifications";
const WRITE: &str = "store the notifications";

pub(super) const ENTRIES_AFTER: &str = "SELECT * FROM journal WHERE id > ?1 ORDER BY id LIMIT ?2";
pub(super) const QUEUED: &str = "SELECT id, message_id, at, content FROM outbox WHERE target = ?1
         ORDER BY id";
const TARGETS: &str = "SELECT name, since, position, memory, stopped, stopped_at,
                (SELECT count(*) FROM outbox WHERE target = name)
         FROM notify_targets WHERE ?1 IS NULL OR name = ?1 ORDER BY name";

#[async_trait]
impl Outbox for SqliteStore {
    async fn notify_target(
        &self,
        name: &str,
        address: &str,
        now: Timestamp,
    ) -> Result<TargetRow, StoreError> {
        sqlx::query(
            "INSERT INTO notify_targets (name, address, since, position, memory)
             VALUES (?1, ?2, ?3, coalesce((SELECT max(id) FROM entry), 0), '')
             ON CONFLICT (name) DO UPDATE
             SET address = excluded.address, stopped = NULL, stopped_at = NULL
             WHERE address <> excluded.address",
        )
        .bind(name)
        .bind(address)
        .bind(now.as_millisecond())
        .execute(&self.0.writer)
        .await
        .map_err(cannot(WRITE))?;
        let found = self.rows_of(Some(name)).await?.pop();
        found.ok_or_else(|| StoreError::Corrupt { what: format!("no target {name:?}") })
    }

    async fn notify_targets(&self) -> Result<Vec<TargetRow>, StoreError> {
        self.rows_of(None).await
    }

    async fn entries_after(
        &self,
        position: i64,
        limit: u32,
    ) -> Result<Vec<(i64, Entry)>, StoreError> {
        let query = sqlx::query_as(ENTRIES_AFTER).bind(position).bind(i64::from(limit));
        let rows: Vec<EntryRow> =
            query.fetch_all(&self.0.readers).await.map_err(cannot("read the journal"))?;
        rows.into_iter().map(|row| Ok((row.id(), row.read()?))).collect()
    }

    async fn enqueue(
        &self,
        target: &TargetRow,
        position: i64,
        memory: &str,
        messages: &[Message],
    ) -> Result<bool, StoreError> {
        let mut transaction = lease::begin(&self.0.writer, WRITE).await?;
        let updated = sqlx::query(
            "UPDATE notify_targets SET position = ?2, memory = ?3
             WHERE name = ?1 AND position = ?4 AND memory = ?5",
        )
        .bind(&target.name)
        .bind(position)
        .bind(memory)
        .bind(target.position)
        .bind(&target.memory)
        .execute(&mut *transaction)
        .await
        .map_err(cannot(WRITE))?;
        if updated.rows_affected() == 0 {
            return Ok(false);
        }
        for message in messages {
            sqlx::query(
                "INSERT INTO outbox (target, message_id, at, content) VALUES (?1, ?2, ?3, ?4)",
            )
            .bind(&target.name)
            .bind(&message.id)
            .bind(message.at.as_millisecond())
            .bind(&message.content)
            .execute(&mut *transaction)
            .await
            .map_err(cannot(WRITE))?;
        }
        transaction.commit().await.map_err(cannot(WRITE))?;
        Ok(true)
    }

    async fn queued(&self, target: &str) -> Result<Vec<(i64, Message)>, StoreError> {
        let rows: Vec<(i64, String, i64, String)> = sqlx::query_as(QUEUED)
            .bind(target)
            .fetch_all(&self.0.readers)
            .await
            .map_err(cannot(READ))?;
        let message = |(key, id, at, content)| {
            let at = RowRef { table: "outbox", row: target }.instant("at", at)?;
            Ok((key, Message { id, at, content }))
        };
        rows.into_iter().map(message).collect()
    }

    async fn dequeue(&self, key: i64) -> Result<(), StoreError> {
        let delete = sqlx::query("DELETE FROM outbox WHERE id = ?1").bind(key);
        delete.execute(&self.0.writer).await.map_err(cannot(WRITE))?;
        Ok(())
    }

    async fn stop_target(
        &self,
        target: &str,
        why: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE notify_targets SET stopped = ?2, stopped_at = ?3 WHERE name = ?1")
            .bind(target)
            .bind(why)
            .bind(why.map(|_| now.as_millisecond()))
            .execute(&self.0.writer)
            .await
            .map_err(cannot(WRITE))?;
        Ok(())
    }

    async fn mute(&self, mute: &Mute) -> Result<(), StoreError> {
        sqlx::query("INSERT OR REPLACE INTO notify_mutes (flow, until) VALUES (?1, ?2)")
            .bind(&mute.flow)
            .bind(mute.until.as_millisecond())
            .execute(&self.0.writer)
            .await
            .map_err(cannot(WRITE))?;
        Ok(())
    }

    async fn mutes(&self) -> Result<Vec<Mute>, StoreError> {
        let rows: Vec<(String, i64)> =
            sqlx::query_as("SELECT flow, until FROM notify_mutes ORDER BY flow")
                .fetch_all(&self.0.readers)
                .await
                .map_err(cannot(READ))?;
        let mute = |(flow, until): (String, i64)| {
            let until = RowRef { table: "notify_mutes", row: &flow }.instant("until", until)?;
            Ok(Mute { flow, until })
        };
        rows.into_iter().map(mute).collect()
    }
}

/// Name, since, position, memory, stop, its date, number of messages.
type Row = (String, i64, i64, String, Option<String>, Option<i64>, i64);

impl SqliteStore {
    async fn rows_of(&self, name: Option<&str>) -> Result<Vec<TargetRow>, StoreError> {
        let query = sqlx::query_as(TARGETS).bind(name);
        let rows: Vec<Row> = query.fetch_all(&self.0.readers).await.map_err(cannot(READ))?;
        rows.into_iter().map(read).collect()
    }
}

fn read((name, since, position, memory, why, at, queued): Row) -> Result<TargetRow, StoreError> {
    let row = RowRef { table: "notify_targets", row: &name };
    let stopped = match why.zip(at) {
        Some((why, at)) => Some((why, row.instant("stopped_at", at)?)),
        None => None,
    };
    let since = row.instant("since", since)?;
    Ok(TargetRow { since, position, memory, stopped, queued: queued.unsigned_abs(), name })
}
