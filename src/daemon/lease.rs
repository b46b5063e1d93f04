//! The lease: at most one daemon acts on a store.
//!
//! The store decides who holds it. This side only decides when to *stop trusting* it: after three
//! quarters of its duration, by the monotonic clock, so that a time of day that is set back does
//! not prolong it. That clock may stop while a machine sleeps. So every write names its owner too,
//! and the store rejects writes of a former owner. A call from before the sleep is dropped because
//! of its age by Adobe's clock.

use super::failure_log::FailureLog;
use crate::clock::Clock;
use crate::store::{Lease, Owner, Store, StoreError};
use jiff::Timestamp;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Keeps the lease of one daemon.
#[derive(Debug)]
pub(super) struct LeaseKeeper {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    owner: Owner,
    ttl: Duration,
    trusted_until: Mutex<Option<Duration>>,
    /// Increases whenever the lease is acquired again: another daemon may have acted in between.
    epoch: AtomicU64,
    is_held: watch::Sender<bool>,
}

/// Whether this daemon may act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// It holds the lease.
    Holder,
    /// Another daemon holds the lease.
    Waiting {
        /// The holder.
        owner: Owner,
        /// Until when, unless it is renewed.
        until: Timestamp,
    },
}

impl LeaseKeeper {
    pub(super) fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        owner: Owner,
        ttl: Duration,
    ) -> Self {
        let (trusted_until, epoch) = (Mutex::new(None), AtomicU64::new(0));
        Self { store, clock, owner, ttl, trusted_until, epoch, is_held: watch::Sender::new(false) }
    }

    pub(super) fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Counts the uninterrupted periods in which this daemon held the lease. What was read in one
    /// epoch must not be used in another.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Relaxed)
    }

    /// How often the lease is renewed.
    pub(super) fn renew_interval(&self) -> Duration {
        self.ttl / 3
    }

    /// How often a waiting daemon tries to take the lease.
    pub(super) fn ask_interval(&self) -> Duration {
        self.renew_interval().min(Duration::from_secs(2))
    }

    /// Takes or renews the lease.
    pub(super) async fn renew(&self) -> Result<Standing, StoreError> {
        // Counted from before the call: the store starts to count no earlier.
        let asked_at = self.clock.monotonic();
        let answer = self.store.lease(&self.owner, self.clock.now(), self.ttl).await;
        let mut trusted_until = self.trusted_until();
        match answer {
            Ok(lease @ (Lease::Granted | Lease::Renewed)) => {
                if lease == Lease::Granted {
                    self.epoch.fetch_add(1, Ordering::Relaxed);
                }
                *trusted_until = Some(asked_at + self.ttl - self.ttl / 4);
                Ok(Standing::Holder)
            }
            Ok(Lease::HeldBy { owner, until }) => {
                *trusted_until = None;
                Ok(Standing::Waiting { owner, until })
            }
            Err(error) => Err(error),
        }
    }

    /// How much longer the lease can be trusted; zero if it cannot.
    pub(super) fn trust_left(&self) -> Duration {
        let trusted_until = self.trusted_until().unwrap_or_default();
        trusted_until.saturating_sub(self.clock.monotonic())
    }

    fn trusted_until(&self) -> MutexGuard<'_, Option<Duration>> {
        self.trusted_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until this daemon holds the lease.
    pub(super) async fn held(&self) {
        // The sender lives as long as this keeper.
        let _ = self.is_held.subscribe().wait_for(|held| *held).await;
    }

    /// Takes the lease, waits if another daemon holds it, and keeps it as long as this is polled.
    pub(super) async fn hold(&self, failures: &FailureLog) -> Infallible {
        loop {
            let pause = match self.renew().await {
                Ok(Standing::Holder) => {
                    failures.lease_held();
                    self.is_held.send_replace(true);
                    self.renew_interval()
                }
                Ok(Standing::Waiting { owner, until }) => {
                    failures.lease_held_by(&owner, until);
                    self.is_held.send_replace(false);
                    self.ask_interval()
                }
                Err(error) => {
                    failures.store_failed(&error);
                    self.ask_interval()
                }
            };
            self.clock.sleep(pause).await;
        }
    }

    /// Drives `work` to its end and renews the lease beside it. A failed renewal is not an error
    /// here: the trust expires by itself, and the next write finds out.
    pub(super) async fn held_while<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::select! {
            done = work => done,
            never = self.keep() => match never {},
        }
    }

    /// Renews the lease as long as it is polled.
    async fn keep(&self) -> Infallible {
        loop {
            self.clock.sleep(self.renew_interval()).await;
            if let Err(error) = self.renew().await {
                tracing::debug!(error = %error, "lease not renewed");
            }
        }
    }

    /// Releases the lease, so that a successor need not wait until it expires.
    pub(super) async fn release(&self) {
        *self.trusted_until() = None;
        self.is_held.send_replace(false);
        if let Err(error) = self.store.release(&self.owner, self.clock.now()).await {
            tracing::debug!(error = %error, "lease not released");
        }
    }
}
