//! What happened to each failure, from the journal. A replay is compared with it.
//!
//! A journal is a list of decisions; a replay needs one value per failure. [`read_journal`] makes
//! these values. It leaves out failures whose start is not in the journal, so that no figure is
//! based on half a history.

use crate::domain::model::failure::Failure;
use crate::domain::model::ids::{FlowId, RunId, SandboxName};
use crate::domain::model::journal::{Entry, Event};
use crate::domain::model::reason::Reason;
use crate::domain::recovery::Recovery;
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// The events that [`read_journal`] needs; its input may leave out all others.
pub const EVENTS: [Event; 8] = [
    Event::Skipped,
    Event::Scheduled,
    Event::Retriggered,
    Event::Followed,
    Event::Recovered,
    Event::Held,
    Event::GivenUp,
    Event::Dismissed,
];

/// One failure and what was done about it. All instants are by Adobe's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// The sandbox.
    pub sandbox: SandboxName,
    /// The dataflow.
    pub flow_id: FlowId,
    /// Its name when the failure was noticed.
    pub flow_name: String,
    /// When the run failed; for a skipped run, when that was noticed.
    pub failed_at: Timestamp,
    /// When the failure was noticed: nothing could be decided earlier.
    pub noticed_at: Timestamp,
    /// The failure of the root run.
    pub failure: Failure,
    /// True for a run that succeeded but ingested no records.
    pub empty: bool,
    /// Waits that extended the time budget.
    pub excused: Duration,
    /// The re-triggers, oldest first, including those of operators and of others.
    pub attempts: Vec<RecordedAttempt>,
    /// The due time, by the backoff, of the re-trigger that was never made after the last of
    /// `attempts`.
    pub due: Option<Timestamp>,
    /// How it ended.
    pub end: End,
    /// Why it ended like this.
    pub why: Reason,
    /// When that was seen.
    pub ended_at: Timestamp,
}

/// One accepted re-trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedAttempt {
    /// The due time by the backoff; `None` if the re-trigger did not come from the backoff.
    pub due: Option<Timestamp>,
    /// When it was accepted.
    pub at: Timestamp,
    /// How the issued run ended; `None` if that was never seen.
    pub outcome: Option<AttemptResult>,
}

/// How an issued run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptResult {
    /// It failed.
    Failed {
        /// When that was seen: up to one poll interval after it happened.
        seen_at: Timestamp,
        /// Its errors.
        failure: Failure,
    },
    /// It succeeded.
    Succeeded {
        /// When that was seen.
        seen_at: Timestamp,
    },
}

/// How the recovery of a failure ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// It is still open.
    Open,
    /// It recovered: by a re-trigger, or otherwise if no attempt succeeded.
    Recovered,
    /// It is on hold, and no person has acted.
    Held,
    /// It was skipped: a rule says so, or the dataflow is not selected.
    LeftAlone,
    /// A budget was used up, or nothing else could be done.
    GivenUp,
    /// An operator ended it.
    Dismissed,
}

/// What [`read_journal`] returns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histories {
    /// The failures, in the order in which they were noticed.
    pub histories: Vec<History>,
    /// The number of recoveries that were left out, because their first entry is missing or the
    /// store no longer has the time of their failure.
    pub left_out: u64,
}

/// The failures whose first entry is in `entries`, which are in the order in which they were
/// written. `recoveries` add what entries lack: when a run failed, and which waits were excused.
pub fn read_journal(entries: Vec<Entry>, recoveries: &[Recovery]) -> Histories {
    let known: HashMap<&RunId, &Recovery> =
        recoveries.iter().map(|recovery| (&recovery.root_run_id, recovery)).collect();
    let mut left_out: HashSet<RunId> = HashSet::new();
    let mut found: HashMap<RunId, usize> = HashMap::new();
    let mut histories: Vec<History> = Vec::new();
    for entry in entries {
        let ignored = entry.event == Event::Skipped && entry.reason == Reason::IgnoredByRule;
        let Some(root) = entry.root_run_id.clone().or(ignored.then(|| entry.run_id.clone())) else {
            continue;
        };
        let begun = found.get(&root).copied();
        let fresh = if ignored {
            History::begin(&entry, entry.at, Duration::ZERO).filter(|_| begun.is_none())
        } else if is_adoption(&entry) {
            let recovery = known.get(&root);
            recovery.and_then(|it| History::begin(&entry, it.failed_at, it.excused))
        } else {
            None
        };
        match (fresh, begun.and_then(|index| histories.get_mut(index))) {
            // A run that a rule skipped may have been adopted after the rule was removed.
            (Some(fresh), Some(old)) => *old = fresh,
            (Some(fresh), None) => {
                found.insert(root, histories.len());
                histories.push(fresh);
            }
            (None, Some(history)) if entry.event != Event::Skipped => history.take(entry),
            (None, Some(_)) => {}
            (None, None) => {
                left_out.insert(root);
            }
        }
    }
    Histories { histories, left_out: left_out.len() as u64 }
}

/// True for the first entry of a recovery.
fn is_adoption(entry: &Entry) -> bool {
    let own = entry.root_run_id.as_ref() == Some(&entry.run_id);
    // A run that works again after someone's re-trigger is its own issued run; then the entry names
    // it twice.
    own && entry.failure.is_some() && entry.new_run_id.is_none()
}

impl History {
    /// The history that starts with `entry`; `None` for an entry without a failure.
    fn begin(entry: &Entry, failed_at: Timestamp, excused: Duration) -> Option<Self> {
        let mut history = Self {
            sandbox: entry.sandbox.clone(),
            flow_id: entry.flow_id.clone(),
            flow_name: entry.flow_name.clone(),
            failed_at,
            noticed_at: entry.at,
            failure: entry.failure.clone()?,
            empty: entry.reason == Reason::EmptySuccess,
            excused,
            attempts: Vec::new(),
            due: None,
            end: End::LeftAlone,
            why: entry.reason,
            ended_at: entry.at,
        };
        if entry.event != Event::Skipped {
            history.take(Entry { failure: None, ..entry.clone() });
        }
        Some(history)
    }

    /// Adds `entry`.
    fn take(&mut self, entry: Entry) {
        let (at, why) = (entry.at, entry.reason);
        if let (Some(failure), Some(last)) = (entry.failure, self.attempts.last_mut()) {
            last.outcome = Some(AttemptResult::Failed { seen_at: at, failure });
        }
        match entry.event {
            Event::Scheduled => {
                match why {
                    Reason::RunFailed | Reason::EmptySuccess | Reason::IssuedRunFailed => {
                        self.due = entry.due;
                    }
                    // From here on, the re-trigger comes from the operator.
                    Reason::OperatorRetry => self.due = None,
                    // It is delayed, but the due time is still that of the backoff.
                    _ => {}
                }
                self.end_as(End::Open, why, at);
            }
            Event::Retriggered | Event::Followed => {
                self.attempts.push(RecordedAttempt { due: self.due.take(), at, outcome: None });
                self.end_as(End::Open, why, at);
            }
            Event::Recovered => {
                if let (Reason::IssuedRunSucceeded, Some(last)) = (why, self.attempts.last_mut()) {
                    last.outcome = Some(AttemptResult::Succeeded { seen_at: at });
                }
                self.end_as(End::Recovered, why, at);
            }
            Event::Held => self.end_as(End::Held, why, at),
            // No person acted in time: it was still on hold.
            Event::GivenUp if why == Reason::TimeSpent && self.end == End::Held => {}
            Event::GivenUp if why == Reason::IgnoredByRule => self.end_as(End::LeftAlone, why, at),
            Event::GivenUp => self.end_as(End::GivenUp, why, at),
            Event::Dismissed => self.end_as(End::Dismissed, why, at),
            _ => {}
        }
    }

    fn end_as(&mut self, end: End, why: Reason, at: Timestamp) {
        (self.end, self.why, self.ended_at) = (end, why, at);
    }

    /// True if it recovered without a re-trigger by flowmend.
    pub fn healed_otherwise(&self) -> bool {
        self.end == End::Recovered && self.why != Reason::IssuedRunSucceeded
    }

    /// The re-triggers whose issued run was seen to fail: when each was accepted, when the failure
    /// was seen, and the failure. Oldest first.
    pub fn failed_attempts(
        &self,
    ) -> impl DoubleEndedIterator<Item = (Timestamp, Timestamp, &Failure)> {
        self.attempts.iter().filter_map(|it| match &it.outcome {
            Some(AttemptResult::Failed { seen_at, failure }) => Some((it.at, *seen_at, failure)),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::recovery::State;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + 60 * minute).unwrap()
    }

    /// An entry about run `run` of the recovery of `root`, without a failure.
    fn entry(minute: i64, root: &str, run: &str, event: Event, reason: Reason) -> Entry {
        Entry {
            at: at(minute),
            sandbox: SandboxName::new("prod"),
            flow_id: FlowId::new("f-1"),
            flow_name: "crm".to_owned(),
            run_id: RunId::new(run),
            root_run_id: Some(RunId::new(root)),
            event,
            reason,
            rule: None,
            attempt: None,
            max_attempts: None,
            new_run_id: None,
            etag: None,
            due: None,
            detail: None,
            failure: None,
        }
    }

    /// The entry that the recovery of `root` begins with.
    fn adopted(minute: i64, root: &str) -> Entry {
        Entry {
            due: Some(at(minute + 5)),
            failure: Some(Failure::default()),
            ..entry(minute, root, root, Event::Scheduled, Reason::RunFailed)
        }
    }

    /// A recovery of which only the root run and the failure are looked at.
    fn recovery(root: &str, failed: i64) -> Recovery {
        Recovery {
            root_run_id: RunId::new(root),
            sandbox: SandboxName::new("prod"),
            flow_id: FlowId::new("f-1"),
            flow_name: "crm".to_owned(),
            failed_at: at(failed),
            failure: Failure::default(),
            state: State::Recovered { why: Reason::IssuedRunSucceeded },
            attempts: Vec::new(),
            refusals: 0,
            ask_root: false,
            ordered: false,
            contested: false,
            excused: Duration::from_secs(7),
            excused_since: None,
            revision: 1,
            updated_at: at(failed),
        }
    }

    #[test]
    fn what_does_not_begin_with_its_beginning_is_left_out() {
        let entries = vec![
            entry(0, "older", "older", Event::Retriggered, Reason::Accepted),
            adopted(1, "forgotten"),
            adopted(2, "r"),
            entry(3, "older", "older", Event::Recovered, Reason::IssuedRunSucceeded),
            Entry {
                root_run_id: None,
                ..entry(4, "x", "x", Event::FlowHeld, Reason::KeepsFailing)
            },
        ];
        let gathered = read_journal(entries, &[recovery("older", -9), recovery("r", 1)]);
        assert_eq!(gathered.left_out, 2);
        let [history] = &gathered.histories[..] else { panic!("{gathered:?}") };
        assert_eq!((history.failed_at, history.noticed_at), (at(1), at(2)));
        assert_eq!((history.end, history.due), (End::Open, Some(at(7))));
        assert_eq!(history.excused, Duration::from_secs(7));
        assert_eq!(history.failed_attempts().count(), 0, "the failed run itself is not an attempt");
    }

    #[test]
    fn a_run_left_alone_by_a_rule_counts_until_it_is_taken_on() {
        let skipped = |run, reason| Entry {
            root_run_id: None,
            failure: Some(Failure::default()),
            ..entry(0, "", run, Event::Skipped, reason)
        };
        let entries = vec![
            skipped("a", Reason::IgnoredByRule),
            skipped("b", Reason::IgnoredByRule),
            skipped("c", Reason::TooOld),
            adopted(3, "b"),
        ];
        let gathered = read_journal(entries, &[recovery("b", 1)]);
        let ends: Vec<End> = gathered.histories.iter().map(|history| history.end).collect();
        assert_eq!((ends, gathered.left_out), (vec![End::LeftAlone, End::Open], 0));
    }

    #[test]
    fn only_what_the_backoff_asked_for_has_a_due_time() {
        let of = |minute, event, reason| entry(minute, "r", "i", event, reason);
        let issued = || Some(RunId::new("i"));
        let failed = |minute, event, reason| Entry {
            new_run_id: issued(),
            failure: Some(Failure::default()),
            due: Some(at(minute + 5)),
            ..of(minute, event, reason)
        };
        let entries = vec![
            adopted(0, "r"),
            // Put off by a hold, and yet the backoff's.
            of(1, Event::Held, Reason::FlowDisabled),
            of(8, Event::Scheduled, Reason::CauseGone),
            of(9, Event::Retriggered, Reason::Accepted),
            failed(10, Event::Scheduled, Reason::IssuedRunFailed),
            of(15, Event::Followed, Reason::RetriedElsewhere),
            failed(20, Event::GivenUp, Reason::AttemptsSpent),
            of(30, Event::Scheduled, Reason::OperatorRetry),
            of(31, Event::Retriggered, Reason::Accepted),
            of(40, Event::Recovered, Reason::IssuedRunSucceeded),
        ];
        let gathered = read_journal(entries, &[recovery("r", 0)]);
        let [history] = &gathered.histories[..] else { panic!("{gathered:?}") };
        let dues: Vec<_> = history.attempts.iter().map(|made| made.due).collect();
        assert_eq!(dues, [Some(at(5)), Some(at(15)), None]);
        let failed: Vec<_> =
            history.failed_attempts().map(|(made, seen, _)| (made, seen)).collect();
        assert_eq!(failed, [(at(9), at(10)), (at(15), at(20))]);
        let succeeded = AttemptResult::Succeeded { seen_at: at(40) };
        assert_eq!(history.attempts[2].outcome, Some(succeeded));
        assert_eq!((history.end, history.healed_otherwise()), (End::Recovered, false));
    }

    #[test]
    fn what_was_held_until_its_time_ran_out_was_left_to_a_person() {
        let ended = |event, reason| entry(90, "r", "r", event, reason);
        let table = [
            (ended(Event::GivenUp, Reason::TimeSpent), End::Held),
            (ended(Event::GivenUp, Reason::IgnoredByRule), End::LeftAlone),
            (ended(Event::Recovered, Reason::HealedElsewhere), End::Recovered),
            (ended(Event::Dismissed, Reason::OperatorDismissed), End::Dismissed),
        ];
        for (last, expected) in table {
            let held = entry(2, "r", "r", Event::Held, Reason::Forbidden);
            let gathered = read_journal(vec![adopted(0, "r"), held, last], &[recovery("r", 0)]);
            assert_eq!(gathered.histories[0].end, expected);
        }
    }
}
