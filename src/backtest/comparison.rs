//! The figures of a backtest: what happened, and what would have happened.

use crate::backtest::history::{End, History};
use crate::backtest::replay::{Bounds, ReplayOutcome, ReplayResult};
use crate::domain::model::failure::Failure;
use crate::domain::model::ids::{FlowId, SandboxName};
use crate::domain::policy::in_force::InForce;
use std::collections::HashMap;
use std::time::Duration;

/// The sums over some failures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// The number of failures; each is in one of the counts of outcomes.
    pub failures: u64,
    /// Re-triggers; a lower bound if outcomes are unknown.
    pub retriggers: u64,
    /// Re-triggers whose new run failed; a lower bound if outcomes are unknown.
    pub wasted: u64,
    /// Recovered, by a re-trigger or otherwise.
    pub recovered: u64,
    /// On hold.
    pub held: u64,
    /// Skipped: a rule says so, or the dataflow is not selected.
    pub left_alone: u64,
    /// A budget was used up.
    pub given_up: u64,
    /// Ended by an operator.
    pub dismissed: u64,
    /// Still open at the end of the record.
    pub open: u64,
    /// The record does not show how it would have ended.
    pub unknown: u64,
    /// The times from failure to success, one for each failure that recovered.
    pub healing: Times,
}

/// Lengths of time, in no order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Times(Vec<Duration>);

impl Times {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The time within which `percent` of them are; `None` if there are none.
    pub fn within(&self, percent: usize) -> Option<Duration> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100);
        sorted.get(rank.saturating_sub(1)).copied()
    }
}

impl Totals {
    /// Adds one failure.
    pub fn add(&mut self, result: ReplayResult) {
        self.failures += 1;
        self.retriggers += u64::from(result.retriggers);
        self.wasted += u64::from(result.wasted);
        self.healing.0.extend(result.took);
        *match result.outcome {
            ReplayOutcome::Known(End::Recovered) => &mut self.recovered,
            ReplayOutcome::Known(End::Held) => &mut self.held,
            ReplayOutcome::Known(End::LeftAlone) => &mut self.left_alone,
            ReplayOutcome::Known(End::GivenUp) => &mut self.given_up,
            ReplayOutcome::Known(End::Dismissed) => &mut self.dismissed,
            ReplayOutcome::Known(End::Open) => &mut self.open,
            ReplayOutcome::Unknown => &mut self.unknown,
        } += 1;
    }
}

/// One dataflow in a [`Comparison`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowChange {
    /// Its sandbox.
    pub sandbox: SandboxName,
    /// Its id.
    pub flow_id: FlowId,
    /// Its name when its latest failure was noticed.
    pub flow_name: String,
    /// How many of its failures are among [`Comparison::changed`].
    pub changed: u64,
    /// What happened.
    pub recorded: Totals,
    /// What would have happened.
    pub replayed: Totals,
    /// The rule that matches most of its failures; `None` if most match no rule.
    pub rule: Option<String>,
}

/// What happened, and what would have happened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Failures that would end differently, or with more or fewer re-triggers, and those for which
    /// that is unknown.
    pub changed: u64,
    /// What happened.
    pub recorded: Totals,
    /// What would have happened.
    pub replayed: Totals,
    /// The times to recovery of the failures that recover in both, recorded and replayed. Only
    /// times of the same failures show which policy is faster.
    pub both: (Times, Times),
    /// Each dataflow that failed, most changed first.
    pub flows: Vec<FlowChange>,
}

/// Replays `histories` under the policy in force for each failure, which is `None` if the dataflow
/// is not selected.
pub fn compare<'a>(
    histories: &[History],
    bounds: Bounds,
    in_force: impl Fn(&History, &Failure) -> Option<InForce<'a>>,
) -> Comparison {
    let mut comparison = Comparison::default();
    let mut flows: HashMap<(&SandboxName, &FlowId), Flow<'_, 'a>> = HashMap::new();
    for history in histories {
        let recorded = ReplayResult::recorded(history);
        let replayed =
            ReplayResult::replayed(history, bounds, |failure| in_force(history, failure));
        let changed = u64::from(
            (recorded.outcome, recorded.retriggers) != (replayed.outcome, replayed.retriggers),
        );
        if let (Some(was), Some(is)) = (recorded.took, replayed.took) {
            comparison.both.0.0.push(was);
            comparison.both.1.0.push(is);
        }
        comparison.changed += changed;
        comparison.recorded.add(recorded);
        comparison.replayed.add(replayed);
        let flow = flows.entry((&history.sandbox, &history.flow_id)).or_default();
        flow.name = &history.flow_name;
        flow.changed += changed;
        flow.recorded.add(recorded);
        flow.replayed.add(replayed);
        let rule = in_force(history, &history.failure).and_then(|it| it.rule);
        *flow.rules.entry(rule.map(|rule| rule.name.as_str())).or_default() += 1;
    }
    comparison.flows = flows
        .into_iter()
        .map(|((sandbox, flow_id), flow)| flow.changes(sandbox, flow_id))
        .collect();
    comparison.flows.sort_by(|a, b| {
        let most = b.changed.cmp(&a.changed).then(b.recorded.failures.cmp(&a.recorded.failures));
        most.then_with(|| (&a.sandbox, &a.flow_id).cmp(&(&b.sandbox, &b.flow_id)))
    });
    comparison
}

/// A dataflow while its failures are counted.
#[derive(Default)]
struct Flow<'h, 'a> {
    name: &'h str,
    changed: u64,
    recorded: Totals,
    replayed: Totals,
    /// How many failures each rule matches.
    rules: HashMap<Option<&'a str>, u64>,
}

impl Flow<'_, '_> {
    fn changes(self, sandbox: &SandboxName, flow_id: &FlowId) -> FlowChange {
        // By name if two rules match equally often, so that the same journal always gives the same
        // result.
        let rule = self.rules.into_iter().max_by(|a, b| (a.1, b.0).cmp(&(b.1, a.0)));
        FlowChange {
            sandbox: sandbox.clone(),
            flow_id: flow_id.clone(),
            flow_name: self.name.to_owned(),
            changed: self.changed,
            recorded: self.recorded,
            replayed: self.replayed,
            rule: rule.and_then(|(rule, _)| rule).map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_time_within_which_that_share_recovered() {
        let minutes = |minutes: &[u64]| {
            Times(minutes.iter().map(|minute| Duration::from_secs(60 * minute)).collect())
        };
        let table: [(&[u64], usize, Option<u64>); 6] = [
            (&[], 50, None),
            (&[3], 50, Some(3)),
            (&[3], 90, Some(3)),
            (&[9, 1, 5], 50, Some(5)),
            (&[4, 3, 2, 1], 50, Some(2)),
            (&[10, 9, 8, 7, 6, 5, 4, 3, 2, 1], 90, Some(9)),
        ];
        for (times, percent, expected) in table {
            let found = minutes(times).within(percent);
            assert_eq!(found.map(|time| time.as_secs() / 60), expected, "{times:?} {percent}");
        }
    }
}
