//! One pass over one sandbox. It takes no input and may run at any time.
//!
//! ```text
//! gather   what Adobe and the store have                reads only
//! plan     at most one step for each recovery, and why  pure
//! record   the steps that send nothing                  one transaction
//! begin  ┐ intents, as long as there is room            only those that were stored
//! act    │ one POST for each intent                     bounded, never repeated
//! finish ┘ the outcome                                  together with the next intents
//! log      each journal entry, once it is stored
//! ```
//!
//! A crash between any two lines is safe. Before *begin* nothing was sent. After it the intent is
//! stored, and a pass that finds an intent without an outcome puts it in doubt and looks for the
//! new run. An operator who acts between any two lines wins: every step names the revision that it
//! started from, and no intent is stored after a pause or resume that the plan did not know.

use super::calls::{Calls, keep_unstored, report_stored};
use super::error::PassError;
use super::gather::Gathered;
use super::lease::LeaseKeeper;
use super::log::{log_entry, log_findings};
use super::memory::{Carried, Memory};
use super::parts::Mode;
use super::report::Report;
use super::sandbox_reader::SandboxReader;
use super::vitals::Vitals;
use crate::domain::model::ids::RunId;
use crate::domain::model::journal::Entry;
use crate::domain::model::reason::Reason;
use crate::domain::model::run::Run;
use crate::domain::model::time::after;
use crate::domain::plan::{Plan, plan};
use crate::domain::recovery::Change;
use crate::metrics::Metrics;
use crate::store::{Batch, Queued, StoreError};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The maximum time for the reads of one pass. Every request has a limit of its own; this one is
/// for a sandbox that must be read dataflow by dataflow, slowly.
const GATHER_LIMIT: Duration = Duration::from_secs(60 * 60);

/// One pass that has not run yet.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    pub(super) reader: SandboxReader<'a>,
    pub(super) lease: &'a LeaseKeeper,
    pub(super) stop: &'a CancellationToken,
    pub(super) vitals: &'a Vitals,
    pub(super) mode: Mode,
    pub(super) metrics: Arc<Metrics>,
}

impl Pass<'_> {
    /// Runs the pass. `unfinished` holds outcomes that an earlier pass could not store.
    pub(super) async fn run(
        &self,
        memory: &mut Memory,
        unfinished: &mut Vec<Change>,
    ) -> Result<Report, PassError> {
        let logged = std::mem::take(&mut memory.logged);
        let mut report = Report::new(logged, self.metrics.clone());
        let result = self.act(memory, unfinished, &mut report).await;
        memory.logged = std::mem::take(&mut report.logged);
        result.map(|()| report)
    }

    async fn act(
        &self,
        memory: &mut Memory,
        unfinished: &mut Vec<Change>,
        report: &mut Report,
    ) -> Result<(), PassError> {
        self.finish(unfinished, report).await?;
        let epoch = self.lease.epoch();
        let mut gathered = self.gather(memory).await?;
        // Another holder of the lease may have acted in between, so the data is stale.
        if self.lease.epoch() != epoch {
            return Err(PassError::LeaseRanOut);
        }
        log_findings(&self.reader.sandbox.name, &gathered.findings, &memory.catalog);
        memory.orders = Some(std::mem::take(&mut gathered.orders));
        let plan = plan(&gathered.snapshot);
        self.record(&gathered, &plan, memory, report).await?;
        report.next_due = plan.next_due;
        if gathered.more {
            report.next_due = Some(gathered.snapshot.now);
        }
        report.fault = gathered.fault.take();
        self.remember(&gathered, &plan, memory);

        let intents = plan.intents;
        report.delayed = plan.postponed;
        let calls = self.calls(&gathered, memory);
        let made = calls.make(intents, unfinished, report).await;
        memory.issued.extend(report.issued.iter().cloned());
        if !made? {
            // The rest follows in the next pass: at once, or when the pause that Adobe asked for
            // ends.
            let service = self.reader.service;
            report.next_due =
                Some(after(service.now(), service.throttle_left().unwrap_or_default()));
        }
        if report.is_more_to_do(self.reader.service.now()) {
            let Gathered { snapshot, read_at, .. } = gathered;
            memory.carried = Some(Carried { runs: snapshot.runs, fresh: snapshot.fresh, read_at });
        }
        Ok(())
    }

    pub(super) async fn gather(&self, memory: &mut Memory) -> Result<Gathered, PassError> {
        tokio::select! {
            gathered = self.reader.gather(memory) => gathered,
            () = tokio::time::sleep(GATHER_LIMIT) => Err(PassError::TooSlow { limit: GATHER_LIMIT }),
            () = self.stop.cancelled() => Err(PassError::Stopped),
        }
    }

    async fn record(
        &self,
        gathered: &Gathered,
        plan: &Plan,
        memory: &mut Memory,
        report: &mut Report,
    ) -> Result<(), PassError> {
        let snapshot = &gathered.snapshot;
        let sandbox = &self.reader.sandbox.name;
        // The first reading of a sandbox is over when everything in it is decided on, except runs
        // that wait for a call in doubt.
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
        let committed = self.reader.store.commit(self.lease.owner(), &batch).await?;
        memory.withheld = withheld;
        report_stored(&batch.changes, &committed.applied, report);
        for (entry, _) in batch.notes.iter().zip(committed.noted).filter(|(_, noted)| *noted) {
            log_entry(entry, true);
            report.noted(entry);
        }
        Ok(())
    }

    /// Keeps the listed runs without a final decision.
    fn remember(&self, gathered: &Gathered, plan: &Plan, memory: &mut Memory) {
        let listed = gathered.snapshot.listed.iter();
        let runs: HashMap<&RunId, &Arc<Run>> = listed.map(|run| (&run.id, run)).collect();
        let kept = |id: &RunId| Some((id.clone(), Arc::clone(runs.get(id)?)));
        memory.deferred = plan.deferred.iter().filter_map(kept).collect();
        memory.parked.retain(|id, _| !runs.contains_key(id));
        let passing =
            |entry: &&Entry| matches!(entry.reason, Reason::FlowDisabled | Reason::UnknownKind);
        let parked = plan.skipped.iter().filter(passing).filter_map(|entry| kept(&entry.run_id));
        memory.parked.extend(parked);
    }

    fn calls<'c>(&'c self, gathered: &'c Gathered, memory: &Memory) -> Calls<'c> {
        Calls {
            service: self.reader.service,
            store: self.reader.store,
            lease: self.lease,
            stop: self.stop,
            vitals: self.vitals,
            mode: self.mode,
            snapshot: &gathered.snapshot,
            read_at: gathered.read_at,
            orders_seen: memory.orders.iter().flatten().map(|order| order.at).max(),
            at_a_time: self.reader.settings.adobe.connection.max_concurrent_requests.max(1),
        }
    }

    /// Stores the outcomes that an earlier pass could not store. If the lease was lost, none is
    /// kept: its new holder finds the intents and looks for the new runs.
    async fn finish(
        &self,
        unfinished: &mut Vec<Change>,
        report: &mut Report,
    ) -> Result<(), StoreError> {
        if unfinished.is_empty() {
            return Ok(());
        }
        let batch = Batch { changes: std::mem::take(unfinished), ..Batch::default() };
        match self.reader.store.commit(self.lease.owner(), &batch).await {
            Ok(committed) => report_stored(&batch.changes, &committed.applied, report),
            Err(error @ StoreError::LeaseLost) => {
                keep_unstored(batch.changes, &error, unfinished);
                return Err(error);
            }
            // They were logged when they could not be stored the first time.
            Err(error) => {
                *unfinished = batch.changes;
                return Err(error);
            }
        }
        Ok(())
    }
}
