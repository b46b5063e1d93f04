//! The part of the verdict that is about operators: what they decided always wins.

use crate::judge::Evidence;
use flowmend::domain::model::ids::RunId;
use flowmend::domain::model::journal::{Entry, Event};
use flowmend::domain::model::reason::Reason;
use flowmend::domain::recovery::{Attempt, Recovery, State};

impl Evidence<'_> {
    /// Says what was done against an operator's word, or left undone.
    pub fn operators_won(&self) -> Result<(), String> {
        self.pauses_held()?;
        self.recoveries.iter().try_for_each(|recovery| {
            self.decisions_are_on_record(recovery)
                .and_then(|()| self.dismissal_lasted(recovery))
                .and_then(|()| self.retries_were_made(recovery))
                .map_err(|wrong| self.explain(recovery, &wrong))
        })
    }

    /// How many retries operators ordered.
    pub fn retries(&self, recovery: &Recovery) -> usize {
        self.own_entries(recovery).filter(|it| it.reason == Reason::OperatorRetry).count()
    }

    /// True if this attempt is a re-trigger by somebody else, or a run that was at work already.
    pub fn was_followed(&self, recovery: &Recovery, attempt: &Attempt) -> bool {
        let mut own = self.own_entries(recovery).filter(|it| it.event == Event::Followed);
        own.any(|it| {
            it.attempt == Some(attempt.number) && it.new_run_id.as_ref() == Some(&attempt.issued)
        })
    }

    /// True if an operator dismissed it, whatever came later.
    pub fn was_dismissed(&self, recovery: &Recovery) -> bool {
        self.own_entries(recovery).any(|it| it.event == Event::Dismissed)
    }

    /// No intent is begun for a paused dataflow, but for a recovery that an operator ordered.
    fn pauses_held(&self) -> Result<(), String> {
        for (number, intent) in self.begun.iter().enumerate() {
            if !self.deeds.paused_at(number, intent.flow_id.as_str()) {
                continue;
            }
            let owner = |it: &&Recovery| intent.root_run_id.as_ref() == Some(&it.root_run_id);
            let owner = self.recoveries.iter().find(owner).ok_or("an intent of no recovery")?;
            if !self.was_ordered(owner, intent) {
                return Err(self.explain(owner, &format!("begun while paused, at {}", intent.at)));
            }
        }
        Ok(())
    }

    fn was_ordered(&self, recovery: &Recovery, intent: &Entry) -> bool {
        let before = self.own_entries(recovery).take_while(|it| *it != intent);
        before.fold(false, |ordered, it| match it.event {
            _ if it.reason == Reason::OperatorRetry => true,
            Event::Retriggered | Event::Followed => false,
            _ => ordered,
        })
    }

    fn decisions_are_on_record(&self, recovery: &Recovery) -> Result<(), String> {
        let of_operators =
            |it: &&Entry| it.event == Event::Dismissed || it.reason == Reason::OperatorRetry;
        let of_recovery = |it: &&Entry| it.root_run_id.as_ref() == Some(&recovery.root_run_id);
        let on_record = self.own_entries(recovery).filter(of_operators);
        let decided = self.deeds.decisions.iter().filter(of_recovery);
        if !decided.clone().eq(on_record) {
            let decided: Vec<_> = decided.collect();
            return Err(format!("operators decided something else: {decided:?}"));
        }
        Ok(())
    }

    /// What is dismissed does not move any more, unless an operator asks for a retry.
    fn dismissal_lasted(&self, recovery: &Recovery) -> Result<(), String> {
        let mut dismissed = false;
        for entry in self.own_entries(recovery) {
            match entry.event {
                Event::Dismissed => dismissed = true,
                _ if entry.reason == Reason::OperatorRetry => dismissed = false,
                // Only a note: a pass that was under way says what it saw.
                Event::Postponed => {}
                event if dismissed => return Err(format!("{event:?} after it was dismissed")),
                _ => {}
            }
        }
        if dismissed != matches!(recovery.state, State::Dismissed { .. }) {
            return Err("a dismissal was overwritten".to_owned());
        }
        Ok(())
    }

    /// What an operator ordered is re-triggered, whatever it took before, or the journal says why not.
    fn retries_were_made(&self, recovery: &Recovery) -> Result<(), String> {
        let mut ordered = false;
        for entry in self.own_entries(recovery) {
            match (entry.event, entry.reason) {
                (_, Reason::OperatorRetry) => ordered = true,
                (Event::Retriggered | Event::Followed | Event::Recovered | Event::Dismissed, _) => {
                    ordered = false
                }
                (Event::GivenUp, Reason::NotRetriggerable | Reason::StillInDoubt) => {
                    ordered = false
                }
                (Event::GivenUp, why) if ordered => {
                    return Err(format!("given up though an operator ordered a retry: {why}"));
                }
                _ => {}
            }
        }
        let asks = matches!(recovery.state, State::Held { why: Reason::HeldInDoubt, .. });
        if ordered && !asks {
            return Err("an ordered retry was not made".to_owned());
        }
        Ok(())
    }

    /// The journal of the recovery, without what is about one of its runs only.
    fn own_entries(&self, recovery: &Recovery) -> impl Iterator<Item = &Entry> + Clone {
        let root: RunId = recovery.root_run_id.clone();
        self.journals[&root].iter().filter(move |it| it.root_run_id.as_ref() == Some(&root))
    }
}
