//! Whose a run is: what is known of a run without a recovery, and what that proves.
//!
//! A re-trigger leaves no mark of its own on the run that it creates. Our client id in `createdClient`
//! proves that a run is ours; another one proves nothing, because Adobe may name its own service in
//! every run. So the window, the schedule and the time are compared, too.

use crate::domain::model::ids::{Etag, RunId};
use crate::domain::model::run::Run;
use jiff::Timestamp;

/// What `createdClient` shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maker {
    /// Our client created it.
    Us,
    /// A person created it in Adobe's user interface.
    Person,
    /// It names another client, though runs that flowmend caused are known to name ours.
    Other,
    /// It shows nothing.
    Untold,
}

/// When a run was created, compared with a call whose answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// At about the time of the call.
    AtCall,
    /// Later, but within the confirm window.
    Later,
    /// After the confirm window: no call takes so long.
    TooLate,
}

/// What is known of a run that has no recovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traits {
    /// What `createdClient` shows.
    pub maker: Maker,
    /// Whether its window is that of the failed run; `None` if one of the two is unknown.
    pub same_window: Option<bool>,
    /// Whether it was created on a slot of the dataflow's schedule; `None` if no schedule is known.
    pub on_slot: Option<bool>,
}

/// Whether a run is that of a call in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// It names our client.
    Proven,
    /// All that is known fits.
    Ours,
    /// It is a scheduled run, or someone else's.
    Theirs,
    /// It could be either.
    Unclear,
}

impl Traits {
    /// Whether the run is that of a call in doubt.
    pub fn whose(self, moment: Moment) -> Whose {
        let Self { maker, same_window, on_slot } = self;
        let scheduled = on_slot == Some(true);
        match (maker, same_window, moment) {
            (Maker::Us, ..) => Whose::Proven,
            (Maker::Person, ..) | (_, _, Moment::TooLate) => Whose::Theirs,
            (_, Some(true), Moment::AtCall) => Whose::Ours,
            (_, Some(true), Moment::Later) if !scheduled => Whose::Ours,
            (_, Some(true), _) => Whose::Unclear,
            (_, Some(false), Moment::Later) | (Maker::Other, Some(false), _) => Whose::Theirs,
            (_, Some(false), _) if scheduled => Whose::Theirs,
            (_, Some(false), _) => Whose::Unclear,
            (Maker::Other, None, _) | (_, None, Moment::Later) if scheduled => Whose::Theirs,
            (Maker::Untold, None, Moment::AtCall) if !scheduled => Whose::Ours,
            (_, None, _) => Whose::Unclear,
        }
    }

    /// Whether the run, created after a run failed, seems to repeat that run, whoever requested it.
    pub fn seems_to_repeat(self) -> bool {
        match self.same_window {
            Some(same) => same,
            None => self.names_a_caller() || self.on_slot != Some(true),
        }
    }

    /// True if `createdClient` names someone who requested the run.
    pub fn names_a_caller(self) -> bool {
        matches!(self.maker, Maker::Us | Maker::Person)
    }
}

/// A run that may be that of a call in doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The run.
    pub id: RunId,
    /// The etag from the listing.
    pub etag: Option<Etag>,
    /// Whose it is.
    pub whose: Whose,
    /// What was read of it, for people.
    pub seen: String,
}

/// What Adobe's listing shows about a call in doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListingEvidence {
    /// Runs that are or could be the issued run, oldest first.
    pub candidates: Vec<Candidate>,
    /// The run that someone else's re-trigger seems to have created. It is looked for only after
    /// Adobe refused a call because of the state of the run.
    pub elsewhere: Option<Candidate>,
    /// The current state of the run that was re-triggered, if it could be read.
    pub asked: Option<Run>,
    /// Whether the listing was complete; only a complete one can prove that a run is missing.
    pub complete: bool,
    /// When the listing began.
    pub listed_at: Timestamp,
}

impl ListingEvidence {
    /// The issued run, and whether others could be it as well: the oldest of those that name us, or
    /// the only one that fits.
    pub fn issued(&self) -> Option<(&Candidate, bool)> {
        let of = |whose| self.candidates.iter().filter(move |it| it.whose == whose);
        let mut proven = of(Whose::Proven);
        if let Some(oldest) = proven.next() {
            return Some((oldest, proven.next().is_some()));
        }
        let mut ours = of(Whose::Ours);
        ours.next().filter(|_| ours.next().is_none()).map(|only| (only, false))
    }

    /// What was seen of the candidates, for people.
    pub fn seen(&self) -> Option<String> {
        let seen: Vec<&str> = self.candidates.iter().map(|it| it.seen.as_str()).collect();
        (!seen.is_empty()).then(|| seen.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YES: Option<bool> = Some(true);
    const NO: Option<bool> = Some(false);

    #[test]
    fn whose_a_run_is_follows_from_all_that_is_known_of_it() {
        use Maker::{Other, Person, Untold, Us};
        use Moment::{AtCall, Later, TooLate};
        use Whose::{Ours, Proven, Theirs, Unclear};
        // Maker, window of the failed run, on a slot, moment.
        let table = [
            // Our name is proof, a person's disproof; nothing is made long after a call.
            (Us, NO, YES, Later, Proven),
            (Us, None, None, TooLate, Proven),
            (Person, YES, NO, AtCall, Theirs),
            (Untold, YES, None, TooLate, Theirs),
            // The window of the failed run: only a re-trigger processes it again.
            (Untold, YES, NO, Later, Ours),
            (Untold, YES, YES, AtCall, Ours),
            (Other, YES, None, AtCall, Ours),
            (Untold, YES, YES, Later, Unclear),
            // Another window: the schedule's, unless it was made by the way at the time of the call.
            (Untold, NO, YES, AtCall, Theirs),
            (Untold, NO, None, Later, Theirs),
            (Untold, NO, NO, AtCall, Unclear),
            (Other, NO, None, AtCall, Theirs),
            // No window: the slot and the time.
            (Untold, None, None, AtCall, Ours),
            (Untold, None, NO, AtCall, Ours),
            (Untold, None, YES, AtCall, Unclear),
            (Untold, None, YES, Later, Theirs),
            (Untold, None, NO, Later, Unclear),
            (Untold, None, None, Later, Unclear),
            // Another name never proves anything by itself.
            (Other, None, None, AtCall, Unclear),
            (Other, None, None, Later, Unclear),
            (Other, None, YES, AtCall, Theirs),
        ];
        for (maker, same_window, on_slot, moment, expected) in table {
            let traits = Traits { maker, same_window, on_slot };
            assert_eq!(traits.whose(moment), expected, "{traits:?} {moment:?}");
        }
    }

    #[test]
    fn a_run_off_the_schedule_or_with_the_window_of_the_failed_one_seems_to_repeat_it() {
        let repeats =
            |maker, same_window, on_slot| Traits { maker, same_window, on_slot }.seems_to_repeat();
        assert!(repeats(Maker::Untold, YES, YES));
        assert!(repeats(Maker::Untold, None, NO));
        assert!(repeats(Maker::Untold, None, None));
        assert!(repeats(Maker::Person, None, YES));
        assert!(!repeats(Maker::Person, NO, NO), "of another failure");
        assert!(!repeats(Maker::Untold, None, YES));
    }

    #[test]
    fn of_several_that_fit_only_one_that_names_us_is_taken() {
        let candidate = |id: &str, whose| Candidate {
            id: RunId::new(id),
            etag: None,
            whose,
            seen: id.to_owned(),
        };
        let listing = |candidates| ListingEvidence {
            candidates,
            elsewhere: None,
            asked: None,
            complete: true,
            listed_at: Timestamp::UNIX_EPOCH,
        };
        let issued = |candidates: &[(&str, Whose)]| {
            let candidates = candidates.iter().map(|(id, whose)| candidate(id, *whose)).collect();
            listing(candidates).issued().map(|(it, more)| (it.id.to_string(), more))
        };
        use Whose::{Ours, Proven, Unclear};
        assert_eq!(issued(&[("a", Ours), ("b", Unclear)]), Some(("a".into(), false)));
        assert_eq!(issued(&[("a", Ours), ("b", Ours)]), None);
        assert_eq!(issued(&[("a", Ours), ("b", Proven)]), Some(("b".into(), false)));
        assert_eq!(issued(&[("a", Proven), ("b", Proven)]), Some(("a".into(), true)));
        assert_eq!(issued(&[("a", Unclear)]), None);
    }
}
