//! Feeds the service manager's watchdog as long as the daemon's loops move.

use crate::daemon::{Standing, Vitals};
use sd_notify::NotifyState;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long a loop may be still, beyond the time that one request may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts feeding, three times in each period of the watchdog; `None` if there is none.
pub(super) fn start(vitals: Arc<Vitals>, request_timeout: Duration) -> Option<JoinHandle<()>> {
    let period = sd_notify::watchdog_enabled()?;
    let limit = request_timeout + PATIENCE;
    Some(tokio::spawn(async move {
        loop {
            if is_alive(&vitals, limit) {
                let _ = sd_notify::notify(&[NotifyState::Watchdog]);
            }
            tokio::time::sleep(period / 3).await;
        }
    }))
}

/// Only the holder of the lease has loops that must move.
fn is_alive(vitals: &Vitals, limit: Duration) -> bool {
    vitals.signs().standing != Standing::Holder
        || vitals.still_for().is_none_or(|still| still < limit)
}
