//! The steps that resolve a doubt, and those that follow a run which this call did not create.

use super::transitions::is_healed;
use crate::domain::model::ids::RunId;
use crate::domain::model::journal::Event;
use crate::domain::model::reason::Reason;
use crate::domain::model::run::Run;
use crate::domain::model::time::after;
use crate::domain::model::verdict::{Refusal, Remedy};
use crate::domain::policy::retry::WhenInDoubt;
use crate::domain::recovery::{Candidate, Change, ListingEvidence, Recovery, State, Terms, Whose};

/// How many late and complete listings must show that there is no new run.
pub const ABSENCES_NEEDED: u32 = 2;

impl Recovery {
    /// `in doubt` → the state that follows from the listing. `None` if it shows nothing new.
    ///
    /// A run that is ours is adopted as soon as it is seen. Absence counts only if two listings show
    /// it, both complete and late enough. A run that may be ours or not is then left to a person.
    pub fn reconcile(
        &self,
        listing_evidence: &ListingEvidence,
        terms: Terms<'_>,
    ) -> Option<Change> {
        let State::InDoubt { attempt, asked, since, absences } = &self.state else { return None };
        if let Some((found, more)) = listing_evidence.issued() {
            let reason = if more { Reason::SeveralCandidates } else { Reason::IssuedRunFound };
            // After several refusals it may as well be someone else's.
            let ours = found.whose == Whose::Proven || !self.contested || self.refusals <= 1;
            return Some(match ours {
                true => self.found(found, reason, terms),
                false => self.followed(found, terms),
            });
        }
        match &listing_evidence.asked {
            Some(run) if is_healed(run, terms) => {
                return Some(self.recovered(Reason::HealedElsewhere, terms));
            }
            Some(run) if run.status.is_under_way() => {
                let etag = run.etag.clone();
                return Some(self.watch(asked, etag, Reason::SameRunAtWork, terms));
            }
            _ => {}
        }
        if let Some(elsewhere) = &listing_evidence.elsewhere {
            return Some(self.followed(elsewhere, terms));
        }
        let confirmed = after(*since, self.confirmed_after(&terms.policy));
        let late = listing_evidence.listed_at >= confirmed;
        if !(listing_evidence.complete && late) {
            return self.doubted_too_long(terms);
        }
        let absences = absences + 1;
        let settled = absences >= ABSENCES_NEEDED;
        let unclear = listing_evidence.candidates.iter().any(|it| it.whose != Whose::Theirs);
        let mut change = if unclear {
            self.held(Reason::UnclearRun, terms)
        } else if !settled {
            let state =
                State::InDoubt { attempt: *attempt, asked: asked.clone(), since: *since, absences };
            self.become_state(state, Event::Unlisted, Reason::NotListedOnce, terms)
        } else if terms.policy.when_in_doubt == WhenInDoubt::Hold {
            self.held(Reason::HeldInDoubt, terms)
        } else {
            // Remembered in case it is listed later after all, or the next call is refused.
            let refusals = if self.contested { self.refusals } else { 0 };
            let doubted = Self { contested: true, refusals, ..self.clone() };
            doubted.schedule_at(*attempt, terms.now, Reason::NotListed, terms)
        };
        change.entry.detail = listing_evidence.seen();
        Some(change)
    }

    /// `in doubt` or `waiting` → `watching` the run of a call of ours.
    fn found(&self, run: &Candidate, reason: Reason, terms: Terms<'_>) -> Change {
        let mut change = self.watch(&run.id, run.etag.clone(), reason, terms);
        change.entry.run_id = self.asked(terms);
        change.entry.detail = Some(run.seen.clone());
        change
    }

    /// `in doubt` or `waiting` → `watching` a run that someone else's re-trigger created: it counts as an
    /// attempt.
    fn followed(&self, run: &Candidate, terms: Terms<'_>) -> Change {
        let mut change = self.found(run, Reason::RetriedElsewhere, terms);
        change.entry.event = Event::Followed;
        change
    }

    /// The run that was re-triggered, or will be.
    pub(super) fn asked(&self, terms: Terms<'_>) -> RunId {
        match &self.state {
            State::Triggering { asked, .. } | State::InDoubt { asked, .. } => asked.clone(),
            _ => self.target(&terms.policy).clone(),
        }
    }

    /// `in doubt` → `given up`, if the time budget has ended and listings have shown nothing new
    /// for as long as the whole budget. The dataflow may be hidden or deleted, for example.
    fn doubted_too_long(&self, terms: Terms<'_>) -> Option<Change> {
        let long = terms.now >= after(self.updated_at, terms.policy.max_elapsed_time);
        (long && self.is_out_of_time(terms.now, terms))
            .then(|| self.given_up(Reason::StillInDoubt, terms))
    }

    /// `waiting` → `watching` the run to re-trigger, or the one issued last, which is in progress again.
    /// `None` in any other state.
    pub fn watch_again(&self, run: &Run, terms: Terms<'_>) -> Option<Change> {
        let State::Waiting { .. } = self.state else { return None };
        let mut change = self.watch(&run.id, run.etag.clone(), Reason::SameRunAtWork, terms);
        change.entry.event = Event::Followed;
        Some(change)
    }

    /// `waiting` → `watching` a run that repeats this one: that of a call that was taken for lost, or
    /// someone else's. `None` in any other state.
    pub fn watch_elsewhere(&self, run: &Candidate, terms: Terms<'_>) -> Option<Change> {
        let State::Waiting { .. } = self.state else { return None };
        Some(match run.whose {
            Whose::Proven if self.contested => self.found(run, Reason::IssuedRunFound, terms),
            _ => self.followed(run, terms),
        })
    }

    /// True if the run that was re-triggered, or the one issued last, should be read once more before
    /// this refusal takes effect, because a person would have to act on it.
    pub fn doubts_refusal(&self, refusal: &Refusal) -> bool {
        match refusal.remedy {
            Remedy::Hold => refusal.reason != Reason::DryRun,
            Remedy::Reread => self.ask_root,
            Remedy::Later(_) => false,
        }
    }

    /// `triggering` → the state that follows from `run`, read after the call was refused: it succeeded,
    /// or is in progress again. `None` if neither, and in any other state.
    pub fn refused_in_vain(
        &self,
        run: &Run,
        refusal: &Refusal,
        terms: Terms<'_>,
    ) -> Option<Change> {
        let State::Triggering { .. } = self.state else { return None };
        let mut change = if is_healed(run, terms) {
            self.recovered(Reason::HealedElsewhere, terms)
        } else if run.status.is_under_way() {
            let mut change = self.watch(&run.id, run.etag.clone(), Reason::SameRunAtWork, terms);
            change.entry.event = Event::Followed;
            change
        } else {
            return None;
        };
        change.entry.detail = Some(refusal.detail.clone());
        Some(change)
    }
}
