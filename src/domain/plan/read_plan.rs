//! What a pass must read before it plans.

use crate::domain::model::flow::FlowKind;
use crate::domain::model::ids::{FlowId, RunId};
use crate::domain::model::reason::Reason;
use crate::domain::model::run::Run;
use crate::domain::model::time::before;
use crate::domain::plan::dataflow::Dataflow;
use crate::domain::plan::snapshot::CLOCK_SKEW;
use crate::domain::policy::retry::RetryPolicy;
use crate::domain::recovery::{Recovery, State};
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What the recoveries of a pass need to have read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadPlan {
    /// Runs to read by id.
    pub runs: Vec<RunId>,
    /// Dataflows to read again before anything is sent.
    pub flows: Vec<FlowId>,
    /// Dataflows whose runs must be listed, and since when: for a call in doubt, or for a later run
    /// that may have succeeded.
    pub listings: Vec<(FlowId, Timestamp)>,
    /// Dataflows with a re-trigger that may be sent: their runs that may be in progress.
    pub peers: Vec<(FlowId, Timestamp)>,
}

impl ReadPlan {
    /// What `recoveries` need if those in `calls` may call. Runs of held recoveries are read only
    /// with `held_since`; for those that a rule holds, only what changed after that.
    pub fn of(
        recoveries: &[&Recovery],
        calls: &HashSet<RunId>,
        held_since: Option<Timestamp>,
        policy_of: impl Fn(&Recovery) -> RetryPolicy,
    ) -> Self {
        let mut list = Self::default();
        for recovery in recoveries {
            let policy = policy_of(recovery);
            let target = || recovery.target(&policy).clone();
            match &recovery.state {
                State::Waiting { .. } if calls.contains(&recovery.root_run_id) => {
                    list.runs.push(target());
                    list.runs.extend(recovery.unwatched(&policy).cloned());
                    list.flows.push(recovery.flow_id.clone());
                    let since = before(recovery.failed_at, policy.watch_timeout);
                    list.peers.push((recovery.flow_id.clone(), since));
                }
                State::Held { why, .. } => {
                    if why.is_of_dataflow() {
                        list.flows.push(recovery.flow_id.clone());
                    }
                    let by_rule = *why == Reason::HeldByRule;
                    let wanted =
                        held_since.is_some_and(|since| !by_rule || recovery.updated_at >= since);
                    if wanted || *why == Reason::NotFound {
                        list.runs.push(target());
                    }
                    if wanted && policy.skip_when_later_run_succeeded {
                        let since = before(recovery.failed_at, CLOCK_SKEW);
                        list.listings.push((recovery.flow_id.clone(), since));
                    }
                }
                State::Watching { issued, .. } => list.runs.push(issued.clone()),
                State::InDoubt { asked, since, .. } | State::Triggering { asked, since, .. } => {
                    list.runs.push(asked.clone());
                    // The run that is looked for after a refusal may be as old as the failure.
                    let since = if recovery.contested { recovery.failed_at } else { *since };
                    list.listings.push((recovery.flow_id.clone(), before(since, CLOCK_SKEW)));
                }
                _ => {}
            }
        }
        list.runs.sort();
        list.runs.dedup();
        list.flows.sort();
        list.flows.dedup();
        // For each dataflow, the longest listing.
        for listings in [&mut list.listings, &mut list.peers] {
            listings.sort();
            listings.dedup_by(|later, first| later.0 == first.0);
        }
        list
    }

    /// Adds the dataflows of failed runs without a recovery: they may be due at once.
    pub fn add_flows_of_new(&mut self, listed: &[Arc<Run>], owned: &HashSet<RunId>) {
        let new = listed.iter().filter(|run| !owned.contains(&run.id));
        self.flows.extend(new.map(|run| run.flow_id.clone()));
        self.flows.sort();
        self.flows.dedup();
    }

    /// Adds the dataflows that have a failed run without a recovery and later runs, one of which
    /// may have succeeded. No listing is needed if Adobe names the dataflow's last run, and it is the
    /// failed run itself, or a success.
    pub fn add_histories(
        &mut self,
        listed: &[Arc<Run>],
        owned: &HashSet<RunId>,
        flows: &HashMap<FlowId, Dataflow>,
    ) {
        let is_open = |run: &&Run| {
            let dataflow = flows.get(&run.flow_id).filter(|it| it.kind == FlowKind::Batch);
            dataflow.is_some_and(|it| {
                let last = it.flow.last_run.as_ref();
                last.is_none_or(|it| it.id != run.id && !it.status.is_success())
            })
        };
        let new =
            listed.iter().map(Arc::as_ref).filter(|run| !owned.contains(&run.id)).filter(is_open);
        self.listings.extend(new.filter_map(|run| Some((run.flow_id.clone(), run.begun_at()?))));
        self.listings.sort();
        self.listings.dedup_by(|later, first| later.0 == first.0);
    }
}
