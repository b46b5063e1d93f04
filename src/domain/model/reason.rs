//! The closed list of reasons. Every decision carries one of them, spelled the same in the log, the
//! store and every table, so that a reason seen at 3 a.m. can be searched for anywhere.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! reasons {
    ($($(#[doc = $doc:literal])* $variant:ident = $word:literal,)*) => {
        /// Why something was decided.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Reason {
            $($(#[doc = $doc])* #[serde(rename = $word)] $variant,)*
        }

        impl Reason {
            /// Every reason there is.
            pub const ALL: &'static [Reason] = &[$(Reason::$variant,)*];

            /// The word for it.
            pub fn as_str(self) -> &'static str {
                match self { $(Reason::$variant => $word,)* }
            }

            /// One sentence for people.
            pub fn explanation(self) -> &'static str {
                match self { $(Reason::$variant => concat!($($doc),*).trim_ascii(),)* }
            }

            /// Reads the word back; `None` for a word this version does not know.
            pub fn parse(word: &str) -> Option<Reason> {
                Self::ALL.iter().copied().find(|reason| reason.as_str() == word)
            }
        }
    };
}

reasons! {
    // Scheduled
    /// The run failed and its dataflow is one of those to look after.
    RunFailed = "run_failed",
    /// The run that was issued by the last re-trigger failed too.
    IssuedRunFailed = "issued_run_failed",
    /// The run succeeded without a single record, and `retry.retry_empty_success` is on.
    EmptySuccess = "empty_success",
    /// The cause of the hold is gone.
    CauseGone = "cause_gone",

    // Begun and answered
    /// The wait is over.
    Due = "due",
    /// The platform accepted the re-trigger and named the new run.
    Accepted = "accepted",

    // Put off
    /// `limits.retriggers_per_minute` or `limits.retriggers_per_day` is used up.
    RateLimited = "rate_limited",
    /// Another re-trigger of the same dataflow is under way (`limits.per_dataflow`).
    FlowBusy = "flow_busy",
    /// Another run of the dataflow is under way.
    OtherRun = "other_run",
    /// It may be the run that a call in doubt made; it waits until that is known.
    BehindDoubt = "behind_doubt",
    /// The run could not be read just before the re-trigger, so nothing was sent.
    NotReread = "not_reread",
    /// A `[[quiet]]` window is in force.
    Quiet = "quiet",
    /// Re-triggered runs keep failing in this sandbox; few at a time are tried until they succeed.
    Outage = "outage",
    /// Re-triggered runs of this source keep failing; few at a time are tried until they succeed.
    SourceOutage = "source_outage",

    // Refused for now
    /// The platform asks for fewer calls (429).
    Throttled = "throttled",
    /// The access token was not accepted, even after it was renewed.
    Unauthorized = "unauthorized",
    /// No connection could be made, so nothing was sent.
    Unreachable = "unreachable",
    /// The call was not sent: its turn came too late, or flowmend was stopping.
    NotSent = "not_sent",
    /// The gateway was unavailable before the service saw the call.
    Unavailable = "unavailable",
    /// The run is in a state that allows no re-trigger right now.
    StateConflict = "state_conflict",
    /// The run changed since its etag was read.
    VersionMismatch = "version_mismatch",
    /// The platform could not create the new run.
    CreateFailed = "create_failed",

    // Refused until somebody acts
    /// The dataflow is not enabled.
    FlowDisabled = "flow_disabled",
    /// The source of this dataflow does not support the re-trigger.
    ActionUnsupported = "action_unsupported",
    /// The credential lacks a permission.
    Forbidden = "forbidden",
    /// The platform does not know the run: deleted, in another sandbox, or hidden by an access label.
    NotFound = "not_found",
    /// The platform calls the request itself wrong.
    BadRequest = "bad_request",
    /// The platform wants `If-Match`; set `adobe.send_if_match`.
    IfMatchRequired = "if_match_required",
    /// This is a dry run: nothing is sent.
    DryRun = "dry_run",
    /// The run is not re-triggerable, and neither is the root run.
    NotRetriggerable = "not_retriggerable",

    // In doubt
    /// No answer came in time; the call may have been accepted.
    Timeout = "timeout",
    /// The connection broke after the call was sent.
    ConnectionLost = "connection_lost",
    /// The platform answered with a server error, which says nothing about the new run.
    ServerError = "server_error",
    /// The answer could not be read: truncated, garbled or too large.
    UnreadableAnswer = "unreadable_answer",
    /// The call was accepted, but the answer names no new run.
    NoRunId = "no_run_id",
    /// The answer was a redirect; it is never followed.
    Redirected = "redirected",
    /// The run is refused after a call whose answer was lost, or again: it may have been re-triggered.
    PerhapsRetriggered = "perhaps_retriggered",
    /// flowmend stopped between the intent and the outcome.
    Interrupted = "interrupted",

    // Reconciled
    /// The issued run was found in the dataflow's listing.
    IssuedRunFound = "issued_run_found",
    /// Several runs could be the issued one; the oldest was taken.
    SeveralCandidates = "several_candidates",
    /// The run that was asked for is itself at work again.
    SameRunAtWork = "same_run_at_work",
    /// Somebody else re-triggered the run; the run that came of it is followed.
    RetriedElsewhere = "retried_elsewhere",
    /// A complete listing, late enough, does not show the issued run; one more has to agree.
    NotListedOnce = "not_listed_once",
    /// Two complete listings, both late enough, do not show the issued run: it was never made.
    NotListed = "not_listed",

    // Ended well
    /// The issued run succeeded.
    IssuedRunSucceeded = "issued_run_succeeded",
    /// The run is no longer failed, though flowmend did not re-trigger it.
    HealedElsewhere = "healed_elsewhere",
    /// A run of the dataflow succeeded, after recoveries of it had ended without success.
    RunSucceeded = "run_succeeded",
    /// A later run of the same dataflow succeeded (`retry.skip_when_later_run_succeeded`).
    LaterRunSucceeded = "later_run_succeeded",

    // Given up or held
    /// `retry.max_attempts` is spent.
    AttemptsSpent = "attempts_spent",
    /// The next attempt would come after `retry.max_elapsed_time`.
    TimeSpent = "time_spent",
    /// The issued run did not end within `retry.watch_timeout`.
    WatchTimeout = "watch_timeout",
    /// `retry.when_in_doubt = "hold"`: a person has to say whether the call was accepted.
    HeldInDoubt = "held_in_doubt",
    /// A run is listed that the call in doubt may have made, or the schedule; a person has to decide.
    UnclearRun = "unclear_run",
    /// Whether the call was accepted could not be told for as long as the budget lasts.
    StillInDoubt = "still_in_doubt",
    /// The dataflow is no longer among those selected.
    NotSelected = "not_selected",
    /// A rule leaves failures like this one to a person.
    HeldByRule = "held_by_rule",
    /// A rule leaves failures like this one alone.
    IgnoredByRule = "ignored_by_rule",
    /// Recoveries of this dataflow keep ending without success.
    KeepsFailing = "keeps_failing",
    /// An operator paused the dataflow.
    Paused = "paused",

    // Decided by a person
    /// An operator asked for another re-trigger.
    OperatorRetry = "operator_retry",
    /// An operator ended the recovery.
    OperatorDismissed = "operator_dismissed",

    // Skipped
    /// A streaming source cannot be re-triggered.
    StreamingSource = "streaming_source",
    /// A destination dataflow cannot be re-triggered.
    Destination = "destination",
    /// The platform does not say what kind of dataflow this is; set `kind` in a `[[dataflow]]`.
    UnknownKind = "unknown_kind",
    /// The dataflow has succeeded since, before flowmend looked at it for the first time.
    SucceededSince = "succeeded_since",
    /// The run failed before `poll.first_lookback` began, when flowmend looked for the first time.
    TooOldAtFirst = "too_old_at_first",
    /// The run failed before `poll.lookback` began.
    TooOld = "too_old",
    /// The run carries no date, so its age and its due time cannot be told.
    NoDate = "no_date",
}

impl Reason {
    /// True for a cause that lies in the dataflow as Adobe shows it.
    pub fn is_of_dataflow(self) -> bool {
        matches!(
            self,
            Self::FlowDisabled
                | Self::NotSelected
                | Self::UnknownKind
                | Self::StreamingSource
                | Self::Destination
        )
    }

    /// True for a cause of a hold that the platform or the configuration can take away again; all
    /// others wait for a person.
    pub fn passes(self) -> bool {
        self.is_of_dataflow()
            || matches!(
                self,
                Self::NotFound
                    | Self::HeldByRule
                    | Self::KeepsFailing
                    | Self::Paused
                    | Self::ActionUnsupported
            )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_one_word_of_its_own_with_a_sentence() {
        let mut words: Vec<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Reason::ALL.len());
        for &reason in Reason::ALL {
            assert!(reason.as_str().chars().all(|c| c.is_ascii_lowercase() || c == '_'));
            assert!(reason.explanation().ends_with('.'), "{reason}");
            assert_eq!(Reason::parse(reason.as_str()), Some(reason));
        }
    }
}
