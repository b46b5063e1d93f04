//! One line an hour that the daemon runs, and how much there is to do: a log without news would look like
//! the log of a daemon that hangs.

use super::parts::Parts;
use super::vitals::Standing;
use crate::store::StoreError;
use jiff::Timestamp;
use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;

const INTERVAL: Duration = Duration::from_secs(60 * 60);

/// When the next line is due, and what it counts from.
#[derive(Debug)]
pub(super) struct Hourly {
    next: Duration,
    since: Timestamp,
}

impl Hourly {
    pub(super) fn new(parts: &Parts) -> Self {
        Self { next: parts.clock.monotonic() + INTERVAL, since: parts.service.now() }
    }

    /// Logs as long as it is polled. A store that fails has lines of its own.
    pub(super) async fn log(&mut self, parts: &Parts) -> Infallible {
        loop {
            let left = self.next.saturating_sub(parts.clock.monotonic());
            parts.clock.sleep(left).await;
            match parts.vitals.signs().standing {
                Standing::Holder => {
                    if let Ok(counts) = Counts::read(parts, self.since).await {
                        counts.log();
                    }
                }
                Standing::Standby { holder } => {
                    tracing::info!(owner = holder.as_str(), "still running, on standby");
                }
                Standing::Starting | Standing::StoreFailed { .. } => {}
            }
            self.since = parts.service.now();
            self.next = parts.clock.monotonic() + INTERVAL;
        }
    }
}

/// The open recoveries by state, and the re-triggers since the last line.
struct Counts {
    states: HashMap<String, u64>,
    retriggers: u64,
}

impl Counts {
    async fn read(parts: &Parts, since: Timestamp) -> Result<Self, StoreError> {
        let (mut states, mut retriggers) = (HashMap::new(), 0);
        for sandbox in &parts.settings.sandboxes {
            for (state, count) in parts.store.count_open(&sandbox.name).await? {
                *states.entry(state).or_default() += count;
            }
            retriggers += parts.store.calls_since(&sandbox.name, since).await?.count;
        }
        Ok(Self { states, retriggers })
    }

    fn log(&self) {
        let count = |state| self.states.get(state).copied().unwrap_or(0);
        tracing::info!(
            waiting = count("waiting"),
            triggering = count("triggering"),
            in_doubt = count("in_doubt"),
            watching = count("watching"),
            held = count("held"),
            retriggers = self.retriggers,
            "still running"
        );
    }
}
