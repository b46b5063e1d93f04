//! The steps of a recovery: every arrow of the picture in [`crate::domain::recovery`] is one method here.
//!
//! Each takes what was read and returns a [`Change`]: the new recovery and the journal entry that
//! says why. Nothing here knows how a change is stored. The transitions of rules are in
//! [`crate::domain::recovery::rules`], those of waiting in [`crate::domain::recovery::waiting`],
//! those that resolve a doubt in [`crate::domain::recovery::reconcile`], those of operators in
//! [`crate::domain::recovery::operator`].

use crate::domain::model::failure::Failure;
use crate::domain::model::ids::{Etag, RunId, SandboxName};
use crate::domain::model::journal::{Entry, Event};
use crate::domain::model::reason::Reason;
use crate::domain::model::run::{Run, RunStatus};
use crate::domain::model::time::after;
use crate::domain::model::verdict::{Refusal, Remedy, Verdict};
use crate::domain::recovery::{Attempt, Change, Recovery, State, Terms};
use jiff::Timestamp;
use std::time::Duration;

/// After so many refusals because of the state of a run, the run that may cause them was looked for.
const LOOKED: u32 = 2;

impl Recovery {
    /// Adopts `run`, which failed at `failed_at`: due after the first delay, held if a rule holds
    /// it, or given up at once if a budget is used up before it is due.
    pub fn adopt(
        run: &Run,
        failed_at: Timestamp,
        failure: Failure,
        sandbox: &SandboxName,
        flow_name: &str,
        reason: Reason,
        terms: Terms<'_>,
    ) -> Change {
        let seed = Self {
            root_run_id: run.id.clone(),
            sandbox: sandbox.clone(),
            flow_id: run.flow_id.clone(),
            flow_name: flow_name.to_owned(),
            failed_at,
            failure,
            state: State::Held { attempt: 1, why: reason },
            attempts: Vec::new(),
            refusals: 0,
            ask_root: false,
            ordered: false,
            contested: false,
            excused: Duration::ZERO,
            excused_since: None,
            revision: 0,
            updated_at: terms.now,
        };
        let mut change = seed.on_failure(1, failed_at, reason, terms);
        change.from_revision = None;
        change.recovery.revision = 1;
        change
    }

    /// `waiting` → `triggering`: the intent, to be stored before the call. `None` in any other state.
    pub fn begin(&self, terms: Terms<'_>) -> Option<Change> {
        let State::Waiting { attempt, .. } = self.state else { return None };
        let asked = self.target(&terms.policy).clone();
        let state = State::Triggering { attempt, asked, since: terms.now };
        Some(self.become_state(state, Event::Begun, Reason::Due, terms))
    }

    /// `triggering` → the state that follows from Adobe's answer. `None` in any other state.
    pub fn settle(&self, verdict: &Verdict, terms: Terms<'_>) -> Option<Change> {
        let State::Triggering { attempt, asked, since } = &self.state else { return None };
        let mut change = match verdict {
            // The answer may name the failed run itself: accepted, but the new run is unknown.
            Verdict::Accepted { run, .. } if run == asked => {
                self.new_doubt(*attempt, asked, *since, Reason::NoRunId, terms)
            }
            Verdict::Accepted { run, etag } => {
                self.watch(run, etag.clone(), Reason::Accepted, terms)
            }
            Verdict::InDoubt { reason, detail } => {
                let mut change = self.new_doubt(*attempt, asked, *since, *reason, terms);
                change.entry.detail = Some(detail.clone());
                change
            }
            Verdict::Refused(refusal) => self.refused(*attempt, asked, refusal, terms),
            // It was due when the call began, and it still is.
            Verdict::NotSent { reason, detail } => {
                let state = State::Waiting { attempt: *attempt, due: *since };
                let mut change = self.become_state(state, Event::Postponed, *reason, terms);
                change.entry.due = Some(*since);
                change.entry.detail = Some(detail.clone());
                change
            }
        };
        change.entry.run_id = asked.clone();
        Some(change)
    }

    /// `triggering` → `in doubt`, for an intent without an outcome. `None` in any other state.
    pub fn interrupted(&self, terms: Terms<'_>) -> Option<Change> {
        let State::Triggering { attempt, asked, since } = &self.state else { return None };
        Some(self.new_doubt(*attempt, asked, *since, Reason::Interrupted, terms))
    }

    /// `waiting` or `held` → `given up`, if the time for another attempt is over; otherwise `None`.
    pub fn run_out(&self, terms: Terms<'_>) -> Option<Change> {
        let idle = match self.state {
            State::Waiting { due, .. } => due <= terms.now,
            State::Held { .. } => true,
            _ => false,
        };
        let spent = !self.ordered && terms.now > self.runs_out(&terms.policy, terms.now);
        (idle && spent).then(|| self.given_up(Reason::TimeSpent, terms))
    }

    /// `watching` → the state that follows from the new run, which was just read. `None` while it
    /// is in progress. Call it on [`with_latest_failure`](Self::with_latest_failure).
    pub fn follow(&self, run: Option<&Run>, terms: Terms<'_>) -> Option<Change> {
        let State::Watching { attempt, since, .. } = &self.state else { return None };
        match run.map(|run| (&run.status, run)) {
            Some((RunStatus::Succeeded, _)) => {
                Some(self.recovered(Reason::IssuedRunSucceeded, terms))
            }
            Some((RunStatus::PartiallySucceeded, _)) => {
                Some(self.recovered(Reason::PartialSuccess, terms))
            }
            Some((RunStatus::Failed, run)) => {
                let failed_at = run.failed_at().unwrap_or(terms.now).min(terms.now);
                let mut change =
                    self.on_failure(attempt + 1, failed_at, Reason::IssuedRunFailed, terms);
                change.entry.run_id = run.id.clone();
                Some(change)
            }
            _ if terms.now >= after(*since, terms.policy.watch_timeout) => {
                Some(self.given_up(Reason::WatchTimeout, terms))
            }
            _ => None,
        }
    }

    /// `waiting` or `held` → `recovered`, if the run to re-trigger was read and is no longer
    /// failed. If someone else re-triggered it and it is in progress, it is left until it ends.
    /// `None` otherwise.
    pub fn healed_elsewhere(&self, run: &Run, terms: Terms<'_>) -> Option<Change> {
        let open = matches!(self.state, State::Waiting { .. } | State::Held { .. });
        (open && is_healed(run, terms)).then(|| self.recovered(Reason::HealedElsewhere, terms))
    }

    /// `waiting` or `held` → `recovered`, because a later run of the same dataflow succeeded.
    pub fn superseded(&self, terms: Terms<'_>) -> Option<Change> {
        let open = matches!(self.state, State::Waiting { .. } | State::Held { .. });
        open.then(|| self.recovered(Reason::LaterRunSucceeded, terms))
    }

    /// `waiting` → `held`. `None` in any other state.
    pub fn hold(&self, why: Reason, terms: Terms<'_>) -> Option<Change> {
        matches!(self.state, State::Waiting { .. }).then(|| self.held(why, terms))
    }

    /// `held` → `waiting`, because the cause of the hold is gone: due now, or after the delay of
    /// its last refusal, in case what Adobe reports and what it does differ. `None` in any other
    /// state.
    pub fn resume(&self, terms: Terms<'_>) -> Option<Change> {
        let State::Held { attempt, .. } = self.state else { return None };
        let wait = match self.refusals {
            0 => Duration::ZERO,
            refusals => terms.jitter.refusal_delay(&self.root_run_id, refusals, None),
        };
        Some(self.schedule_at(attempt, after(terms.now, wait), Reason::CauseGone, terms))
    }

    fn refused(&self, attempt: u32, asked: &RunId, refusal: &Refusal, terms: Terms<'_>) -> Change {
        let reason = refusal.reason;
        let mut refused = self.clone();
        refused.refusals = self.refusals.saturating_add(1);
        refused.contested |= reason == Reason::StateConflict;
        let is_root = *asked == self.root_run_id && !self.ask_root;
        let wait =
            |asked_for| terms.jitter.refusal_delay(&self.root_run_id, refused.refusals, asked_for);
        let lasts = reason.most_refusals().is_some_and(|most| refused.refusals >= most);
        let mut change = match refusal.remedy {
            Remedy::Later(_) if lasts => refused.held(reason, terms),
            Remedy::Later(asked_for) => {
                refused.schedule_at(attempt, after(terms.now, wait(asked_for)), reason, terms)
            }
            // Looked for, not found and refused again: a request of an operator has no time budget.
            Remedy::Reread if self.ordered && self.contested && self.refusals >= LOOKED => {
                refused.given_up(Reason::NotRetriggerable, terms)
            }
            // A refusal of a repeat is evidence: something has re-triggered the run.
            Remedy::Reread if self.was_doubted() || (self.contested && is_root) => {
                refused.ask_root |= !is_root;
                refused.doubt(attempt, asked, terms.now, Reason::PerhapsRetriggered, terms)
            }
            // Adobe does not document whether a new run may be re-triggered: try the root run once.
            Remedy::Reread if *asked != self.root_run_id && !self.ask_root => {
                refused.ask_root = true;
                refused.schedule_at(attempt, after(terms.now, wait(None)), reason, terms)
            }
            Remedy::Reread if self.ask_root => refused.given_up(Reason::NotRetriggerable, terms),
            Remedy::Reread => {
                refused.schedule_at(attempt, after(terms.now, wait(None)), reason, terms)
            }
            Remedy::Hold => refused.held(reason, terms),
        };
        if change.entry.event == Event::Scheduled {
            change.entry.event = Event::Refused;
        }
        change.entry.detail = Some(refusal.detail.clone());
        change
    }

    pub(super) fn watch(
        &self,
        run: &RunId,
        etag: Option<Etag>,
        reason: Reason,
        terms: Terms<'_>,
    ) -> Change {
        let attempt = self.attempt();
        let mut next = self.clone();
        next.attempts.push(Attempt {
            number: attempt,
            asked: self.asked(terms),
            issued: run.clone(),
            etag: etag.clone(),
            accepted_at: terms.now,
        });
        next.refusals = 0;
        next.ask_root = false;
        next.ordered = false;
        next.contested = false;
        let state = State::Watching { attempt, issued: run.clone(), since: terms.now };
        let mut change = next.become_state(state, Event::Retriggered, reason, terms);
        change.entry.new_run_id = Some(run.clone());
        change.entry.etag = etag;
        change
    }

    /// A doubt about the call just made; earlier suspicions end.
    fn new_doubt(
        &self,
        attempt: u32,
        asked: &RunId,
        since: Timestamp,
        reason: Reason,
        terms: Terms<'_>,
    ) -> Change {
        let unsuspected = Self { contested: false, ..self.clone() };
        unsuspected.doubt(attempt, asked, since, reason, terms)
    }

    fn doubt(
        &self,
        attempt: u32,
        asked: &RunId,
        since: Timestamp,
        reason: Reason,
        terms: Terms<'_>,
    ) -> Change {
        let state = State::InDoubt { attempt, asked: asked.clone(), since, absences: 0 };
        self.become_state(state, Event::InDoubt, reason, terms)
    }

    /// Waits for attempt `attempt` with its backoff, counted from `failed_at`; gives up if a budget
    /// is used up.
    pub(super) fn schedule_attempt(
        &self,
        attempt: u32,
        failed_at: Timestamp,
        reason: Reason,
        terms: Terms<'_>,
    ) -> Change {
        let delay = terms.jitter.delay(&terms.policy, &self.root_run_id, attempt);
        self.schedule_at(attempt, after(failed_at, delay), reason, terms)
    }

    pub(in crate::domain) fn schedule_at(
        &self,
        attempt: u32,
        due: Timestamp,
        reason: Reason,
        terms: Terms<'_>,
    ) -> Change {
        if attempt > terms.policy.max_attempts && !self.ordered {
            return self.given_up(Reason::AttemptsSpent, terms);
        }
        if self.is_out_of_time(due.max(terms.now), terms) {
            return self.given_up(Reason::TimeSpent, terms);
        }
        let mut change =
            self.become_state(State::Waiting { attempt, due }, Event::Scheduled, reason, terms);
        change.entry.due = Some(due);
        change
    }

    pub(super) fn is_out_of_time(&self, at: Timestamp, terms: Terms<'_>) -> bool {
        !self.ordered && at > self.deadline(&terms.policy, at)
    }

    pub(super) fn recovered(&self, why: Reason, terms: Terms<'_>) -> Change {
        self.become_state(State::Recovered { why }, Event::Recovered, why, terms)
    }

    pub(super) fn given_up(&self, why: Reason, terms: Terms<'_>) -> Change {
        self.become_state(State::GivenUp { why }, Event::GivenUp, why, terms)
    }

    pub(super) fn held(&self, why: Reason, terms: Terms<'_>) -> Change {
        let state = State::Held { attempt: self.attempt(), why };
        self.become_state(state, Event::Held, why, terms)
    }

    pub(in crate::domain) fn become_state(
        &self,
        state: State,
        event: Event,
        reason: Reason,
        terms: Terms<'_>,
    ) -> Change {
        let last = self.attempts.last();
        let attempt = match &state {
            State::Waiting { attempt, .. } | State::Held { attempt, .. } => *attempt,
            _ => self.attempt(),
        };
        let entry = Entry {
            at: terms.now,
            sandbox: self.sandbox.clone(),
            flow_id: self.flow_id.clone(),
            flow_name: self.flow_name.clone(),
            run_id: self.latest_run().clone(),
            root_run_id: Some(self.root_run_id.clone()),
            event,
            reason,
            rule: terms.rule.map(|rule| rule.name.clone()),
            attempt: Some(attempt),
            max_attempts: Some(terms.policy.max_attempts),
            new_run_id: last.map(|last| last.issued.clone()),
            etag: last.and_then(|last| last.etag.clone()),
            due: None,
            detail: None,
            failure: None,
        };
        let excused = match &state {
            State::Held { why: Reason::KeepsFailing | Reason::Paused, .. } => Some(terms.now),
            _ => None,
        };
        // An excused wait ends when the recovery stops waiting.
        let waits =
            matches!(self.state, State::Waiting { .. }) && matches!(state, State::Waiting { .. });
        let recovery = if waits { self.clone() } else { self.with_wait_ended(terms.now) };
        let recovery = Self { excused_since: excused.or(recovery.excused_since), ..recovery };
        let recovery =
            Self { state, revision: self.revision + 1, updated_at: terms.now, ..recovery };
        Change { from_revision: Some(self.revision), recovery, entry }
    }
}

/// True for a run that needs no re-trigger any more.
pub(super) fn is_healed(run: &Run, terms: Terms<'_>) -> bool {
    run.status.is_success() && !(terms.policy.retry_empty_success && run.succeeded_empty())
}
