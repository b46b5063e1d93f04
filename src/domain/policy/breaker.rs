//! Breakers: when to stop because retries do not help.
//!
//! There are two. Both are computed from what is stored, so no counter can be wrong:
//!
//! * A **dataflow** whose recoveries keep ending without success is held, until one of its runs
//!   succeeds or a person resumes it ([`streaks`]).
//! * A **sandbox** or a **source** whose re-triggered runs of several dataflows keep failing has an
//!   outage ([`crate::domain::policy::outage`]).

use crate::domain::model::ids::{FlowId, RunId};
use crate::domain::model::journal::{Entry, Event};
use crate::domain::model::reason::Reason;
use jiff::Timestamp;
use std::collections::HashMap;
use std::time::Duration;

/// `[breaker]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaker {
    /// A warning is logged after this many recoveries of a dataflow in a row without success; 0:
    /// never.
    pub dataflow_warning: u32,
    /// … and the dataflow is held after this many; 0: never.
    pub dataflow_failures: u32,
    /// This many failures of re-triggered runs in a sandbox, or of one source, are an outage; 0:
    /// never.
    pub failures: u32,
    /// … if they occur within this time, without a success among them.
    pub window: Duration,
}

impl Default for Breaker {
    /// The values of `config/flowmend.default.toml`.
    fn default() -> Self {
        let window = Duration::from_secs(30 * 60);
        Self { dataflow_warning: 3, dataflow_failures: 5, failures: 10, window }
    }
}

/// Recoveries of one dataflow in a row that ended without success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Streak {
    /// Their root runs, oldest first; at least one.
    pub roots: Vec<RunId>,
    /// When the last one ended.
    pub at: Timestamp,
}

/// A recovery that used attempts and ended without success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsuccessful {
    /// The dataflow.
    pub flow_id: FlowId,
    /// Its name at that time.
    pub flow_name: String,
    /// The failed run that started it.
    pub root_run_id: RunId,
    /// When it ended.
    pub at: Timestamp,
}

impl Unsuccessful {
    /// The recovery whose end the entry records, if it ended without success.
    pub fn of(entry: &Entry) -> Option<Self> {
        let tried_in_vain = entry.new_run_id.is_some()
            && matches!(
                entry.reason,
                Reason::AttemptsSpent
                    | Reason::TimeSpent
                    | Reason::WatchTimeout
                    | Reason::NotRetriggerable
            );
        let root_run_id = entry.root_run_id.clone().filter(|_| tried_in_vain)?;
        let (flow_id, flow_name) = (entry.flow_id.clone(), entry.flow_name.clone());
        Some(Self { flow_id, flow_name, root_run_id, at: entry.at })
    }
}

/// The current streaks. The input is the unsuccessful recoveries, oldest first, without those that
/// a success of their dataflow followed. `since` says from when on those of a dataflow count.
pub fn streaks(
    unsuccessful: &[Unsuccessful],
    since: impl Fn(&FlowId, &str) -> Option<Timestamp>,
) -> HashMap<FlowId, Streak> {
    let mut streaks: HashMap<FlowId, Streak> = HashMap::new();
    for ended in unsuccessful {
        if since(&ended.flow_id, &ended.flow_name).is_some_and(|since| ended.at <= since) {
            continue;
        }
        let begun = || Streak { roots: Vec::new(), at: ended.at };
        let streak = streaks.entry(ended.flow_id.clone()).or_insert_with(begun);
        streak.roots.push(ended.root_run_id.clone());
        streak.at = ended.at;
    }
    streaks
}

/// The outcome of one re-triggered run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// When it was seen.
    pub at: Timestamp,
    /// The dataflow.
    pub flow_id: FlowId,
    /// The run.
    pub run_id: RunId,
    /// Whether it succeeded.
    pub succeeded: bool,
}

impl Outcome {
    /// The run that an entry about an outage names.
    pub fn named_by(entry: &Entry) -> Self {
        Self {
            at: entry.at,
            flow_id: entry.flow_id.clone(),
            run_id: entry.run_id.clone(),
            succeeded: entry.event == Event::OutageEnded,
        }
    }

    /// The outcome that a journal entry records, if any.
    pub fn of(entry: &Entry) -> Option<Self> {
        let root = entry.root_run_id.as_ref()?;
        let succeeded = entry.reason == Reason::IssuedRunSucceeded;
        let failed = entry.failure.is_some() && entry.run_id != *root;
        (succeeded || failed).then(|| Self {
            at: entry.at,
            flow_id: entry.flow_id.clone(),
            run_id: entry.run_id.clone(),
            succeeded,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unsuccessful(second: i64, flow: &str) -> Unsuccessful {
        Unsuccessful {
            flow_id: FlowId::new(flow),
            flow_name: format!("name of {flow}"),
            root_run_id: RunId::new(format!("run-{second}")),
            at: Timestamp::from_second(second).unwrap(),
        }
    }

    #[test]
    fn a_streak_has_the_recoveries_of_one_dataflow_since_it_was_resumed() {
        let rows =
            [(1, "a"), (2, "b"), (3, "a"), (4, "a")].map(|(at, flow)| unsuccessful(at, flow));
        let resumed = |flow: &FlowId, name: &str| {
            (flow.as_str() == "a" && name == "name of a").then(|| rows[0].at)
        };
        let streak = |streaks: &HashMap<FlowId, Streak>, flow: &str| {
            let streak = streaks.get(&FlowId::new(flow))?;
            let roots: Vec<_> = streak.roots.iter().map(RunId::as_str).collect();
            Some((roots.join(" "), streak.at.as_second()))
        };
        let all = streaks(&rows, |_, _| None);
        assert_eq!(streak(&all, "a"), Some(("run-1 run-3 run-4".into(), 4)));
        assert_eq!(streak(&all, "b"), Some(("run-2".into(), 2)));
        let since = streaks(&rows, resumed);
        assert_eq!(streak(&since, "a"), Some(("run-3 run-4".into(), 4)));
        assert_eq!(streak(&since, "b"), streak(&all, "b"));
        assert_eq!(streak(&since, "c"), None);
    }
}
