//! The state machine of a recovery: the effort to heal one failed run.
//!
//! A re-trigger makes a new run with a new id, and nothing on the platform links the two. So the
//! recovery is keyed by the *root run* and owns every run issued on its behalf; a failed issued run
//! is the next attempt of the same recovery, never a recovery of its own.
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
//! What moves it from state to state is in [`crate::domain::recovery::transitions`].

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

/// The effort to heal one root run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// The failed run that started it; its key.
    pub root_run_id: RunId,
    /// Where it happened.
    pub sandbox: SandboxName,
    /// The dataflow of the root run and of every issued run.
    pub flow_id: FlowId,
    /// Its name when the recovery was adopted.
    pub flow_name: String,
    /// When the root run failed, by the platform's clock; the elapsed budget counts from here.
    pub failed_at: Timestamp,
    /// The failure to deal with: that of the root run, or of the issued run that failed last.
    pub failure: Failure,
    /// Where it stands.
    pub state: State,
    /// The accepted re-triggers, oldest first, numbered from 1 without a gap.
    pub attempts: Vec<Attempt>,
    /// Refused calls since the last accepted one.
    pub refusals: u32,
    /// Ask for the root run next, because the latest issued run was refused as not re-triggerable.
    pub ask_root: bool,
    /// An operator asked for the attempt to come: budgets, rules and holds of ours do not count.
    pub ordered: bool,
    /// A run may exist that repeats this one: the platform refused the last call because of the state
    /// of the run, or the run of a doubtful call was not listed.
    pub contested: bool,
    /// Waits that do not count for the budget of time: behind others, in a quiet window, in a hold on
    /// the whole dataflow.
    pub excused: Duration,
    /// Since when such a wait lasts.
    pub excused_since: Option<Timestamp>,
    /// Grows by one with every stored change; what conditional updates compare.
    pub revision: u64,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// One accepted re-trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Its number, from 1.
    pub number: u32,
    /// The run that was asked for.
    pub asked: RunId,
    /// The run that was issued.
    pub issued: RunId,
    /// The issued run's entity tag, exactly as received.
    pub etag: Option<Etag>,
    /// When it was accepted, or found to have been.
    pub accepted_at: Timestamp,
}

/// The most that waits can add to the budget of time: whatever has waited for so long is stale.
pub const EXCUSED_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What is held stays so for this long after the failure, however short the budget of time.
pub const HELD_MIN: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// So many confirm windows long a run is looked for whose existence a refusal suggests.
const LONG_LOOK: u32 = 12;

/// Where a recovery stands. `attempt` is always the number of the attempt that is next or under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// The next re-trigger is due at `due`.
    Waiting {
        /// The attempt to come.
        attempt: u32,
        /// When it may be made, by the platform's clock.
        due: Timestamp,
    },
    /// The intent is written; the call may be under way.
    Triggering {
        /// The attempt.
        attempt: u32,
        /// The run that is asked for.
        asked: RunId,
        /// When the intent was written.
        since: Timestamp,
    },
    /// Whether the call was accepted is not known.
    InDoubt {
        /// The attempt.
        attempt: u32,
        /// The run that was asked for.
        asked: RunId,
        /// When the intent was written; the issued run can only be younger.
        since: Timestamp,
        /// Late and complete listings that did not show the issued run.
        absences: u32,
    },
    /// The issued run has not ended.
    Watching {
        /// The attempt.
        attempt: u32,
        /// The issued run.
        issued: RunId,
        /// Since when.
        since: Timestamp,
    },
    /// A person has to act first, or the cause has to go away.
    Held {
        /// The attempt to come.
        attempt: u32,
        /// Why.
        why: Reason,
    },
    /// Healed. Final.
    Recovered {
        /// How.
        why: Reason,
    },
    /// The budget is spent. Final, unless an operator reopens it.
    GivenUp {
        /// Which budget.
        why: Reason,
    },
    /// An operator ended it. Final, unless an operator reopens it.
    Dismissed {
        /// What the operator said.
        why: String,
    },
}

impl State {
    /// The words for the states, in the order in which they are shown.
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

    /// The word for it.
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

    /// True while a call may be under way, or may have been accepted unseen.
    pub fn is_unanswered(&self) -> bool {
        matches!(self, Self::Triggering { .. } | Self::InDoubt { .. })
    }

    /// True for the states that nothing but an operator leaves.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Recovered { .. } | Self::GivenUp { .. } | Self::Dismissed { .. })
    }
}

/// One step of a recovery: what it becomes, and the entry that says why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The revision that must still be stored for the change to take effect; `None` for a new recovery.
    pub from_revision: Option<u64>,
    /// The recovery afterwards.
    pub recovery: Recovery,
    /// What the journal says.
    pub entry: Entry,
}

impl Recovery {
    /// The run to ask for next.
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

    /// The newest issued run, where it is not the run to ask for: it may be at work again, or have
    /// succeeded unseen.
    pub fn unwatched(&self, policy: &RetryPolicy) -> Option<&RunId> {
        let last = &self.attempts.last()?.issued;
        (last != self.target(policy)).then_some(last)
    }

    /// How long after the call a listing has to be taken to show that no run was made. After a refusal
    /// that speaks for a run, it is looked for much longer.
    pub fn confirmed_after(&self, policy: &RetryPolicy) -> Duration {
        match self.contested {
            true => policy.confirm_window.saturating_mul(LONG_LOOK),
            false => policy.confirm_window,
        }
    }

    /// True if a doubtful call of the attempt to come was taken for lost, and none was refused since.
    pub(super) fn was_doubted(&self) -> bool {
        self.contested && self.refusals == 0
    }

    /// The number of the attempt that is next or was last.
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

    /// After this no attempt is made, as it looks at `now`: the budget of time counts from the
    /// failure of the root run and stands still during excused waits, up to [`EXCUSED_MAX`].
    pub fn deadline(&self, policy: &RetryPolicy, now: Timestamp) -> Timestamp {
        let lasting = self.excused_since.map_or(Duration::ZERO, |since| span(since, now));
        let excused = self.excused.saturating_add(lasting).min(EXCUSED_MAX);
        after(self.failed_at, policy.max_elapsed_time.saturating_add(excused))
    }

    /// When it is given up for the time it took: once no attempt may be made any more, but no hold
    /// ends before [`HELD_MIN`], because it waits for a person, who may be away for a weekend.
    pub(super) fn runs_out(&self, policy: &RetryPolicy, now: Timestamp) -> Timestamp {
        let deadline = self.deadline(policy, now);
        match self.state {
            State::Held { .. } => deadline.max(after(self.failed_at, HELD_MIN)),
            _ => deadline,
        }
    }

    /// When the next re-trigger is due, where one is.
    pub fn due(&self) -> Option<Timestamp> {
        match self.state {
            State::Waiting { due, .. } => Some(due),
            _ => None,
        }
    }
}
