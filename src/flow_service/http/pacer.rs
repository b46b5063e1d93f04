//! Spaces requests evenly.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Assigns moments in order and holds no lock while waiting, so a caller that gives up costs the
/// others at most one moment.
#[derive(Debug, Default)]
pub(super) struct Pacer {
    next: Mutex<Option<Instant>>,
}

impl Pacer {
    /// Waits for the next moment; the one after it comes `interval` later.
    pub(super) async fn wait(&self, interval: Duration) {
        let moment = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let moment = next.map_or(now, |next| next.max(now));
            *next = moment.checked_add(interval);
            moment
        };
        tokio::time::sleep_until(moment).await;
    }
}
