//! The platform's clock, as far as its answers tell.
//!
//! Runs are dated by the platform, so a watermark or the moment of a doubtful call has to be told
//! by the same clock. The `Date` header has whole seconds and the way there and back takes time;
//! a difference of less than two seconds is therefore taken as none, and one that was taken as real
//! stays as it is until it is off by two seconds again, so that the clock does not flicker.

use crate::clock::Clock;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

/// Smaller differences are noise of the estimate, in milliseconds.
const NOISE: i64 = 2_000;
/// Larger differences are not believed: a broken clock somewhere in between must not move ours by
/// years. In milliseconds.
const INCREDIBLE: i64 = 24 * 60 * 60 * 1_000;
/// An exchange that took longer tells nothing about the time. In milliseconds.
const TOO_SLOW: i64 = 10_000;

#[derive(Debug)]
pub(super) struct PlatformClock {
    local: Arc<dyn Clock>,
    offset: AtomicI64,
    warned: AtomicBool,
}

impl PlatformClock {
    pub(super) fn new(local: Arc<dyn Clock>) -> Self {
        Self { local, offset: AtomicI64::new(0), warned: AtomicBool::new(false) }
    }

    /// This machine's time of day.
    pub(super) fn local_now(&self) -> Timestamp {
        self.local.now()
    }

    /// Time on this machine that never goes back.
    pub(super) fn monotonic(&self) -> Duration {
        self.local.monotonic()
    }

    /// The platform's time of day.
    pub(super) fn now(&self) -> Timestamp {
        self.at(self.local.now())
    }

    /// What the platform's clock showed when this machine's showed `local`.
    pub(super) fn at(&self, local: Timestamp) -> Timestamp {
        let offset = SignedDuration::from_millis(self.offset.load(Ordering::Relaxed));
        local.saturating_add(offset).unwrap_or(local)
    }

    /// Learns from an answer's `date`; the exchange began at `sent` and ended just now.
    pub(super) fn learn(&self, date: Timestamp, sent: Timestamp) {
        let sent = sent.as_millisecond();
        let took = self.local.now().as_millisecond().saturating_sub(sent);
        if !(0..=TOO_SLOW).contains(&took) {
            return;
        }
        // The second that `Date` names was on average half over.
        let seen = date.as_millisecond().saturating_add(500);
        let offset = seen.saturating_sub(sent.saturating_add(took / 2));
        if offset.abs() > INCREDIBLE {
            if !self.warned.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    offset_seconds = offset / 1_000,
                    "the platform's clock and this machine's differ by more than a day; \
                     the difference is ignored, set this machine's clock"
                );
            }
            return;
        }
        let known = self.offset.load(Ordering::Relaxed);
        if (offset - known).abs() < NOISE {
            return;
        }
        let offset = if offset.abs() < NOISE { 0 } else { offset };
        self.offset.store(offset, Ordering::Relaxed);
        tracing::info!(
            offset_milliseconds = offset,
            "this machine's clock differs from the platform's; the platform's is followed"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use std::time::Duration;

    #[derive(Debug)]
    struct Stopped(Timestamp);

    #[async_trait]
    impl Clock for Stopped {
        fn now(&self) -> Timestamp {
            self.0
        }
        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }
        async fn sleep(&self, _: Duration) {}
    }

    const NOON: i64 = 1_700_000_000_000;

    fn offset_after(dates: &[i64]) -> i64 {
        let noon = Timestamp::from_millisecond(NOON).unwrap();
        let clock = PlatformClock::new(Arc::new(Stopped(noon)));
        for date in dates {
            clock.learn(Timestamp::from_millisecond(NOON + date).unwrap(), noon);
        }
        clock.now().as_millisecond() - NOON
    }

    #[test]
    fn small_differences_are_none_and_large_ones_are_followed() {
        assert_eq!(offset_after(&[]), 0);
        assert_eq!(offset_after(&[1_000]), 0);
        assert_eq!(offset_after(&[-2_000]), 0);
        assert_eq!(offset_after(&[5_000]), 5_500);
        assert_eq!(offset_after(&[-60_000]), -59_500);
    }

    #[test]
    fn the_estimate_does_not_flicker_and_returns_to_none() {
        assert_eq!(offset_after(&[5_000, 6_000, 4_000]), 5_500);
        assert_eq!(offset_after(&[5_000, 8_000]), 8_500);
        assert_eq!(offset_after(&[5_000, 0]), 0);
    }

    #[test]
    fn a_difference_of_more_than_a_day_is_not_believed() {
        assert_eq!(offset_after(&[-NOON]), 0);
        assert_eq!(offset_after(&[5_000, 2 * INCREDIBLE]), 5_500);
    }
}
