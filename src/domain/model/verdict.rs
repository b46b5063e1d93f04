//! The outcome of a re-trigger call. Besides accepted and refused there are two more: *in doubt*,
//! which is never treated as a failure that allows a second call, and *not sent*.

use crate::domain::model::ids::{Etag, RunId};
use crate::domain::model::reason::Reason;
use std::time::Duration;

/// The outcome of one POST, judged by [`crate::flow_service`] from HTTP status, error type and message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Adobe created a new run.
    Accepted {
        /// Its id.
        run: RunId,
        /// Its entity tag, exactly as received, if the answer contained one.
        etag: Option<Etag>,
    },
    /// Adobe certainly created no run. This uses no attempt.
    Refused(Refusal),
    /// The call may have been accepted.
    InDoubt {
        /// Why it is unknown.
        reason: Reason,
        /// What was seen, for people.
        detail: String,
    },
    /// Nothing was sent. The recovery stays due, and this is not a refusal.
    NotSent {
        /// Why not.
        reason: Reason,
        /// What prevented the call, for people.
        detail: String,
    },
}

/// A refused call, and what follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What follows.
    pub remedy: Remedy,
    /// Why it was refused.
    pub reason: Reason,
    /// Adobe's answer, for people.
    pub detail: String,
}

/// What follows a refused call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Call again later; if Adobe asked for a wait, not before it ends.
    Later(Option<Duration>),
    /// Read the run again and call again later. If a new run was refused, try the root run once.
    Reread,
    /// A person must act, or something must change at Adobe.
    Hold,
}

impl Refusal {
    /// A temporary refusal.
    pub fn later(reason: Reason, detail: impl Into<String>) -> Self {
        Self { remedy: Remedy::Later(None), reason, detail: detail.into() }
    }
}
