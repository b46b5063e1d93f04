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
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// The vital signs of one daemon. Loops write them; everything that shows them only reads.
#[derive(Debug)]
pub struct Vitals {
    clock: Arc<dyn Clock>,
    signs: watch::Sender<Signs>,
    calls: AtomicUsize,
}

/// A call in flight; it is counted as long as this lives.
#[derive(Debug)]
pub(super) struct CallInFlight<'a>(&'a AtomicUsize);

impl Drop for CallInFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The vital signs at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signs {
    /// Whether this daemon may act.
    pub standing: Standing,
    /// Each sandbox of the configuration.
    pub sandboxes: BTreeMap<SandboxName, SandboxSigns>,
    /// When the loop that keeps the lease last moved, by the monotonic clock.
    pub lease_moved: Duration,
    /// From when on these signs are bad.
    pub limits: Limits,
}

/// From when on signs are bad.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// How long a loop may be still.
    pub rest: Duration,
    /// How old the last complete pass over a sandbox may be.
    pub staleness: Duration,
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
        Self { clock, signs: watch::Sender::default(), calls: AtomicUsize::new(0) }
    }

    /// The vital signs now.
    pub fn signs(&self) -> Signs {
        self.signs.borrow().clone()
    }

    /// The vital signs from now on.
    pub fn changes(&self) -> watch::Receiver<Signs> {
        self.signs.subscribe()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// How many re-triggers have been sent, or are about to be, and have no stored outcome.
    pub fn calls_in_flight(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// Counts a call until its end.
    pub(super) fn call_begins(&self) -> CallInFlight<'_> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        CallInFlight(&self.calls)
    }

    /// The vital signs of one loop; `None` if the sandbox is not configured.
    pub fn of_sandbox(&self, sandbox: &SandboxName) -> Option<SandboxSigns> {
        self.signs.borrow().sandboxes.get(sandbox).cloned()
    }

    /// How long ago the loop that has been still for longest last moved; `None` without loops.
    pub(super) fn still_for(&self) -> Option<Duration> {
        let now = self.clock.monotonic();
        let signs = self.signs.borrow();
        signs.sandboxes.values().map(|sandbox| now.saturating_sub(sandbox.moved)).max()
    }

    /// False if a loop that must move has been still for too long. The loops over sandboxes must move
    /// only while this daemon holds the lease.
    pub fn is_alive(&self) -> bool {
        let now = self.clock.monotonic();
        let signs = self.signs.borrow();
        let moves = |moved: Duration| now.saturating_sub(moved) <= signs.limits.rest;
        let has_begun = !signs.sandboxes.is_empty();
        let mut loops = signs.sandboxes.values();
        !has_begun
            || moves(signs.lease_moved)
                && (signs.standing != Standing::Holder || loops.all(|it| moves(it.moved)))
    }

    /// Keeps only these sandboxes, and adds those that are new.
    pub(super) fn watch<'a>(
        &self,
        sandboxes: impl Iterator<Item = &'a SandboxName>,
        limits: Limits,
    ) {
        let moved = self.clock.monotonic();
        self.signs.send_modify(|signs| {
            let mut old = std::mem::take(&mut signs.sandboxes);
            let fresh = || SandboxSigns { moved, ..SandboxSigns::default() };
            signs.sandboxes = sandboxes
                .map(|name| (name.clone(), old.remove(name).unwrap_or_else(fresh)))
                .collect();
            (signs.lease_moved, signs.limits) = (moved, limits);
        });
    }

    /// The loop that keeps the lease moved.
    pub(super) fn stands(&self, standing: Standing) {
        let moved = self.clock.monotonic();
        self.signs.send_modify(|signs| {
            signs.lease_moved = moved;
            // The loops over sandboxes begin now.
            if standing == Standing::Holder && signs.standing != standing {
                signs.sandboxes.values_mut().for_each(|it| it.moved = moved);
            }
            signs.standing = standing;
        });
    }

    /// The store failed; the time of the first failure in a row is kept.
    pub(super) fn store_failed(&self, error: &StoreError) {
        let since = match self.signs.borrow().standing {
            Standing::StoreFailed { since, .. } => since,
            _ => self.clock.now(),
        };
        self.stands(Standing::StoreFailed { since, error: chain(error) });
    }

    /// Adobe answered: every loop that is reading or calling moves.
    pub(super) fn answered(&self) {
        let moved = self.clock.monotonic();
        self.signs.send_modify(|signs| {
            let busy = signs.sandboxes.values_mut().filter(|it| it.next_pass.is_none());
            busy.for_each(|it| it.moved = moved);
        });
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
        self.signs.send_modify(|signs| {
            if let Some(signs) = signs.sandboxes.get_mut(sandbox) {
                signs.moved = moved;
                change(signs, now);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use std::sync::atomic::AtomicU64;

    /// Shows the time that a test sets.
    #[derive(Debug, Default)]
    struct TestClock(AtomicU64);

    #[async_trait]
    impl Clock for TestClock {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH + self.monotonic()
        }

        fn monotonic(&self) -> Duration {
            Duration::from_secs(self.0.load(Ordering::Relaxed))
        }

        async fn sleep(&self, _: Duration) {}
    }

    const REST: Duration = Duration::from_secs(90);

    /// The vital signs of a daemon with two sandboxes, and its clock.
    fn daemon() -> (Vitals, Arc<TestClock>, [SandboxName; 2]) {
        let clock = Arc::new(TestClock::default());
        let vitals = Vitals::new(clock.clone());
        let names = ["dev", "prod"].map(SandboxName::new);
        vitals.watch(names.iter(), Limits { rest: REST, staleness: REST });
        (vitals, clock, names)
    }

    fn advance(clock: &TestClock, seconds: u64) {
        clock.0.fetch_add(seconds, Ordering::Relaxed);
    }

    #[test]
    fn a_daemon_is_alive_while_all_its_loops_move_and_no_longer() {
        let (vitals, clock, [dev, prod]) = daemon();
        vitals.stands(Standing::Holder);
        for _ in 0..10 {
            advance(&clock, 60);
            vitals.stands(Standing::Holder);
            vitals.moved(&dev);
            vitals.moved(&prod);
            assert!(vitals.is_alive());
        }
        advance(&clock, 60);
        vitals.stands(Standing::Holder);
        vitals.moved(&dev);
        assert!(vitals.is_alive());
        advance(&clock, 60);
        vitals.stands(Standing::Holder);
        vitals.moved(&dev);
        assert!(!vitals.is_alive(), "the loop over prod hangs");
    }

    #[test]
    fn an_answer_is_a_sign_of_life_of_every_loop_that_does_not_wait() {
        let (vitals, clock, [dev, prod]) = daemon();
        vitals.stands(Standing::Holder);
        vitals.pass_began(&prod);
        vitals.waits(&dev, REST);
        advance(&clock, 60);
        vitals.answered();
        vitals.stands(Standing::Holder);
        advance(&clock, 60);
        assert_eq!(vitals.still_for(), Some(Duration::from_secs(120)), "dev waits");
        vitals.moved(&dev);
        assert!(vitals.is_alive());
    }

    #[test]
    fn only_the_lease_loop_must_move_on_standby_and_without_the_store() {
        let (vitals, clock, _) = daemon();
        for standing in [
            Standing::Standby { holder: Owner::new("another") },
            Standing::StoreFailed { since: clock.now(), error: "locked".into() },
        ] {
            advance(&clock, 1_000);
            vitals.stands(standing);
            assert!(vitals.is_alive());
            advance(&clock, 100);
            assert!(!vitals.is_alive(), "the loop that keeps the lease hangs");
        }
        vitals.stands(Standing::Holder);
        assert!(vitals.is_alive(), "the loops over sandboxes begin now");
    }

    #[test]
    fn a_daemon_that_has_not_begun_is_alive() {
        let clock = Arc::new(TestClock::default());
        let vitals = Vitals::new(clock.clone());
        advance(&clock, 1_000);
        assert!(vitals.is_alive());
    }

    #[test]
    fn calls_are_counted_until_they_end() {
        let (vitals, ..) = daemon();
        let (one, other) = (vitals.call_begins(), vitals.call_begins());
        assert_eq!(vitals.calls_in_flight(), 2);
        drop(one);
        assert_eq!(vitals.calls_in_flight(), 1);
        drop(other);
        assert_eq!(vitals.calls_in_flight(), 0);
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
