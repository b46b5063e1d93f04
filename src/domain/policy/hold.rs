//! Holds on whole dataflows: reasons of flowmend's own to re-trigger none of their runs.
//!
//! A hold is logged once for the dataflow, no matter how many of its runs fail during it. When the
//! hold ends, its recoveries continue by themselves.

use crate::domain::model::flow::Flow;
use crate::domain::model::ids::{FlowId, RunId, SandboxName};
use crate::domain::model::reason::Reason;
use crate::domain::policy::breaker::{Breaker, Streak};
use crate::domain::policy::pause_order::{self, Order};
use jiff::Timestamp;
use std::collections::HashMap;

/// Why the runs of a dataflow are skipped for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Why.
    pub why: Reason,
    /// What to log about it, if it is not logged yet.
    pub notice: Option<Notice>,
    /// When an operator paused the dataflow; `None` for other holds.
    pub paused_at: Option<Timestamp>,
}

/// Something to log once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The root run that caused it.
    pub run: RunId,
    /// The text.
    pub text: String,
}

/// The holds on dataflows of one sandbox, and the dataflows to warn about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holds {
    /// By dataflow.
    pub holds: HashMap<FlowId, Hold>,
    /// Dataflows that keep failing and are not held yet, and what to log about them.
    pub warnings: HashMap<FlowId, Notice>,
    /// Dataflows that kept failing, and the run that has succeeded since. It must be stored,
    /// because the next run may hide it.
    pub healed: HashMap<FlowId, RunId>,
}

/// The facts that decide about holds.
#[derive(Debug, Clone, Copy)]
pub struct HoldInputs<'a> {
    /// The sandbox.
    pub sandbox: &'a SandboxName,
    /// The dataflows whose source does not support re-triggering, and when Adobe reported this.
    pub unsupported: &'a [(FlowId, Timestamp)],
    /// The dataflows that keep failing.
    pub streaks: &'a HashMap<FlowId, Streak>,
    /// The operators' pauses and resumes.
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
        if let Some(pause) = order.filter(|order| order.paused) {
            let paused_at = Some(pause.at);
            return Some(Hold { why: Reason::Paused, notice: None, paused_at });
        }
        if let Some(notice) = self.streak(flow, self.breaker.dataflow_failures) {
            let why = Reason::KeepsFailing;
            return Some(Hold { why, notice: Some(notice), paused_at: None });
        }
        // The recovery that found out has been told of.
        let hold = Hold { why: Reason::ActionUnsupported, notice: None, paused_at: None };
        self.is_unsupported(flow).then_some(hold)
    }

    /// What to log about a dataflow with a streak this long, if no later run is known to have
    /// succeeded.
    fn streak(&self, flow: &Flow, length: u32) -> Option<Notice> {
        let streak = self.streaks.get(&flow.id)?;
        let run = streak.roots.get((length as usize).checked_sub(1)?)?;
        let text = format!("{length} recoveries in a row ended without success");
        self.healed_by(flow).is_none().then(|| Notice { run: run.clone(), text })
    }

    /// The run of a dataflow with a streak that succeeded after it, as far as its newest run shows.
    fn healed_by<'f>(&self, flow: &'f Flow) -> Option<&'f RunId> {
        let streak = self.streaks.get(&flow.id)?;
        let last = flow.last_run.as_ref()?;
        let later = last.started_at.is_some_and(|started| started > streak.at);
        (last.status.is_success() && later).then_some(&last.id)
    }

    /// The source does not support re-triggering, and no operator has resumed the dataflow since.
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
    use crate::domain::model::run::RunStatus;

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
            is_internal: false,
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
