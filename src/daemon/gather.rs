//! Step one of a pass: read everything the plan may need, and change nothing.
//!
//! Requests are the scarce thing. A quiet sandbox costs one request a pass: its failed runs since
//! the last complete listing. Runs that are followed and runs that may call are read by id, many per
//! request; a failure that is already known costs nothing. A pass that follows another at once reads
//! only what that one did not.

use super::error::PassError;
use super::failed_runs::Since;
use super::memory::{Check, Memory};
use super::reads::Reading;
use super::record::Record;
use crate::domain::model::ids::RunId;
use crate::domain::model::time::{after, before};
use crate::domain::plan::admission::{Admission, Allowance, Facts, Turns};
use crate::domain::plan::due::DueRecovery;
use crate::domain::plan::read_plan::ReadPlan;
use crate::domain::plan::snapshot::Snapshot;
use crate::domain::policy::pause_order::Order;
use crate::domain::policy::quiet;
use crate::domain::policy::retry::RetryPolicy;
use crate::domain::policy::rule;
use crate::domain::policy::schedule::Jitter;
use crate::domain::recovery::{Recovery, State};
use crate::flow_service::FlowService;
use crate::settings::{SandboxSettings, Settings};
use crate::store::{Progress, Store};
use jiff::Timestamp;
use std::collections::HashSet;
use std::time::Duration;

/// The most held recoveries that are looked at in one pass.
const HELD_PER_PASS: u32 = 500;
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What was read, and how far.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) snapshot: Snapshot,
    /// When reading what may be acted on began.
    pub(super) read_at: Timestamp,
    /// What to remember once the plan is stored; `None` if the failed runs were not all read.
    pub(super) progress: Option<Progress>,
    /// Operators' orders that were not known before.
    pub(super) new_orders: Vec<Order>,
    /// The newest operator's order.
    pub(super) orders_seen: Option<Timestamp>,
    /// The dataflows were read for the first time.
    pub(super) first_catalog: bool,
    /// There is more to read at once.
    pub(super) more: bool,
    /// Why the reading is incomplete, where it is.
    pub(super) fault: Option<PassError>,
}

/// What gathering needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gatherer<'a> {
    pub(super) service: &'a FlowService,
    pub(super) store: &'a dyn Store,
    pub(super) settings: &'a Settings,
    pub(super) sandbox: &'a SandboxSettings,
    pub(super) jitter: Jitter,
}

/// What the store says before anything is asked of the platform.
struct Stored {
    recoveries: Vec<Recovery>,
    turns: Turns,
    facts: Facts,
}

impl Gatherer<'_> {
    /// Reads what one pass over the sandbox needs.
    ///
    /// # Errors
    /// If the store, or the platform's list of dataflows, cannot be read at all, or the time is not
    /// known. A listing of runs that broke off is no error: the plan works with what there is, see
    /// [`Gathered::fault`].
    pub(super) async fn gather(&self, memory: &mut Memory) -> Result<Gathered, PassError> {
        let name = &self.sandbox.name;
        // What is sent has to be sent soon after this.
        let begun = self.service.now();
        let first_catalog = !memory.catalog.is_read();
        // First of all where the time is in doubt, because its answer shows the platform's.
        let mut fault = match first_catalog || self.service.trusted_now().is_err() {
            true => self.refresh_catalog(memory).await?,
            false => None,
        };
        let now = self.service.trusted_now()?;
        let carried = memory.carried.take().filter(|carried| carried.is_young(now));
        let follows = carried.is_some();
        let progress = self.store.progress(name).await?;
        let first_pass = progress.is_none();
        let progress = progress.filter(|it| it.watermark.max(it.swept_at) <= after(now, MINUTE));
        let client = self.client(memory, progress.as_ref(), now);
        let record = Record::read(self.store, name, self.settings, now).await?;
        let new_orders = record.new_orders(&mut memory.orders);
        // What failed while its dataflow was held was skipped, and has to be listed again.
        let lifted = !memory.held.is_empty() && {
            let holds = record.holds(name, &memory.catalog, self.settings);
            memory.held.iter().any(|flow| holds.why(flow).is_none())
        };
        if lifted || !new_orders.is_empty() {
            memory.check = Check::Due;
        }
        let sweep =
            first_catalog || (!follows && (lifted || self.is_sweep_due(progress.as_ref(), now)));
        if sweep && !first_catalog {
            fault = self.refresh_catalog(memory).await?;
        }

        let adopt_since = before(now, self.settings.poll.lookback);
        let first_since = first_pass.then(|| before(now, self.settings.poll.first_lookback));
        let parked = memory.parked_to_check(now);
        let mut reading = Reading::of(carried, memory.deferred.values().chain(parked));
        let mut begun_at = None;
        if !follows || sweep {
            let since = Since {
                changed: progress
                    .as_ref()
                    .map_or(adopt_since, |it| before(it.watermark, self.settings.poll.overlap)),
                begun: (sweep && fault.is_none()).then_some(adopt_since),
            };
            let listing = self.list_failed(memory, since).await;
            begun_at = Some(listing.begun_at);
            reading.list(listing.items);
            if let Some(source) = listing.fault {
                fault = Some(PassError::Platform { doing: "list the failed runs", source });
            }
        }

        let owned = self.owned(&reading, memory, first_pass).await?;
        let stored = self.stored(memory, &record, now, sweep).await?;
        let mut wanted = self.wanted(memory, &stored, &reading, &owned, follows, sweep, now);
        if first_pass {
            wanted.add_histories(&reading.listed, &owned, memory.catalog.flows());
        }
        let mut listings = self.list_doubtful(wanted.listings, &mut reading).await;
        self.list_peers(wanted.peers, &mut listings, &mut reading).await;
        let read_at = reading.carried_at.unwrap_or(begun);
        if sweep && fault.is_none() {
            reading.fresh = memory.catalog.flows().keys().cloned().collect();
        } else {
            let flows = wanted.flows.into_iter().filter(|id| !reading.fresh.contains(id));
            let flows = flows.collect();
            let read = self.read_flows(memory, flows, &mut fault).await;
            reading.fresh.extend(read);
        }
        self.read_runs(wanted.runs, &mut reading, &mut fault).await;
        // The answers may have shown that the time this pass began with was wrong.
        let read_until = self.service.trusted_now()?;
        let client = self.check_client(client, memory, &reading);

        let known = self.owned(&reading, memory, first_pass).await?;
        let complete = fault.is_none();
        let progress = begun_at.filter(|_| complete).map(|begun_at| Progress {
            client: Some(client.clone()),
            watermark: begun_at,
            swept_at: match &progress {
                Some(progress) if !sweep => progress.swept_at,
                _ => begun_at,
            },
        });
        let holds = record.holds(name, &memory.catalog, self.settings);
        // A hold that was lifted is forgotten once a complete sweep has listed what it kept back.
        let held = holds.holds.keys().cloned();
        memory.held = match sweep && complete {
            true => held.collect(),
            false => held.chain(std::mem::take(&mut memory.held)).collect(),
        };
        Ok(Gathered {
            snapshot: Snapshot {
                now: read_until,
                sandbox: name.clone(),
                flows: memory.catalog.flows().clone(),
                fresh: reading.fresh,
                fallback: self.settings.retry,
                recoveries: stored.recoveries,
                queue: stored.turns.queued,
                more_due: stored.turns.more,
                next_due: self.store.next_due(name, now).await?,
                listed: reading.listed,
                known,
                runs: reading.runs,
                missing: reading.missing,
                listings,
                client_trust: self.mark(client),
                adopt_since,
                first_since,
                max_adopted: self.settings.poll.max_adopted_per_pass,
                per_dataflow: self.settings.limits.per_dataflow,
                admission: stored.facts,
                jitter: self.jitter,
                rules: self.settings.rules.clone(),
                quiet: self.settings.quiet.clone(),
                holds,
            },
            read_at,
            progress,
            new_orders,
            orders_seen: record.newest_order(),
            first_catalog: first_catalog && memory.catalog.is_read(),
            more: memory.check.goes_on(),
            fault,
        })
    }

    /// What the store holds that this pass looks at.
    async fn stored(
        &self,
        memory: &mut Memory,
        record: &Record,
        now: Timestamp,
        sweep: bool,
    ) -> Result<Stored, PassError> {
        let name = &self.sandbox.name;
        let mut recoveries = self.store.under_way(name).await?;
        let facts = self.facts(record, now).await?;
        let flows = memory.catalog.flows();
        let room = self.settings.limits.per_dataflow;
        let admission = Admission::new(&facts, flows, room, now, recoveries.iter(), &[]);
        let holds = record.holds(name, &memory.catalog, self.settings);
        let moves = |it: &DueRecovery| {
            let flow_name = flows.get(&it.flow_id).map_or("", |flow| &flow.flow.name);
            let quiet = quiet::pause(&self.settings.quiet, name, &it.flow_id, flow_name, now);
            !it.ordered && (holds.why(&it.flow_id).is_some() || quiet.is_some())
        };
        let turns = admission.turns(self.store.due(name, now).await?, moves);
        let roots: Vec<RunId> = turns.calls.iter().chain(&turns.moves).cloned().collect();
        recoveries.extend(self.store.recoveries_of(&roots).await?);
        if sweep && !memory.check.goes_on() {
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
        let limits = &self.settings.limits;
        let mut allowances = [Allowance::UNLIMITED; 2];
        let bounds = [(limits.retriggers_per_minute, MINUTE), (limits.retriggers_per_day, DAY)];
        for (allowance, (limit, window)) in allowances.iter_mut().zip(bounds) {
            if limit > 0 {
                let since = before(now, window);
                let calls = self.store.calls_since(&self.sandbox.name, since).await?;
                *allowance = Allowance::of(limit, window, calls.count, calls.oldest);
            }
        }
        Ok(Facts {
            allowances,
            throttled_until: self.service.pause_left().map(|left| after(now, left)),
            outages: record.outages.clone(),
            breaker: self.settings.breaker.clone(),
        })
    }

    /// What is to be read of the platform. A pass that follows at once looks only at what may call
    /// or is held.
    #[expect(clippy::too_many_arguments, reason = "all that gathering knows so far")]
    fn wanted(
        &self,
        memory: &Memory,
        stored: &Stored,
        reading: &Reading,
        owned: &HashSet<RunId>,
        follows: bool,
        sweep: bool,
        now: Timestamp,
    ) -> ReadPlan {
        let is_wanted = |it: &&Recovery| match it.state {
            State::Waiting { .. } | State::Held { .. } => true,
            _ => !follows,
        };
        let recoveries: Vec<&Recovery> = stored.recoveries.iter().filter(is_wanted).collect();
        let calls: HashSet<RunId> = stored.turns.calls.iter().cloned().collect();
        // What a rule holds is no longer looked at after a day: there may be very many.
        let held_since = sweep.then(|| before(now, DAY));
        let policy_of = |recovery: &Recovery| self.policy_of(memory, recovery);
        let mut wanted = ReadPlan::of(&recoveries, &calls, held_since, policy_of);
        wanted.add_flows_of_new(&reading.listed, owned);
        wanted
    }

    /// Reads the catalog again. An older catalog serves on where that fails; the first one must not.
    async fn refresh_catalog(&self, memory: &mut Memory) -> Result<Option<PassError>, PassError> {
        match memory.catalog.refresh(self.service, self.settings, self.sandbox).await {
            Ok(()) => Ok(None),
            Err(fault) if memory.catalog.is_read() => Ok(Some(fault)),
            Err(fault) => Err(fault),
        }
    }

    fn is_sweep_due(&self, progress: Option<&Progress>, now: Timestamp) -> bool {
        let due = before(now, self.settings.poll.sweep_interval);
        progress.is_none_or(|progress| progress.swept_at <= due)
    }

    fn policy_of(&self, memory: &Memory, recovery: &Recovery) -> RetryPolicy {
        let dataflow = memory.catalog.flows().get(&recovery.flow_id);
        let base = dataflow.map_or(self.settings.retry, |dataflow| dataflow.retry);
        let Recovery { sandbox, flow_id, flow_name, failure, .. } = recovery;
        // By the name of today, as the plan asks: both have to mean the same run.
        let name = dataflow.map_or(flow_name, |dataflow| &dataflow.flow.name);
        rule::in_force(&self.settings.rules, base, sandbox, flow_id, name, failure).1
    }
}
