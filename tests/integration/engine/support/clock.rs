//! The clock of the platform beside that of the test.

use crate::kit::clock::ManualClock;
use async_trait::async_trait;
use flowmend::clock::Clock;
use jiff::Timestamp;
use std::sync::{Arc, Mutex};
use std::time::Duration;

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
