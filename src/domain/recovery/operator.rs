//! The steps that an operator orders.

use crate::domain::model::journal::Event;
use crate::domain::model::reason::Reason;
use crate::domain::recovery::Terms;
use crate::domain::recovery::{Change, Recovery, State};

impl Recovery {
    /// Another re-trigger, due now, because an operator asks for it: from `waiting`, `held`, or any
    /// final state but `recovered`. The budgets do not count for this one attempt. `None` while a
    /// call or an issued run is under way, and for what is healed.
    pub fn retry(&self, terms: Terms<'_>) -> Option<Change> {
        let attempt = match &self.state {
            State::Waiting { attempt, .. } | State::Held { attempt, .. } => *attempt,
            State::GivenUp { .. } | State::Dismissed { .. } => {
                self.attempts.last().map_or(1, |last| last.number + 1)
            }
            _ => return None,
        };
        let ordered = Self { ordered: true, ..self.clone() };
        // Due at once, though the operator's clock may be ahead of the platform's.
        let due = self.updated_at.min(terms.now);
        Some(ordered.schedule_at(attempt, due, Reason::OperatorRetry, terms))
    }

    /// Ends the recovery because an operator says so, and why. `None` while a call may be under way
    /// (its issued run would be taken for a failure of its own), and for what is final.
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
