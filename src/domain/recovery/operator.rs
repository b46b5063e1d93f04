//! The transitions that an operator requests.

use crate::domain::model::journal::Event;
use crate::domain::model::reason::Reason;
use crate::domain::recovery::Terms;
use crate::domain::recovery::{Change, Recovery, State};

impl Recovery {
    /// Another re-trigger, due now, because an operator requests it: from `waiting`, `held`, or any
    /// final state except `recovered`. The budgets do not apply to this one attempt. `None` while a
    /// call or an issued run is in progress, and for a recovered run.
    pub fn retry(&self, terms: Terms<'_>) -> Option<Change> {
        let attempt = match &self.state {
            State::Waiting { attempt, .. } | State::Held { attempt, .. } => *attempt,
            State::GivenUp { .. } | State::Dismissed { .. } => {
                self.attempts.last().map_or(1, |last| last.number + 1)
            }
            _ => return None,
        };
        let ordered = Self { ordered: true, ..self.clone() };
        // Due at once, even if the operator's clock is ahead of Adobe's.
        let due = self.updated_at.min(terms.now);
        Some(ordered.schedule_at(attempt, due, Reason::OperatorRetry, terms))
    }

    /// Ends the recovery because an operator says so, with the reason. `None` in a final state, and
    /// while a call may be in progress, because its issued run would look like a new failure.
    pub fn dismiss(&self, why: &str, terms: Terms<'_>) -> Option<Change> {
        if self.state.is_unanswered() || self.state.is_final() {
            return None;
        }
        let state = State::Dismissed { why: why.to_owned() };
        let mut change =
            self.become_state(state, Event::Dismissed, Reason::OperatorDismissed, terms);
        change.entry.detail = Some(why.to_owned());
        Some(change)
    }
}
