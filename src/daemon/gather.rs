//! Step one of a pass: read everything the plan may need, and change nothing.
//!
//! Requests are the scarce thing. A quiet sandbox costs one request a pass: its failed runs since
//! the last complete listing. Runs that are followed and runs that are due are read by id, many per
//! request; a failure that is already known costs nothing.

use super::catalog::Catalog;
use super::pass::PassError;
use super::record::Record;
use super::tell::tell_catalog;
use crate::domain::ids::{FlowId, RunId};
use crate::domain::order::Order;
use crate::domain::policy::RetryPolicy;
use crate::domain::reading::{ReadingList, Turns};
use crate::domain::recovery::Recovery;
use crate::domain::rule;
use crate::domain::run::{Run, RunStatus};
use crate::domain::schedule::{Jitter, before};
use crate::domain::snapshot::{FlowListing, Mark, Snapshot};
use crate::flow_service::{FlowService, Listing, Window};
use crate::settings::{SandboxSettings, Settings};
use crate::store::{Progress, Store};
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// The most due recoveries that are read again in one pass: what can be sent while it is fresh.
const MOST_TURNS: usize = 500;
/// So many more than the limits allow, because some are not ready.
const SPARE_TURNS: usize = 50;

/// What is remembered of a sandbox between passes; all of it can be read again.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) catalog: Catalog,
    /// Runs issued for us whose `createdClient` is yet to be looked at.
    pub(super) issued: HashSet<RunId>,
    /// The dataflows that were held as a whole.
    held: HashSet<FlowId>,
    /// What operators have ordered; `None` before it was read.
    orders: Option<Vec<Order>>,
}

/// What was read, and how far.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) snapshot: Snapshot,
    /// When reading what may be acted on began.
    pub(super) read_at: Timestamp,
    /// What to remember once the plan is stored; `None` if the failed runs were not all read.
    pub(super) progress: Option<Progress>,
    /// Why the reading is incomplete, where it is.
    pub(super) fault: Option<PassError>,
}

/// The hands that reading needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gatherer<'a> {
    pub(super) service: &'a FlowService,
    pub(super) store: &'a dyn Store,
    pub(super) settings: &'a Settings,
    pub(super) sandbox: &'a SandboxSettings,
    pub(super) jitter: Jitter,
}

impl Gatherer<'_> {
    /// Reads what one pass over the sandbox needs.
    ///
    /// # Errors
    /// If the store, or the platform's list of dataflows, cannot be read at all. A listing of runs
    /// that broke off is no error: the plan works with what there is, see [`Gathered::fault`].
    pub(super) async fn gather(&self, memory: &mut Memory) -> Result<Gathered, PassError> {
        let name = &self.sandbox.name;
        let now = self.service.now();
        let recoveries = self.store.open_recoveries(name).await?;
        let progress = self.store.progress(name).await?;
        let record = Record::read(self.store, name, self.settings, now).await?;
        record.tell_orders(&mut memory.orders);
        // What failed while its dataflow was held was skipped, and has to be listed again.
        let lifted = !memory.held.is_empty() && {
            let holds = record.holds(name, &memory.catalog, &recoveries, self.settings);
            memory.held.iter().any(|flow| holds.why(flow).is_none())
        };
        let sweep = lifted || self.is_sweep_due(memory, progress, now);
        let mut fault = match sweep {
            true => self.refresh_catalog(memory).await?,
            false => None,
        };

        let adopt_since = before(now, self.settings.poll.lookback);
        let listing = match sweep && fault.is_none() {
            true => self.sweep_failed(memory, progress, adopt_since).await,
            false => self.list_failed(memory, progress, sweep, adopt_since).await,
        };
        let mut reading = Reading::of(&listing.items);
        let begun_at = listing.begun_at;
        if let Some(source) = listing.fault {
            fault = Some(PassError::Platform { doing: "list the failed runs", source });
        }

        let owned = self.owned(&reading, memory).await?;
        let turns = self.turns(memory, &record);
        let policy_of = |recovery: &Recovery| self.policy_of(memory, recovery);
        let mut wanted = ReadingList::of(&recoveries, now, sweep, turns, policy_of);
        wanted.add_flows_of_new(&reading.listed, &owned);
        let listings = self.list_doubtful(wanted.listings, &mut reading).await;
        // Last, because what is sent is sent soon after.
        let read_at = self.service.now();
        let fresh = match sweep && fault.is_none() {
            true => memory.catalog.flows().keys().cloned().collect(),
            false => self.read_flows(memory, wanted.flows, &mut fault).await,
        };
        self.read_runs(wanted.runs, &mut reading, &mut fault).await;
        let complete = fault.is_none();
        let client_named = self.check_client_id(memory, progress, &reading);

        let known = self.owned(&reading, memory).await?;
        let progress = complete.then_some(Progress {
            client_named,
            watermark: begun_at,
            swept_at: match progress {
                Some(progress) if !sweep => progress.swept_at,
                _ => begun_at,
            },
        });
        let holds = record.holds(name, &memory.catalog, &recoveries, self.settings);
        // A hold that was lifted is forgotten once a complete sweep has listed what it kept back.
        let held = holds.holds.keys().cloned();
        memory.held = match sweep && complete {
            true => held.collect(),
            false => held.chain(std::mem::take(&mut memory.held)).collect(),
        };
        let accepted = self.store.accepted_since(name, self.limits_window(now)).await?;
        Ok(Gathered {
            snapshot: Snapshot {
                now: self.service.now(),
                sandbox: name.clone(),
                flows: memory.catalog.flows().clone(),
                fresh,
                fallback: self.settings.retry,
                recoveries,
                listed: reading.listed,
                known,
                runs: reading.runs,
                missing: reading.missing,
                listings,
                mark: self.mark(client_named),
                accepted,
                adopt_since,
                max_adopted: self.settings.poll.max_adopted_per_pass,
                limits: self.settings.limits.clone(),
                jitter: self.jitter,
                rules: self.settings.rules.clone(),
                quiet: self.settings.quiet.clone(),
                holds,
                weather: record.weather,
                canary_patience: self.settings.breaker.window,
            },
            read_at,
            progress,
            fault,
        })
    }

    /// How many re-triggers this pass may make: what the limits leave, and some more, because not all
    /// that is due can go.
    fn turns(&self, memory: &Memory, record: &Record) -> Turns {
        let limits = &self.settings.limits;
        let per_minute = match limits.retriggers_per_minute {
            0 => MOST_TURNS,
            limit => (limit as usize).min(MOST_TURNS),
        };
        let dataflows = memory.catalog.flows().values().map(|dataflow| dataflow.per_dataflow);
        Turns {
            sandbox: per_minute + SPARE_TURNS,
            per_dataflow: dataflows.max().unwrap_or(limits.per_dataflow),
            least_tried_first: record.weather.outage.is_some(),
        }
    }

    /// Reads the catalog again. An older catalog serves on where that fails; the first one must not.
    async fn refresh_catalog(&self, memory: &mut Memory) -> Result<Option<PassError>, PassError> {
        let catalog = &mut memory.catalog;
        let first = !catalog.is_read();
        match catalog.refresh(self.service, self.settings, self.sandbox).await {
            Ok(()) => {
                if first {
                    tell_catalog(&self.sandbox.name, catalog);
                }
                Ok(None)
            }
            Err(fault) if catalog.is_read() => Ok(Some(fault)),
            Err(fault) => Err(fault),
        }
    }

    fn is_sweep_due(&self, memory: &Memory, progress: Option<Progress>, now: Timestamp) -> bool {
        let due = before(now, self.settings.poll.sweep_interval);
        !memory.catalog.is_read() || progress.is_none_or(|progress| progress.swept_at <= due)
    }

    /// The failed runs that changed since the last complete listing; in a sweep also those of the
    /// whole look-back window, whatever the platform makes of a filter on changes.
    async fn list_failed(
        &self,
        memory: &Memory,
        progress: Option<Progress>,
        sweep: bool,
        adopt_since: Timestamp,
    ) -> Listing<Run> {
        let mut flows: Vec<FlowId> = memory.catalog.flows().keys().cloned().collect();
        flows.sort();
        let since = progress
            .map_or(adopt_since, |progress| before(progress.watermark, self.settings.poll.overlap));
        let mut changed = self.list_parts(&flows, since, Window::UpdatedSince).await;
        if sweep && changed.is_complete() {
            let swept = self.list_parts(&flows, adopt_since, Window::BegunSince).await;
            changed.items.extend(swept.items);
            changed.fault = swept.fault;
        }
        changed
    }

    /// The failed runs of a window, part by part.
    async fn list_parts(
        &self,
        flows: &[FlowId],
        since: Timestamp,
        window: fn(Timestamp) -> Window,
    ) -> Listing<Run> {
        let list = |since| self.service.failed_runs(&self.sandbox.name, flows, window(since));
        let mut all = list(since).await;
        while let Some(rest) = all.until {
            let part = list(rest).await;
            all.items.extend(part.items);
            all.fault = part.fault;
            all.until = part.until;
        }
        all
    }

    /// The same in a sweep, where each dataflow has just named its last run. If that failed in the
    /// window and the listing does not show it, the platform understands our filter otherwise than
    /// we do: that form of the listing is not used again, and the runs are listed in another.
    async fn sweep_failed(
        &self,
        memory: &Memory,
        progress: Option<Progress>,
        adopt_since: Timestamp,
    ) -> Listing<Run> {
        loop {
            let mut listing = self.list_failed(memory, progress, true, adopt_since).await;
            if !listing.is_complete() {
                return listing;
            }
            let omitted = self.omitted(memory, adopt_since, &listing).await;
            // A run that is listed a little late is no omission.
            let settled = before(self.service.now(), 2 * self.settings.poll.overlap);
            let is_settled = |run: &Run| run.aged_from().is_some_and(|at| at <= settled);
            if !(omitted.iter().any(is_settled) && self.service.distrust_listing()) {
                listing.items.extend(omitted);
                return listing;
            }
        }
    }

    /// The failed last runs of dataflows that `listing` does not hold.
    async fn omitted(&self, memory: &Memory, since: Timestamp, listing: &Listing<Run>) -> Vec<Run> {
        let listed: HashSet<&RunId> = listing.items.iter().map(|run| &run.id).collect();
        let dataflows = memory.catalog.flows().values();
        let unlisted: Vec<RunId> = dataflows
            .filter_map(|dataflow| dataflow.flow.last_run.as_ref())
            .filter(|last| last.status == RunStatus::Failed && !listed.contains(&last.id))
            .filter(|last| last.started_at.is_some_and(|at| at >= since))
            .map(|last| last.id.clone())
            .collect();
        if unlisted.is_empty() {
            return Vec::new();
        }
        let read = self.service.runs_by_id(&self.sandbox.name, &unlisted).await.items;
        let in_window = |run: &Run| run.begun_at().is_some_and(|at| at >= since);
        read.into_iter().filter(|run| run.status == RunStatus::Failed && in_window(run)).collect()
    }

    /// Reads dataflows again that something may be sent for; gives those that were read.
    async fn read_flows(
        &self,
        memory: &mut Memory,
        wanted: Vec<FlowId>,
        fault: &mut Option<PassError>,
    ) -> HashSet<FlowId> {
        let selected = |id: &FlowId| memory.catalog.flows().contains_key(id);
        let wanted: Vec<FlowId> = wanted.into_iter().filter(selected).collect();
        if wanted.is_empty() {
            return HashSet::new();
        }
        let listing = self.service.flows_by_id(&self.sandbox.name, &wanted).await;
        let seen: HashSet<FlowId> = listing.items.iter().map(|flow| flow.id.clone()).collect();
        memory.catalog.update(self.settings, &self.sandbox.name, listing.items);
        match listing.fault {
            None => wanted
                .iter()
                .filter(|id| !seen.contains(*id))
                .for_each(|id| memory.catalog.remove(id)),
            Some(source) => {
                *fault = Some(PassError::Platform { doing: "read the dataflows", source });
            }
        }
        seen
    }

    /// Those of the runs read so far that belong to a recovery; where it matters, the last runs that
    /// the dataflows name are among them.
    async fn owned(&self, reading: &Reading, memory: &Memory) -> Result<HashSet<RunId>, PassError> {
        let mut ids: Vec<RunId> = reading.runs.keys().cloned().collect();
        let dataflows = memory.catalog.flows().values();
        let rules = &self.settings.rules;
        let by_rule = rules.iter().any(|it| it.retry.skip_when_later_run_succeeded == Some(true));
        let superseding =
            dataflows.filter(|dataflow| by_rule || dataflow.retry.skip_when_later_run_succeeded);
        ids.extend(
            superseding.filter_map(|dataflow| Some(dataflow.flow.last_run.as_ref()?.id.clone())),
        );
        Ok(self.store.known_runs(&ids).await?)
    }

    async fn read_runs(
        &self,
        wanted: Vec<RunId>,
        reading: &mut Reading,
        fault: &mut Option<PassError>,
    ) {
        let wanted: Vec<RunId> =
            wanted.into_iter().filter(|id| !reading.runs.contains_key(id)).collect();
        if wanted.is_empty() {
            return;
        }
        let listing = self.service.runs_by_id(&self.sandbox.name, &wanted).await;
        listing.items.into_iter().for_each(|run| reading.take(run));
        match listing.fault {
            None => {
                let unseen = wanted.into_iter().filter(|id| !reading.runs.contains_key(id));
                reading.missing = unseen.collect();
            }
            Some(source) => {
                *fault = Some(PassError::Platform { doing: "read runs by id", source });
            }
        }
    }

    async fn list_doubtful(
        &self,
        wanted: Vec<(FlowId, Timestamp)>,
        reading: &mut Reading,
    ) -> HashMap<FlowId, FlowListing> {
        let mut listings = HashMap::new();
        for (flow, since) in wanted {
            let listing = self.service.runs_of_flow(&self.sandbox.name, &flow, since).await;
            listing.items.iter().for_each(|run| reading.take(run.clone()));
            let complete = listing.fault.is_none();
            let begun_at = listing.begun_at;
            listings.insert(flow, FlowListing { runs: listing.items, complete, begun_at });
            // A dataflow that cannot be read any more must not hold up the others: its call stays in
            // doubt, and the failed runs of the sandbox were read all the same.
            if let Some(error) = listing.fault {
                tracing::debug!(%error, "runs of a dataflow in doubt not listed");
            }
        }
        listings
    }

    /// A run that was issued for us is ours: whether it names our client tells
    /// whether the field can be used to find the run of a doubtful call.
    fn check_client_id(
        &self,
        memory: &mut Memory,
        progress: Option<Progress>,
        reading: &Reading,
    ) -> Option<bool> {
        let known = progress.and_then(|progress| progress.client_named);
        let mut verdict = known;
        memory.issued.retain(|issued| {
            let run = reading.runs.get(issued);
            let Some(client) = run.and_then(|run| run.created_client.as_deref()) else {
                return run.is_none();
            };
            let ours = client == self.service.client_id();
            if !ours && verdict != Some(false) {
                tracing::warn!(
                    sandbox = self.sandbox.name.as_str(),
                    run_id = issued.as_str(),
                    "issued run names another client; createdClient is not used to find runs in doubt"
                );
            }
            verdict = Some(ours && verdict != Some(false));
            false
        });
        verdict
    }

    fn mark(&self, client_named: Option<bool>) -> Mark {
        let ours = self.service.client_id().to_owned();
        match client_named {
            _ if !self.settings.adobe.match_created_client => Mark::Ignored,
            Some(false) => Mark::Ignored,
            Some(true) => Mark::Proven(ours),
            None => Mark::Supposed(ours),
        }
    }

    fn policy_of(&self, memory: &Memory, recovery: &Recovery) -> RetryPolicy {
        let dataflow = memory.catalog.flows().get(&recovery.flow_id);
        let base = dataflow.map_or(self.settings.retry, |dataflow| dataflow.retry);
        let Recovery { sandbox, flow_id, flow_name, failure, .. } = recovery;
        // By the name of today, as the plan asks: both have to mean the same run.
        let name = dataflow.map_or(flow_name, |dataflow| &dataflow.flow.name);
        rule::in_force(&self.settings.rules, base, sandbox, flow_id, name, failure).1
    }

    fn limits_window(&self, now: Timestamp) -> Timestamp {
        match self.settings.limits.retriggers_per_day {
            0 => before(now, Duration::from_secs(60)),
            _ => before(now, Duration::from_secs(24 * 60 * 60)),
        }
    }
}

/// The runs read so far in this pass.
#[derive(Debug)]
struct Reading {
    runs: HashMap<RunId, Run>,
    listed: Vec<Run>,
    missing: HashSet<RunId>,
}

impl Reading {
    fn of(listed: &[Run]) -> Self {
        let runs = listed.iter().map(|run| (run.id.clone(), run.clone())).collect();
        Self { runs, listed: listed.to_vec(), missing: HashSet::new() }
    }

    /// A later reading replaces an earlier one.
    fn take(&mut self, run: Run) {
        self.runs.insert(run.id.clone(), run);
    }
}
