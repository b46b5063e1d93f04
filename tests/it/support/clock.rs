//! A clock that a test holds in its hand.

use async_trait::async_trait;
use flowmend::clock::Clock;
use jiff::Timestamp;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// Stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock {
    start: Timestamp,
    passed: watch::Sender<Duration>,
}

impl ManualClock {
    pub fn new(start: Timestamp) -> Self {
        Self { start, passed: watch::Sender::new(Duration::ZERO) }
    }

    pub fn advance(&self, by: Duration) {
        self.passed.send_modify(|passed| *passed += by);
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.start + *self.passed.borrow()
    }

    fn monotonic(&self) -> Duration {
        *self.passed.borrow()
    }

    async fn sleep(&self, wait: Duration) {
        let end = self.monotonic() + wait;
        let mut passed = self.passed.subscribe();
        // The sender lives as long as this clock, so this ends only when the time has come.
        let _ = passed.wait_for(|passed| *passed >= end).await;
    }
}

/// The clock of the platform: the test's own, and a little later at each look if so wished.
#[derive(Debug)]
pub struct PlatformClock {
    clock: Arc<ManualClock>,
    tick: Mutex<Duration>,
    ahead: Mutex<Duration>,
}

impl PlatformClock {
    pub fn new(clock: Arc<ManualClock>) -> Self {
        Self { clock, tick: Mutex::default(), ahead: Mutex::default() }
    }

    /// From now on every look at this clock, and so every request, takes `tick` of its time.
    pub fn tick_per_look(&self, tick: Duration) {
        *self.tick.lock().unwrap() = tick;
    }
}

#[async_trait]
impl Clock for PlatformClock {
    fn now(&self) -> Timestamp {
        let mut ahead = self.ahead.lock().unwrap();
        *ahead += *self.tick.lock().unwrap();
        self.clock.now() + *ahead
    }

    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    async fn sleep(&self, wait: Duration) {
        self.clock.sleep(wait).await;
    }
}
