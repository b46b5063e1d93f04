//! Holds on whole dataflows: causes of ours not to re-trigger any of their runs.
//!
//! They are told once for the dataflow, however many of its runs fail meanwhile, and what they hold
//! goes on by itself once they are gone.

use crate::domain::model::flow::Flow;
use crate::domain::model::ids::{FlowId, RunId, SandboxName};
use crate::domain::model::reason::Reason;
use crate::domain::model::run::RunStatus;
use crate::domain::policy::breaker::{Breaker, Streak};
use crate::domain::policy::pause_order::{self, Order};
use jiff::Timestamp;
use std::collections::HashMap;

/// Why the runs of a dataflow are left alone for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Why.
    pub why: Reason,
    /// What to say of it, where it has to be told.
    pub notice: Option<Notice>,
}

/// Something to tell once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The root run that led to it.
    pub run: RunId,
    /// In which words.
    pub text: String,
}

/// The holds on dataflows of one sandbox, and the dataflows to warn of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holds {
    /// By dataflow.
    pub holds: HashMap<FlowId, Hold>,
    /// Dataflows that keep failing and are not held yet, and what to say of it.
    pub warnings: HashMap<FlowId, Notice>,
    /// Dataflows that kept failing, and the run that has succeeded since: to be written down, because
    /// the next run may hide it.
    pub healed: HashMap<FlowId, RunId>,
}

/// What holds are decided from.
#[derive(Debug, Clone, Copy)]
pub struct HoldInputs<'a> {
    /// The sandbox.
    pub sandbox: &'a SandboxName,
    /// The dataflows of which Adobe said that their source does not support the action, and when.
    pub unsupported: &'a [(FlowId, Timestamp)],
    /// The dataflows that keep failing.
    pub streaks: &'a HashMap<FlowId, Streak>,
    /// What operators ordered.
    pub orders: &'a [Order],
    /// When a dataflow is held.
    pub breaker: &'a Breaker,
}

impl Holds {
    /// The holds on `flows`.
    pub fn of<'a>(flows: impl Iterator<Item = &'a Flow>, grounds: HoldInputs<'_>) -> Self {
        let mut all = Self::default();
        for flow in flows {
            if let Some(run) = grounds.healed_by(flow) {
                all.healed.insert(flow.id.clone(), run.clone());
            }
            if let Some(hold) = grounds.hold(flow) {
                all.holds.insert(flow.id.clone(), hold);
            } else if let Some(notice) = grounds.streak(flow, grounds.breaker.dataflow_warning) {
                all.warnings.insert(flow.id.clone(), notice);
            }
        }
        all
    }

    /// Why the dataflow is held, if it is.
    pub fn why(&self, flow: &FlowId) -> Option<Reason> {
        self.holds.get(flow).map(|hold| hold.why)
    }
}

impl HoldInputs<'_> {
    fn hold(&self, flow: &Flow) -> Option<Hold> {
        let order = pause_order::in_force(self.orders, self.sandbox, &flow.id, &flow.name);
        if order.is_some_and(|order| order.paused) {
            return Some(Hold { why: Reason::Paused, notice: None });
        }
        if let Some(notice) = self.streak(flow, self.breaker.dataflow_failures) {
            return Some(Hold { why: Reason::KeepsFailing, notice: Some(notice) });
        }
        // The recovery that found out has been told of.
        let hold = Hold { why: Reason::ActionUnsupported, notice: None };
        self.is_unsupported(flow).then_some(hold)
    }

    /// What to say of a dataflow whose streak is that long, if no later run is known to have succeeded.
    fn streak(&self, flow: &Flow, length: u32) -> Option<Notice> {
        let streak = self.streaks.get(&flow.id)?;
        let run = streak.roots.get((length as usize).checked_sub(1)?)?;
        let said = format!("{length} recoveries in a row ended without success");
        self.healed_by(flow).is_none().then(|| Notice { run: run.clone(), text })
    }

    /// The run of a dataflow with a streak that succeeded after it, as far as its newest run tells.
    fn healed_by<'f>(&self, flow: &'f Flow) -> Option<&'f RunId> {
        let streak = self.streaks.get(&flow.id)?;
        let last = flow.last_run.as_ref()?;
        let later = last.started_at.is_some_and(|started| started > streak.at);
        (last.status == RunStatus::Succeeded && later).then_some(&last.id)
    }

    /// The flow's source does not support the action, and no operator ordered to go on since.
    fn is_unsupported(&self, flow: &Flow) -> bool {
        let order = pause_order::in_force(self.orders, self.sandbox, &flow.id, &flow.name);
        let resumed = |at: &Timestamp| order.is_some_and(|it| !it.paused && it.at > *at);
        self.unsupported.iter().any(|(id, at)| *id == flow.id && !resumed(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::model::flow::{FlowState, LastRun};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn flow(succeeded_at: Option<i64>) -> Flow {
        Flow {
            id: FlowId::new("f-1"),
            name: "crm".into(),
            state: FlowState::Enabled,
            spec_id: None,
            is_source: None,
            is_destination: false,
            source_spec: None,
            schedule: None,
            last_run: succeeded_at.map(|second| LastRun {
                id: RunId::new("last"),
                status: RunStatus::Succeeded,
                started_at: Some(at(second)),
            }),
        }
    }

    fn order(paused: bool, second: i64) -> Order {
        Order { sandbox: None, flow: None, paused, at: at(second), reason: String::new() }
    }

    fn decide(flow: &Flow, streak: u32, orders: &[Order], since: Option<i64>) -> Holds {
        let roots: Vec<RunId> = (1..=streak).map(|n| RunId::new(format!("root-{n}"))).collect();
        let unsupported: Vec<_> =
            since.map(|second| (flow.id.clone(), at(second))).into_iter().collect();
        let streaks = HashMap::from([(flow.id.clone(), Streak { roots, at: at(100) })]);
        let grounds = HoldInputs {
            sandbox: &SandboxName::new("prod"),
            unsupported: &unsupported,
            streaks: &streaks,
            orders,
            breaker: &Breaker::default(),
        };
        Holds::of(std::iter::once(flow), grounds)
    }

    #[test]
    fn a_dataflow_is_warned_of_at_three_and_held_at_five() {
        let table = [
            (0, None, None),
            (2, None, None),
            (3, None, Some("root-3")),
            (4, None, Some("root-3")),
            (5, Some("root-5"), None),
            (9, Some("root-5"), None),
        ];
        for (streak, held_by, warned_by) in table {
            let found = decide(&flow(None), streak, &[], None);
            let held = found.holds.values().next();
            assert_eq!(held.map(|hold| hold.why), held_by.map(|_| Reason::KeepsFailing));
            let told = |notice: Option<&Notice>| notice.map(|notice| notice.run.to_string());
            assert_eq!(told(held.and_then(|hold| hold.notice.as_ref())).as_deref(), held_by);
            assert_eq!(told(found.warnings.values().next()).as_deref(), warned_by, "{streak}");
        }
    }

    #[test]
    fn a_run_that_succeeded_after_the_streak_ends_it() {
        assert!(decide(&flow(Some(100)), 5, &[], None).why(&FlowId::new("f-1")).is_some());
        assert!(decide(&flow(Some(101)), 5, &[], None).why(&FlowId::new("f-1")).is_none());
    }

    #[test]
    fn a_pause_is_first_and_an_unsupported_source_is_held_until_somebody_says_go_on() {
        let why = |orders: &[Order], since: Option<i64>| {
            decide(&flow(None), 0, orders, since).why(&FlowId::new("f-1"))
        };
        let held = Some(100);
        assert_eq!(why(&[], None), None);
        assert_eq!(why(&[], held), Some(Reason::ActionUnsupported));
        assert_eq!(why(&[order(true, 50)], held), Some(Reason::Paused));
        assert_eq!(why(&[order(false, 50)], held), Some(Reason::ActionUnsupported), "before it");
        assert_eq!(why(&[order(false, 101)], held), None);
    }
}
