//! Feeds the service manager's watchdog as long as the daemon's loops move.

use crate::daemon::Vitals;
use sd_notify::NotifyState;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// Starts feeding, three times in each period of the watchdog; `None` if there is none.
pub(super) fn start(vitals: Arc<Vitals>) -> Option<JoinHandle<()>> {
    let period = sd_notify::watchdog_enabled()?;
    Some(tokio::spawn(async move {
        loop {
            if vitals.is_alive() {
                let _ = sd_notify::notify(&[NotifyState::Watchdog]);
            }
            tokio::time::sleep(period / 3).await;
        }
    }))
}
