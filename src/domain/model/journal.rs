//! What was decided and what was answered, one entry each, never changed afterwards.
//!
//! The same value is written to the store, turned into a log line and shown by the commands, so the
//! three cannot disagree.

use crate::domain::model::failure::Failure;
use crate::domain::model::ids::{Etag, FlowId, RunId, SandboxName};
use crate::domain::model::reason::Reason;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One decision or one answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When, by the platform's clock.
    pub at: Timestamp,
    /// The sandbox.
    pub sandbox: SandboxName,
    /// The dataflow.
    pub flow_id: FlowId,
    /// Its name at that moment.
    pub flow_name: String,
    /// The run it is about: the failed run, or the issued run that was followed.
    pub run_id: RunId,
    /// The root run of the recovery; `None` for a run that was skipped.
    pub root_run_id: Option<RunId>,
    /// What was decided or answered.
    pub event: Event,
    /// Why.
    pub reason: Reason,
    /// The rule that had a say in it, by its name.
    pub rule: Option<String>,
    /// The attempt it belongs to, from 1.
    pub attempt: Option<u32>,
    /// The budget of attempts at that moment.
    pub max_attempts: Option<u32>,
    /// The run that was issued.
    pub new_run_id: Option<RunId>,
    /// The issued run's entity tag, exactly as received.
    pub etag: Option<Etag>,
    /// When the next re-trigger is due.
    pub due: Option<Timestamp>,
    /// More for people: error codes of the run, what the platform answered.
    pub detail: Option<String>,
    /// The failure, where the entry tells of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

macro_rules! events {
    ($($(#[doc = $doc:literal])* $variant:ident = $word:literal, $message:literal;)*) => {
        /// What an [`Entry`] tells of.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Event {
            $($(#[doc = $doc])* #[serde(rename = $word)] $variant,)*
        }

        impl Event {
            /// Every event there is.
            pub const ALL: &'static [Event] = &[$(Event::$variant,)*];

            /// The word for it in the store.
            pub fn as_str(self) -> &'static str {
                match self { $(Event::$variant => $word,)* }
            }

            /// The message of its log line.
            pub fn message(self) -> &'static str {
                match self { $(Event::$variant => $message,)* }
            }

            /// Reads the word back; `None` for a word this version does not know.
            pub fn parse(word: &str) -> Option<Event> {
                Self::ALL.iter().copied().find(|event| event.as_str() == word)
            }
        }
    };
}

events! {
    /// A failed run is left alone.
    Skipped = "skipped", "run skipped";
    /// A due re-trigger has to wait.
    Postponed = "postponed", "re-trigger delayed";
    /// A re-trigger is due at a named time.
    Scheduled = "scheduled", "recovery scheduled";
    /// The intent to re-trigger is written; the call follows.
    Begun = "begun", "re-trigger begun";
    /// The platform accepted, or the issued run of a doubtful call was found.
    Retriggered = "retriggered", "re-triggered failed run";
    /// A re-trigger by somebody else is followed as if it were ours.
    Followed = "followed", "re-trigger by somebody else followed";
    /// The platform refused; the call is repeated after a short wait.
    Refused = "refused", "re-trigger refused";
    /// It is not known whether the platform accepted.
    InDoubt = "in_doubt", "re-trigger in doubt";
    /// A listing did not show the issued run of a doubtful call.
    Unlisted = "unlisted", "issued run not listed";
    /// The failure is healed.
    Recovered = "recovered", "recovered";
    /// A person has to act first.
    Held = "held", "recovery held";
    /// The budget is spent.
    GivenUp = "given_up", "recovery given up";
    /// An operator ended it.
    Dismissed = "dismissed", "recovery dismissed";
    /// A dataflow keeps failing; it will be held if that goes on.
    FlowWarned = "flow_warned", "dataflow keeps failing";
    /// A dataflow keeps failing and is held.
    FlowHeld = "flow_held", "dataflow held";
    /// A run of a dataflow that kept failing succeeded.
    FlowHealed = "flow_healed", "dataflow well again";
    /// Re-triggered runs of several dataflows keep failing.
    OutageBegan = "outage_began", "outage suspected";
    /// They succeed again.
    OutageEnded = "outage_ended", "outage over";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_reads_back_from_its_word() {
        for &event in Event::ALL {
            assert_eq!(Event::parse(event.as_str()), Some(event));
        }
    }
}
