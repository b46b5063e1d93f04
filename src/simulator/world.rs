//! The world: one organization, what is in it, and how it moves.
//!
//! A world does not tick. It holds an agenda of what is going to happen and is moved to the time of
//! the clock whenever somebody looks at it, event by event, so that it costs nothing while idle and
//! does not care whether a minute or a day went by. All randomness comes from one seed and is drawn
//! in the order of events: the same seed and the same clock give the same world.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use uuid::Builder;

use super::agenda::Agenda;
use super::agenda::Event;
use super::books::Books;
use super::credentials::Credentials;
use super::credentials::Tokens;
use super::failure::Failure;
use super::faults::Faults;
use super::flow::Flow;
use super::flow::FlowKey;
use super::flow::FlowSetup;
use super::flow::FlowState;
use super::quirks::Quirks;
use super::run::Author;
use super::run::Lineage;
use super::run::Run;
use super::run::RunKey;
use super::run::RunSetup;
use super::run::RunStatus;
use super::run_log::RunLog;

/// The most scheduled runs of one flow that are made up for after a leap of the clock: a day of
/// the shortest schedule that Adobe allows.
const CATCH_UP_RUNS: i64 = 96;

/// One organization of the simulated Experience Platform.
#[derive(Debug)]
pub struct World {
    /// Who may ask.
    pub credentials: Credentials,
    /// How this service differs from the documented one.
    pub quirks: Quirks,
    /// What goes wrong between the client and the service.
    pub faults: Faults,
    /// What was asked and answered.
    pub books: Books,
    pub(super) tokens: Tokens,
    pub(super) sandboxes: BTreeMap<String, String>,
    pub(super) flows: Vec<Flow>,
    flow_keys: HashMap<String, FlowKey>,
    pub(super) runs: RunLog,
    agenda: Agenda,
    now: i64,
    /// Decides what happens.
    rng: Rng,
    /// Decides what does not matter to the world (request ids, tokens, faults), so that reading
    /// leaves it as it was.
    pub(super) noise: Rng,
}

impl World {
    /// An organization with an empty sandbox `prod`, at the time `now`.
    pub fn empty(seed: u64, now: Timestamp) -> Self {
        let mut world = Self {
            credentials: Credentials::default(),
            quirks: Quirks::default(),
            faults: Faults::default(),
            books: Books::default(),
            tokens: Tokens::default(),
            sandboxes: BTreeMap::new(),
            flows: Vec::new(),
            flow_keys: HashMap::new(),
            runs: RunLog::default(),
            agenda: Agenda::default(),
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
            sandbox: setup.sandbox.clone(),
            created_at,
            updated_at: created_at,
            state: setup.state,
            stamp: self.rng.u32(..),
            schedule_version: 0,
            first_slot: None,
            setup,
        });
        self.appoint_first_run(key);
        id
    }

    /// Gives a flow another state; does nothing if there is no such flow.
    pub fn set_flow_state(&mut self, flow_id: &str, state: FlowState) {
        let now = self.now;
        if let Some(flow) = self.flow_keys.get(flow_id).and_then(|key| self.flows.get_mut(*key)) {
            flow.state = state;
            flow.updated_at = now;
            flow.stamp = flow.stamp.wrapping_add(1);
        }
    }

    /// Changes what flows are like, in the order in which they were added; schedules already
    /// appointed stay.
    pub fn change_flows(&mut self, change: impl FnMut(&mut FlowSetup)) {
        self.flows.iter_mut().map(|flow| &mut flow.setup).for_each(change);
    }

    /// [`World::change_flows`], and every next scheduled run is appointed anew.
    pub fn reschedule(&mut self, change: impl FnMut(&mut FlowSetup)) {
        self.change_flows(change);
        for key in 0..self.flows.len() {
            self.flows[key].schedule_version += 1;
            self.appoint_first_run(key);
        }
    }

    /// Places a run by hand and returns its id; `None` if there is no such flow.
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
            self.appoint_end(key, flow, created_at.max(self.now));
        }
        Some(id)
    }

    /// Ends a run under way here and now: badly if there is a failure, else well. Does nothing if
    /// the run has ended already or does not exist.
    pub fn end_run(&mut self, run_id: &str, failure: Option<Failure>) {
        let Some(key) = self.runs.key_of(run_id) else { return };
        if let Some(run) = self.runs.get_mut(key).filter(|run| !run.is_finished()) {
            run.failure = failure;
        }
        self.run_ends(key, self.now);
    }

    /// The time of the world, in epoch milliseconds: that of its clock, and the skew.
    pub fn now_ms(&self) -> i64 {
        self.now
    }

    /// Moves the world to `now`. A clock that is set back takes the time of the world back with
    /// it, but undoes nothing.
    pub fn advance(&mut self, now: Timestamp) {
        let now = now.as_millisecond() + self.quirks.clock_skew_ms;
        while let Some((at, event)) = self.agenda.next_due(now) {
            self.now = at;
            match event {
                Event::FlowDue(flow, version) => self.flow_is_due(flow, version, at, now),
                Event::RunStarts(run) => self.run_starts(run, at),
                Event::RunEnds(run) => self.run_ends(run, at),
            }
        }
        self.now = now;
    }

    pub(super) fn flow_key(&self, id: &str) -> Option<FlowKey> {
        self.flow_keys.get(id).copied()
    }

    /// Makes a run that somebody asked for, on behalf of `root`; it waits for a while first.
    pub(super) fn issue_run(
        &mut self,
        flow: FlowKey,
        author: Author,
        lineage: Lineage,
        failure: Option<Failure>,
    ) -> RunKey {
        let at = self.now;
        let key = self.insert_run(flow, at, author, Some(lineage), failure);
        let queued = millis(self.flows[flow].setup.run_time) / 5;
        self.agenda.add(at + queued, Event::RunStarts(key));
        self.appoint_end(key, flow, at + queued);
        key
    }

    /// Schedules are not in step with each other: the first run falls anywhere in the interval.
    fn appoint_first_run(&mut self, key: FlowKey) {
        let flow = &self.flows[key];
        if let Some(every) = flow.setup.every {
            let wait = self.rng.i64(1..=millis(every).max(1));
            self.agenda.add(self.now + wait, Event::FlowDue(key, flow.schedule_version));
            self.flows[key].first_slot = Some(self.now + wait);
        }
    }

    fn appoint_end(&mut self, run: RunKey, flow: FlowKey, start: i64) {
        let run_time = millis(self.flows[flow].setup.run_time);
        self.agenda.add(start + run_time, Event::RunEnds(run));
    }

    fn flow_is_due(&mut self, key: FlowKey, version: u32, at: i64, now: i64) {
        let flow = &self.flows[key];
        let Some(every) = flow.setup.every.filter(|_| flow.schedule_version == version) else {
            return;
        };
        let every = millis(every).max(1);
        let next = (at + every).max(now - CATCH_UP_RUNS * every);
        self.agenda.add(next, Event::FlowDue(key, version));
        if flow.state != FlowState::Enabled {
            return;
        }
        let fails = self.rng.f64() < flow.setup.failure_rate;
        let cause = self.rng.choice(&flow.setup.causes).copied().filter(|_| fails);
        let failure = cause.map(|cause| cause.failure(self.rng.f64()));
        let run = self.insert_run(key, at, Author::Schedule, None, failure);
        self.run_starts(run, at);
        self.appoint_end(run, key, at);
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
            run.status = match run.failure {
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
pub(super) fn random_uuid(rng: &mut Rng) -> String {
    Builder::from_random_bytes(rng.u128(..).to_be_bytes()).into_uuid().to_string()
}

/// Whole milliseconds; more than a thousand years are cut to that.
pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 1_000_000)
}
