//! What rules do with a failure: now, or later, if the rules have changed since.

use crate::domain::model::failure::Failure;
use crate::domain::model::journal::Event;
use crate::domain::model::reason::Reason;
use crate::domain::model::run::{Run, RunStatus};
use crate::domain::policy::rule::Action;
use crate::domain::recovery::Terms;
use crate::domain::recovery::{Change, Recovery, State};
use jiff::Timestamp;

impl Recovery {
    /// What a failure leads to: attempt `attempt` after its backoff, or what a rule requires
    /// instead.
    pub(in crate::domain) fn on_failure(
        &self,
        attempt: u32,
        failed_at: Timestamp,
        reason: Reason,
        terms: Terms<'_>,
    ) -> Change {
        let mut change = match terms.action() {
            Action::Retry => self.schedule_attempt(attempt, failed_at, reason, terms),
            Action::Ignore => self.given_up(Reason::IgnoredByRule, terms),
            Action::Hold => {
                let why = Reason::HeldByRule;
                self.become_state(State::Held { attempt, why }, Event::Held, why, terms)
            }
        };
        change.entry.detail = self.failure.codes();
        change.entry.failure = Some(self.failure.clone());
        change
    }

    /// The recovery with the failure of its issued run, if `run` is that run and has failed. The
    /// terms of the next step depend on that failure.
    pub fn with_latest_failure(&self, run: Option<&Run>) -> Self {
        match run {
            Some(run) if run.status == RunStatus::Failed => {
                Self { failure: Failure::of(run, self.failure.source.clone()), ..self.clone() }
            }
            _ => self.clone(),
        }
    }

    /// `waiting` → the action of the rule, unless that is to re-trigger: a rule may be newer than
    /// the wait. `None` in any other state, and if an operator requested the attempt.
    pub fn overruled(&self, terms: Terms<'_>) -> Option<Change> {
        let State::Waiting { .. } = self.state else { return None };
        match terms.action() {
            _ if self.ordered => None,
            Action::Retry => None,
            Action::Hold => Some(self.held(Reason::HeldByRule, terms)),
            Action::Ignore => Some(self.given_up(Reason::IgnoredByRule, terms)),
        }
    }

    /// `held` → `given up`, because a rule now ignores such failures. `None` otherwise.
    pub fn ignored(&self, terms: Terms<'_>) -> Option<Change> {
        let held = matches!(self.state, State::Held { .. });
        (held && terms.action() == Action::Ignore)
            .then(|| self.given_up(Reason::IgnoredByRule, terms))
    }
}
