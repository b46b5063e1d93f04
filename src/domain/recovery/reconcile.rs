//! The steps that settle a doubt, and those that follow a run which was not issued for this call.

use super::transitions::is_healed;
use crate::domain::model::ids::RunId;
use crate::domain::model::journal::Event;
use crate::domain::model::reason::Reason;
use crate::domain::model::run::Run;
use crate::domain::model::time::after;
use crate::domain::model::verdict::{Refusal, Remedy};
use crate::domain::policy::retry::WhenInDoubt;
use crate::domain::recovery::{Candidate, Change, ListingEvidence, Recovery, State, Terms, Whose};

/// How many late and complete listings must agree that no run was issued.
pub const ABSENCES_NEEDED: u32 = 2;

impl Recovery {
    /// `in doubt` → what the listing says. `None` while there is nothing new to say.
    ///
    /// A run that is ours is adopted whenever it is seen. Absence is believed only from listings that
    /// were complete and late enough, and only from two of them. A run that may be ours or not is then
    /// left to a person.
    pub fn reconcile(
        &self,
        listing_evidence: &ListingEvidence,
        terms: Terms<'_>,
    ) -> Option<Change> {
        let State::InDoubt { attempt, asked, since, absences } = &self.state else { return None };
        if let Some((found, more)) = listing_evidence.issued() {
            let reason = if more { Reason::SeveralCandidates } else { Reason::IssuedRunFound };
            // After several refusals it may as well be somebody else's.
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
            // Should it be listed later after all, or the next call be refused, this is remembered.
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

    /// `in doubt` or `waiting` → `watching` a run that somebody else's re-trigger made: it is an attempt
    /// like any other.
    fn followed(&self, run: &Candidate, terms: Terms<'_>) -> Change {
        let mut change = self.found(run, Reason::RetriedElsewhere, terms);
        change.entry.event = Event::Followed;
        change
    }

    /// The run that was asked for, or will be.
    pub(super) fn asked(&self, terms: Terms<'_>) -> RunId {
        match &self.state {
            State::Triggering { asked, .. } | State::InDoubt { asked, .. } => asked.clone(),
            _ => self.target(&terms.policy).clone(),
        }
    }

    /// `in doubt` → `given up`, when listings have told nothing new for as long as the whole budget of
    /// time, and that is spent: the dataflow was hidden or deleted, say.
    fn doubted_too_long(&self, terms: Terms<'_>) -> Option<Change> {
        let long = terms.now >= after(self.updated_at, terms.policy.max_elapsed_time);
        (long && self.is_out_of_time(terms.now, terms))
            .then(|| self.given_up(Reason::StillInDoubt, terms))
    }

    /// `waiting` → `watching` the run to ask for, or the one issued last, which is at work again. `None`
    /// in any other state.
    pub fn watch_again(&self, run: &Run, terms: Terms<'_>) -> Option<Change> {
        let State::Waiting { .. } = self.state else { return None };
        let mut change = self.watch(&run.id, run.etag.clone(), Reason::SameRunAtWork, terms);
        change.entry.event = Event::Followed;
        Some(change)
    }

    /// `waiting` → `watching` a run that repeats this one: that of a call that was taken for lost, or
    /// somebody else's. `None` in any other state.
    pub fn watch_elsewhere(&self, run: &Candidate, terms: Terms<'_>) -> Option<Change> {
        let State::Waiting { .. } = self.state else { return None };
        Some(match run.whose {
            Whose::Proven if self.contested => self.found(run, Reason::IssuedRunFound, terms),
            _ => self.followed(run, terms),
        })
    }

    /// True if the run that was asked for, or the one issued last, should be read once more before
    /// this refusal takes effect: it would end in the hands of a person.
    pub fn doubts_refusal(&self, refusal: &Refusal) -> bool {
        match refusal.remedy {
            Remedy::Hold => refusal.reason != Reason::DryRun,
            Remedy::Reread => self.ask_root,
            Remedy::Later(_) => false,
        }
    }

    /// `triggering` → what `run`, read after the call was refused, makes of it: it is healed, or at
    /// work again. `None` if neither, and in any other state.
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
