//! What has to be read before planning.

use super::ids::{FlowId, RunId};
use super::policy::RetryPolicy;
use super::reason::Reason;
use super::recovery::{Recovery, State};
use super::run::Run;
use super::schedule::before;
use super::snapshot::CLOCK_SKEW;
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// How many re-triggers a pass may make at the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turns {
    /// In the whole sandbox.
    pub sandbox: usize,
    /// Of one dataflow.
    pub per_dataflow: u32,
    /// True in an outage, where whatever was tried least goes first.
    pub least_tried_first: bool,
}

impl Turns {
    /// The due recoveries that may get their turn.
    fn due(self, recoveries: &[Recovery], now: Timestamp) -> HashSet<RunId> {
        let is_due = |it: &&Recovery| it.due().is_some_and(|due| due <= now);
        let mut due: Vec<&Recovery> = recoveries.iter().filter(is_due).collect();
        if self.least_tried_first {
            due.sort_by_key(|recovery| recovery.attempts.len());
        }
        let mut of_flow: HashMap<&FlowId, u32> = HashMap::new();
        let chosen = due.into_iter().filter(|recovery| {
            let taken = of_flow.entry(&recovery.flow_id).or_default();
            *taken += 1;
            recovery.ordered || *taken <= self.per_dataflow
        });
        let chosen = chosen.take(self.sandbox);
        chosen.map(|recovery| recovery.root_run_id.clone()).collect()
    }
}

/// What the open recoveries wait for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadingList {
    /// Runs to read by id.
    pub runs: Vec<RunId>,
    /// Dataflows whose state is read again before anything is sent.
    pub flows: Vec<FlowId>,
    /// Dataflows whose runs have to be listed, and since when: for a call in doubt, for a run that
    /// somebody else may have re-triggered, for a later run that may have succeeded.
    pub listings: Vec<(FlowId, Timestamp)>,
}

impl ReadingList {
    /// What `recoveries`, oldest failure first, need at `now`. Held ones are looked at only in a sweep;
    /// of those that are due only as many as `turns` could let go in this pass.
    pub fn of(
        recoveries: &[Recovery],
        now: Timestamp,
        sweep: bool,
        turns: Turns,
        policy_of: impl Fn(&Recovery) -> RetryPolicy,
    ) -> Self {
        let mut list = Self::default();
        let due = turns.due(recoveries, now);
        let yesterday = before(now, Duration::from_secs(24 * 60 * 60));
        for recovery in recoveries {
            let policy = policy_of(recovery);
            let target = || recovery.target(&policy).clone();
            match &recovery.state {
                State::Waiting { .. } if due.contains(&recovery.root_run_id) => {
                    list.runs.push(target());
                    list.flows.push(recovery.flow_id.clone());
                    if recovery.contested || policy.skip_when_later_run_succeeded {
                        let since = before(recovery.failed_at, CLOCK_SKEW);
                        list.listings.push((recovery.flow_id.clone(), since));
                    }
                }
                // What a rule holds is no longer looked at after a day: there may be very many.
                State::Held { why: Reason::HeldByRule, .. } if recovery.updated_at < yesterday => {}
                State::Held { .. } if sweep => list.runs.push(target()),
                State::Watching { issued, .. } => list.runs.push(issued.clone()),
                State::InDoubt { asked, since, .. } | State::Triggering { asked, since, .. } => {
                    list.runs.push(asked.clone());
                    list.listings.push((recovery.flow_id.clone(), before(*since, CLOCK_SKEW)));
                }
                _ => {}
            }
        }
        list.runs.sort();
        list.runs.dedup();
        // Of each dataflow the longest listing.
        list.listings.sort();
        list.listings.dedup_by(|later, first| later.0 == first.0);
        list
    }

    /// Adds the dataflows of failed runs that no recovery owns yet: they may be due at once.
    pub fn add_flows_of_new(&mut self, listed: &[Run], owned: &HashSet<RunId>) {
        let new = listed.iter().filter(|run| !owned.contains(&run.id));
        self.flows.extend(new.map(|run| run.flow_id.clone()));
        self.flows.sort();
        self.flows.dedup();
    }
}
