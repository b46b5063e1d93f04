//! Removes old history from time to time.

use super::failure_log::FailureLog;
use super::lease::LeaseKeeper;
use super::parts::Parts;
use crate::domain::model::time::before;
use crate::store::StoreError;
use std::time::Duration;
use tokio::sync::Mutex;

/// How often old history is removed.
const INTERVAL: Duration = Duration::from_secs(60 * 60);

/// Removes old history of the whole store, for all sandboxes.
#[derive(Debug, Default)]
pub(super) struct Pruner {
    done_at: Mutex<Option<Duration>>,
}

impl Pruner {
    /// Removes what is too old, if it is time. Call this only after a complete pass: the time that
    /// a failed pass assumes may be wrong by years.
    pub(super) async fn prune(&self, parts: &Parts, lease: &LeaseKeeper, failures: &FailureLog) {
        let Ok(now) = parts.service.trusted_now() else { return };
        // The pass of another sandbox does it now.
        let Ok(mut done_at) = self.done_at.try_lock() else { return };
        let clock = parts.clock.monotonic();
        if done_at.is_some_and(|at| clock < at + INTERVAL) {
            return;
        }
        match parts.store.prune(lease.owner(), before(now, parts.settings.store.retention)).await {
            Ok(count) => {
                *done_at = Some(clock);
                if count > 0 {
                    tracing::info!(count, "old recoveries removed");
                }
            }
            Err(StoreError::LeaseLost) => {}
            Err(error) => failures.store_failed(&error),
        }
    }
}
