//! Breakers: when to stop trying because trying does not help.
//!
//! There are two, both computed anew from what is recorded, so that no counter can be wrong:
//!
//! * A **dataflow** whose recoveries keep ending without success is held, until one of its runs
//!   succeeds or a person resumes it ([`streaks`]).
//! * A **sandbox** in which re-triggered runs of several dataflows keep failing has an outage. One
//!   re-trigger at a time is tried, a canary; each success then doubles how many may be under way
//!   ([`weather`]).

use super::ids::{FlowId, RunId};
use super::journal::{Entry, Event};
use super::reason::Reason;
use super::schedule::before;
use jiff::Timestamp;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// `[breaker]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaker {
    /// A dataflow is warned of after so many recoveries in a row that ended without success; 0: never.
    pub dataflow_warning: u32,
    /// … and held after so many; 0: never.
    pub dataflow_failures: u32,
    /// Failures of re-triggered runs in a sandbox that are taken for an outage; 0: never.
    pub failures: u32,
    /// … if they come within this time, without a success among them.
    pub window: Duration,
}

impl Default for Breaker {
    /// The values of `config/flowmend.default.toml`; a test holds the two together.
    fn default() -> Self {
        let window = Duration::from_secs(30 * 60);
        Self { dataflow_warning: 3, dataflow_failures: 5, failures: 10, window }
    }
}

/// How far back the outcomes of a sandbox are read while an outage lasts.
pub const OUTCOMES_LOOKBACK: Duration = Duration::from_secs(24 * 60 * 60);

/// Recoveries of one dataflow that ended one after the other without success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Streak {
    /// Their root runs, oldest first; at least one.
    pub roots: Vec<RunId>,
    /// When the last one ended.
    pub at: Timestamp,
}

/// A recovery that ended without success though something was tried, and that no success of its
/// dataflow has followed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsuccessful {
    /// The dataflow.
    pub flow_id: FlowId,
    /// Its name when the recovery was adopted.
    pub flow_name: String,
    /// The root run.
    pub root_run_id: RunId,
    /// When it was given up.
    pub at: Timestamp,
}

/// The streaks that last, from the unsuccessful recoveries, oldest first, that no success of their
/// dataflow followed; `since` says from when on those of a dataflow count.
pub fn streaks(
    unsuccessful: &[Unsuccessful],
    since: impl Fn(&FlowId, &str) -> Option<Timestamp>,
) -> HashMap<FlowId, Streak> {
    let mut streaks: HashMap<FlowId, Streak> = HashMap::new();
    for entry in unsuccessful {
        if since(&entry.flow_id, &entry.flow_name).is_some_and(|since| entry.at <= since) {
            continue;
        }
        let begun = || Streak { roots: Vec::new(), at: entry.at };
        let streak = streaks.entry(entry.flow_id.clone()).or_insert_with(begun);
        streak.roots.push(entry.root_run_id.clone());
        streak.at = entry.at;
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

    /// The outcome that a journal entry tells of, if it does.
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

/// How an outage stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// How many re-triggered runs of the sandbox may be under way at a time.
    pub allowed: u32,
    /// The failure that made it one.
    pub began: Outcome,
}

/// What the outcomes of a sandbox amount to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Weather {
    /// The outage that lasts, if one does.
    pub outage: Option<Outage>,
    /// The success that ended the last one.
    pub cleared: Option<Outcome>,
}

/// More than this many at a time are as good as no limit: the outage is over.
const RELEASED: u32 = 64;

/// What `outcomes`, oldest first, amount to, where an outage that `began` then was recorded before
/// them. While it lasts, each success doubles what is allowed at a time and each failure halves it,
/// down to the one canary.
pub fn weather(began: Option<Outcome>, outcomes: &[Outcome], breaker: &Breaker) -> Weather {
    let mut weather = Weather::default();
    if breaker.failures == 0 {
        return weather;
    }
    weather.outage = began.map(|began| Outage { allowed: 1, began });
    let mut failures: VecDeque<&Outcome> = VecDeque::new();
    for outcome in outcomes {
        if outcome.succeeded {
            failures.clear();
            let Some(outage) = &mut weather.outage else { continue };
            outage.allowed = outage.allowed.saturating_mul(2);
            if outage.allowed >= RELEASED {
                weather = Weather { outage: None, cleared: Some(outcome.clone()) };
            }
        } else if let Some(outage) = &mut weather.outage {
            outage.allowed = (outage.allowed / 2).max(1);
        } else {
            failures.push_back(outcome);
            let oldest = before(outcome.at, breaker.window);
            failures.retain(|failure| failure.at >= oldest);
            let several = failures.iter().any(|failure| failure.flow_id != outcome.flow_id);
            if several && failures.len() >= breaker.failures as usize {
                failures.clear();
                weather.outage = Some(Outage { allowed: 1, began: outcome.clone() });
            }
        }
    }
    weather
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn outcome(second: i64, flow: &str, succeeded: bool) -> Outcome {
        Outcome {
            at: Timestamp::from_second(second).unwrap(),
            flow_id: FlowId::new(flow),
            run_id: RunId::new(format!("run-{second}")),
            succeeded,
        }
    }

    type History<'a> = &'a [(i64, &'a str, bool)];

    fn after(history: History<'_>) -> Option<u32> {
        let breaker =
            Breaker { failures: 3, window: Duration::from_secs(100), ..Breaker::default() };
        let outcomes: Vec<_> =
            history.iter().map(|(at, flow, ok)| outcome(*at, flow, *ok)).collect();
        weather(None, &outcomes, &breaker).outage.map(|outage| outage.allowed)
    }

    #[test]
    fn failures_of_several_dataflows_within_the_window_are_an_outage() {
        let table: [(History<'_>, Option<u32>); 7] = [
            (&[], None),
            (&[(0, "a", false), (1, "b", false)], None),
            (&[(0, "a", false), (1, "b", false), (2, "c", false)], Some(1)),
            // One dataflow that fails by itself is no outage.
            (&[(0, "a", false), (1, "a", false), (2, "a", false)], None),
            // Nor are failures with a success among them …
            (&[(0, "a", false), (1, "b", true), (2, "c", false), (3, "a", false)], None),
            // … or far apart.
            (&[(0, "a", false), (90, "b", false), (180, "c", false)], None),
            // It lasts for as long as nothing succeeds, however late the next failure.
            (&[(0, "a", false), (1, "b", false), (2, "c", false), (900, "a", false)], Some(1)),
        ];
        for (history, expected) in table {
            assert_eq!(after(history), expected, "{history:?}");
        }
    }

    #[test]
    fn each_success_releases_twice_as_many_and_each_failure_half() {
        let mut history = vec![(0, "a", false), (1, "b", false), (2, "c", false)];
        let steps = [(true, 2), (true, 4), (false, 2), (false, 1), (false, 1), (true, 2)];
        for (second, (succeeded, allowed)) in (10..).zip(steps) {
            history.push((second, "a", succeeded));
            assert_eq!(after(&history), Some(allowed));
        }
        history.extend((20..25).map(|second| (second, "a", true)));
        assert_eq!(after(&history), None, "over");
        history.push((30, "b", false));
        assert_eq!(after(&history), None, "one failure is no outage");
    }

    #[test]
    fn an_outage_on_record_lasts_until_something_succeeds_however_long_ago_it_began() {
        let breaker = Breaker { failures: 3, ..Breaker::default() };
        let began = Some(outcome(0, "a", false));
        let later = |ok| vec![outcome(1_000_000, "b", ok)];
        let allowed = |outcomes: &[Outcome]| {
            let weather = weather(began.clone(), outcomes, &breaker);
            weather.outage.map(|outage| (outage.allowed, outage.began.run_id.to_string()))
        };
        assert_eq!(allowed(&[]), Some((1, "run-0".to_owned())));
        assert_eq!(allowed(&later(false)), Some((1, "run-0".to_owned())));
        assert_eq!(allowed(&later(true)), Some((2, "run-0".to_owned())));
    }

    #[test]
    fn without_a_number_there_is_no_breaker() {
        let outcomes: Vec<_> = (0..100).map(|n| outcome(n, &format!("f-{n}"), false)).collect();
        let breaker = Breaker { failures: 0, ..Breaker::default() };
        assert_eq!(weather(None, &outcomes, &breaker).outage, None);
        assert!(weather(None, &outcomes, &Breaker::default()).outage.is_some());
    }

    proptest! {
        #[test]
        fn successes_always_end_an_outage(
            history in prop::collection::vec((0_u8..5, any::<bool>()), 0..60)
        ) {
            let mut outcomes: Vec<Outcome> = Vec::new();
            for (flow, succeeded) in history {
                let second = outcomes.len() as i64;
                outcomes.push(outcome(second, &format!("f-{flow}"), succeeded));
            }
            let breaker = Breaker { failures: 3, ..Breaker::default() };
            if let Some(outage) = weather(None, &outcomes, &breaker).outage {
                prop_assert!(outage.allowed >= 1, "there is always a canary");
            }
            for _ in 0..7 {
                outcomes.push(outcome(outcomes.len() as i64, "f-0", true));
            }
            prop_assert_eq!(weather(None, &outcomes, &breaker).outage, None);
        }
    }
}
