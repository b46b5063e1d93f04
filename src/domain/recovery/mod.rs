//! The state machine of a recovery: the effort to repair one failed run.
//!
//! A re-trigger creates a new run with a new id, and nothing at Adobe links the two. So the
//! recovery is keyed by the *root run* and owns every new run (*issued run*) that is created for
//! it. If an issued run fails, the same recovery makes the next attempt.
//!
//! ```text
//!              ┌────────── refused ──────────┐
//!              ▼                             │
//!  adopt ─► waiting ── due ──► triggering ───┼── accepted ──► watching ── success ──► recovered
//!              ▲                   │         │                   │
//!              │                  lost       └─ hopeless ─► held │
//!              │                   ▼                             │
//!              ├── not listed ─ in doubt ── found ──► watching   │
//!              └───────────────── failed, budget left ───────────┘  else ─► given up
//! ```
//!
//! The transitions are in `transitions.rs`.

mod evidence;
mod operator;
mod reconcile;
mod rules;
mod terms;
mod transitions;
mod waiting;

pub use evidence::{Candidate, ListingEvidence, Maker, Moment, Traits, Whose};
pub use reconcile::ABSENCES_NEEDED;
pub use terms::Terms;

use crate::domain::model::failure::Failure;
use crate::domain::model::ids::{Etag, FlowId, RunId, SandboxName};
use crate::domain::model::journal::Entry;
use crate::domain::model::reason::Reason;
use crate::domain::model::time::{after, span};
use crate::domain::policy::retry::{RetryPolicy, Target};
use jiff::Timestamp;
use std::time::Duration;

/// The effort to repair one failed run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// The failed run that started it; its key.
    pub root_run_id: RunId,
    /// The sandbox.
    pub sandbox: SandboxName,
    /// The dataflow of the root run and of every issued run.
    pub flow_id: FlowId,
    /// Its name when the recovery was adopted.
    pub flow_name: String,
    /// When the root run failed, by Adobe's clock; the time budget counts from here.
    pub failed_at: Timestamp,
    /// The failure to handle: that of the root run, or of the issued run that failed last.
    pub failure: Failure,
    /// Its state.
    pub state: State,
    /// The accepted re-triggers, oldest first, numbered from 1 without gaps.
    pub attempts: Vec<Attempt>,
    /// The number of refused calls since the last accepted one.
    pub refusals: u32,
    /// Re-trigger the root run next, because the latest issued run was refused as not
    /// re-triggerable.
    pub ask_root: bool,
    /// An operator requested the next attempt: budgets, rules and holds do not apply to it.
    pub ordered: bool,
    /// A run may exist that repeats this one: Adobe refused the last call because of the state of the
    /// run, or the run of a call in doubt was not listed.
    pub contested: bool,
    /// The total of excused waits, which extend the time budget: behind others, in a quiet window,
    /// in a hold on the whole dataflow.
    pub excused: Duration,
    /// When the current excused wait began.
    pub excused_since: Option<Timestamp>,
    /// Increases by one with every stored change; conditional updates compare it.
    pub revision: u64,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// One accepted re-trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Its number, from 1.
    pub number: u32,
    /// The run that was re-triggered.
    pub asked: RunId,
    /// The run that Adobe created.
    pub issued: RunId,
    /// The issued run's entity tag, exactly as received.
    pub etag: Option<Etag>,
    /// When Adobe accepted it, or when flowmend found out.
    pub accepted_at: Timestamp,
}

/// The most that waits can add to the time budget; a failure that waits longer is stale.
pub const EXCUSED_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A held recovery is kept for at least this long after the failure, even if the time budget is
/// shorter.
pub const HELD_MIN: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A run that a refusal suggests is looked for during so many confirm windows.
const LONG_LOOK: u32 = 12;

/// The state of a recovery. `attempt` is always the number of the next or current attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// The next re-trigger is due at `due`.
    Waiting {
        /// The next attempt.
        attempt: u32,
        /// When it may be made, by Adobe's clock.
        due: Timestamp,
    },
    /// The intent is stored; the call may be in progress.
    Triggering {
        /// The attempt.
        attempt: u32,
        /// The run to re-trigger.
        asked: RunId,
        /// When the intent was stored.
        since: Timestamp,
    },
    /// It is unknown whether Adobe accepted the call.
    InDoubt {
        /// The attempt.
        attempt: u32,
        /// The run to re-trigger.
        asked: RunId,
        /// When the intent was stored; the issued run can only be younger.
        since: Timestamp,
        /// The number of late and complete listings that did not show the issued run.
        absences: u32,
    },
    /// The issued run is in progress.
    Watching {
        /// The attempt.
        attempt: u32,
        /// The issued run.
        issued: RunId,
        /// Since when.
        since: Timestamp,
    },
    /// A person must act, or the cause must go away.
    Held {
        /// The next attempt.
        attempt: u32,
        /// Why.
        why: Reason,
    },
    /// A run succeeded. Final.
    Recovered {
        /// How.
        why: Reason,
    },
    /// A budget is used up, or a rule ignores the failure. Final, unless an operator reopens it.
    GivenUp {
        /// Why.
        why: Reason,
    },
    /// An operator ended it. Final, unless an operator reopens it.
    Dismissed {
        /// The operator's reason.
        why: String,
    },
}

impl State {
    /// The names of the states, in the order in which they are shown.
    pub const NAMES: [&'static str; 8] = [
        "waiting",
        "triggering",
        "in_doubt",
        "watching",
        "held",
        "recovered",
        "given_up",
        "dismissed",
    ];

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Waiting { .. } => "waiting",
            Self::Triggering { .. } => "triggering",
            Self::InDoubt { .. } => "in_doubt",
            Self::Watching { .. } => "watching",
            Self::Held { .. } => "held",
            Self::Recovered { .. } => "recovered",
            Self::GivenUp { .. } => "given_up",
            Self::Dismissed { .. } => "dismissed",
        }
    }

    /// True while a call may be in progress, or may have been accepted.
    pub fn is_unanswered(&self) -> bool {
        matches!(self, Self::Triggering { .. } | Self::InDoubt { .. })
    }

    /// True for the states that only an operator can change.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Recovered { .. } | Self::GivenUp { .. } | Self::Dismissed { .. })
    }
}

/// One step of a recovery: what it becomes, and the entry that says why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The change applies only if this revision is still stored; `None` for a new recovery.
    pub from_revision: Option<u64>,
    /// The new recovery.
    pub recovery: Recovery,
    /// The journal entry.
    pub entry: Entry,
}

impl Recovery {
    /// The run to re-trigger next.
    pub fn target(&self, policy: &RetryPolicy) -> &RunId {
        match self.attempts.last() {
            Some(last) if policy.target == Target::Latest && !self.ask_root => &last.issued,
            _ => &self.root_run_id,
        }
    }

    /// The run that failed last: the newest issued run, or the root run before the first attempt.
    pub fn latest_run(&self) -> &RunId {
        self.attempts.last().map_or(&self.root_run_id, |last| &last.issued)
    }

    /// The newest issued run, if it is not the run to re-trigger. It may be in progress again, or
    /// may have succeeded unseen.
    pub fn unwatched(&self, policy: &RetryPolicy) -> Option<&RunId> {
        let last = &self.attempts.last()?.issued;
        (last != self.target(policy)).then_some(last)
    }

    /// How long after the call a listing must begin to show that there is no new run. After a refusal
    /// that suggests a run, it is looked for much longer.
    pub fn confirmed_after(&self, policy: &RetryPolicy) -> Duration {
        match self.contested {
            true => policy.confirm_window.saturating_mul(LONG_LOOK),
            false => policy.confirm_window,
        }
    }

    /// True if a call in doubt of the next attempt was taken for lost, and none was refused since.
    pub(super) fn was_doubted(&self) -> bool {
        self.contested && self.refusals == 0
    }

    /// The number of the next or last attempt.
    pub fn attempt(&self) -> u32 {
        match &self.state {
            State::Waiting { attempt, .. }
            | State::Triggering { attempt, .. }
            | State::InDoubt { attempt, .. }
            | State::Watching { attempt, .. }
            | State::Held { attempt, .. } => *attempt,
            _ => self.attempts.last().map_or(1, |last| last.number),
        }
    }

    /// No attempt is made after this, as of `now`. The time budget starts when the root run fails,
    /// and excused waits extend it, by at most [`EXCUSED_MAX`].
    pub fn deadline(&self, policy: &RetryPolicy, now: Timestamp) -> Timestamp {
        let lasting = self.excused_since.map_or(Duration::ZERO, |since| span(since, now));
        let excused = self.excused.saturating_add(lasting).min(EXCUSED_MAX);
        after(self.failed_at, policy.max_elapsed_time.saturating_add(excused))
    }

    /// When it is given up because of the time it took: when the time budget ends. A hold does not
    /// end before [`HELD_MIN`], because it waits for a person, who may be away for a weekend.
    pub(super) fn runs_out(&self, policy: &RetryPolicy, now: Timestamp) -> Timestamp {
        let deadline = self.deadline(policy, now);
        match self.state {
            State::Held { .. } => deadline.max(after(self.failed_at, HELD_MIN)),
            _ => deadline,
        }
    }

    /// When the next re-trigger is due, if there is one.
    pub fn due(&self) -> Option<Timestamp> {
        match self.state {
            State::Waiting { due, .. } => Some(due),
            _ => None,
        }
    }
}
