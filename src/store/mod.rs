//! Where recoveries live between passes, and the one way to write them.
//!
//! There is a single write: [`Store::commit`] takes a [`Batch`] of changes and stores it in one
//! short transaction. Each change names the revision it started from and takes effect only if that
//! revision is still stored; the answer says which did. That one conditional write is how a plan is
//! recorded, how an intent is begun, and how an outcome is finished. No transaction is ever open
//! while a request is under way.
//!
//! Every implementation has to pass `tests/store_conformance.rs`; a behaviour that is not in that
//! suite does not exist.

mod sqlite;

pub use sqlite::SqliteStore;

use crate::domain::model::ids::{FlowId, RunId, SandboxName};
use crate::domain::model::journal::{Entry, Event};
use crate::domain::plan::due::DueRecovery;
use crate::domain::policy::breaker::{Outcome, Unsuccessful};
use crate::domain::policy::pause_order::Order;
use crate::domain::recovery::{Change, Recovery};
use async_trait::async_trait;
use jiff::Timestamp;
use std::collections::HashSet;
use std::time::Duration;

/// The durable memory of flowmend. All instants are whole milliseconds.
#[async_trait]
pub trait Store: Send + Sync + std::fmt::Debug {
    /// Takes or renews the lease that lets one daemon at a time act on this store: it is granted
    /// when nobody holds it, when `owner` does, or when it ran out at `now`.
    async fn lease(
        &self,
        owner: &Owner,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Lease, StoreError>;

    /// Gives the lease back; nothing happens if `owner` does not hold it.
    async fn release(&self, owner: &Owner) -> Result<(), StoreError>;

    /// Stores `batch` in one transaction, on condition that `owner` holds the lease.
    ///
    /// A change takes effect if the revision it started from is the stored one; a new recovery, if
    /// its root run is neither the root run nor an issued run of any recovery, those of the batch
    /// included. One that does not is no error: it is left out with its entry, and
    /// [`Committed::applied`] says so. So is every change of a recovery after its first in the
    /// batch: what follows from a change is decided once that is stored. Attempts are only ever
    /// appended; those that are stored already are not written again.
    ///
    /// A lease that ran out still counts until somebody else takes it.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] if `owner` does not hold the lease; then nothing was stored. After
    /// any other error the batch is stored as a whole or not at all, and only reading tells which.
    async fn commit(&self, owner: &Owner, batch: &Batch) -> Result<Committed, StoreError>;

    /// Stores what an operator decided, beside a daemon that may be at work: as [`Store::commit`],
    /// but without the lease. The daemon's own change to the same recovery, if it comes later, is
    /// then left out, because it started from an older revision.
    async fn amend(&self, batch: &Batch) -> Result<Committed, StoreError>;

    /// The recoveries of `sandbox` that are not final, oldest root failure first.
    async fn open_recoveries(&self, sandbox: &SandboxName) -> Result<Vec<Recovery>, StoreError>;

    /// The recoveries of `sandbox` that are triggering, in doubt or watching, oldest root failure
    /// first.
    async fn under_way(&self, sandbox: &SandboxName) -> Result<Vec<Recovery>, StoreError>;

    /// The waiting recoveries of `sandbox` due at `now` or before: those an operator ordered first,
    /// then oldest failure first.
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

    /// The held recoveries of `sandbox` in an order of the store's own that lasts: at most `limit`
    /// of those after `after`.
    async fn held(
        &self,
        sandbox: &SandboxName,
        after: Option<&RunId>,
        limit: u32,
    ) -> Result<Vec<Recovery>, StoreError>;

    /// The dataflows of `sandbox` with a recovery that is held because the source does not support
    /// the action, and when the last of these changed.
    async fn unsupported_flows(
        &self,
        sandbox: &SandboxName,
    ) -> Result<Vec<(FlowId, Timestamp)>, StoreError>;

    /// How many intents of `sandbox` were begun after `since`, and when the first of them.
    async fn calls_since(
        &self,
        sandbox: &SandboxName,
        since: Timestamp,
    ) -> Result<CallCount, StoreError>;

    /// The recoveries of `sandbox` that since `since` ended without success though something was
    /// tried, and after which no entry of their dataflow tells of a success; oldest first.
    async fn unsuccessful(
        &self,
        sandbox: &SandboxName,
        since: Timestamp,
    ) -> Result<Vec<Unsuccessful>, StoreError>;

    /// The outcomes of re-triggered runs of `sandbox` since `since`, in the order of writing.
    async fn outcomes(
        &self,
        sandbox: &SandboxName,
        since: Timestamp,
    ) -> Result<Vec<Outcome>, StoreError>;

    /// Recoveries for people, newest change first.
    async fn recoveries(&self, filter: &Filter) -> Result<Vec<Recovery>, StoreError>;

    /// How many recoveries are in each state, by state name, in the order of
    /// [`State::NAMES`](crate::domain::recovery::State::NAMES); states without one may be left out.
    /// The limit of `filter` and where its page begins do not count here.
    async fn count_by_state(&self, filter: &Filter) -> Result<Vec<(String, u64)>, StoreError>;

    /// The recovery that `run` is the root run or an issued run of.
    async fn recovery_of(&self, run: &RunId) -> Result<Option<Recovery>, StoreError>;

    /// Those of `runs` that are the root run or an issued run of any recovery, or that were skipped
    /// for good: because their dataflow had succeeded since, or as too old for the first pass.
    async fn known_runs(&self, runs: &[RunId]) -> Result<HashSet<RunId>, StoreError>;

    /// How far the runs of `sandbox` have been read; `None` before the first complete listing.
    async fn progress(&self, sandbox: &SandboxName) -> Result<Option<Progress>, StoreError>;

    /// The journal's entries about `run`: those whose run, root run or new run it is, oldest first.
    async fn journal(&self, run: &RunId) -> Result<Vec<Entry>, StoreError>;

    /// The journal's entries of these events since `since`, of `sandbox` or of all, in the order in
    /// which they were written.
    async fn history(
        &self,
        sandbox: Option<&SandboxName>,
        since: Timestamp,
        events: &[Event],
    ) -> Result<Vec<Entry>, StoreError>;

    /// Stores an operator's order, in place of the one with the same scope; without the lease. It is
    /// dated after everything in the journal and all other orders, whatever its own clock says.
    async fn order(&self, order: &Order) -> Result<(), StoreError>;

    /// What operators ordered, one for each scope.
    async fn orders(&self) -> Result<Vec<Order>, StoreError>;

    /// Removes final recoveries that last changed before `before`, with their attempts, and journal
    /// entries older than that which belong to no recovery still stored. Returns how many
    /// recoveries went. Not one transaction: if it fails, some may be gone and the next call goes on.
    ///
    /// A failed run whose recovery is gone is a new failure to whoever sees it again, so `before`
    /// has to lie well before the look-back window.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] if `owner` does not hold the lease.
    async fn prune(&self, owner: &Owner, before: Timestamp) -> Result<u64, StoreError>;

    /// Closes the connections; the store cannot be used afterwards.
    async fn close(&self);
}

/// Who acts: one value per process start, so that a restarted daemon is a new owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner(String);

impl Owner {
    /// An owner with this name, unique per process start.
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
    /// It is ours for the time that was asked for; before that it was not, or no longer.
    Granted,
    /// It still was ours, and is for the time that was asked for: nobody else wrote meanwhile.
    Renewed,
    /// Somebody else holds it.
    HeldBy {
        /// Who.
        owner: Owner,
        /// Until when, unless it is renewed.
        until: Timestamp,
    },
}

/// What one transaction stores.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Recoveries to make or to move on, each with its journal entry; one for each recovery.
    pub changes: Vec<Change>,
    /// Entries of the journal that change no recovery (skipped runs). One is stored only if the
    /// journal has none yet with the same run, event and reason.
    pub notes: Vec<Entry>,
    /// How far the runs of a sandbox have been read.
    pub progress: Option<(SandboxName, Progress)>,
    /// With `Some`: the newest operator's order that the batch knows of, if there is any. A change
    /// to the state `triggering` then takes effect only if no order is newer.
    pub orders_seen: Option<Option<Timestamp>>,
    /// Whose wait is excused from now on; after the changes, and none of theirs.
    pub queued: Option<Queued>,
}

/// Due recoveries that wait for others: their budget of time stands still from `since` on.
///
/// It is every recovery of the sandbox that waits, is due by `since`, was not ordered by an
/// operator, and whose wait is not excused already. Its revision grows; the journal says nothing.
#[derive(Debug, Clone)]
pub struct Queued {
    /// Their sandbox.
    pub sandbox: SandboxName,
    /// Since when they wait for others.
    pub since: Timestamp,
    /// But not these, by their root runs.
    pub except: Vec<RunId>,
}

/// How often something happened since a moment, and when first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallCount {
    /// How often.
    pub count: u64,
    /// When first.
    pub oldest: Option<Timestamp>,
}

/// What [`Store::commit`] did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Committed {
    /// For each change, in order, whether it took effect.
    pub applied: Vec<bool>,
    /// For each note, in order, whether it was new.
    pub noted: Vec<bool>,
}

/// How far the runs of a sandbox have been read, by the platform's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// When the last complete listing was begun: nothing that changed before is unseen.
    pub watermark: Timestamp,
    /// When the last complete sweep of the whole look-back window was begun.
    pub swept_at: Timestamp,
    /// What is known of our client's mark on runs.
    pub client: Option<ClientMark>,
}

/// What is known of the mark that runs bear in `createdClient`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientMark {
    /// The client id it is about.
    pub id: String,
    /// Since when we have been this client; calls made before bear the mark of another.
    pub since: Timestamp,
    /// Whether runs that we caused name it; `None` until one was seen.
    pub named: Option<bool>,
}

/// Which recoveries to show.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only this state, by its name.
    pub state: Option<String>,
    /// Only this sandbox.
    pub sandbox: Option<SandboxName>,
    /// Only this dataflow, by its id or its name.
    pub flow: Option<FlowId>,
    /// At most so many; `None` for all.
    pub limit: Option<u32>,
    /// Only what comes after a recovery that last changed at this instant and has this root run:
    /// the last one of the page before.
    pub after: Option<(Timestamp, RunId)>,
}

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another daemon has taken over; nothing was stored.
    #[error("another flowmend has taken over this store")]
    LeaseLost,
    /// The store cannot be opened.
    #[error("the store {url} cannot be opened: {hint}")]
    Open {
        /// Which store; never holds a password.
        url: String,
        /// What to do.
        hint: String,
        /// The cause.
        #[source]
        source: Option<sqlx::Error>,
    },
    /// The store was written by a newer flowmend, or is not flowmend's.
    #[error("the store {url} is not one this flowmend can use: {hint}")]
    Unusable {
        /// Which store; never holds a password.
        url: String,
        /// What is wrong, and what to do.
        hint: String,
    },
    /// A stored value makes no sense.
    #[error("the store holds {what}, which this flowmend cannot read")]
    Corrupt {
        /// The value and where it is.
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
