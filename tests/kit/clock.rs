//! A clock that a test holds in its hand.

use async_trait::async_trait;
use flowmend::clock::Clock;
use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// Stands still until it is moved. Its alarms can be turned off: then a history decides whether a lease is renewed first or work goes on first, and not the runtime.
#[derive(Debug)]
pub struct ManualClock {
    start: Timestamp,
    passed: Arc<watch::Sender<Duration>>,
    alarms: watch::Sender<bool>,
    sleepers: AtomicUsize,
}

impl ManualClock {
    /// Shows `start`; sleepers whose time has come are woken.
    pub fn new(start: Timestamp) -> Self {
        Self::showing(start, Arc::default())
    }

    /// Another clock that always shows the same time, with alarms of its own.
    pub fn another(&self) -> Self {
        Self::showing(self.start, Arc::clone(&self.passed))
    }

    fn showing(start: Timestamp, passed: Arc<watch::Sender<Duration>>) -> Self {
        Self { start, passed, alarms: watch::Sender::new(true), sleepers: AtomicUsize::new(0) }
    }

    pub fn advance(&self, by: Duration) {
        self.passed.send_modify(|passed| *passed += by);
    }

    /// Whether sleepers whose time has come are woken.
    pub fn set_alarms(&self, alarms: bool) {
        self.alarms.send_replace(alarms);
    }

    pub fn has_sleepers(&self) -> bool {
        self.sleepers.load(Ordering::Relaxed) > 0
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
        let _counted = Counted::new(&self.sleepers);
        // The senders live as long as this clock, so neither wait ends before its time.
        let _ = self.passed.subscribe().wait_for(|passed| *passed >= end).await;
        let _ = self.alarms.subscribe().wait_for(|alarms| *alarms).await;
    }
}

/// Counts as long as it lives.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(counter: &'a AtomicUsize) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
