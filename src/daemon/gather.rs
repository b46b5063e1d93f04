//! Step one of a pass: read everything that the plan may need. Nothing is stored or logged here;
//! what should be logged goes into [`Findings`].
//!
//! Requests are scarce. A quiet sandbox costs one request per pass: its failed runs since the last
//! complete listing. Runs that are followed and runs that may be re-triggered are read by id, many
//! per request. A failure that is already known costs nothing. A pass that follows another one at
//! once reads only what that one did not read.

use super::error::PassError;
use super::failed_runs::Since;
use super::findings::Findings;
use super::memory::{Check, Memory};
use super::reads::Reading;
use super::record::Record;
use super::sandbox_reader::SandboxReader;
use crate::domain::model::ids::{FlowId, RunId};
use crate::domain::model::time::{after, before};
use crate::domain::plan::admission::{Admission, Facts, Turns};
use crate::domain::plan::due::DueRecovery;
use crate::domain::plan::read_plan::ReadPlan;
use crate::domain::plan::snapshot::{FlowListing, Snapshot};
use crate::domain::policy::hold::Holds;
use crate::domain::policy::in_force::Policies;
use crate::domain::policy::long_failure::{Failing, LEAST, LOOKBACK};
use crate::domain::policy::pause_order::Order;
use crate::domain::policy::quiet;
use crate::domain::recovery::{Recovery, State};
use crate::store::{ClientMark, Progress, limit_uses};
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// The maximum number of held recoveries that one pass checks.
const HELD_PER_PASS: u32 = 500;
/// How long what was read for a call is certainly fresh.
const FRESH: Duration = Duration::from_secs(45);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What was read, and how far.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) snapshot: Snapshot,
    /// When reading the data behind any calls began.
    pub(super) read_at: Timestamp,
    /// What to remember once the plan is stored; `None` if the failed runs were not all read.
    pub(super) progress: Option<Progress>,
    /// All pauses and resumes.
    pub(super) orders: Vec<Order>,
    /// What to log.
    pub(super) findings: Findings,
    /// There is more to read at once.
    pub(super) more: bool,
    /// Why the reading is incomplete, if it is.
    pub(super) fault: Option<PassError>,
}

/// What is known before runs are read.
struct Start {
    /// Calls must be sent soon after this.
    begun: Timestamp,
    now: Timestamp,
    /// True if the previous pass has just read something.
    follows: bool,
    /// True if the whole look-back window is read.
    sweep: bool,
    first_pass: bool,
    progress: Option<Progress>,
    client: ClientMark,
    record: Record,
    policies: Policies,
    holds: Holds,
    findings: Findings,
    fault: Option<PassError>,
}

/// What the store contributes before runs are read by id.
struct Stored {
    recoveries: Vec<Recovery>,
    turns: Turns,
    facts: Facts,
}

impl SandboxReader<'_> {
    /// Reads what one pass over the sandbox needs.
    ///
    /// # Errors
    /// If the store, or the list of dataflows, cannot be read at all, or the time is unknown. A
    /// listing of runs that broke off is not an error: the plan works with what was read, see
    /// [`Gathered::fault`].
    pub(super) async fn gather(&self, memory: &mut Memory) -> Result<Gathered, PassError> {
        let (mut start, mut reading) = self.start(memory).await?;
        let listed_at = self.read_failed(memory, &mut start, &mut reading).await;
        self.find_owned(&mut reading, memory, &start).await?;
        let stored = self.stored(memory, &start).await?;
        let listings = self.read_wanted(memory, &mut start, &stored, &mut reading).await;
        // The answers may have shown that the pass started with a wrong time.
        let now = self.service.trusted_now()?;
        self.check_client(&mut start.client, memory, &reading, &mut start.findings);
        self.find_owned(&mut reading, memory, &start).await?;
        start.findings.unread_specs = std::mem::take(&mut memory.catalog.unread_specs);
        start.findings.lost_names = std::mem::take(&mut memory.catalog.lost_names);

        let complete = start.fault.is_none();
        let failing = match start.sweep && complete {
            true => self.failing(start.now).await?,
            false => Vec::new(),
        };
        // A hold that ended is forgotten after a complete sweep has listed the runs that it held.
        let held = start.holds.holds.keys().cloned();
        memory.held = match start.sweep && complete {
            true => held.collect(),
            false => held.chain(std::mem::take(&mut memory.held)).collect(),
        };
        let poll = &self.settings.poll;
        Ok(Gathered {
            progress: listed_at.filter(|_| complete).map(|at| start.progress_at(at)),
            read_at: reading.carried_at.unwrap_or(start.begun),
            snapshot: Snapshot {
                now,
                sandbox: self.sandbox.name.clone(),
                flows: memory.catalog.flows().clone(),
                fresh: reading.fresh,
                recoveries: stored.recoveries,
                queue: stored.turns.queued,
                more_due: stored.turns.more,
                next_due: self.store.next_due(&self.sandbox.name, start.now).await?,
                listed: reading.listed,
                known: reading.owned,
                runs: reading.runs,
                missing: reading.missing,
                listings,
                client_trust: self.client_trust(start.client),
                adopt_since: before(start.now, poll.lookback),
                first_since: start.first_pass.then(|| before(start.now, poll.first_lookback)),
                max_adopted: poll.max_adopted_per_pass,
                admission: stored.facts,
                jitter: self.jitter,
                policies: start.policies,
                quiet: self.settings.quiet.clone(),
                holds: start.holds,
                failing,
            },
            orders: start.record.orders,
            findings: start.findings,
            more: memory.check.is_under_way(),
            fault: start.fault,
        })
    }

    /// Reads the time and the record, and the dataflows if that is due. Decides how much this pass
    /// reads.
    async fn start(&self, memory: &mut Memory) -> Result<(Start, Reading), PassError> {
        let begun = self.service.now();
        let first_catalog = !memory.catalog.is_read();
        if first_catalog {
            memory.catalog.remember(self.store.flow_names().await?);
        }
        // First, if the time is in doubt, because the answer shows Adobe's time.
        let mut fault = match first_catalog || self.service.trusted_now().is_err() {
            true => self.refresh_catalog(memory).await?,
            false => None,
        };
        let now = self.service.trusted_now()?;
        let carried = memory.carried.take().filter(|carried| carried.is_young(now));
        let follows = carried.is_some();
        let progress = self.store.progress(&self.sandbox.name).await?;
        let first_pass = progress.is_none();
        let progress = progress.filter(|it| it.watermark.max(it.swept_at) <= after(now, MINUTE));
        let client = self.client(memory, progress.as_ref(), now);
        let record = Record::read(self.store, &self.sandbox.name, self.settings, now).await?;
        let new_orders = record.orders_since(memory.orders.as_deref());
        let mut holds = self.holds(&record, memory);
        // Runs that failed while their dataflow was held were skipped, and must be listed again.
        let lifted = memory.held.iter().any(|flow| holds.why(flow).is_none());
        if lifted || !new_orders.is_empty() {
            memory.check = Check::Due;
        }
        let due = before(now, self.settings.poll.sweep_interval);
        let sweep_due = progress.as_ref().is_none_or(|progress| progress.swept_at <= due);
        let sweep = first_catalog || (!follows && (lifted || sweep_due));
        if sweep && !first_catalog {
            fault = self.refresh_catalog(memory).await?;
            holds = self.holds(&record, memory);
        }
        let parked = memory.parked_to_check(now);
        let reading = Reading::of(carried, memory.deferred.values().chain(parked));
        let findings = Findings {
            new_orders,
            first_catalog: first_catalog && memory.catalog.is_read(),
            ..Findings::default()
        };
        let policies = self.settings.policies();
        let start = Start {
            begun,
            now,
            follows,
            sweep,
            first_pass,
            progress,
            client,
            record,
            policies,
            holds,
            findings,
            fault,
        };
        Ok((start, reading))
    }

    /// Lists the failed runs, unless the previous pass has just done so. Returns the time at which
    /// the listing began.
    async fn read_failed(
        &self,
        memory: &Memory,
        start: &mut Start,
        reading: &mut Reading,
    ) -> Option<Timestamp> {
        if start.follows && !start.sweep {
            return None;
        }
        let adopt_since = before(start.now, self.settings.poll.lookback);
        let changed = |it: &Progress| before(it.watermark, self.settings.poll.overlap);
        let since = Since {
            changed: start.progress.as_ref().map_or(adopt_since, changed),
            begun: (start.sweep && start.fault.is_none()).then_some(adopt_since),
        };
        let listing = self.list_failed(memory, since).await;
        reading.list(listing.items);
        if let Some(source) = listing.fault {
            start.fault = Some(PassError::Platform { doing: "list the failed runs", source });
        }
        Some(listing.begun_at)
    }

    /// The stored recoveries that this pass looks at.
    async fn stored(&self, memory: &mut Memory, start: &Start) -> Result<Stored, PassError> {
        let (name, now) = (&self.sandbox.name, start.now);
        let mut recoveries = self.store.under_way(name).await?;
        let facts = self.facts(&start.record, now).await?;
        let flows = memory.catalog.flows();
        let room = start.policies.default.per_dataflow;
        let admission = Admission::new(&facts, flows, room, now, recoveries.iter(), &[]);
        let moves = |it: &DueRecovery| {
            let flow_name = flows.get(&it.flow_id).map_or("", |flow| &flow.flow.name);
            let quiet = quiet::pause(&self.settings.quiet, name, &it.flow_id, flow_name, now);
            let blocked = flows.get(&it.flow_id).is_none_or(|it| it.block_reason().is_some());
            blocked || !it.ordered && (start.holds.why(&it.flow_id).is_some() || quiet.is_some())
        };
        let turns = admission.turns(self.store.due(name, now).await?, moves);
        let roots: Vec<RunId> = turns.calls.iter().chain(&turns.moves).cloned().collect();
        recoveries.extend(self.store.recoveries_of(&roots).await?);
        if start.sweep && !memory.check.is_under_way() {
            memory.check = Check::Due;
        }
        if let Some(after) = memory.check.next(now) {
            let held = self.store.held(name, after.as_ref(), HELD_PER_PASS).await?;
            let full = held.len() >= HELD_PER_PASS as usize;
            let last = held.last().filter(|_| full).map(|it| it.root_run_id.clone());
            memory.check.looked_at(last, now);
            recoveries.extend(held);
        }
        Ok(Stored { recoveries, turns, facts })
    }

    async fn facts(&self, record: &Record, now: Timestamp) -> Result<Facts, PassError> {
        let (sandbox, limits) = (&self.sandbox.name, &self.settings.limits);
        let uses = limit_uses(self.store, sandbox, limits, now).await?;
        Ok(Facts {
            allowances: uses.map(|limit| limit.allowance()),
            throttled_until: self.service.throttle_left().map(|left| after(now, left)),
            outages: record.outages.clone(),
            breaker: self.settings.breaker.clone(),
            most_read: self.most_read(),
        })
    }

    /// What is read for calls is about what can be sent while it is fresh.
    fn most_read(&self) -> usize {
        let sendable = self.settings.adobe.connection.requests_per_second * FRESH.as_secs_f64();
        (sendable as usize).clamp(50, 2_000)
    }

    /// Reads by id what the recoveries need, and lists the runs of dataflows in doubt and of those that
    /// may be called for.
    async fn read_wanted(
        &self,
        memory: &mut Memory,
        start: &mut Start,
        stored: &Stored,
        reading: &mut Reading,
    ) -> HashMap<FlowId, FlowListing> {
        let wanted = self.wanted(memory, start, stored, reading);
        let mut listings = self.list_doubtful(wanted.listings, reading, &mut start.findings).await;
        self.list_peers(wanted.peers, &mut listings, reading, &mut start.findings).await;
        if start.sweep && start.fault.is_none() {
            reading.fresh = memory.catalog.flows().keys().cloned().collect();
        } else {
            let flows = wanted.flows.into_iter().filter(|id| !reading.fresh.contains(id)).collect();
            let read = self.read_flows(memory, flows, &mut start.fault).await;
            if !read.is_empty() {
                start.holds = self.holds(&start.record, memory);
            }
            reading.fresh.extend(read);
        }
        self.read_runs(wanted.runs, reading, &mut start.fault).await;
        listings
    }

    /// What to read from Adobe. A pass that follows at once reads only for recoveries that may call
    /// or are held.
    fn wanted(
        &self,
        memory: &Memory,
        start: &Start,
        stored: &Stored,
        reading: &Reading,
    ) -> ReadPlan {
        let is_wanted = |it: &&Recovery| match it.state {
            State::Waiting { .. } | State::Held { .. } => true,
            _ => !start.follows,
        };
        let recoveries: Vec<&Recovery> = stored.recoveries.iter().filter(is_wanted).collect();
        let calls: HashSet<RunId> = stored.turns.calls.iter().cloned().collect();
        // Runs that a rule holds are not read any more after a day: there may be very many.
        let held_since = start.sweep.then(|| before(start.now, DAY));
        let flows = memory.catalog.flows();
        let policy_of = |it: &Recovery| {
            // By its current name, as in the plan: both must mean the same run.
            let name = flows.get(&it.flow_id).map_or(&it.flow_name, |dataflow| &dataflow.flow.name);
            start.policies.in_force(&it.sandbox, &it.flow_id, name, &it.failure).retry
        };
        let mut wanted = ReadPlan::of(&recoveries, &calls, held_since, policy_of);
        wanted.add_flows_of_new(&reading.listed, &reading.owned);
        if start.first_pass {
            wanted.add_histories(&reading.listed, &reading.owned, flows);
        }
        wanted
    }

    async fn failing(&self, now: Timestamp) -> Result<Vec<Failing>, PassError> {
        let (since, begun_by) = (before(now, LOOKBACK), before(now, LEAST));
        Ok(self.store.failing(&self.sandbox.name, since, begun_by).await?)
    }

    fn holds(&self, record: &Record, memory: &Memory) -> Holds {
        record.holds(&self.sandbox.name, &memory.catalog, self.settings)
    }

    /// Reads the catalog again. If that fails, an older catalog stays in use; a first one is
    /// required.
    async fn refresh_catalog(&self, memory: &mut Memory) -> Result<Option<PassError>, PassError> {
        match memory.catalog.refresh(self.service, self.settings, self.sandbox).await {
            Ok(()) => Ok(None),
            Err(fault) if memory.catalog.is_read() => Ok(Some(fault)),
            Err(fault) => Err(fault),
        }
    }

    /// The runs read so far that belong to a recovery, including the last runs of the dataflows if
    /// they matter. No run is looked up twice in a pass.
    async fn find_owned(
        &self,
        reading: &mut Reading,
        memory: &Memory,
        start: &Start,
    ) -> Result<(), PassError> {
        let policies = &start.policies;
        let by_rule = start.first_pass
            || policies.rules.iter().any(|it| it.retry.skip_when_later_run_succeeded == Some(true));
        let last_runs = memory.catalog.flows().values().filter_map(|dataflow| {
            let flow = &dataflow.flow;
            let wanted = by_rule
                || policies
                    .of(&self.sandbox.name, &flow.id, &flow.name)
                    .retry
                    .skip_when_later_run_succeeded;
            Some(&flow.last_run.as_ref().filter(|_| wanted)?.id)
        });
        let read = reading.runs.keys().chain(reading.listed.iter().map(|run| &run.id));
        let ids: HashSet<&RunId> = read.chain(last_runs).collect();
        let ids: Vec<RunId> =
            ids.into_iter().filter(|id| !reading.looked_up.contains(*id)).cloned().collect();
        reading.owned.extend(self.store.known_runs(&ids).await?);
        reading.looked_up.extend(ids);
        Ok(())
    }
}

impl Start {
    /// How far the sandbox has been read once a listing that began at `listed_at` is complete.
    fn progress_at(&self, listed_at: Timestamp) -> Progress {
        Progress {
            client: Some(self.client.clone()),
            watermark: listed_at,
            swept_at: match &self.progress {
                Some(progress) if !self.sweep => progress.swept_at,
                _ => listed_at,
            },
        }
    }
}
