//! The closed list of reasons. Every decision has one of them. It is spelled the same in the log, the
//! store and every table, so it can be searched for everywhere.

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
            /// Every reason.
            pub const ALL: &'static [Reason] = &[$(Reason::$variant,)*];

            /// Its name, as stored and logged.
            pub fn as_str(self) -> &'static str {
                match self { $(Reason::$variant => $word,)* }
            }

            /// One sentence for people; `docs/LOGGING.md` has the same.
            pub fn explanation(self) -> &'static str {
                match self { $(Reason::$variant => concat!($($doc),*).trim_ascii(),)* }
            }

            /// The reason with this name; `None` if this version does not know it.
            pub fn parse(word: &str) -> Option<Reason> {
                Self::ALL.iter().copied().find(|reason| reason.as_str() == word)
            }
        }
    };
}

reasons! {
    // Scheduled
    /// The run failed, and its dataflow is selected.
    RunFailed = "run_failed",
    /// The new run of the last re-trigger failed too.
    IssuedRunFailed = "issued_run_failed",
    /// The run succeeded but ingested no records, and `retry.retry_empty_success` is on.
    EmptySuccess = "empty_success",
    /// The cause of the hold is gone.
    CauseGone = "cause_gone",

    // Sent and accepted
    /// The retry delay is over.
    Due = "due",
    /// Adobe accepted the re-trigger and returned the new run.
    Accepted = "accepted",

    // Delayed
    /// `limits.retriggers_per_minute` or `limits.retriggers_per_day` has been reached.
    RateLimited = "rate_limited",
    /// Another re-trigger of the same dataflow is in progress (`limits.per_dataflow`).
    FlowBusy = "flow_busy",
    /// Another run of the dataflow is in progress.
    OtherRun = "other_run",
    /// It may be the new run of a call in doubt; it waits until that is known.
    BehindDoubt = "behind_doubt",
    /// The run could not be read right before the re-trigger, so nothing was sent.
    NotReread = "not_reread",
    /// A `[[quiet]]` window is active.
    Quiet = "quiet",
    /// Re-triggered runs keep failing in this sandbox, so only a few are sent at a time until they succeed.
    Outage = "outage",
    /// Re-triggered runs of this source keep failing, so only a few are sent at a time until they succeed.
    SourceOutage = "source_outage",

    // Refused for now
    /// Adobe asked for fewer calls (429, 503), or gave no clear answer several times in a row.
    Throttled = "throttled",
    /// Adobe rejected the access token, even after it was renewed.
    Unauthorized = "unauthorized",
    /// No connection could be made, so nothing was sent.
    Unreachable = "unreachable",
    /// The call was not sent: its turn came too late, or flowmend was shutting down.
    NotSent = "not_sent",
    /// The gateway was unavailable, so the call did not reach the service.
    Unavailable = "unavailable",
    /// The run's current state does not allow a re-trigger.
    StateConflict = "state_conflict",
    /// The run has changed since its etag was read.
    VersionMismatch = "version_mismatch",
    /// Adobe could not create the new run.
    CreateFailed = "create_failed",

    // Refused until the cause is gone
    /// The dataflow is not enabled. Adobe disables source dataflows that failed for 30 days in a row.
    FlowDisabled = "flow_disabled",
    /// The source of this dataflow does not support re-triggering.
    ActionUnsupported = "action_unsupported",
    /// The credential lacks a permission.
    Forbidden = "forbidden",
    /// Adobe cannot find the run: it was deleted, is in another sandbox, or is hidden by an access label.
    NotFound = "not_found",
    /// Adobe rejected the request as invalid.
    BadRequest = "bad_request",
    /// Adobe requires `If-Match`; set `adobe.send_if_match = true`.
    IfMatchRequired = "if_match_required",
    /// This is a dry run: nothing is sent.
    DryRun = "dry_run",
    /// Neither the run nor the original failed run can be re-triggered.
    NotRetriggerable = "not_retriggerable",

    // In doubt
    /// No answer came in time; Adobe may have accepted the call.
    Timeout = "timeout",
    /// The connection broke after the call was sent.
    ConnectionLost = "connection_lost",
    /// Adobe returned a server error; it may have created the new run.
    ServerError = "server_error",
    /// The answer could not be read: it was truncated, garbled or too large.
    UnreadableAnswer = "unreadable_answer",
    /// Adobe accepted the call, but the answer contains no new run id.
    NoRunId = "no_run_id",
    /// The answer was a redirect, which flowmend never follows.
    Redirected = "redirected",
    /// Adobe refused the run after a call whose answer was lost, or a second time: it may have been
    /// re-triggered.
    PerhapsRetriggered = "perhaps_retriggered",
    /// flowmend stopped after it stored the intent and before it stored the outcome.
    Interrupted = "interrupted",

    // Reconciled
    /// The new run was found in the dataflow's list of runs.
    IssuedRunFound = "issued_run_found",
    /// Several runs could be the new run; the oldest was taken.
    SeveralCandidates = "several_candidates",
    /// The re-triggered run itself is running again.
    SameRunAtWork = "same_run_at_work",
    /// Someone else re-triggered the run; flowmend follows the run that this created.
    RetriedElsewhere = "retried_elsewhere",
    /// A complete listing, late enough, does not show the new run; a second one must confirm this.
    NotListedOnce = "not_listed_once",
    /// Two complete listings, both late enough, do not show the new run: it was never created.
    NotListed = "not_listed",

    // Recovered
    /// The new run succeeded.
    IssuedRunSucceeded = "issued_run_succeeded",
    /// The new run succeeded, but some records were rejected.
    PartialSuccess = "partial_success",
    /// The run is no longer failed, although flowmend did not re-trigger it.
    HealedElsewhere = "healed_elsewhere",
    /// A run of the dataflow succeeded after failures that no recovery repaired.
    RunSucceeded = "run_succeeded",
    /// A later run of the same dataflow succeeded (`retry.skip_when_later_run_succeeded`).
    LaterRunSucceeded = "later_run_succeeded",

    // Given up or held
    /// All `retry.max_attempts` attempts are used.
    AttemptsSpent = "attempts_spent",
    /// The next attempt would be later than `retry.max_elapsed_time` allows.
    TimeSpent = "time_spent",
    /// The new run did not finish within `retry.watch_timeout`.
    WatchTimeout = "watch_timeout",
    /// `retry.when_in_doubt = "hold"`: check whether Adobe accepted the call, then retry or dismiss.
    HeldInDoubt = "held_in_doubt",
    /// A run is listed that may come from the call in doubt or from the schedule: retry or dismiss.
    UnclearRun = "unclear_run",
    /// The time budget ended, and it stayed unknown for the same time again whether Adobe accepted
    /// the call.
    StillInDoubt = "still_in_doubt",
    /// The dataflow is no longer selected.
    NotSelected = "not_selected",
    /// The matching rule holds failures like this one until a person acts.
    HeldByRule = "held_by_rule",
    /// The matching rule ignores failures like this one.
    IgnoredByRule = "ignored_by_rule",
    /// Recoveries of this dataflow keep ending without success.
    KeepsFailing = "keeps_failing",
    /// The dataflow has only failed for 20 days; Adobe disables source dataflows that failed for 30 days in a row.
    SoonDisabled = "soon_disabled",
    /// An operator paused the dataflow.
    Paused = "paused",

    // Decided by a person
    /// An operator requested another re-trigger.
    OperatorRetry = "operator_retry",
    /// An operator dismissed the recovery.
    OperatorDismissed = "operator_dismissed",

    // Skipped
    /// Streaming sources cannot be re-triggered.
    StreamingSource = "streaming_source",
    /// Destinations cannot be re-triggered.
    Destination = "destination",
    /// Dataflows from the data lake to another store of Adobe's cannot be re-triggered.
    InternalFlow = "internal_flow",
    /// Adobe does not report the dataflow's kind; set `kind` in a `[[dataflow]]`.
    UnknownKind = "unknown_kind",
    /// The dataflow has succeeded since this failure (first pass only).
    SucceededSince = "succeeded_since",
    /// The failure is older than `poll.first_lookback` (first pass only).
    TooOldAtFirst = "too_old_at_first",
    /// The failure is older than `poll.lookback`.
    TooOld = "too_old",
    /// The run has no date, so its age and due time are unknown.
    NoDate = "no_date",
}

impl Reason {
    /// True for a cause that the dataflow itself shows: its state, its kind, or whether it is selected.
    pub fn is_of_dataflow(self) -> bool {
        matches!(
            self,
            Self::FlowDisabled
                | Self::NotSelected
                | Self::UnknownKind
                | Self::StreamingSource
                | Self::Destination
                | Self::InternalFlow
        )
    }

    /// After how many refusals in a row a recovery is held, because repeating does not change the
    /// answer; `None` for a refusal that passes.
    pub fn most_refusals(self) -> Option<u32> {
        match self {
            Self::BadRequest => Some(4),
            Self::CreateFailed | Self::VersionMismatch => Some(8),
            _ => None,
        }
    }

    /// True for a cause of a hold that can go away without a decision about the recovery. All others
    /// wait for a person.
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
