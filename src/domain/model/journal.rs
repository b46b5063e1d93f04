//! The journal: one entry per decision or answer, never changed afterwards.
//!
//! The same value is stored, logged and shown by the commands, so the three cannot disagree.

use crate::domain::model::failure::Failure;
use crate::domain::model::ids::{Etag, FlowId, RunId, SandboxName};
use crate::domain::model::reason::Reason;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One decision or one answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When, by Adobe's clock.
    pub at: Timestamp,
    /// The sandbox.
    pub sandbox: SandboxName,
    /// The dataflow.
    pub flow_id: FlowId,
    /// The dataflow's name at that time.
    pub flow_name: String,
    /// The failed run, or the new run that was followed.
    pub run_id: RunId,
    /// The original failed run; `None` for a skipped run.
    pub root_run_id: Option<RunId>,
    /// What happened.
    pub event: Event,
    /// Why.
    pub reason: Reason,
    /// The name of the rule that matched the failure.
    pub rule: Option<String>,
    /// The attempt it belongs to, from 1.
    pub attempt: Option<u32>,
    /// How many attempts were allowed at that time.
    pub max_attempts: Option<u32>,
    /// The run that the re-trigger created.
    pub new_run_id: Option<RunId>,
    /// The new run's entity tag, exactly as received.
    pub etag: Option<Etag>,
    /// When the next re-trigger is due.
    pub due: Option<Timestamp>,
    /// More for people: the run's error codes, or what Adobe answered.
    pub detail: Option<String>,
    /// The failure that the entry is about, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

macro_rules! events {
    ($($(#[doc = $doc:literal])* $variant:ident = $word:literal, $message:literal;)*) => {
        /// What an [`Entry`] records.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Event {
            $($(#[doc = $doc])* #[serde(rename = $word)] $variant,)*
        }

        impl Event {
            /// Every event.
            pub const ALL: &'static [Event] = &[$(Event::$variant,)*];

            /// Its name in the store.
            pub fn as_str(self) -> &'static str {
                match self { $(Event::$variant => $word,)* }
            }

            /// The message of its log line.
            pub fn message(self) -> &'static str {
                match self { $(Event::$variant => $message,)* }
            }

            /// The event with this name; `None` if this version does not know it.
            pub fn parse(word: &str) -> Option<Event> {
                Self::ALL.iter().copied().find(|event| event.as_str() == word)
            }
        }
    };
}

events! {
    /// A failed run is skipped.
    Skipped = "skipped", "run skipped";
    /// A due re-trigger must wait.
    Postponed = "postponed", "re-trigger delayed";
    /// A re-trigger is due at a known time.
    Scheduled = "scheduled", "recovery scheduled";
    /// The intent is stored; the call follows.
    Begun = "begun", "sending re-trigger";
    /// Adobe accepted the call, or the new run of a call in doubt was found.
    Retriggered = "retriggered", "re-triggered failed run";
    /// A re-trigger that flowmend did not make is followed as if it were ours.
    Followed = "followed", "following external re-trigger";
    /// Adobe refused for now; the call is repeated after a short delay.
    Refused = "refused", "re-trigger refused";
    /// It is unknown whether Adobe accepted the call.
    InDoubt = "in_doubt", "re-trigger in doubt";
    /// A listing did not show the new run of a call in doubt.
    Unlisted = "unlisted", "new run not listed";
    /// The failed run, or a run after it, succeeded.
    Recovered = "recovered", "recovered";
    /// A person must act, or the cause must go away.
    Held = "held", "recovery held";
    /// The budget is used up, or a rule ignores the failure.
    GivenUp = "given_up", "recovery given up";
    /// An operator ended the recovery.
    Dismissed = "dismissed", "recovery dismissed";
    /// A dataflow keeps failing and may soon be held.
    FlowWarned = "flow_warned", "dataflow keeps failing";
    /// A dataflow keeps failing and is held.
    FlowHeld = "flow_held", "dataflow held";
    /// A run of a dataflow that kept failing succeeded.
    FlowHealed = "flow_healed", "dataflow recovered";
    /// A run of a dataflow succeeded after failures that no recovery repaired.
    FlowSucceeded = "flow_succeeded", "dataflow succeeded";
    /// Re-triggered runs of several dataflows keep failing.
    OutageBegan = "outage_began", "outage suspected";
    /// Re-triggered runs succeed again.
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
