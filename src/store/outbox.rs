//! The durable part of notifications: how far each target has been notified, and which messages wait.

use super::StoreError;
use crate::domain::model::journal::Entry;
use async_trait::async_trait;
use jiff::Timestamp;

/// The memory of notifications. Messages and the position in the journal change in one transaction, so
/// no event is lost or becomes two messages.
#[async_trait]
pub trait Outbox: Send + Sync + std::fmt::Debug {
    /// The target `name`; a new one starts at the end of the journal. Another `address` than the stored
    /// one lifts its stop.
    async fn notify_target(
        &self,
        name: &str,
        address: &str,
        now: Timestamp,
    ) -> Result<TargetRow, StoreError>;

    /// All targets that were ever notified, by name.
    async fn notify_targets(&self) -> Result<Vec<TargetRow>, StoreError>;

    /// At most `limit` journal entries after `position`, in the order in which they were written, each
    /// with its own position.
    async fn entries_after(
        &self,
        position: i64,
        limit: u32,
    ) -> Result<Vec<(i64, Entry)>, StoreError>;

    /// Stores messages for `target`, and how far it is notified now. Returns false, and stores nothing,
    /// if the target is no longer as it was read: another process has done the same.
    async fn enqueue(
        &self,
        target: &TargetRow,
        position: i64,
        memory: &str,
        messages: &[Message],
    ) -> Result<bool, StoreError>;

    /// The messages for `target`, oldest first, each with its key.
    async fn queued(&self, target: &str) -> Result<Vec<(i64, Message)>, StoreError>;

    /// Removes a message that was delivered, or cannot be.
    async fn dequeue(&self, key: i64) -> Result<(), StoreError>;

    /// Stops `target` for the reason `why`, or lifts the stop.
    async fn stop_target(
        &self,
        target: &str,
        why: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Reports no events of a dataflow until a time; an earlier mute of it is replaced.
    async fn mute(&self, mute: &Mute) -> Result<(), StoreError>;

    /// The mutes, by dataflow; those that are over may be among them.
    async fn mutes(&self) -> Result<Vec<Mute>, StoreError>;
}

/// A dataflow whose events are not reported for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mute {
    /// Its id or its name.
    pub flow: String,
    /// Until when.
    pub until: Timestamp,
}

/// How far a target has been notified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetRow {
    /// Its name.
    pub name: String,
    /// Earlier events are not reported to it.
    pub since: Timestamp,
    /// The journal has been read for it up to this entry.
    pub position: i64,
    /// Reported trouble of the daemon itself.
    pub memory: String,
    /// Why nothing is sent to it, and since when.
    pub stopped: Option<(String, Timestamp)>,
    /// How many messages wait for it.
    pub queued: u64,
}

/// A message that waits for delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its id, the same in every repetition.
    pub id: String,
    /// When it was composed.
    pub at: Timestamp,
    /// What it reports, as JSON.
    pub content: String,
}
