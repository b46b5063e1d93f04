//! One pass over one sandbox. It takes no input and may run at any time.
//!
//! ```text
//! gather   what the platform and the store say          reads only
//! plan     at most one step for each recovery, and why  pure
//! record   the steps that send nothing                  one transaction
//! begin  ┐ intents, as long as there is room            only those that were stored go on
//! act    │ one POST for each intent                     bounded, never repeated
//! finish ┘ what came of it                              together with the next intents
//! tell     each journal entry, once it is stored
//! ```
//!
//! A crash between any two lines is safe: before *begin* nothing was sent; after it the intent is
//! stored, and a pass that finds an intent without an outcome puts it in doubt and asks the platform.
//! An operator who acts between any two lines wins: every step names the revision it started from,
//! and no intent is begun after an order that the plan did not know.

use super::calls::{Calls, report_stored};
use super::error::PassError;
use super::gather::{Gathered, Gatherer};
use super::lease::LeaseKeeper;
use super::memory::{Carried, Memory};
use super::said::Said;
use super::tell::{tell, tell_catalog, tell_order, tell_unstored};
use crate::domain::model::ids::RunId;
use crate::domain::model::journal::{Entry, Event};
use crate::domain::model::reason::Reason;
use crate::domain::model::run::Run;
use crate::domain::model::time::after;
use crate::domain::plan::{Plan, plan};
use crate::domain::recovery::Change;
use crate::store::{Batch, Queued, StoreError};
use jiff::Timestamp;
use std::collections::HashMap;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Reading for one pass takes no longer than this. Every request has a limit of its own; this one
/// is for a sandbox that has to be read dataflow by dataflow, slowly.
const GATHER_LIMIT: Duration = Duration::from_secs(60 * 60);

/// Whether the calls are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// They are.
    Live,
    /// They are only logged.
    DryRun,
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
    /// What was said of refusals, in this pass and before.
    pub(super) said: Said,
}

impl Report {
    /// True if the next pass has something to do at once.
    pub fn is_more_to_do(&self, now: Timestamp) -> bool {
        self.next_due.is_some_and(|due| due <= now)
    }

    /// Adds what a later pass did.
    pub(super) fn merge(&mut self, later: Self) {
        for (event, count) in later.events {
            *self.events.entry(event).or_default() += count;
        }
        self.issued.extend(later.issued);
        let Self { postponed, next_due, fault, .. } = later;
        (self.postponed, self.next_due, self.fault) = (postponed, next_due, fault);
    }

    /// How many entries of this kind were written.
    pub fn count(&self, event: Event) -> u32 {
        self.events.get(&event).copied().unwrap_or(0)
    }

    pub(super) fn add(&mut self, entry: &Entry) {
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
        let mut report = Report { said: std::mem::take(&mut memory.said), ..Report::default() };
        let result = self.act(memory, unfinished, &mut report).await;
        memory.said = std::mem::take(&mut report.said);
        result.map(|()| report)
    }

    async fn act(
        &self,
        memory: &mut Memory,
        unfinished: &mut Vec<Change>,
        report: &mut Report,
    ) -> Result<(), PassError> {
        self.finish(unfinished, report).await?;
        let term = self.lease.term();
        let mut gathered = self.gather(memory).await?;
        // Whoever held the lease in between may have acted: what was read is stale.
        if self.lease.term() != term {
            return Err(PassError::LeaseRanOut);
        }
        self.tell_news(&gathered, memory);
        let plan = plan(&gathered.snapshot);
        self.record(&gathered, &plan, memory, report).await?;
        report.next_due = plan.next_due;
        if gathered.more {
            report.next_due = Some(gathered.snapshot.now);
        }
        report.fault = gathered.fault.take();
        self.remember(&gathered, &plan, memory);

        let intents = plan.intents;
        report.postponed = plan.postponed;
        let calls = self.calls(&gathered);
        let made = calls.make(intents, unfinished, report).await;
        memory.issued.extend(report.issued.iter().cloned());
        if !made? {
            // The rest goes in the next pass: at once, or when the pause that Adobe asked for ends.
            let service = self.gatherer.service;
            report.next_due =
                Some(after(service.now(), service.throttle_left().unwrap_or_default()));
        }
        if report.is_more_to_do(self.gatherer.service.now()) {
            let Gathered { snapshot, read_at, .. } = gathered;
            memory.carried = Some(Carried { runs: snapshot.runs, fresh: snapshot.fresh, read_at });
        }
        Ok(())
    }

    pub(super) async fn gather(&self, memory: &mut Memory) -> Result<Gathered, PassError> {
        tokio::select! {
            gathered = self.gatherer.gather(memory) => gathered,
            () = tokio::time::sleep(GATHER_LIMIT) => Err(PassError::TooSlow { limit: GATHER_LIMIT }),
            () = self.stop.cancelled() => Err(PassError::Stopped),
        }
    }

    fn tell_news(&self, gathered: &Gathered, memory: &Memory) {
        if gathered.first_catalog {
            tell_catalog(&self.gatherer.sandbox.name, &memory.catalog);
        }
        gathered.new_orders.iter().for_each(tell_order);
    }

    async fn record(
        &self,
        gathered: &Gathered,
        plan: &Plan,
        memory: &mut Memory,
        report: &mut Report,
    ) -> Result<(), PassError> {
        let snapshot = &gathered.snapshot;
        let sandbox = &self.gatherer.sandbox.name;
        // The first reading of a sandbox is over once everything in it is decided on, but for what
        // waits for a doubt.
        let decided = snapshot.first_since.is_none() || !plan.more_to_adopt;
        let progress = gathered.progress.clone().or(memory.withheld.take());
        let (progress, withheld) = if decided { (progress, None) } else { (None, progress) };
        let looked_at = snapshot.recoveries.iter().map(|it| it.root_run_id.clone());
        let queued = (!snapshot.queue.is_empty()).then(|| Queued {
            sandbox: sandbox.clone(),
            since: snapshot.now,
            except: looked_at.collect(),
        });
        let batch = Batch {
            changes: plan.changes.clone(),
            notes: plan
                .skipped
                .iter()
                .chain(&plan.postponed)
                .chain(&plan.notices)
                .cloned()
                .collect(),
            progress: progress.map(|progress| (sandbox.clone(), progress)),
            queued,
            ..Batch::default()
        };
        let committed = self.gatherer.store.commit(self.lease.owner(), &batch).await?;
        memory.withheld = withheld;
        report_stored(&batch.changes, &committed.applied, report);
        for (entry, _) in batch.notes.iter().zip(committed.noted).filter(|(_, noted)| *noted) {
            tell(entry, true);
            report.add(entry);
        }
        Ok(())
    }

    /// Keeps the listed runs that were not decided on for good.
    fn remember(&self, gathered: &Gathered, plan: &Plan, memory: &mut Memory) {
        let listed = gathered.snapshot.listed.iter();
        let runs: HashMap<&RunId, &Run> = listed.map(|run| (&run.id, run)).collect();
        let kept = |id: &RunId| Some((id.clone(), (*runs.get(id)?).clone()));
        memory.deferred = plan.deferred.iter().filter_map(kept).collect();
        memory.parked.retain(|id, _| !runs.contains_key(id));
        let passing =
            |entry: &&Entry| matches!(entry.reason, Reason::FlowDisabled | Reason::UnknownKind);
        let parked = plan.skipped.iter().filter(passing).filter_map(|entry| kept(&entry.run_id));
        memory.parked.extend(parked);
    }

    fn calls<'c>(&'c self, gathered: &'c Gathered) -> Calls<'c> {
        Calls {
            service: self.gatherer.service,
            store: self.gatherer.store,
            lease: self.lease,
            stop: self.stop,
            mode: self.mode,
            snapshot: &gathered.snapshot,
            read_at: gathered.read_at,
            orders_seen: gathered.orders_seen,
            at_a_time: self.gatherer.settings.adobe.connection.max_concurrent_requests.max(1),
        }
    }

    /// Stores the outcomes that an earlier pass could not store. None is kept if the lease was lost:
    /// whoever has it now finds the intents and asks the platform.
    async fn finish(
        &self,
        unfinished: &mut Vec<Change>,
        report: &mut Report,
    ) -> Result<(), StoreError> {
        if unfinished.is_empty() {
            return Ok(());
        }
        let batch = Batch { changes: std::mem::take(unfinished), ..Batch::default() };
        match self.gatherer.store.commit(self.lease.owner(), &batch).await {
            Ok(committed) => report_stored(&batch.changes, &committed.applied, report),
            Err(error @ StoreError::LeaseLost) => {
                batch.changes.iter().for_each(|change| tell_unstored(&change.entry));
                return Err(error);
            }
            Err(error) => {
                *unfinished = batch.changes;
                return Err(error);
            }
        }
        Ok(())
    }
}
