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
mod log_check;
#[cfg(unix)]
mod mode;
mod open;
mod outbox;
mod prune;
mod queue;
mod read;
mod rows;
mod short_id;
mod signs;
mod survey;
mod tables;
#[cfg(test)]
mod tests;

use super::{
    Batch, CallCount, Committed, Filter, Holder, KnownFlow, Lease, Needs, Owner, PausedFlow,
    Progress, Readiness, ReportedSigns, Store, StoreError,
};
use crate::domain::model::ids::{FlowId, RunId, SandboxName};
use crate::domain::model::journal::{Entry, Event};
use crate::domain::plan::due::DueRecovery;
use crate::domain::policy::breaker::{Outcome, Unsuccessful};
use crate::domain::policy::long_failure::Failing;
use crate::domain::policy::pause_order::Order;
use crate::domain::recovery::Recovery;
use async_trait::async_trait;
use jiff::Timestamp;
use open::Opened;
use std::collections::{HashMap, HashSet};
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

    /// Tries whether the store in the file `path` can be written, or created; changes nothing.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub async fn try_writing(path: &Path) -> Result<Readiness, StoreError> {
        open::try_writing(path).await
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

    async fn release(&self, owner: &Owner, now: Timestamp) -> Result<(), StoreError> {
        lease::release(&self.0.writer, &self.0.lock, owner, now).await
    }

    async fn holder(&self) -> Result<Option<Holder>, StoreError> {
        lease::holder(&self.0.readers, &self.0.lock).await
    }

    async fn report_signs(&self, signs: &ReportedSigns) -> Result<(), StoreError> {
        signs::report(&self.0.writer, signs).await
    }

    async fn signs(&self) -> Result<Vec<ReportedSigns>, StoreError> {
        signs::read(&self.0.readers).await
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

    async fn failing(
        &self,
        sandbox: &SandboxName,
        since: Timestamp,
        begun_by: Timestamp,
    ) -> Result<Vec<Failing>, StoreError> {
        history::failing(&self.0.readers, sandbox, since, begun_by).await
    }

    async fn recoveries(&self, filter: &Filter) -> Result<Vec<Recovery>, StoreError> {
        read::recoveries(&self.0.readers, filter).await
    }

    async fn count_by_state(&self, filter: &Filter) -> Result<Vec<(String, u64)>, StoreError> {
        read::count_by_state(&self.0.readers, filter).await
    }

    async fn count_open(&self, sandbox: &SandboxName) -> Result<Vec<(String, u64)>, StoreError> {
        queue::count_open(&self.0.readers, sandbox).await
    }

    async fn needs(&self, filter: &Filter, since: Timestamp) -> Result<Needs, StoreError> {
        survey::needs(&self.0.readers, filter, since).await
    }

    async fn paused(&self, filter: &Filter) -> Result<Vec<PausedFlow>, StoreError> {
        survey::paused(&self.0.readers, filter).await
    }

    async fn healing(&self, filter: &Filter) -> Result<Vec<Recovery>, StoreError> {
        survey::healing(&self.0.readers, filter).await
    }

    async fn known_flows(&self) -> Result<Vec<KnownFlow>, StoreError> {
        survey::known_flows(&self.0.readers).await
    }

    async fn runs_like(&self, prefix: &str, limit: u32) -> Result<Vec<RunId>, StoreError> {
        short_id::runs_like(&self.0.readers, prefix, limit).await
    }

    async fn short_ids(&self, runs: &[RunId]) -> Result<Vec<String>, StoreError> {
        short_id::short_ids(&self.0.readers, runs).await
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

    async fn flow_names(&self) -> Result<HashMap<FlowId, String>, StoreError> {
        read::flow_names(&self.0.readers).await
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
        // It fails for a store that is open for reading only, which leaves the log as it is.
        if let Ok(mut connection) = self.0.writer.acquire().await {
            let _ = log_check::mark(&mut connection, log_check::Use::Closed).await;
        }
        self.0.writer.close().await;
        self.0.lock.close();
    }
}
