//! The clock as a value. Every decision uses a `now` that comes from here, so a test can set the
//! clock. IO timeouts use real time, because sockets do.

use async_trait::async_trait;
use jiff::Timestamp;
use std::fmt::Debug;
use std::time::Duration;

/// A source of time.
#[async_trait]
pub trait Clock: Send + Sync + Debug {
    /// The time of day on this machine.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment; never goes back, even if the time of day is set back.
    fn monotonic(&self) -> Duration;

    /// Waits until `wait` has passed on this clock.
    async fn sleep(&self, wait: Duration);
}

/// The clock of this machine.
#[derive(Debug)]
pub struct SystemClock {
    started: tokio::time::Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    pub fn new() -> Self {
        Self { started: tokio::time::Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the time of day")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }

    async fn sleep(&self, wait: Duration) {
        tokio::time::sleep(wait).await;
    }
}
