//! The lease: at most one daemon acts on a store.
//!
//! The store is the authority for who holds it. This side only decides when to *stop trusting* it:
//! a quarter of its life before the store would give it to somebody else, by the monotonic clock,
//! so that a time of day that was set back does not prolong it. That clock may stand still while a
//! machine sleeps; therefore every write names its owner too, so that a wrong belief begins nothing,
//! and a call that was begun before the sleep is dropped by its age on the platform's clock.

use crate::clock::Clock;
use crate::store::{Lease, Owner, Store, StoreError};
use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

/// Keeps the lease of one daemon.
#[derive(Debug)]
pub(super) struct LeaseKeeper {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    owner: Owner,
    ttl: Duration,
    trusted_until: Mutex<Option<Duration>>,
    /// Grows whenever the lease is taken anew: somebody else may have acted in between.
    term: AtomicU64,
}

/// Whether this daemon may act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// It may.
    Holder,
    /// Somebody else does.
    Waiting {
        /// Who.
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
        Self { store, clock, owner, ttl, trusted_until: Mutex::new(None), term: AtomicU64::new(0) }
    }

    pub(super) fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Which uninterrupted possession of the lease this is. What was read in one term must not be
    /// acted on in another.
    pub(super) fn term(&self) -> u64 {
        self.term.load(Ordering::Relaxed)
    }

    /// How often the lease is renewed, and how often a waiting daemon looks again.
    pub(super) fn rhythm(&self) -> Duration {
        self.ttl / 3
    }

    /// Takes or renews the lease.
    pub(super) async fn renew(&self) -> Result<Standing, StoreError> {
        // Counted from before the call: the store starts its own count no earlier.
        let asked_at = self.clock.monotonic();
        let answer = self.store.lease(&self.owner, self.clock.now(), self.ttl).await;
        let mut trusted_until = self.trusted_until.lock().await;
        match answer {
            Ok(lease @ (Lease::Granted | Lease::Renewed)) => {
                if lease == Lease::Granted {
                    self.term.fetch_add(1, Ordering::Relaxed);
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
    pub(super) async fn trust_left(&self) -> Duration {
        let trusted_until = self.trusted_until.lock().await.unwrap_or_default();
        trusted_until.saturating_sub(self.clock.monotonic())
    }

    /// Drives `work` to its end and renews the lease meanwhile. A renewal that fails is not an
    /// error here: trust runs out by itself, and the next write finds out.
    pub(super) async fn held_while<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = self.clock.sleep(self.rhythm()) => {
                    if let Err(error) = self.renew().await {
                        tracing::debug!(error = %error, "lease not renewed");
                    }
                }
            }
        }
    }

    /// Gives the lease back, so that a successor need not wait for it to run out.
    pub(super) async fn release(&self) {
        *self.trusted_until.lock().await = None;
        if let Err(error) = self.store.release(&self.owner).await {
            tracing::debug!(error = %error, "lease not released");
        }
    }
}
