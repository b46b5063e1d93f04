//! What has to be read before planning.

use super::ids::{FlowId, RunId};
use super::policy::RetryPolicy;
use super::recovery::{Recovery, State};
use super::run::Run;
use super::schedule::before;
use super::snapshot::CLOCK_SKEW;
use jiff::Timestamp;
use std::collections::HashSet;

/// What the open recoveries wait for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadingList {
    /// Runs to read by id.
    pub runs: Vec<RunId>,
    /// Dataflows whose state is read again before anything is sent.
    pub flows: Vec<FlowId>,
    /// Dataflows with a call in doubt, and since when their runs have to be listed.
    pub listings: Vec<(FlowId, Timestamp)>,
}

impl ReadingList {
    /// What `recoveries` need at `now`. Held ones are looked at only in a sweep.
    pub fn of<'a>(
        recoveries: &[Recovery],
        now: Timestamp,
        sweep: bool,
        policy_of: impl Fn(&Recovery) -> &'a RetryPolicy,
    ) -> Self {
        let mut list = Self::default();
        for recovery in recoveries {
            let target = || recovery.target(policy_of(recovery)).clone();
            match &recovery.state {
                State::Waiting { due, .. } if *due <= now => {
                    list.runs.push(target());
                    list.flows.push(recovery.flow_id.clone());
                }
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
