//! The vital signs of a daemon: for each sandbox, when its loop last moved, when it was last read
//! completely, and what has been wrong since when. Health checks, metrics, `status` and the page show
//! them. Instants are those of this machine's clock.

use super::error::PassError;
use super::report::Report;
use crate::clock::Clock;
use crate::domain::model::ids::SandboxName;
use crate::settings::Settings;
use crate::store::{Owner, StoreError};
use crate::telemetry::chain;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// The vital signs of one daemon. Loops write them; everything that shows them only reads.
#[derive(Debug)]
pub struct Vitals {
    clock: Arc<dyn Clock>,
    signs: Mutex<Signs>,
    limits: Mutex<Limits>,
}

/// From when on signs are bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// How long a loop may be still.
    pub(super) still: Duration,
    /// How old the last complete pass may be.
    pub(super) stale: Duration,
}

impl Limits {
    /// The limits under `settings`.
    pub(super) fn of(settings: &Settings) -> Self {
        Self {
            still: settings.adobe.connection.request_timeout + MINUTE,
            stale: (3 * settings.poll.interval).max(MINUTE),
        }
    }
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

/// Why passes over a sandbox are incomplete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The kind of the cause.
    pub cause: Cause,
    /// When the first of these passes ended.
    pub since: Timestamp,
    /// The error of the latest pass with its causes.
    pub error: String,
    /// How many passes in a row were incomplete.
    pub passes: u64,
}

/// The kinds of causes for an incomplete pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Adobe refused the credentials.
    Credentials,
    /// Adobe could not be reached.
    Unreachable,
    /// Adobe answered, but not as expected.
    Platform,
    /// The store failed.
    Store,
    /// The time cannot be trusted.
    Clock,
    /// Reading took too long.
    TooSlow,
    /// The lease was lost.
    Lease,
    /// The pass panicked.
    Panic,
}

impl Cause {
    /// Its name in the store, in metrics and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::Unreachable => "unreachable",
            Self::Platform => "platform",
            Self::Store => "store",
            Self::Clock => "clock",
            Self::TooSlow => "too_slow",
            Self::Lease => "lease",
            Self::Panic => "panic",
        }
    }

    fn of(error: &PassError) -> Self {
        match error {
            PassError::Platform { source, .. } if source.is_credentials() => Self::Credentials,
            PassError::Platform { source, .. } if source.is_unreachable() => Self::Unreachable,
            PassError::Platform { .. } => Self::Platform,
            PassError::Store(StoreError::LeaseLost) | PassError::LeaseRanOut => Self::Lease,
            PassError::Store(_) => Self::Store,
            PassError::Clock(_) => Self::Clock,
            PassError::TooSlow { .. } | PassError::Stopped => Self::TooSlow,
        }
    }
}

impl Vitals {
    /// The vital signs of a daemon that has not begun.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let limits = Mutex::new(Limits { still: MINUTE, stale: MINUTE });
        Self { clock, signs: Mutex::default(), limits }
    }

    /// The vital signs now.
    pub fn signs(&self) -> Signs {
        self.locked().clone()
    }

    /// How long ago the loop that has been still for longest last moved; zero without loops.
    pub(super) fn still_for(&self) -> Duration {
        let now = self.clock.monotonic();
        let signs = self.locked();
        let still = signs.sandboxes.values().map(|sandbox| now.saturating_sub(sandbox.moved));
        still.max().unwrap_or_default()
    }

    pub(super) fn limits(&self) -> Limits {
        *self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Watches the sandboxes of `settings`; what is known of them is kept.
    pub(super) fn watch(&self, settings: &Settings) {
        *self.limits.lock().unwrap_or_else(PoisonError::into_inner) = Limits::of(settings);
        let sandboxes = settings.sandboxes.iter().map(|sandbox| &sandbox.name);
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
            Some(Err(fault)) => Some((Cause::of(fault), chain(fault))),
            Some(Ok(report)) => report.fault.as_ref().map(|it| (Cause::of(it), chain(it))),
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
