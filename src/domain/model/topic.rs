//! What people can be notified about.

use crate::domain::model::journal::{Entry, Event};
use crate::domain::model::reason::Reason;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a notification is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// A recovery needs a person.
    Held,
    /// A recovery ended without success.
    GivenUp,
    /// A recovery succeeded after a notification said that it was held or given up.
    Recovered,
    /// A dataflow is on hold because it keeps failing.
    BreakerOpen,
    /// A run of such a dataflow succeeded.
    BreakerClosed,
    /// Re-triggered runs of several dataflows keep failing.
    OutageBegan,
    /// Re-triggered runs succeed again.
    OutageEnded,
    /// A loop of the daemon no longer moves.
    Stuck,
    /// Passes over a sandbox keep failing.
    LoopFailing,
    /// Passes over the sandbox are complete again.
    LoopWell,
    /// A dataflow has not succeeded for so long that Adobe may disable it.
    FlowOnlyFailing,
    /// What is still on hold, once a day.
    Digest,
    /// A test, which `flowmend notify test` sends.
    Test,
}

impl Topic {
    /// Every topic that a target can choose.
    pub const ALL: [Self; 11] = [
        Self::Held,
        Self::GivenUp,
        Self::Recovered,
        Self::BreakerOpen,
        Self::BreakerClosed,
        Self::OutageBegan,
        Self::OutageEnded,
        Self::Stuck,
        Self::LoopFailing,
        Self::LoopWell,
        Self::FlowOnlyFailing,
    ];

    /// Its name in the configuration, in messages and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::GivenUp => "given_up",
            Self::Recovered => "recovered",
            Self::BreakerOpen => "breaker_open",
            Self::BreakerClosed => "breaker_closed",
            Self::OutageBegan => "outage_began",
            Self::OutageEnded => "outage_ended",
            Self::Stuck => "stuck",
            Self::LoopFailing => "loop_failing",
            Self::LoopWell => "loop_well",
            Self::FlowOnlyFailing => "flow_only_failing",
            Self::Digest => "digest",
            Self::Test => "test",
        }
    }

    /// The topic of a journal entry; `None` if it is for the journal only. What an operator has caused
    /// (a pause, a narrower selection, a rule that ignores a failure) is not reported back, and a hold
    /// on a whole dataflow is one message, not one for each of its runs.
    pub fn of(entry: &Entry) -> Option<Self> {
        match entry.event {
            Event::Held => {
                let is_reported_otherwise = matches!(
                    entry.reason,
                    Reason::Paused | Reason::NotSelected | Reason::KeepsFailing | Reason::DryRun
                );
                (!is_reported_otherwise).then_some(Self::Held)
            }
            Event::GivenUp => (entry.reason != Reason::IgnoredByRule).then_some(Self::GivenUp),
            Event::Recovered => Some(Self::Recovered),
            Event::FlowHeld => (entry.reason == Reason::KeepsFailing).then_some(Self::BreakerOpen),
            Event::FlowHealed => Some(Self::BreakerClosed),
            Event::OutageBegan => Some(Self::OutageBegan),
            Event::OutageEnded => Some(Self::OutageEnded),
            Event::Skipped
            | Event::Postponed
            | Event::Scheduled
            | Event::Begun
            | Event::Retriggered
            | Event::Followed
            | Event::Refused
            | Event::InDoubt
            | Event::Unlisted
            | Event::Dismissed
            | Event::FlowWarned
            | Event::FlowSucceeded => None,
        }
    }

    /// Whether it reports trouble that a later message can end.
    pub fn is_trouble(self) -> bool {
        !matches!(
            self,
            Self::Recovered
                | Self::BreakerClosed
                | Self::OutageEnded
                | Self::LoopWell
                | Self::Digest
                | Self::Test
        )
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_has_the_same_name_everywhere() {
        for topic in Topic::ALL {
            assert_eq!(serde_json::to_value(topic).unwrap(), topic.as_str());
        }
    }
}
