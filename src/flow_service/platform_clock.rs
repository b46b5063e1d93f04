//! The platform's clock, as far as its answers tell.
//!
//! Runs are dated by the platform, so a watermark or the moment of a doubtful call has to be told
//! by the same clock. The `Date` header has whole seconds and the way there and back takes time;
//! a difference of less than two seconds is therefore taken as none, and one that was taken as real
//! stays as it is until it is off by two seconds again, so that the clock does not flicker.

use crate::clock::Clock;
use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Smaller differences are noise of the estimate, in milliseconds.
const NOISE: i64 = 2_000;
/// Larger differences are not believed: a broken clock somewhere in between must not move ours by
/// years. In milliseconds.
const INCREDIBLE: i64 = 24 * 60 * 60 * 1_000;
/// An exchange that took longer tells nothing about the time. In milliseconds.
const TOO_SLOW: i64 = 10_000;

/// Who sets the time of day here by more than this makes the estimate void.
const JUMP: SignedDuration = SignedDuration::from_mins(1);

/// Why the platform's time cannot be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClockFault {
    /// No answer has shown it yet.
    #[error(
        "Adobe's time is unknown, because no answer has shown a Date header; \
         check the connection and any proxy that removes the header"
    )]
    Unknown,
    /// It differs too much from this machine's.
    #[error(
        "this machine's clock and Adobe's differ by {:#}, which is more than a day; \
         set this machine's clock",
        .offset.abs()
    )]
    TooFar {
        /// Adobe's time less this machine's.
        offset: SignedDuration,
    },
}

#[derive(Debug)]
pub(super) struct PlatformClock {
    local: Arc<dyn Clock>,
    estimate: Mutex<Estimate>,
}

#[derive(Debug)]
struct Estimate {
    /// The last credible one, in milliseconds.
    offset: i64,
    fault: Option<ClockFault>,
    /// The time of day here when it was seen, and the time that never goes back.
    seen: Option<(Timestamp, Duration)>,
}

impl PlatformClock {
    pub(super) fn new(local: Arc<dyn Clock>) -> Self {
        let estimate = Estimate { offset: 0, fault: Some(ClockFault::Unknown), seen: None };
        Self { local, estimate: Mutex::new(estimate) }
    }

    fn lock(&self) -> MutexGuard<'_, Estimate> {
        self.estimate.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// The platform's time of day, if it can be relied on: not where the time of day here was set
    /// since the last answer.
    pub(super) fn trusted_now(&self) -> Result<Timestamp, ClockFault> {
        let Estimate { fault, seen, .. } = *self.lock();
        let (local, monotonic) = (self.local.now(), self.local.monotonic());
        let was_set = seen.is_some_and(|(time, moment)| {
            let passed = SignedDuration::try_from(monotonic.saturating_sub(moment));
            passed.is_ok_and(|passed| (time.duration_until(local) - passed).abs() > JUMP)
        });
        match fault.or(was_set.then_some(ClockFault::Unknown)) {
            Some(fault) => Err(fault),
            None => Ok(self.at(local)),
        }
    }

    /// What the platform's clock showed when this machine's showed `local`.
    pub(super) fn at(&self, local: Timestamp) -> Timestamp {
        let offset = SignedDuration::from_millis(self.lock().offset);
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
        let mut estimate = self.lock();
        if offset.abs() > INCREDIBLE {
            let fault = ClockFault::TooFar { offset: SignedDuration::from_millis(offset) };
            let news = !matches!(estimate.fault, Some(ClockFault::TooFar { .. }));
            estimate.fault = Some(fault);
            if news {
                tracing::warn!(offset_seconds = offset / 1_000, "{fault}");
            }
            return;
        }
        estimate.fault = None;
        estimate.seen = Some((self.local.now(), self.local.monotonic()));
        if (offset - estimate.offset).abs() < NOISE {
            return;
        }
        estimate.offset = if offset.abs() < NOISE { 0 } else { offset };
        tracing::info!(
            offset_milliseconds = estimate.offset,
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

    fn after(dates: &[i64]) -> PlatformClock {
        let noon = Timestamp::from_millisecond(NOON).unwrap();
        let clock = PlatformClock::new(Arc::new(Stopped(noon)));
        for date in dates {
            clock.learn(Timestamp::from_millisecond(NOON + date).unwrap(), noon);
        }
        clock
    }

    fn offset_after(dates: &[i64]) -> i64 {
        after(dates).now().as_millisecond() - NOON
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

    #[test]
    fn the_time_is_trusted_from_the_first_date_and_while_it_is_credible() {
        let fault_after = |dates: &[i64]| after(dates).trusted_now().err();
        let too_far = |offset| {
            let offset = SignedDuration::from_millis(offset + 500);
            Some(ClockFault::TooFar { offset })
        };
        let far = 2 * INCREDIBLE;
        assert_eq!(fault_after(&[]), Some(ClockFault::Unknown));
        assert_eq!(fault_after(&[0]), None);
        assert_eq!(fault_after(&[INCREDIBLE - 1_000]), None);
        assert_eq!(fault_after(&[far]), too_far(far));
        assert_eq!(fault_after(&[0, -far]), too_far(-far));
        assert_eq!(fault_after(&[far, 0]), None, "a credible date ends it");
        assert_eq!(after(&[5_000]).trusted_now(), Ok(after(&[5_000]).now()));
    }

    #[test]
    fn an_exchange_that_took_too_long_or_went_back_in_time_proves_nothing() {
        for began in [-TOO_SLOW - 1, 1] {
            let clock = after(&[]);
            let noon = Timestamp::from_millisecond(NOON).unwrap();
            clock.learn(noon, Timestamp::from_millisecond(NOON + began).unwrap());
            assert_eq!(clock.trusted_now(), Err(ClockFault::Unknown), "{began}");
        }
    }

    #[test]
    fn a_fault_says_what_to_do() {
        let fault = ClockFault::TooFar { offset: SignedDuration::from_hours(-48) };
        let expected = "this machine's clock and Adobe's differ by 48h, which is more than a day; \
                        set this machine's clock";
        assert_eq!(fault.to_string(), expected);
    }
}
