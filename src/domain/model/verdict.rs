//! What became of a re-trigger call. Besides yes and no there are two more ends: *we do not know*,
//! which is never treated as a failure that invites a second call, and *it was never made*.

use crate::domain::model::ids::{Etag, RunId};
use crate::domain::model::reason::Reason;
use std::time::Duration;

/// The outcome of one POST, judged by [`crate::flow_service`] from HTTP status, error type and message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The platform made a new run.
    Accepted {
        /// Its id.
        run: RunId,
        /// Its entity tag, exactly as received, where the answer held one.
        etag: Option<Etag>,
    },
    /// The platform made no run, for certain. This costs no attempt.
    Refused(Refusal),
    /// The call may have been accepted.
    InDoubt {
        /// Why it is not known.
        reason: Reason,
        /// What was seen, for people.
        detail: String,
    },
    /// Nothing was sent. The recovery keeps its due time, and this counts as no refusal.
    NotSent {
        /// Why not.
        reason: Reason,
        /// What stood in the way, for people.
        detail: String,
    },
}

/// A call that was refused, and what follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What follows.
    pub remedy: Remedy,
    /// Why it was refused.
    pub reason: Reason,
    /// What the platform said, for people.
    pub detail: String,
}

/// What follows a refused call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Ask again later, not before the given wait if the platform named one.
    Later(Option<Duration>),
    /// Read the run again and ask again later; if it is an issued run that was refused, ask for the root run once.
    Reread,
    /// A person, or a change on the platform, has to come first.
    Hold,
}

impl Refusal {
    /// A refusal that passes.
    pub fn later(reason: Reason, detail: impl Into<String>) -> Self {
        Self { remedy: Remedy::Later(None), reason, detail: detail.into() }
    }
}
