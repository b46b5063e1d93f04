//! The vital signs of a daemon: for each sandbox, when its loop last moved, when it was last read
//! completely, and what has been wrong since when. Health checks, metrics, `status` and the page show
//! them. Instants are those of this machine's clock.

use super::error::PassError;
use super::report::Report;
use crate::clock::Clock;
use crate::domain::model::ids::SandboxName;
use crate::domain::model::trouble::{Cause, Trouble};
use crate::store::{Owner, StoreError};
use crate::telemetry::chain;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The vital signs of one daemon. Loops write them; everything that shows them only reads.
#[derive(Debug)]
pub struct Vitals {
    clock: Arc<dyn Clock>,
    signs: Mutex<Signs>,
}

/// The vital signs at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signs {
    /// Whether this daemon may act.
    pub standing: Standing,
    /// Each sandbox of the configuration.
    pub sandboxes: BTreeMap<SandboxName, SandboxSigns>,
}

/// Whether this daemon may act.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Standing {
    /// It has not asked for the lease yet.
    #[default]
    Starting,
    /// It holds the lease.
    Holder,
    /// Another daemon holds the lease.
    Standby {
        /// The holder.
        holder: Owner,
    },
    /// The store cannot be used.
    StoreFailed {
        /// Since when.
        since: Timestamp,
        /// The error with its causes.
        error: String,
    },
}

/// The vital signs of the loop over one sandbox.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SandboxSigns {
    /// When its loop last did something, by the monotonic clock: began or ended a pass, got an answer,
    /// or ended a slice of a wait.
    pub moved: Duration,
    /// When the latest pass began.
    pub pass_began: Option<Timestamp>,
    /// When the latest pass ended.
    pub pass_ended: Option<Timestamp>,
    /// When the last complete pass ended.
    pub last_complete: Option<Timestamp>,
    /// When the next pass begins, while the loop waits for it.
    pub next_pass: Option<Timestamp>,
    /// What is wrong, if the latest pass was incomplete.
    pub trouble: Option<Trouble>,
}

impl Vitals {
    /// The vital signs of a daemon that has not begun.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, signs: Mutex::default() }
    }

    /// The vital signs now.
    pub fn signs(&self) -> Signs {
        self.locked().clone()
    }

    /// The vital signs of one loop; `None` if the sandbox is not configured.
    pub fn of_sandbox(&self, sandbox: &SandboxName) -> Option<SandboxSigns> {
        self.locked().sandboxes.get(sandbox).cloned()
    }

    /// How long ago the loop that has been still for longest last moved; `None` without loops.
    pub fn still_for(&self) -> Option<Duration> {
        let now = self.clock.monotonic();
        let signs = self.locked();
        signs.sandboxes.values().map(|sandbox| now.saturating_sub(sandbox.moved)).max()
    }

    /// Keeps only these sandboxes, and adds those that are new.
    pub(super) fn watch<'a>(&self, sandboxes: impl Iterator<Item = &'a SandboxName>) {
        let fresh = SandboxSigns { moved: self.clock.monotonic(), ..SandboxSigns::default() };
        let mut signs = self.locked();
        let mut old = std::mem::take(&mut signs.sandboxes);
        signs.sandboxes = sandboxes
            .map(|name| (name.clone(), old.remove(name).unwrap_or_else(|| fresh.clone())))
            .collect();
    }

    pub(super) fn stands(&self, standing: Standing) {
        self.locked().standing = standing;
    }

    /// The store failed; the time of the first failure in a row is kept.
    pub(super) fn store_failed(&self, error: &StoreError) {
        let now = self.clock.now();
        let mut signs = self.locked();
        let since = match signs.standing {
            Standing::StoreFailed { since, .. } => since,
            _ => now,
        };
        signs.standing = Standing::StoreFailed { since, error: chain(error) };
    }

    /// Adobe answered: every loop that is reading or calling moves.
    pub(super) fn answered(&self) {
        let moved = self.clock.monotonic();
        for signs in self.locked().sandboxes.values_mut().filter(|it| it.next_pass.is_none()) {
            signs.moved = moved;
        }
    }

    /// The loop over `sandbox` did something.
    pub(super) fn moved(&self, sandbox: &SandboxName) {
        self.change(sandbox, |_, _| {});
    }

    pub(super) fn pass_began(&self, sandbox: &SandboxName) {
        self.change(sandbox, |signs, now| {
            signs.pass_began = Some(now);
            signs.next_pass = None;
        });
    }

    /// A pass ended; `None` if it panicked.
    pub(super) fn pass_ended(
        &self,
        sandbox: &SandboxName,
        result: Option<&Result<Report, PassError>>,
    ) {
        let fault = match result {
            Some(Err(PassError::Stopped)) => return,
            Some(Err(fault)) => Some((cause_of(fault), chain(fault))),
            Some(Ok(report)) => report.fault.as_ref().map(|it| (cause_of(it), chain(it))),
            None => Some((Cause::Panic, "the pass panicked".to_owned())),
        };
        self.change(sandbox, |signs, now| {
            signs.pass_ended = Some(now);
            signs.trouble = fault.map(|(cause, error)| {
                let before = signs.trouble.as_ref();
                Trouble {
                    cause,
                    since: before.map_or(now, |it| it.since),
                    error,
                    passes: before.map_or(0, |it| it.passes) + 1,
                }
            });
            if signs.trouble.is_none() {
                signs.last_complete = Some(now);
            }
        });
    }

    /// The loop waits for its next pass.
    pub(super) fn waits(&self, sandbox: &SandboxName, wait: Duration) {
        self.change(sandbox, |signs, now| signs.next_pass = now.checked_add(wait).ok());
    }

    fn change(&self, sandbox: &SandboxName, change: impl FnOnce(&mut SandboxSigns, Timestamp)) {
        let (now, moved) = (self.clock.now(), self.clock.monotonic());
        if let Some(signs) = self.locked().sandboxes.get_mut(sandbox) {
            signs.moved = moved;
            change(signs, now);
        }
    }

    fn locked(&self) -> MutexGuard<'_, Signs> {
        self.signs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cause_of(error: &PassError) -> Cause {
    match error {
        PassError::Platform { source, .. } if source.is_credentials() => Cause::Credentials,
        PassError::Platform { source, .. } if source.is_unreachable() => Cause::Unreachable,
        PassError::Platform { .. } => Cause::Platform,
        PassError::Store(StoreError::LeaseLost) | PassError::LeaseRanOut => Cause::Lease,
        PassError::Store(_) => Cause::Store,
        PassError::Clock(_) => Cause::Clock,
        PassError::TooSlow { .. } | PassError::Stopped => Cause::TooSlow,
    }
}
