//! Stores recoveries between passes, and the only way to write them.
//!
//! There is a single write: [`Store::commit`] stores a [`Batch`] of changes in one short transaction.
//! Each change names the revision it started from and takes effect only if that revision is still
//! stored; the result lists which did. This conditional write records a plan, begins an intent and
//! stores an outcome. No transaction is open while a request is in flight.
//!
//! Every implementation must pass the tests in `tests/integration/store/conformance/`. Behavior
//! that these do not test is not guaranteed.

mod admission;
mod shown;
mod sqlite;

pub use admission::{LimitUse, limit_uses, outage_record};
pub use shown::{Holder, KnownFlow, NeedGroup, Needs, PausedFlow, ReportedSigns};
pub use sqlite::SqliteStore;

use crate::domain::model::ids::{FlowId, RunId, SandboxName};
use crate::domain::model::journal::{Entry, Event};
use crate::domain::plan::due::DueRecovery;
use crate::domain::policy::breaker::{Outcome, Unsuccessful};
use crate::domain::policy::long_failure::Failing;
use crate::domain::policy::pause_order::Order;
use crate::domain::recovery::{Change, Recovery};
use async_trait::async_trait;
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// The durable memory of flowmend. All instants are whole milliseconds.
#[async_trait]
pub trait Store: Send + Sync + std::fmt::Debug {
    /// Takes or renews the lease, which allows one daemon at a time to act on this store. It is granted
    /// if it is free, if `owner` holds it, or if it has expired at `now`.
    async fn lease(
        &self,
        owner: &Owner,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Lease, StoreError>;

    /// Releases the lease at `now`, and notes this in the signs that `owner` has reported. Does nothing
    /// if `owner` does not hold the lease.
    async fn release(&self, owner: &Owner, now: Timestamp) -> Result<(), StoreError>;

    /// The holder of the lease, even if the lease has expired.
    async fn holder(&self) -> Result<Option<Holder>, StoreError>;

    /// Replaces the signs of a sandbox, if their owner holds the lease; otherwise does nothing. A known
    /// last complete pass is kept if `signs` has none.
    async fn report_signs(&self, signs: &ReportedSigns) -> Result<(), StoreError>;

    /// The signs of all sandboxes, by name.
    async fn signs(&self) -> Result<Vec<ReportedSigns>, StoreError>;

    /// Stores `batch` in one transaction, if `owner` holds the lease.
    ///
    /// A change takes effect if the revision it started from is the stored one; a new recovery, if
    /// its root run is neither the root run nor a new run of any recovery, including those of the batch.
    /// A change that does not take effect is not an error: it is skipped with its entry, and
    /// [`Committed::applied`] reports it. Every change of a recovery after its first in the batch is
    /// skipped too: the next change is decided after the first is stored. Attempts are only appended;
    /// stored ones are never written again.
    ///
    /// An expired lease still counts until another owner takes it.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] if `owner` does not hold the lease; then nothing was stored. After
    /// any other error the batch is stored completely or not at all; read the store to find out which.
    async fn commit(&self, owner: &Owner, batch: &Batch) -> Result<Committed, StoreError>;

    /// Stores an operator's decision, also while a daemon runs: like [`Store::commit`], but without the
    /// lease. A later change by the daemon to the same recovery is then skipped, because it started
    /// from an older revision.
    async fn amend(&self, batch: &Batch) -> Result<Committed, StoreError>;

    /// The recoveries of `sandbox` that are not final, oldest root failure first.
    async fn open_recoveries(&self, sandbox: &SandboxName) -> Result<Vec<Recovery>, StoreError>;

    /// The recoveries of `sandbox` that are triggering, in doubt or watching, oldest root failure
    /// first.
    async fn under_way(&self, sandbox: &SandboxName) -> Result<Vec<Recovery>, StoreError>;

    /// The waiting recoveries of `sandbox` due at `now` or before: first those that an operator
    /// requested, then oldest failure first.
    async fn due(
        &self,
        sandbox: &SandboxName,
        now: Timestamp,
    ) -> Result<Vec<DueRecovery>, StoreError>;

    /// When the next waiting recovery of `sandbox` becomes due after `now`.
    async fn next_due(
        &self,
        sandbox: &SandboxName,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError>;

    /// The recoveries with these root runs, oldest failure first.
    async fn recoveries_of(&self, roots: &[RunId]) -> Result<Vec<Recovery>, StoreError>;

    /// At most `limit` held recoveries of `sandbox` after `after`, in a stable order that the store
    /// chooses.
    async fn held(
        &self,
        sandbox: &SandboxName,
        after: Option<&RunId>,
        limit: u32,
    ) -> Result<Vec<Recovery>, StoreError>;

    /// The dataflows of `sandbox` with a recovery on hold because the source does not support the
    /// action, and when the latest of these changed.
    async fn unsupported_flows(
        &self,
        sandbox: &SandboxName,
    ) -> Result<Vec<(FlowId, Timestamp)>, StoreError>;

    /// The number of intents of `sandbox` begun after `since`, and when the first was.
    async fn calls_since(
        &self,
        sandbox: &SandboxName,
        since: Timestamp,
    ) -> Result<CallCount, StoreError>;

    /// The recoveries of `sandbox` that ended without success since `since`, after at least one attempt
    /// and without a later success of their dataflow in the journal; oldest first.
    async fn unsuccessful(
        &self,
        sandbox: &SandboxName,
        since: Timestamp,
    ) -> Result<Vec<Unsuccessful>, StoreError>;

    /// The outcomes of re-triggered runs of `sandbox` since `since`, in the order in which they were
    /// written.
    async fn outcomes(
        &self,
        sandbox: &SandboxName,
        since: Timestamp,
    ) -> Result<Vec<Outcome>, StoreError>;

    /// The dataflows of `sandbox` with failures in the journal since `since` and no success after them,
    /// the first by `begun_by`; in any order. Reads the failures of the whole time.
    async fn failing(
        &self,
        sandbox: &SandboxName,
        since: Timestamp,
        begun_by: Timestamp,
    ) -> Result<Vec<Failing>, StoreError>;

    /// The recoveries that match `filter`, newest change first.
    async fn recoveries(&self, filter: &Filter) -> Result<Vec<Recovery>, StoreError>;

    /// The number of recoveries in each state, by state name, in the order of
    /// [`State::NAMES`](crate::domain::recovery::State::NAMES); states without any may be missing.
    /// Ignores the limit and the page of `filter`.
    async fn count_by_state(&self, filter: &Filter) -> Result<Vec<(String, u64)>, StoreError>;

    /// The number of recoveries in each state that is not final, of `sandbox`; states without any
    /// may be missing. Costs the same however many have ended.
    async fn count_open(&self, sandbox: &SandboxName) -> Result<Vec<(String, u64)>, StoreError>;

    /// What needs a person: recoveries that are on hold, except paused ones, and those given up since
    /// `since` whose dataflow has had no success after that. What a rule ignores is left out. The limit of
    /// `filter` counts groups.
    async fn needs(&self, filter: &Filter, since: Timestamp) -> Result<Needs, StoreError>;

    /// The dataflows with recoveries that a pause holds back. Ignores the limit of `filter`.
    async fn paused(&self, filter: &Filter) -> Result<Vec<PausedFlow>, StoreError>;

    /// The recoveries that match `filter` and are neither final nor on hold: first those with a call or a
    /// new run, then those due soonest.
    async fn healing(&self, filter: &Filter) -> Result<Vec<Recovery>, StoreError>;

    /// Every dataflow of which a failed run was seen; one row for each name that it had.
    async fn known_flows(&self) -> Result<Vec<KnownFlow>, StoreError>;

    /// At most `limit` known runs whose id starts with `prefix`, in the order of their ids.
    async fn runs_like(&self, prefix: &str, limit: u32) -> Result<Vec<RunId>, StoreError>;

    /// For each of `runs` the shortest prefix that no other known run has, and none of `runs`; at least
    /// eight characters.
    async fn short_ids(&self, runs: &[RunId]) -> Result<Vec<String>, StoreError>;

    /// The recovery whose root run or new run is `run`.
    async fn recovery_of(&self, run: &RunId) -> Result<Option<Recovery>, StoreError>;

    /// Those of `runs` that are the root run or a new run of any recovery, or that were skipped for
    /// good: because their dataflow has succeeded since, or as too old for the first pass.
    async fn known_runs(&self, runs: &[RunId]) -> Result<HashSet<RunId>, StoreError>;

    /// How far the runs of `sandbox` have been read; `None` before the first complete listing.
    async fn progress(&self, sandbox: &SandboxName) -> Result<Option<Progress>, StoreError>;

    /// The last known name of each dataflow that the journal or a recovery names.
    async fn flow_names(&self) -> Result<HashMap<FlowId, String>, StoreError>;

    /// The journal's entries whose run, root run or new run is `run`, oldest first.
    async fn journal(&self, run: &RunId) -> Result<Vec<Entry>, StoreError>;

    /// The journal's entries with these events since `since`, of `sandbox` or of all, in the order in
    /// which they were written.
    async fn history(
        &self,
        sandbox: Option<&SandboxName>,
        since: Timestamp,
        events: &[Event],
    ) -> Result<Vec<Entry>, StoreError>;

    /// Stores an operator's order without the lease, and replaces the one with the same scope. Its date
    /// is after every journal entry and every other order, even if the operator's clock is slow.
    async fn order(&self, order: &Order) -> Result<(), StoreError>;

    /// The operators' orders, one for each scope.
    async fn orders(&self) -> Result<Vec<Order>, StoreError>;

    /// Removes final recoveries that last changed before `before`, with their attempts, and older
    /// journal entries that belong to no stored recovery. Returns the number of removed recoveries.
    /// Uses several transactions: if it fails, some may be removed, and the next call continues.
    ///
    /// A failed run without its recovery looks like a new failure, so `before` must be well before the
    /// look-back window.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] if `owner` does not hold the lease.
    async fn prune(&self, owner: &Owner, before: Timestamp) -> Result<u64, StoreError>;

    /// Closes the connections; the store cannot be used afterwards.
    async fn close(&self);
}

/// The owner of a lease: one value per process start, so a restarted daemon is a new owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner(String);

impl Owner {
    /// An owner with this name, which must be unique per process start.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The answer to [`Store::lease`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lease {
    /// It is ours for the requested time; before, it was not, or had expired.
    Granted,
    /// It was still ours, and is for the requested time: no other daemon wrote meanwhile.
    Renewed,
    /// Another owner holds it.
    HeldBy {
        /// The owner.
        owner: Owner,
        /// When it expires, unless it is renewed.
        until: Timestamp,
    },
}

/// The content of one transaction.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// New and changed recoveries, each with its journal entry; one change for each recovery.
    pub changes: Vec<Change>,
    /// Journal entries that change no recovery (skipped runs). One is stored only if the journal
    /// contains none with the same run, event and reason; one with the reason `soon_disabled` always.
    pub notes: Vec<Entry>,
    /// How far the runs of a sandbox have been read.
    pub progress: Option<(SandboxName, Progress)>,
    /// With `Some`: the newest operator's order that the batch is based on, if any. A change to the
    /// state `triggering` then takes effect only if no order is newer.
    pub orders_seen: Option<Option<Timestamp>>,
    /// The recoveries whose wait is excused from now on. Applied after the changes, and not to the
    /// recoveries they change.
    pub queued: Option<Queued>,
}

/// Due recoveries that wait for others: their time budget is paused from `since` on.
///
/// These are all waiting recoveries of the sandbox that are due by `since`, were not requested by an
/// operator, and whose wait is not excused yet. Their revision grows; the journal gets no entry.
#[derive(Debug, Clone)]
pub struct Queued {
    /// Their sandbox.
    pub sandbox: SandboxName,
    /// When their wait for others began.
    pub since: Timestamp,
    /// Excluded recoveries, by their root runs.
    pub except: Vec<RunId>,
}

/// The number of calls since a moment, and when the first was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallCount {
    /// The number of calls.
    pub count: u64,
    /// When the first was begun.
    pub oldest: Option<Timestamp>,
}

/// The result of [`Store::commit`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Committed {
    /// For each change, in order, whether it took effect.
    pub applied: Vec<bool>,
    /// For each note, in order, whether it was new.
    pub noted: Vec<bool>,
}

/// How far the runs of a sandbox have been read, by Adobe's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// When the last complete listing was begun: everything that changed before was read.
    pub watermark: Timestamp,
    /// When the last complete sweep (of the whole look-back window) was begun.
    pub swept_at: Timestamp,
    /// What is known about our client id on runs.
    pub client: Option<ClientMark>,
}

/// What is known about our client id in the `createdClient` of runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientMark {
    /// Our client id.
    pub id: String,
    /// Since when we have used this client id; earlier calls used another.
    pub since: Timestamp,
    /// Whether runs that we caused have it; `None` until one was read.
    pub named: Option<bool>,
}

/// Selects recoveries.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only these states, by their names; empty for all.
    pub states: Vec<String>,
    /// Only this sandbox.
    pub sandbox: Option<SandboxName>,
    /// Only these dataflows, by their ids or names; empty for all.
    pub flows: Vec<FlowId>,
    /// The maximum number; `None` for all.
    pub limit: Option<u32>,
    /// Only those after the recovery that last changed at this instant and has this root run: the last
    /// one of the previous page.
    pub after: Option<(Timestamp, RunId)>,
}

/// What opening a store that can be written will do first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// Nothing.
    Ready,
    /// Create it.
    WillBeCreated,
    /// Migrate it: an older flowmend wrote it.
    WillBeMigrated,
}

/// Why the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another daemon has taken over; nothing was stored.
    #[error("another flowmend has taken over this store")]
    LeaseLost,
    /// The store cannot be opened.
    #[error("the store {url} cannot be opened: {hint}")]
    Open {
        /// Which store; never contains a password.
        url: String,
        /// What to do.
        hint: String,
        /// The cause.
        #[source]
        source: Option<sqlx::Error>,
    },
    /// The store was written by a newer flowmend, or is not flowmend's.
    #[error("the store {url} cannot be used: {hint}")]
    Unusable {
        /// Which store; never contains a password.
        url: String,
        /// What is wrong, and what to do.
        hint: String,
    },
    /// A stored value is not valid.
    #[error("the store contains {what}, which this flowmend cannot read")]
    Corrupt {
        /// The value and its location.
        what: String,
    },
    /// Reading or writing failed: disk full, file locked by another program, IO error.
    #[error("the store cannot {what}: {hint}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What to do.
        hint: String,
        /// The cause.
        #[source]
        source: sqlx::Error,
    },
}
