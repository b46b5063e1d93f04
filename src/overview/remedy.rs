//! What to do about each reason.

use crate::domain::model::reason::Reason;

/// What a person can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remedy {
    /// One sentence.
    pub text: &'static str,
    /// The command that continues, without its arguments; `None` if it continues by itself.
    pub command: Option<&'static str>,
}

/// What to do about recoveries that are on hold or were given up for `reason`.
pub fn remedy(reason: Reason) -> Remedy {
    let by_itself = |text| Remedy { text, command: None };
    let retry = |text| Remedy { text, command: Some("retry") };
    let resume = |text| Remedy { text, command: Some("resume") };
    match reason {
        Reason::FlowDisabled => by_itself("Enable the dataflow in Adobe; then it continues."),
        Reason::NotSelected => by_itself("Select the dataflow in the configuration, or dismiss."),
        Reason::UnknownKind => {
            by_itself("Set `kind` for the dataflow in a [[dataflow]]; then it continues.")
        }
        Reason::StreamingSource | Reason::Destination | Reason::InternalFlow => {
            by_itself("Adobe cannot re-trigger this kind; fix it in Adobe, then dismiss.")
        }
        Reason::HeldByRule => retry("Fix the cause, then retry; or change the rule."),
        Reason::SoonDisabled => {
            resume("Find out why every run fails; Adobe disables it after 30 days of failures.")
        }
        Reason::KeepsFailing => resume("Find out why every run fails; then resume the dataflow."),
        Reason::Paused => resume("Resume the dataflow when the reason for the pause is gone."),
        Reason::ActionUnsupported => {
            resume("Run it in Adobe; resume if its source supports re-triggering again.")
        }
        Reason::NotFound => {
            retry("Check in Adobe whether the run exists and may be seen; then retry or dismiss.")
        }
        Reason::Forbidden | Reason::Unauthorized => {
            retry("Grant the credential the permission Manage Sources in Adobe; then retry.")
        }
        Reason::IfMatchRequired => retry("Set adobe.send_if_match = true; then retry."),
        Reason::BadRequest => retry("See what Adobe answered (flowmend explain); then retry."),
        Reason::VersionMismatch | Reason::CreateFailed | Reason::StateConflict => {
            retry("Look at the run in Adobe; retry when it may run again.")
        }
        Reason::NotRetriggerable => by_itself(
            "Start the dataflow in Adobe, because its run cannot be repeated; then dismiss.",
        ),
        Reason::HeldInDoubt | Reason::UnclearRun | Reason::StillInDoubt => {
            retry("Check in Adobe whether a new run exists; retry only if there is none.")
        }
        Reason::WatchTimeout => {
            retry("Check the new run in Adobe: it did not finish in time. Retry if it failed.")
        }
        Reason::AttemptsSpent | Reason::TimeSpent => {
            retry("Fix the cause of the error, then retry.")
        }
        Reason::IgnoredByRule => {
            by_itself("A rule ignores this failure; change the rule to retry.")
        }
        // These do not hold or end a recovery, or only if a newer version stored them.
        Reason::RunFailed
        | Reason::IssuedRunFailed
        | Reason::EmptySuccess
        | Reason::CauseGone
        | Reason::Due
        | Reason::Accepted
        | Reason::RateLimited
        | Reason::FlowBusy
        | Reason::OtherRun
        | Reason::BehindDoubt
        | Reason::NotReread
        | Reason::Quiet
        | Reason::Outage
        | Reason::SourceOutage
        | Reason::Throttled
        | Reason::Unreachable
        | Reason::NotSent
        | Reason::Unavailable
        | Reason::DryRun
        | Reason::Timeout
        | Reason::ConnectionLost
        | Reason::ServerError
        | Reason::UnreadableAnswer
        | Reason::NoRunId
        | Reason::Redirected
        | Reason::PerhapsRetriggered
        | Reason::Interrupted
        | Reason::IssuedRunFound
        | Reason::SeveralCandidates
        | Reason::SameRunAtWork
        | Reason::RetriedElsewhere
        | Reason::NotListedOnce
        | Reason::NotListed
        | Reason::IssuedRunSucceeded
        | Reason::PartialSuccess
        | Reason::HealedElsewhere
        | Reason::RunSucceeded
        | Reason::LaterRunSucceeded
        | Reason::OperatorRetry
        | Reason::OperatorDismissed
        | Reason::SucceededSince
        | Reason::TooOldAtFirst
        | Reason::TooOld
        | Reason::NoDate => retry("Look at its history (flowmend explain); then retry or dismiss."),
    }
}
