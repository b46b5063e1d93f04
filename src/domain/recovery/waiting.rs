//! Waiting beyond the backoff: in a quiet window, or behind others.
//!
//! Most of these waits are *excused*: they extend the time budget, so that what must wait is
//! delayed and not dropped. The store marks all recoveries that a pass did not read, in one
//! statement. The steps of those that it read are here.

use crate::domain::model::journal::{Entry, Event};
use crate::domain::model::reason::Reason;
use crate::domain::model::time::after;
use crate::domain::model::time::span;
use crate::domain::policy::quiet::Pause;
use crate::domain::recovery::Terms;
use crate::domain::recovery::{Change, Recovery, State};
use jiff::Timestamp;
use std::time::Duration;

impl Recovery {
    /// `waiting` → `waiting` until the end of the quiet window; `given up` if that is after the end
    /// of the budget. `None` in any other state.
    pub fn postpone_for_quiet(&self, pause: Pause, terms: Terms<'_>) -> Option<Change> {
        let State::Waiting { attempt, .. } = self.state else { return None };
        let due = after(pause.until, terms.jitter.spread(&self.root_run_id, pause.spread));
        let mut waiting = self.with_wait_ended(terms.now);
        if pause.extends_budget {
            waiting.excused = waiting.excused.saturating_add(span(terms.now, due));
        }
        let mut change = waiting.schedule_at(attempt, due, Reason::Quiet, terms);
        if change.entry.event == Event::Scheduled {
            change.entry.event = Event::Postponed;
        }
        Some(change)
    }

    /// A due re-trigger that must wait, for the reason `why`: the change that starts or ends an
    /// excused wait. `None` if nothing changes.
    pub fn wait_for(&self, why: Reason, terms: Terms<'_>) -> Option<Change> {
        let behind_others = [
            Reason::RateLimited,
            Reason::FlowBusy,
            Reason::OtherRun,
            Reason::Throttled,
            Reason::Outage,
            Reason::SourceOutage,
        ];
        let excused = behind_others.contains(&why);
        let waits = matches!(self.state, State::Waiting { .. });
        if !waits || excused == self.excused_since.is_some() {
            return None;
        }
        let mut next = self.with_wait_ended(terms.now);
        next.excused_since = excused.then_some(terms.now);
        let mut change = next.become_state(self.state.clone(), Event::Postponed, why, terms);
        change.entry.due = self.due();
        Some(change)
    }

    /// The recovery with its current excused wait, if any, ended at `now`.
    pub(in crate::domain) fn with_wait_ended(&self, now: Timestamp) -> Self {
        let lasting = self.excused_since.map_or(Duration::ZERO, |since| span(since, now));
        let excused = self.excused.saturating_add(lasting);
        Self { excused, excused_since: None, ..self.clone() }
    }

    /// The journal entry for a re-trigger that is due and must wait.
    pub(in crate::domain) fn postponed(&self, why: Reason, terms: Terms<'_>) -> Entry {
        let mut entry = self.become_state(self.state.clone(), Event::Postponed, why, terms).entry;
        entry.due = self.due();
        entry
    }
}
