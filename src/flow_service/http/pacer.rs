//! Spaces requests evenly.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Assigns moments in order and holds no lock while waiting, so a caller that gives up costs the
/// others at most one moment.
pub(super) struct Pacer {
    interval: Duration,
    next: Mutex<Option<Instant>>,
}

impl Pacer {
    /// No limit if `per_second` is 0 or not a positive number.
    pub(super) fn new(per_second: f64) -> Self {
        let interval = Duration::try_from_secs_f64(per_second.recip()).unwrap_or_default();
        Self { interval, next: Mutex::new(None) }
    }

    pub(super) async fn wait(&self) {
        let moment = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let moment = next.map_or(now, |next| next.max(now));
            *next = moment.checked_add(self.interval);
            moment
        };
        tokio::time::sleep_until(moment).await;
    }
}
