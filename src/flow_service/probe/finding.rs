//! What a probe found out.

use super::assumption::Assumption;
use crate::domain::model::ids::RunId;
use jiff::Timestamp;

/// A re-trigger that Adobe accepted, from the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownRetrigger {
    /// The original failed run.
    pub root: RunId,
    /// The run that was re-triggered.
    pub asked: RunId,
    /// The run that Adobe created.
    pub issued: RunId,
    /// When.
    pub accepted_at: Timestamp,
}

/// What one sandbox showed.
#[derive(Debug)]
pub struct Probed {
    /// How many requests were sent.
    pub requests: usize,
    /// One finding per assumption, in their order.
    pub findings: Vec<Finding>,
}

/// What was seen for one assumption.
#[derive(Debug)]
pub struct Finding {
    /// What flowmend assumes.
    pub assumption: Assumption,
    /// What was seen.
    pub observed: Observed,
}

/// What was seen, with an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observed {
    /// The assumption holds.
    AsAssumed(String),
    /// It does not hold.
    Different(String),
    /// Nothing shows it yet.
    NotSeen(String),
}

impl Observed {
    /// The verdict in words.
    pub fn verdict(&self) -> &'static str {
        match self {
            Self::AsAssumed(_) => "as assumed",
            Self::Different(_) => "different",
            Self::NotSeen(_) => "not seen yet",
        }
    }

    /// What was seen.
    pub fn seen(&self) -> &str {
        match self {
            Self::AsAssumed(seen) | Self::Different(seen) | Self::NotSeen(seen) => seen,
        }
    }

    /// A fault is an observation too.
    pub(super) fn of(result: Result<Self, Self>) -> Self {
        result.unwrap_or_else(|observed| observed)
    }
}
