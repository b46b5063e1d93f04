//! One turn of the loop, for one sandbox. It takes no input and may run at any time.
//!
//! ```text
//! gather   what the platform and the store say        reads only
//! plan     what to do about it, and why               pure
//! record   the plan                                   one transaction
//! begin  ┐ the intents that are due, some at a time   one transaction; only those begun go on
//! act    │ one POST for each intent                   bounded, never repeated
//! finish ┘ what came of it                            many per transaction
//! tell     each journal entry, once it is stored
//! ```
//!
//! A crash between any two lines is safe: before *begin* nothing was sent; after it the intent is
//! stored, and a pass that finds an intent without an outcome puts it in doubt and asks the platform.

use super::gather::{Gathered, Gatherer, Memory};
use super::lease::LeaseKeeper;
use super::tell::{tell, tell_dry_run, tell_unstored};
use crate::domain::ids::RunId;
use crate::domain::journal::{Entry, Event};
use crate::domain::plan::{Plan, plan};
use crate::domain::policy::RetryPolicy;
use crate::domain::reason::Reason;
use crate::domain::recovery::{Change, State};
use crate::domain::snapshot::Snapshot;
use crate::domain::transition::Terms;
use crate::domain::verdict::{Refusal, Remedy, Verdict};
use crate::flow_service::ApiError;
use crate::store::{Batch, StoreError};
use futures_util::StreamExt;
use jiff::Timestamp;
use std::collections::HashMap;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Reading for one pass takes no longer than this. Every request has a limit of its own; this one
/// is for a sandbox that has to be read dataflow by dataflow, slowly.
const GATHER_LIMIT: Duration = Duration::from_secs(60 * 60);

/// How many intents are begun at a time. Whatever is begun when the process dies has to be found
/// out about on the platform, so no more is begun than is sent within a few seconds.
const BATCH: usize = 16;

/// A reading that is older is not acted on; what is left is read again by the next pass, at once.
const FRESH: Duration = Duration::from_secs(60);

/// Whether the calls are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// They are.
    Live,
    /// They are only told of.
    DryRun,
}

/// Why a pass did not do all it set out to do.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// The platform did not answer as it should.
    #[error("cannot {doing}")]
    Platform {
        /// What was tried.
        doing: &'static str,
        /// The cause.
        #[source]
        source: ApiError,
    },
    /// The store did not.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Reading took too long.
    #[error("reading the sandbox took longer than {} s; the next pass tries again", .limit.as_secs())]
    TooSlow {
        /// The limit.
        limit: Duration,
    },
    /// The lease ran out, so nothing was begun.
    #[error("the lease on the store ran out before anything was sent")]
    LeaseRanOut,
    /// flowmend is stopping.
    #[error("flowmend is stopping")]
    Stopped,
}

impl PassError {
    /// True if another daemon acts on the store now.
    pub fn is_lease_lost(&self) -> bool {
        matches!(self, Self::Store(StoreError::LeaseLost) | Self::LeaseRanOut)
    }
}

/// What a pass did.
#[derive(Debug, Default)]
pub struct Report {
    /// How many journal entries of each kind were written.
    pub events: HashMap<Event, u32>,
    /// Runs that were issued for us, as answers or listings told.
    pub issued: Vec<RunId>,
    /// Due recoveries that had to wait, each with its reason.
    pub postponed: Vec<Entry>,
    /// When the next thing is due.
    pub next_due: Option<Timestamp>,
    /// Why the reading is incomplete, where it is; the pass went on with what there was.
    pub fault: Option<PassError>,
}

impl Report {
    /// How many entries of this kind were written.
    pub fn count(&self, event: Event) -> u32 {
        self.events.get(&event).copied().unwrap_or(0)
    }

    fn add(&mut self, entry: &Entry) {
        *self.events.entry(entry.event).or_default() += 1;
        // Not a run that was there before and is at work again.
        if entry.event == Event::Retriggered && entry.reason != Reason::SameRunAtWork {
            self.issued.extend(entry.new_run_id.clone());
        }
    }
}

/// One pass, about to run.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    pub(super) gatherer: Gatherer<'a>,
    pub(super) lease: &'a LeaseKeeper,
    pub(super) stop: &'a CancellationToken,
    pub(super) mode: Mode,
}

impl Pass<'_> {
    /// Runs the pass. `unfinished` holds outcomes that an earlier pass could not store.
    pub(super) async fn run(
        &self,
        memory: &mut Memory,
        unfinished: &mut Vec<Change>,
    ) -> Result<Report, PassError> {
        let mut report = Report::default();
        let kept = std::mem::take(unfinished);
        if let Err((error, kept)) = self.finish(kept, &mut report).await {
            *unfinished = kept;
            return Err(error.into());
        }
        let term = self.lease.term();
        let gathered = self.lease.held_while(self.gather(memory)).await?;
        // Whoever held the lease in between may have acted: what was read is stale.
        if self.lease.term() != term {
            return Err(PassError::LeaseRanOut);
        }
        let plan = plan(&gathered.snapshot);
        self.record(&gathered, &plan, &mut report).await?;
        report.postponed = plan.postponed;
        report.next_due = plan.next_due;
        report.fault = gathered.fault;
        for intents in plan.intents.chunks(BATCH) {
            let read_at = gathered.read_at;
            if read_at.duration_until(self.gatherer.service.now()).unsigned_abs() > FRESH {
                report.next_due = Some(read_at);
                break;
            }
            let begun = self.begin(intents, &mut report).await?;
            let act = self.act(begun, &gathered.snapshot, unfinished, &mut report);
            self.lease.held_while(act).await;
        }
        memory.issued.extend(report.issued.iter().cloned());
        Ok(report)
    }

    pub(super) async fn gather(&self, memory: &mut Memory) -> Result<Gathered, PassError> {
        tokio::select! {
            gathered = self.gatherer.gather(memory) => gathered,
            () = tokio::time::sleep(GATHER_LIMIT) => Err(PassError::TooSlow { limit: GATHER_LIMIT }),
            () = self.stop.cancelled() => Err(PassError::Stopped),
        }
    }

    async fn record(
        &self,
        gathered: &Gathered,
        plan: &Plan,
        report: &mut Report,
    ) -> Result<(), PassError> {
        let progress = gathered.progress.filter(|_| !plan.unfinished);
        let batch = Batch {
            changes: plan.changes.clone(),
            notes: plan.skipped.iter().chain(&plan.postponed).chain(&plan.news).cloned().collect(),
            progress: progress.map(|progress| (self.gatherer.sandbox.name.clone(), progress)),
            ..Batch::default()
        };
        let committed = self.gatherer.store.commit(self.lease.owner(), &batch).await?;
        let applied = batch.changes.iter().map(|change| &change.entry).zip(committed.applied);
        let noted = batch.notes.iter().zip(committed.noted);
        for (entry, _) in applied.chain(noted).filter(|(_, stored)| *stored) {
            tell(entry);
            report.add(entry);
        }
        Ok(())
    }

    /// Stores the intents; gives those that took effect. Nothing else may be sent.
    async fn begin(
        &self,
        intents: &[Change],
        report: &mut Report,
    ) -> Result<Vec<Change>, PassError> {
        if self.stop.is_cancelled() {
            return Ok(Vec::new());
        }
        if self.lease.trust_left().await.is_zero() {
            return Err(PassError::LeaseRanOut);
        }
        let batch = Batch { changes: intents.to_vec(), ..Batch::default() };
        let committed = self.gatherer.store.commit(self.lease.owner(), &batch).await?;
        let begun = batch.changes.into_iter().zip(committed.applied);
        let begun: Vec<Change> =
            begun.filter(|(_, applied)| *applied).map(|(change, _)| change).collect();
        for intent in &begun {
            tell(&intent.entry);
            report.add(&intent.entry);
        }
        Ok(begun)
    }

    /// Makes the calls, a few at a time, and stores each outcome as it comes in.
    async fn act(
        &self,
        intents: Vec<Change>,
        snapshot: &Snapshot,
        unfinished: &mut Vec<Change>,
        report: &mut Report,
    ) {
        let calls = intents.into_iter().map(|intent| self.call(intent, snapshot));
        let at_a_time = self.gatherer.settings.adobe.connection.max_concurrent_requests.max(1);
        let mut outcomes = std::pin::pin!(
            futures_util::stream::iter(calls).buffer_unordered(at_a_time).ready_chunks(BATCH)
        );
        while let Some(outcomes) = outcomes.next().await {
            let outcomes = outcomes.into_iter().flatten().collect();
            if let Err((error, outcomes)) = self.finish(outcomes, report).await {
                let chain = crate::telemetry::chain(&error);
                tracing::error!(error = chain, "outcomes not stored; the next pass tries again");
                outcomes.iter().for_each(|change| tell_unstored(&change.entry));
                unfinished.extend(outcomes);
            }
        }
    }

    /// One call for one intent, and what it makes of the recovery.
    async fn call(&self, intent: Change, snapshot: &Snapshot) -> Option<Change> {
        let recovery = &intent.recovery;
        let State::Triggering { asked, .. } = &recovery.state else { return None };
        let terms = snapshot.terms(recovery);
        let verdict = match self.mode {
            Mode::DryRun => {
                tell_dry_run(&intent.entry);
                Verdict::Refused(Refusal {
                    remedy: Remedy::Hold,
                    reason: Reason::DryRun,
                    detail: "nothing was sent".to_owned(),
                })
            }
            Mode::Live => self.post(asked, snapshot, &terms.policy).await,
        };
        let now = self.gatherer.service.now();
        recovery.settle(&verdict, Terms { now, ..terms })
    }

    /// The POST, unless its turn comes too late. It has to leave while the lease is trusted, and
    /// well before the confirm window ends: listings are read as if it had left at once.
    async fn post(&self, asked: &RunId, snapshot: &Snapshot, policy: &RetryPolicy) -> Verdict {
        let trust_left = self.lease.trust_left().await;
        let since_begun = snapshot.now.duration_until(self.gatherer.service.now()).unsigned_abs();
        let patience = (policy.confirm_window / 2).saturating_sub(since_begun).min(trust_left);
        // A call whose turn comes at once would leave even without any patience.
        if self.stop.is_cancelled() || patience.is_zero() {
            let detail = "nothing was sent".to_owned();
            return Verdict::NotSent { reason: Reason::NotSent, detail };
        }
        let etag = snapshot.runs.get(asked).and_then(|run| run.etag.as_ref());
        self.gatherer.service.retrigger(&snapshot.sandbox, asked, etag, patience).await
    }

    /// Stores outcomes and tells them.
    ///
    /// # Errors
    /// With the outcomes that could not be stored and are worth keeping: none if the lease was lost,
    /// because whoever has it now finds the intents and asks the platform.
    async fn finish(
        &self,
        outcomes: Vec<Change>,
        report: &mut Report,
    ) -> Result<(), (StoreError, Vec<Change>)> {
        if outcomes.is_empty() {
            return Ok(());
        }
        let batch = Batch { changes: outcomes, ..Batch::default() };
        match self.gatherer.store.commit(self.lease.owner(), &batch).await {
            Ok(committed) => {
                let stored = batch.changes.iter().zip(committed.applied);
                for (change, _) in stored.filter(|(_, applied)| *applied) {
                    tell(&change.entry);
                    report.add(&change.entry);
                }
                Ok(())
            }
            Err(error @ StoreError::LeaseLost) => {
                batch.changes.iter().for_each(|change| tell_unstored(&change.entry));
                Err((error, Vec::new()))
            }
            Err(error) => Err((error, batch.changes)),
        }
    }
}
