//! The world: one organization, its flows and runs, and how time changes them.
//!
//! A world has no background task. It holds a queue of future events, and every request moves it to
//! the time of the clock, event by event. So it costs nothing while idle, and a minute or a day may
//! have passed. All randomness comes from one seed and is drawn in the order of events: the same seed
//! and the same clock give the same world.

pub(crate) mod credentials;
mod event_queue;
pub(crate) mod failure;
pub(crate) mod flow;
pub(crate) mod ledger;
pub(crate) mod retrigger;
pub(crate) mod run;
pub(crate) mod run_log;
pub(crate) mod spec;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use uuid::Builder;

use crate::simulator::faults::rule::Faults;
use crate::simulator::quirks::Quirks;
use credentials::{Credentials, Tokens};
use event_queue::{Event, EventQueue};
use failure::{Cause, Failure};
use flow::{Flow, FlowKey, FlowSetup, FlowState};
use ledger::Ledger;
use run::{Author, Lineage, Run, RunKey, RunSetup, RunStatus};
use run_log::RunLog;
use spec::Spec;

/// The most missed runs of one flow that are created after the clock jumps: a day of the shortest
/// schedule that Adobe allows.
const CATCH_UP_RUNS: i64 = 96;

/// One organization of the simulated Experience Platform.
#[derive(Debug)]
pub struct World {
    /// The only valid credential.
    pub credentials: Credentials,
    /// How this service differs from the documented one.
    pub quirks: Quirks,
    /// What goes wrong between the client and the service.
    pub faults: Faults,
    /// The record of requests and re-triggers.
    pub ledger: Ledger,
    /// Sources that are not available: every run of their flows that ends fails.
    pub down: HashSet<Spec>,
    pub(crate) tokens: Tokens,
    pub(crate) sandboxes: BTreeMap<String, String>,
    /// Its flows; [`World::flow_key`] gives the index.
    pub flows: Vec<Flow>,
    flow_keys: HashMap<String, FlowKey>,
    /// Its runs.
    pub runs: RunLog,
    events: EventQueue,
    now: i64,
    /// Draws what happens.
    rng: Rng,
    /// Draws request ids, tokens and faults, so that requests do not change what happens.
    pub(crate) noise: Rng,
}

impl World {
    /// An organization with an empty sandbox `prod`, at the time `now`.
    pub fn empty(seed: u64, now: Timestamp) -> Self {
        let mut world = Self {
            credentials: Credentials::default(),
            quirks: Quirks::default(),
            faults: Faults::default(),
            ledger: Ledger::default(),
            down: HashSet::new(),
            tokens: Tokens::default(),
            sandboxes: BTreeMap::new(),
            flows: Vec::new(),
            flow_keys: HashMap::new(),
            runs: RunLog::default(),
            events: EventQueue::default(),
            now: now.as_millisecond(),
            rng: Rng::with_seed(seed),
            noise: Rng::with_seed(!seed),
        };
        world.add_sandbox("prod");
        world
    }

    /// Adds an empty sandbox, unless there is one of that name.
    pub fn add_sandbox(&mut self, name: &str) {
        if !self.sandboxes.contains_key(name) {
            let id = random_uuid(&mut self.rng);
            self.sandboxes.insert(name.to_owned(), id);
        }
    }

    /// Adds a flow and returns its id. Its first scheduled run comes within one interval.
    pub fn add_flow(&mut self, setup: FlowSetup) -> String {
        self.add_sandbox(&setup.sandbox);
        let id = setup.id.clone().unwrap_or_else(|| random_uuid(&mut self.rng));
        let created_at = setup.created_at.map_or(self.now, Timestamp::as_millisecond);
        let key = self.flows.len();
        self.flow_keys.insert(id.clone(), key);
        self.flows.push(Flow {
            id: id.clone(),
            created_at,
            updated_at: created_at,
            stamp: self.rng.u32(..),
            schedule_version: 0,
            first_slot: None,
            setup,
        });
        self.queue_first_run(key);
        id
    }

    /// Changes the settings of all flows, in the order in which they were added. The next scheduled
    /// run of each stays.
    pub fn change_flows(&mut self, change: impl FnMut(&mut FlowSetup)) {
        self.flows.iter_mut().map(|flow| &mut flow.setup).for_each(change);
    }

    /// [`World::change_flows`], and draws the next scheduled run of each flow again.
    pub fn reschedule(&mut self, change: impl FnMut(&mut FlowSetup)) {
        self.change_flows(change);
        for key in 0..self.flows.len() {
            self.flows[key].schedule_version += 1;
            self.queue_first_run(key);
        }
    }

    /// Adds a run and returns its id; `None` if there is no such flow.
    pub fn add_run(&mut self, setup: RunSetup) -> Option<String> {
        let flow = self.flow_key(&setup.flow_id)?;
        let created_at = setup.created_at.map_or(self.now, Timestamp::as_millisecond);
        let finished = !matches!(setup.status, RunStatus::Scheduled | RunStatus::InProgress);
        let ended_at = setup.completed_at.map_or(created_at, Timestamp::as_millisecond);
        let id = setup.id.unwrap_or_else(|| random_uuid(&mut self.rng));
        let key = self.runs.insert(Run {
            id: id.clone(),
            flow,
            created_at,
            updated_at: if finished { ended_at } else { created_at },
            started_at: (setup.status != RunStatus::Scheduled).then_some(created_at),
            ended_at: finished.then_some(ended_at),
            status: setup.status,
            failure: setup.failure,
            author: Author::Schedule,
            lineage: None,
            retriggers: 0,
            issued: None,
            records: setup.records,
            stamp: self.rng.u32(..),
        });
        if !finished {
            self.queue_end(key, flow, created_at.max(self.now));
        }
        Some(id)
    }

    /// The time of the world in epoch milliseconds: its clock plus the skew.
    pub fn now_ms(&self) -> i64 {
        self.now
    }

    /// Moves the world to `now`. If the clock is set back, the time of the world goes back too, but
    /// nothing is undone.
    pub fn advance(&mut self, now: Timestamp) {
        let now = now.as_millisecond() + self.quirks.clock_skew_ms;
        while let Some((at, event)) = self.events.next_due(now) {
            self.now = at;
            match event {
                Event::FlowDue(flow, version) => self.flow_is_due(flow, version, at, now),
                Event::RunStarts(run) => self.run_starts(run, at),
                Event::RunEnds(run) => self.run_ends(run, at),
            }
        }
        self.now = now;
    }

    /// The index of a flow in `flows`.
    pub fn flow_key(&self, id: &str) -> Option<FlowKey> {
        self.flow_keys.get(id).copied()
    }

    /// Creates the run of a re-trigger; it is scheduled first and starts later.
    pub(crate) fn issue_run(
        &mut self,
        flow: FlowKey,
        author: Author,
        lineage: Lineage,
        failure: Option<Failure>,
    ) -> RunKey {
        let at = self.now;
        let key = self.insert_run(flow, at, author, Some(lineage), failure);
        let queued = millis(self.flows[flow].setup.run_time) / 5;
        self.events.add(at + queued, Event::RunStarts(key));
        self.queue_end(key, flow, at + queued);
        key
    }

    /// The first run falls anywhere in the interval, so that flows do not run all at once.
    fn queue_first_run(&mut self, key: FlowKey) {
        let flow = &self.flows[key];
        if let Some(every) = flow.setup.every {
            let wait = self.rng.i64(1..=millis(every).max(1));
            self.events.add(self.now + wait, Event::FlowDue(key, flow.schedule_version));
            self.flows[key].first_slot = Some(self.now + wait);
        }
    }

    fn queue_end(&mut self, run: RunKey, flow: FlowKey, start: i64) {
        let run_time = millis(self.flows[flow].setup.run_time);
        self.events.add(start + run_time, Event::RunEnds(run));
    }

    fn flow_is_due(&mut self, key: FlowKey, version: u32, at: i64, now: i64) {
        let flow = &self.flows[key];
        let Some(every) = flow.setup.every.filter(|_| flow.schedule_version == version) else {
            return;
        };
        let every = millis(every).max(1);
        let next = (at + every).max(now - CATCH_UP_RUNS * every);
        self.events.add(next, Event::FlowDue(key, version));
        if flow.setup.state != FlowState::Enabled {
            return;
        }
        let fails = self.rng.f64() < flow.setup.failure_rate;
        let cause = self.rng.choice(&flow.setup.causes).copied().filter(|_| fails);
        let failure = cause.map(|cause| cause.failure(self.rng.f64()));
        let run = self.insert_run(key, at, Author::Schedule, None, failure);
        self.run_starts(run, at);
        self.queue_end(run, key, at);
    }

    fn insert_run(
        &mut self,
        flow: FlowKey,
        at: i64,
        author: Author,
        lineage: Option<Lineage>,
        failure: Option<Failure>,
    ) -> RunKey {
        self.runs.insert(Run {
            id: random_uuid(&mut self.rng),
            flow,
            created_at: at,
            updated_at: at,
            started_at: None,
            ended_at: None,
            status: RunStatus::Scheduled,
            failure,
            author,
            lineage,
            retriggers: 0,
            issued: None,
            records: self.rng.u64(100..=50_000),
            stamp: self.rng.u32(..),
        })
    }

    fn run_starts(&mut self, key: RunKey, at: i64) {
        if let Some(run) = self.runs.get_mut(key).filter(|run| run.status == RunStatus::Scheduled) {
            run.status = RunStatus::InProgress;
            run.started_at = Some(at);
            run.updated_at = at;
            run.stamp = run.stamp.wrapping_add(1);
        }
    }

    fn run_ends(&mut self, key: RunKey, at: i64) {
        // It may have been ended by hand before its time.
        if let Some(run) = self.runs.get_mut(key).filter(|run| !run.is_finished()) {
            if self.down.contains(&self.flows[run.flow].setup.spec) {
                run.failure = Some(Cause::SourceUnavailable.failure(0.0));
            }
            run.status = match &run.failure {
                Some(failure) if failure.heals_after == 0 => RunStatus::PartialSuccess,
                Some(_) => RunStatus::Failed,
                None => RunStatus::Success,
            };
            run.ended_at = Some(at);
            run.updated_at = at;
            run.stamp = run.stamp.wrapping_add(1);
        }
    }
}

/// A version 4 UUID from the seeded generator.
pub(crate) fn random_uuid(rng: &mut Rng) -> String {
    Builder::from_random_bytes(rng.u128(..).to_be_bytes()).into_uuid().to_string()
}

/// Whole milliseconds, at most 292 years.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 1_000_000)
}
