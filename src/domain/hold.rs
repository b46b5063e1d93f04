//! Holds on whole dataflows: causes of ours not to re-trigger any of their runs.
//!
//! They are told once for the dataflow, however many of its runs fail meanwhile, and what they hold
//! goes on by itself once they are gone.

use super::breaker::{Breaker, Streak};
use super::flow::Flow;
use super::ids::{FlowId, RunId, SandboxName};
use super::order::{self, Order};
use super::reason::Reason;
use super::recovery::{Recovery, State};
use super::run::RunStatus;
use std::collections::{HashMap, HashSet};

/// Why the runs of a dataflow are left alone for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Why.
    pub why: Reason,
    /// What to say of it, where it has to be told.
    pub news: Option<News>,
}

/// Something to tell once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// The root run that led to it.
    pub run: RunId,
    /// In which words.
    pub said: String,
}

/// The holds on dataflows of one sandbox, and the dataflows to warn of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holds {
    /// By dataflow.
    pub holds: HashMap<FlowId, Hold>,
    /// Dataflows that keep failing and are not held yet, and what to say of it.
    pub warnings: HashMap<FlowId, News>,
}

/// What holds are decided from.
#[derive(Debug, Clone, Copy)]
pub struct Grounds<'a> {
    /// The sandbox.
    pub sandbox: &'a SandboxName,
    /// The recoveries that are not final.
    pub recoveries: &'a [Recovery],
    /// The dataflows that keep failing.
    pub streaks: &'a HashMap<FlowId, Streak>,
    /// What operators ordered.
    pub orders: &'a [Order],
    /// When a dataflow is held.
    pub breaker: &'a Breaker,
}

impl Holds {
    /// The holds on `flows`.
    pub fn of<'a>(flows: impl Iterator<Item = &'a Flow>, grounds: Grounds<'_>) -> Self {
        let unsupported = grounds.unsupported();
        let mut all = Self::default();
        for flow in flows {
            if let Some(hold) = grounds.hold(flow, &unsupported) {
                all.holds.insert(flow.id.clone(), hold);
            } else if let Some(news) = grounds.streak(flow, grounds.breaker.dataflow_warning) {
                all.warnings.insert(flow.id.clone(), news);
            }
        }
        all
    }

    /// Why the dataflow is held, if it is.
    pub fn why(&self, flow: &FlowId) -> Option<Reason> {
        self.holds.get(flow).map(|hold| hold.why)
    }
}

impl<'a> Grounds<'a> {
    fn hold(&self, flow: &Flow, unsupported: &HashSet<&FlowId>) -> Option<Hold> {
        let order = order::in_force(self.orders, self.sandbox, &flow.id, &flow.name);
        if order.is_some_and(|order| order.paused) {
            return Some(Hold { why: Reason::Paused, news: None });
        }
        if let Some(news) = self.streak(flow, self.breaker.dataflow_failures) {
            return Some(Hold { why: Reason::KeepsFailing, news: Some(news) });
        }
        // The recovery that found out has been told of.
        unsupported
            .contains(&flow.id)
            .then_some(Hold { why: Reason::ActionUnsupported, news: None })
    }

    /// What to say of a dataflow whose streak is that long, if no later run is known to have succeeded.
    fn streak(&self, flow: &Flow, length: u32) -> Option<News> {
        let streak = self.streaks.get(&flow.id)?;
        let run = streak.roots.get((length as usize).checked_sub(1)?)?;
        let healed = flow.last_run.as_ref().is_some_and(|last| {
            last.status == RunStatus::Succeeded
                && last.started_at.is_some_and(|started| started > streak.at)
        });
        let said = format!("{length} recoveries in a row ended without success");
        (!healed).then(|| News { run: run.clone(), said })
    }

    /// The dataflows of which the platform said that their source does not support the action, and
    /// no operator ordered to go on since.
    fn unsupported(&self) -> HashSet<&'a FlowId> {
        let refused = self.recoveries.iter().filter(|recovery| {
            matches!(recovery.state, State::Held { why: Reason::ActionUnsupported, .. })
                && !self.resumed_since(recovery)
        });
        refused.map(|recovery| &recovery.flow_id).collect()
    }

    /// Whether an operator ordered to go on after this recovery changed last.
    fn resumed_since(&self, recovery: &Recovery) -> bool {
        let (flow_id, flow_name) = (&recovery.flow_id, &recovery.flow_name);
        let order = order::in_force(self.orders, self.sandbox, flow_id, flow_name);
        order.is_some_and(|order| !order.paused && order.at > recovery.updated_at)
    }
}
