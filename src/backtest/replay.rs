//! What another policy would have done about a past failure, as far as that can be known.
//!
//! A replay knows two things. If the policy sets the recorded due time, within its jitter, the
//! replay follows the record exactly, including delays by limits and quiet windows. At any other
//! time, it assumes that a cause that is gone stays gone, and that time makes a run succeed, not
//! the number of attempts. So a re-trigger up to the last recorded failure fails, and one from the
//! recorded success on succeeds. In between, the result is unknown and nothing is guessed: the
//! replay of that failure ends as [`ReplayOutcome::Unknown`].

use crate::backtest::history::{AttemptResult, End, History, RecordedAttempt};
use crate::domain::model::failure::Failure;
use crate::domain::model::reason::Reason;
use crate::domain::model::time::span;
use crate::domain::model::time::{after, before};
use crate::domain::policy::in_force::InForce;
use crate::domain::policy::retry::RetryPolicy;
use crate::domain::policy::rule::Action;
use crate::domain::policy::schedule::jittered;
use crate::domain::recovery::EXCUSED_MAX;
use jiff::Timestamp;
use std::time::Duration;

/// What a replay must know besides the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// How much later than it happened the end of a run may be recorded: one poll interval.
    pub poll: Duration,
    /// The end of the record; what would come later is left open.
    pub until: Timestamp,
}

/// What happened to one failure, or would have happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayResult {
    /// How it ended.
    pub outcome: ReplayOutcome,
    /// The number of re-triggers; if the outcome is unknown, there may be more.
    pub retriggers: u32,
    /// Those whose issued run failed.
    pub wasted: u32,
    /// From the failure to the moment when the success was seen; `None` unless recovered.
    pub took: Option<Duration>,
}

/// How a [`ReplayResult`] ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReplayOutcome {
    /// As a record can end.
    Known(End),
    /// With a re-trigger at a time for which the record does not show the result.
    Unknown,
}

impl ReplayResult {
    /// What happened to the failure.
    pub fn recorded(history: &History) -> Self {
        let recovered = history.end == End::Recovered;
        Self {
            outcome: ReplayOutcome::Known(history.end),
            retriggers: u32::try_from(history.attempts.len()).unwrap_or(u32::MAX),
            wasted: u32::try_from(history.failed_attempts().count()).unwrap_or(u32::MAX),
            took: recovered.then(|| span(history.failed_at, history.ended_at)),
        }
    }

    /// What would have happened to it under the policy in force for each of its failures, which is
    /// `None` if the dataflow is not selected.
    pub fn replayed<'a>(
        history: &History,
        bounds: Bounds,
        in_force: impl Fn(&Failure) -> Option<InForce<'a>>,
    ) -> Self {
        let mut replay = Replay::of(history, bounds);
        loop {
            let end = match in_force(replay.failure) {
                Some(it) => replay.step(it.action(), &it.retry),
                None => Some(replay.at_once(End::LeftAlone)),
            };
            if let Some(end) = end {
                return replay.ended(end);
            }
        }
    }
}

/// How a replay ends, and when, if that matters.
type Ending = (ReplayOutcome, Timestamp);

/// A replay in progress: a run has failed, and the policy decides what follows.
struct Replay<'h> {
    history: &'h History,
    bounds: Bounds,
    /// The failure to handle.
    failure: &'h Failure,
    /// The run failed no earlier than this …
    earliest: Timestamp,
    /// … and no later than this.
    latest: Timestamp,
    /// When that was noticed.
    seen: Timestamp,
    retriggers: u32,
    wasted: u32,
    /// True as long as everything matches the record.
    as_recorded: bool,
}

impl<'h> Replay<'h> {
    fn of(history: &'h History, bounds: Bounds) -> Self {
        Self {
            history,
            bounds,
            failure: &history.failure,
            earliest: history.failed_at,
            latest: history.failed_at,
            seen: history.noticed_at,
            retriggers: 0,
            wasted: 0,
            as_recorded: true,
        }
    }

    /// Handles the failure, up to the next one; `None` if there is a next one.
    fn step(&mut self, action: Action, retry: &RetryPolicy) -> Option<Ending> {
        let unwanted = self.retriggers == 0 && self.history.empty && !retry.retry_empty_success;
        match action {
            Action::Ignore => return Some(self.at_once(End::LeftAlone)),
            Action::Retry if unwanted => return Some(self.at_once(End::LeftAlone)),
            Action::Hold => return Some(self.held()),
            Action::Retry => {}
        }
        if self.retriggers >= retry.max_attempts {
            return Some(self.at_once(End::GivenUp));
        }
        let excused = self.history.excused.min(EXCUSED_MAX);
        let budget = retry.max_elapsed_time.saturating_add(excused);
        let deadline = after(self.history.failed_at, budget);
        match self.follow(retry, deadline) {
            Followed::Ended(ending) => Some(ending),
            Followed::Failed => None,
            Followed::Not => {
                self.as_recorded = false;
                self.depart(retry, deadline)
            }
        }
    }

    /// Follows the record, if the policy would have done the same.
    fn follow(&mut self, retry: &RetryPolicy, deadline: Timestamp) -> Followed {
        let history = self.history;
        if !self.as_recorded {
            return Followed::Not;
        }
        let made = history.attempts.get(self.retriggers as usize);
        let Some(due) = made.map_or(history.due, |made| made.due) else {
            let latest = after(self.latest, jittered(retry, self.retriggers + 1, 1.0));
            let out_of_time = made.is_none() && history.why == Reason::TimeSpent;
            // Jitter decided whether there was time for another attempt.
            let same = out_of_time && history.ended_at == self.seen && latest > deadline;
            return if same { self.at_once(End::GivenUp).into() } else { Followed::Not };
        };
        if !self.would_set(due, retry) {
            return Followed::Not;
        }
        if due.max(self.seen) > deadline {
            return self.at_once(End::GivenUp).into();
        }
        match made {
            Some(made) => self.follow_attempt(made),
            None => self.follow_wait(retry, deadline),
        }
    }

    /// Whether the policy could have set this due time. A re-trigger that was due before the
    /// failure was noticed was due at once, under any policy.
    fn would_set(&self, due: Timestamp, retry: &RetryPolicy) -> bool {
        let attempt = self.retriggers + 1;
        let earliest = after(self.earliest, jittered(retry, attempt, 0.0)).max(self.seen);
        let latest = after(self.latest, jittered(retry, attempt, 1.0)).max(self.seen);
        (earliest..=latest).contains(&due.max(self.seen))
    }

    fn follow_attempt(&mut self, made: &'h RecordedAttempt) -> Followed {
        self.retriggers += 1;
        let last = self.history.attempts.len() == self.retriggers as usize;
        match &made.outcome {
            Some(AttemptResult::Failed { seen_at, failure }) => {
                let failed_after = before(*seen_at, self.bounds.poll).max(made.at);
                self.fail(failure, failed_after, *seen_at);
                Followed::Failed
            }
            Some(AttemptResult::Succeeded { seen_at }) => {
                (ReplayOutcome::Known(End::Recovered), *seen_at).into()
            }
            None if last => (ReplayOutcome::Known(self.history.end), self.history.ended_at).into(),
            // It was given up, and an operator retried it.
            None => self.at_once(End::GivenUp).into(),
        }
    }

    /// The recorded re-trigger was due but never made. Unless rules or budgets prevented it, this
    /// policy would not have made it either.
    fn follow_wait(&self, retry: &RetryPolicy, deadline: Timestamp) -> Followed {
        let History { end, why, ended_at, .. } = *self.history;
        let same = match (end, why) {
            (End::LeftAlone, _) | (End::Held, Reason::HeldByRule) => false,
            (End::GivenUp, Reason::AttemptsSpent) => false,
            (End::GivenUp, Reason::TimeSpent) => ended_at > deadline,
            (End::Recovered, Reason::LaterRunSucceeded) => retry.skip_when_later_run_succeeded,
            _ => true,
        };
        if same { (ReplayOutcome::Known(end), ended_at).into() } else { Followed::Not }
    }

    /// Re-triggers at a time that differs from the record, unless the failure ends before that time.
    fn depart(&mut self, retry: &RetryPolicy, deadline: Timestamp) -> Option<Ending> {
        let history = self.history;
        let unmoved = RetryPolicy { randomization_factor: 0.0, ..*retry };
        let delay = jittered(&unmoved, self.retriggers + 1, 0.0);
        let at = after(self.latest, delay).max(self.seen);
        if at > deadline {
            return Some(self.at_once(End::GivenUp));
        }
        let healed = history.healed_otherwise()
            && (history.why != Reason::LaterRunSucceeded || retry.skip_when_later_run_succeeded);
        if (healed || history.end == End::Dismissed) && at >= history.ended_at {
            return Some((ReplayOutcome::Known(history.end), history.ended_at));
        }
        if at > self.bounds.until {
            return Some(self.at_once(End::Open));
        }
        self.retriggers += 1;
        match what_it_meets(history, at) {
            Some((end, _)) if end > self.bounds.until => Some(self.at_once(End::Open)),
            Some((end, None)) => Some((ReplayOutcome::Known(End::Recovered), end)),
            Some((end, Some(failure))) => {
                self.fail(failure, end, end);
                None
            }
            None => Some((ReplayOutcome::Unknown, at)),
        }
    }

    fn fail(&mut self, failure: &'h Failure, earliest: Timestamp, seen: Timestamp) {
        self.wasted += 1;
        (self.failure, self.earliest, self.latest, self.seen) = (failure, earliest, seen, seen);
    }

    /// On hold, or recovered in another way before a person acted.
    fn held(&self) -> Ending {
        let History { end, why, ended_at, .. } = *self.history;
        let helped = self.history.healed_otherwise() && why != Reason::LaterRunSucceeded;
        match helped || end == End::Dismissed {
            true => (ReplayOutcome::Known(end), ended_at),
            false => self.at_once(End::Held),
        }
    }

    fn at_once(&self, end: End) -> Ending {
        (ReplayOutcome::Known(end), self.seen)
    }

    fn ended(&self, (outcome, at): Ending) -> ReplayResult {
        let recovered = outcome == ReplayOutcome::Known(End::Recovered);
        ReplayResult {
            outcome,
            retriggers: self.retriggers,
            wasted: self.wasted,
            took: recovered.then(|| span(self.history.failed_at, at)),
        }
    }
}

/// The result of following the record.
enum Followed {
    /// The recovery ended as recorded.
    Ended(Ending),
    /// The issued run failed as recorded.
    Failed,
    /// The policy would have done something else.
    Not,
}

impl From<Ending> for Followed {
    fn from(ending: Ending) -> Self {
        Self::Ended(ending)
    }
}

/// The result of a re-trigger at `at`: when its issued run would have ended, and how; `None` if the
/// record does not show it. The run takes as long as the most similar recorded run.
fn what_it_meets(history: &History, at: Timestamp) -> Option<(Timestamp, Option<&Failure>)> {
    for made in &history.attempts {
        if let Some(AttemptResult::Succeeded { seen_at }) = made.outcome
            && at >= made.at
        {
            return Some((after(at, span(made.at, seen_at)), None));
        }
    }
    let (last, ..) = history.failed_attempts().next_back()?;
    if at > last {
        return None;
    }
    let before_it = history.failed_attempts().take_while(|(accepted, ..)| *accepted <= at).last();
    let (accepted, seen_at, failure) = before_it.or_else(|| history.failed_attempts().next())?;
    Some((after(at, span(accepted, seen_at)), Some(failure)))
}

#[cfg(test)]
mod tests;
