//! Admission: which due recoveries are read in this pass, and which of them may call now.
//!
//! Both questions are answered here from the same facts: the room of each dataflow, the
//! limits of the sandbox, outages, and a pause that Adobe asked for. A recovery without room
//! does not use the read budget, so busy dataflows cannot keep idle ones waiting.

use crate::domain::model::ids::{FlowId, RunId};
use crate::domain::model::reason::Reason;
use crate::domain::model::time::{after, before};
use crate::domain::plan::dataflow::Dataflow;
use crate::domain::plan::due::DueRecovery;
use crate::domain::policy::breaker::{Breaker, Outcome};
use crate::domain::policy::outage::{Extent, OutageRecord, Outages, outages};
use crate::domain::recovery::{Recovery, State};
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// This many more are read than may call, because some turn out not to be ready.
const SPARE: u32 = 50;

/// How many calls one limit still allows, and when it allows more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Calls that may start now.
    pub left: u32,
    /// When the oldest call that counts leaves the window of the limit.
    pub more_at: Option<Timestamp>,
}

impl Allowance {
    /// No limit.
    pub const UNLIMITED: Self = Self { left: u32::MAX, more_at: None };

    /// What `limit` per `window` leaves after `used` calls, the first of which began at `oldest`. A
    /// limit of 0 means no limit.
    pub fn of(limit: u32, window: Duration, used: u64, oldest: Option<Timestamp>) -> Self {
        if limit == 0 {
            return Self::UNLIMITED;
        }
        let used = u32::try_from(used).unwrap_or(u32::MAX);
        let more_at = oldest.map(|at| after(at, window));
        Self { left: limit.saturating_sub(used), more_at }
    }
}

/// The facts that decide who may call.
#[derive(Debug, Clone)]
pub struct Facts {
    /// What the limits of the sandbox leave: per minute, per day.
    pub allowances: [Allowance; 2],
    /// The end of a pause that Adobe asked for.
    pub throttled_until: Option<Timestamp>,
    /// The recorded outages and outcomes.
    pub outages: OutageRecord,
    /// What counts as an outage. A new run older than its window no longer counts as a canary.
    pub breaker: Breaker,
    /// The maximum number of due recoveries read in one pass.
    pub most_read: usize,
}

/// The state of admission while a pass assigns turns.
#[derive(Debug, Clone)]
pub struct Admission<'a> {
    facts: &'a Facts,
    flows: &'a HashMap<FlowId, Dataflow>,
    default_room: u32,
    now: Timestamp,
    /// Dataflows with a call that is in progress or in doubt: at most one call each, so that their
    /// new runs cannot be confused.
    unanswered: HashSet<FlowId>,
    /// Calls and new runs in progress, per dataflow.
    under_way: HashMap<FlowId, u32>,
    outages: Outages,
    /// The same per extent, without runs that are too old to be canaries.
    canaries: HashMap<Extent, u32>,
    begun: u32,
}

/// The due recoveries that a pass looks at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Turns {
    /// Their runs and dataflows are read: they may call.
    pub calls: Vec<RunId>,
    /// They have a step without being read, because their dataflow is on hold or in a quiet window.
    pub moves: Vec<RunId>,
    /// The others wait for their turn.
    pub queued: Vec<DueRecovery>,
    /// True if more recoveries could call now than one pass takes.
    pub more: bool,
}

impl<'a> Admission<'a> {
    /// Admission for `recoveries` in their current states. `seen` are outcomes of re-triggered runs
    /// since the record was read; `default_room` is for dataflows that are not in `flows`.
    pub fn new<'r>(
        facts: &'a Facts,
        flows: &'a HashMap<FlowId, Dataflow>,
        default_room: u32,
        now: Timestamp,
        recoveries: impl Iterator<Item = &'r Recovery>,
        seen: &[Outcome],
    ) -> Self {
        let source_of =
            |flow: &FlowId| flows.get(flow).and_then(|it| it.flow.source_spec.as_deref());
        let mut sizes: HashMap<Option<&str>, usize> = HashMap::new();
        for dataflow in flows.values().filter(|it| it.block_reason().is_none()) {
            *sizes.entry(dataflow.flow.source_spec.as_deref()).or_default() += 1;
        }
        let size = |source: Option<&str>| match source {
            Some(_) => sizes.get(&source).copied().unwrap_or(0),
            None => sizes.values().sum(),
        };
        let outcomes = [&facts.outages.outcomes, seen].concat();
        let turns = facts.outages.turns.clone();
        let outages = outages(turns, &outcomes, source_of, size, &facts.breaker, now);
        let mut admission = Self {
            facts,
            flows,
            default_room,
            now,
            unanswered: HashSet::new(),
            under_way: HashMap::new(),
            outages,
            canaries: HashMap::new(),
            begun: 0,
        };
        let recent = before(now, facts.breaker.window);
        for recovery in recoveries {
            match recovery.state {
                State::Triggering { .. } | State::InDoubt { .. } => {
                    admission.occupy(&recovery.flow_id);
                    admission.unanswered.insert(recovery.flow_id.clone());
                    admission.count_canary(&recovery.flow_id);
                }
                State::Watching { since, .. } => {
                    admission.occupy(&recovery.flow_id);
                    if since >= recent {
                        admission.count_canary(&recovery.flow_id);
                    }
                }
                _ => {}
            }
        }
        admission
    }

    fn occupy(&mut self, flow: &FlowId) {
        *self.under_way.entry(flow.clone()).or_default() += 1;
    }

    fn count_canary(&mut self, flow: &FlowId) {
        let source = self.source_of(flow).map(|source| Extent::Source(source.to_owned()));
        for extent in [Some(Extent::Sandbox), source].into_iter().flatten() {
            *self.canaries.entry(extent).or_default() += 1;
        }
    }

    fn source_of(&self, flow: &FlowId) -> Option<&'a str> {
        self.flows.get(flow).and_then(|it| it.flow.source_spec.as_deref())
    }

    /// The current outages, and those that are over.
    pub fn outages(&self) -> &Outages {
        &self.outages
    }

    /// The position of a recovery in the queue. In an outage, the one with the fewest attempts is
    /// the next canary, because another dataflow may work again.
    pub fn tried(&self, flow: &FlowId, attempts: u32) -> u32 {
        let covered = self.outages.covering(self.source_of(flow)).next().is_some();
        if covered { attempts } else { 0 }
    }

    /// Why a re-trigger of `flow` must wait, if it must. What an operator requested does not wait
    /// for the end of an outage.
    pub fn block_reason(&self, flow: &FlowId, ordered: bool) -> Option<Reason> {
        if !self.has_room(flow) {
            return Some(Reason::FlowBusy);
        }
        if self.throttled_until().is_some() {
            return Some(Reason::Throttled);
        }
        if self.left() == 0 {
            return Some(Reason::RateLimited);
        }
        let under_way = |extent: &Extent| self.canaries.get(extent).copied().unwrap_or(0);
        let closed = self.outages.closed(self.source_of(flow), self.now, under_way);
        closed.filter(|_| !ordered).map(|outage| outage.extent.reason())
    }

    /// Gives `flow` its turn.
    pub fn begin(&mut self, flow: &FlowId) {
        self.occupy(flow);
        self.unanswered.insert(flow.clone());
        self.count_canary(flow);
        self.begun += 1;
    }

    /// When the block ends, if it ends by itself.
    pub fn free_at(&self) -> Option<Timestamp> {
        if let Some(until) = self.throttled_until() {
            return Some(until);
        }
        let used_up = self.facts.allowances.iter().filter(|it| it.left <= self.begun);
        let canaries = self.outages.lasting.iter().map(|outage| outage.next_canary);
        let next_canary = canaries.filter(|&at| at > self.now).min();
        used_up.filter_map(|it| it.more_at).max().or(next_canary)
    }

    /// Whether another run of `flow` may be in progress.
    pub fn has_room(&self, flow: &FlowId) -> bool {
        let room = self.flows.get(flow).map_or(self.default_room, |it| it.per_dataflow);
        !self.unanswered.contains(flow) && self.under_way.get(flow).copied().unwrap_or(0) < room
    }

    fn throttled_until(&self) -> Option<Timestamp> {
        self.facts.throttled_until.filter(|&until| until > self.now)
    }

    fn left(&self) -> u32 {
        let least = self.facts.allowances.iter().map(|it| it.left).min().unwrap_or(u32::MAX);
        least.saturating_sub(self.begun)
    }

    /// Which of `due`, in the order of their turns, this pass looks at. `moves` says whether a
    /// recovery has a step without a call.
    pub fn turns(mut self, due: Vec<DueRecovery>, moves: impl Fn(&DueRecovery) -> bool) -> Turns {
        let mut due = due;
        due.sort_by_key(|it| (!it.ordered, self.tried(&it.flow_id, it.attempts)));
        let spare = match self.left() {
            // Nothing may call, so nothing is read.
            0 => 0,
            _ => SPARE,
        };
        let mut turns = Turns::default();
        let mut calls_left = self.left().saturating_add(spare);
        for candidate in due {
            let full = turns.calls.len() + turns.moves.len() >= self.facts.most_read;
            if moves(&candidate) {
                match full {
                    true => turns.more = true,
                    false => turns.moves.push(candidate.root_run_id),
                }
                continue;
            }
            if calls_left == 0 || self.block_reason(&candidate.flow_id, candidate.ordered).is_some()
            {
                turns.queued.push(candidate);
                continue;
            }
            if full {
                turns.more = true;
                turns.queued.push(candidate);
                continue;
            }
            // The spare ones do not count against a limit yet: it is seen later which are ready.
            calls_left -= 1;
            self.occupy(&candidate.flow_id);
            self.count_canary(&candidate.flow_id);
            self.unanswered.insert(candidate.flow_id);
            turns.calls.push(candidate.root_run_id);
        }
        turns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn facts(left: u32) -> Facts {
        let allowance = Allowance { left, more_at: Some(at(1060)) };
        Facts {
            allowances: [allowance, Allowance::UNLIMITED],
            throttled_until: None,
            outages: OutageRecord::default(),
            breaker: Breaker::default(),
            most_read: 500,
        }
    }

    fn due(root: &str, flow: &str) -> DueRecovery {
        DueRecovery {
            root_run_id: RunId::new(root),
            flow_id: FlowId::new(flow),
            failed_at: at(0),
            attempts: 0,
            ordered: false,
        }
    }

    fn admission<'a>(
        facts: &'a Facts,
        flows: &'a HashMap<FlowId, Dataflow>,
        busy: &[&str],
    ) -> Admission<'a> {
        let mut admission = Admission::new(facts, flows, 1, at(1000), std::iter::empty(), &[]);
        busy.iter().for_each(|flow| admission.occupy(&FlowId::new(*flow)));
        admission
    }

    #[test]
    fn busy_dataflows_take_no_place_of_idle_ones() {
        let (facts, flows) = (facts(2), HashMap::new());
        let busy: Vec<String> = (0..620).map(|n| format!("busy-{n}")).collect();
        let names: Vec<&str> = busy.iter().map(String::as_str).collect();
        let mut all: Vec<DueRecovery> =
            busy.iter().map(|flow| due(&format!("second of {flow}"), flow)).collect();
        all.extend((0..10).map(|n| due(&format!("young-{n}"), &format!("idle-{n}"))));
        let turns = admission(&facts, &flows, &names).turns(all, |_| false);
        assert_eq!(turns.calls.len(), 10);
        assert!(turns.calls.iter().all(|root| root.as_str().starts_with("young")));
        assert_eq!(turns.queued.len(), 620);
        assert!(!turns.more);
    }

    #[test]
    fn nothing_is_read_while_nothing_may_call() {
        let flows = HashMap::new();
        let throttled = Facts { throttled_until: Some(at(1003)), ..facts(9) };
        for (facts, free_at) in [(facts(0), at(1060)), (throttled, at(1003))] {
            let admission = admission(&facts, &flows, &[]);
            assert_eq!(admission.free_at(), Some(free_at));
            let turns = admission.turns(vec![due("root", "flow")], |_| false);
            assert_eq!(turns.calls, []);
            assert_eq!(turns.queued.len(), 1);
        }
    }

    #[test]
    fn one_of_each_dataflow_is_read_and_what_moves_needs_no_place() {
        let (facts, flows) = (facts(9), HashMap::new());
        let all = vec![due("a-1", "a"), due("a-2", "a"), due("held", "b"), due("c-1", "c")];
        let held = |it: &DueRecovery| it.flow_id.as_str() == "b";
        let turns = admission(&facts, &flows, &[]).turns(all, held);
        assert_eq!(turns.calls, ["a-1", "c-1"].map(RunId::new));
        assert_eq!(turns.moves, ["held"].map(RunId::new));
        assert_eq!(turns.queued.len(), 1);
    }
}
