//! The store in one SQLite file.
//!
//! One connection writes, a few others read. With the write-ahead log `flowmend status` can read while
//! the daemon writes. Every commit reaches the disk before it returns (`synchronous = FULL`): an intent
//! must survive a power cut, or a re-trigger could be made twice. Write transactions begin with
//! `BEGIN IMMEDIATE`, so that two processes queue for the file instead of failing half way.

mod commit;
mod copy;
mod fault;
mod history;
mod lease;
mod lock;
#[cfg(unix)]
mod mode;
mod open;
mod prune;
mod queue;
mod read;
mod rows;
mod tables;
#[cfg(test)]
mod tests;

use super::{Batch, CallCount, Committed, Filter, Lease, Owner, Progress, Store, StoreError};
use crate::domain::model::ids::{FlowId, RunId, SandboxName};
use crate::domain::model::journal::{Entry, Event};
use crate::domain::plan::due::DueRecovery;
use crate::domain::policy::breaker::{Outcome, Unsuccessful};
use crate::domain::policy::pause_order::Order;
use crate::domain::recovery::Recovery;
use async_trait::async_trait;
use jiff::Timestamp;
use open::Opened;
use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

/// A store in a local file. It must not be on a network file system.
#[derive(Debug)]
pub struct SqliteStore(Opened);

impl SqliteStore {
    /// Opens the store in the file `path`; creates it if it does not exist, and migrates an older one.
    /// The directory must exist.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] if the file is something else or was written by a newer flowmend; it
    /// stays unchanged. [`StoreError::Open`] if it cannot be read or written.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        open::for_writing(path).await.map(Self)
    }

    /// Opens an existing store for reading only, also while a daemon runs; writing to it fails.
    ///
    /// # Errors
    /// Those of [`open`](Self::open); also if there is no store yet, or an older one that no daemon of
    /// this version has migrated.
    pub async fn open_existing(path: &Path) -> Result<Self, StoreError> {
        open::for_reading(path).await.map(Self)
    }

    /// Copies an existing store to the new file `copy` and opens that. The lease of the copy is free.
    ///
    /// # Errors
    /// Those of [`open_existing`](Self::open_existing); also if `copy` cannot be written.
    pub async fn copy(path: &Path, copy: &Path) -> Result<Self, StoreError> {
        copy::copy(path, copy).await.map(Self)
    }

    /// True if opening created it: earlier re-triggers are unknown.
    pub fn is_new(&self) -> bool {
        self.0.is_new
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn lease(
        &self,
        owner: &Owner,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Lease, StoreError> {
        lease::take(&self.0.writer, &self.0.lock, owner, now, ttl).await
    }

    async fn release(&self, owner: &Owner) -> Result<(), StoreError> {
        lease::release(&self.0.writer, &self.0.lock, owner).await
    }

    async fn commit(&self, owner: &Owner, batch: &Batch) -> Result<Committed, StoreError> {
        commit::commit(&self.0.writer, Some(owner), batch).await
    }

    async fn amend(&self, batch: &Batch) -> Result<Committed, StoreError> {
        commit::commit(&self.0.writer, None, batch).await
    }

    async fn open_recoveries(&self, sandbox: &SandboxName) -> Result<Vec<Recovery>, StoreError> {
        read::of_sandbox(&self.0.readers, read::OPEN_RECOVERIES, sandbox).await
    }

    async fn under_way(&self, sandbox: &SandboxName) -> Result<Vec<Recovery>, StoreError> {
        read::of_sandbox(&self.0.readers, queue::UNDER_WAY, sandbox).await
    }

    async fn due(
        &self,
        sandbox: &SandboxName,
        now: Timestamp,
    ) -> Result<Vec<DueRecovery>, StoreError> {
        queue::due(&self.0.readers, sandbox, now).await
    }

    async fn next_due(
        &self,
        sandbox: &SandboxName,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        queue::next_due(&self.0.readers, sandbox, now).await
    }

    async fn recoveries_of(&self, roots: &[RunId]) -> Result<Vec<Recovery>, StoreError> {
        queue::recoveries_of(&self.0.readers, roots).await
    }

    async fn held(
        &self,
        sandbox: &SandboxName,
        after: Option<&RunId>,
        limit: u32,
    ) -> Result<Vec<Recovery>, StoreError> {
        queue::held(&self.0.readers, sandbox, after, limit).await
    }

    async fn unsupported_flows(
        &self,
        sandbox: &SandboxName,
    ) -> Result<Vec<(FlowId, Timestamp)>, StoreError> {
        queue::unsupported_flows(&self.0.readers, sandbox).await
    }

    async fn calls_since(
        &self,
        sandbox: &SandboxName,
        since: Timestamp,
    ) -> Result<CallCount, StoreError> {
        history::calls_since(&self.0.readers, sandbox, since).await
    }

    async fn unsuccessful(
        &self,
        sandbox: &SandboxName,
        since: Timestamp,
    ) -> Result<Vec<Unsuccessful>, StoreError> {
        history::unsuccessful(&self.0.readers, sandbox, since).await
    }

    async fn outcomes(
        &self,
        sandbox: &SandboxName,
        since: Timestamp,
    ) -> Result<Vec<Outcome>, StoreError> {
        history::outcomes(&self.0.readers, sandbox, since).await
    }

    async fn recoveries(&self, filter: &Filter) -> Result<Vec<Recovery>, StoreError> {
        read::recoveries(&self.0.readers, filter).await
    }

    async fn count_by_state(&self, filter: &Filter) -> Result<Vec<(String, u64)>, StoreError> {
        read::count_by_state(&self.0.readers, filter).await
    }

    async fn recovery_of(&self, run: &RunId) -> Result<Option<Recovery>, StoreError> {
        read::recovery_of(&self.0.readers, run).await
    }

    async fn known_runs(&self, runs: &[RunId]) -> Result<HashSet<RunId>, StoreError> {
        read::known_runs(&self.0.readers, runs).await
    }

    async fn progress(&self, sandbox: &SandboxName) -> Result<Option<Progress>, StoreError> {
        read::progress(&self.0.readers, sandbox).await
    }

    async fn journal(&self, run: &RunId) -> Result<Vec<Entry>, StoreError> {
        read::journal(&self.0.readers, run).await
    }

    async fn history(
        &self,
        sandbox: Option<&SandboxName>,
        since: Timestamp,
        events: &[Event],
    ) -> Result<Vec<Entry>, StoreError> {
        read::history(&self.0.readers, sandbox, since, events).await
    }

    async fn order(&self, order: &Order) -> Result<(), StoreError> {
        commit::order(&self.0.writer, order).await
    }

    async fn orders(&self) -> Result<Vec<Order>, StoreError> {
        read::orders(&self.0.readers).await
    }

    async fn prune(&self, owner: &Owner, before: Timestamp) -> Result<u64, StoreError> {
        prune::prune(&self.0.writer, owner, before).await
    }

    async fn close(&self) {
        // The writer last: the last connection empties the write-ahead log, which a reader cannot.
        self.0.readers.close().await;
        self.0.writer.close().await;
        self.0.lock.close();
    }
}
