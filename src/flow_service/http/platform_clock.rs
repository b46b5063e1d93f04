//! Adobe's clock, estimated from its answers.
//!
//! Adobe dates runs, so a watermark or the moment of a call in doubt must be read from the same clock.
//! The `Date` header has whole seconds and the exchange takes time, so differences below two seconds
//! are ignored. An accepted difference stays until it is off by two seconds again, so that the clock
//! does not jitter.

use crate::clock::Clock;
use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Smaller differences are noise, in milliseconds.
const NOISE: i64 = 2_000;
/// Larger differences are rejected: a broken clock in a proxy must not move ours by years. In
/// milliseconds.
const MAX_OFFSET: i64 = 24 * 60 * 60 * 1_000;
/// The `Date` of a slower exchange is ignored, in milliseconds.
const TOO_SLOW: i64 = 10_000;

/// If this machine's time of day was set by more than this, the estimate is void.
const MAX_JUMP: SignedDuration = SignedDuration::from_mins(1);

/// Why Adobe's time is not reliable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClockFault {
    /// No answer had a `Date` yet.
    #[error(
        "Adobe's time is unknown, because no answer had a Date header; \
         check the connection and any proxy that removes the header"
    )]
    Unknown,
    /// It differs from this machine's by more than a day.
    #[error(
        "this machine's clock and Adobe's differ by {:#}, which is more than a day; \
         set this machine's clock",
        .offset.abs()
    )]
    TooFar {
        /// Adobe's time minus this machine's.
        offset: SignedDuration,
    },
}

#[derive(Debug)]
pub(crate) struct PlatformClock {
    local: Arc<dyn Clock>,
    estimate: Mutex<Estimate>,
}

#[derive(Debug)]
struct Estimate {
    /// Adobe's time minus this machine's, in milliseconds; the last accepted one.
    offset: i64,
    fault: Option<ClockFault>,
    /// This machine's time of day and monotonic time at the last accepted `Date`.
    seen: Option<(Timestamp, Duration)>,
}

impl PlatformClock {
    pub(crate) fn new(local: Arc<dyn Clock>) -> Self {
        let estimate = Estimate { offset: 0, fault: Some(ClockFault::Unknown), seen: None };
        Self { local, estimate: Mutex::new(estimate) }
    }

    fn lock(&self) -> MutexGuard<'_, Estimate> {
        self.estimate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This machine's time of day.
    pub(crate) fn local_now(&self) -> Timestamp {
        self.local.now()
    }

    /// Time on this machine that never goes back.
    pub(crate) fn monotonic(&self) -> Duration {
        self.local.monotonic()
    }

    /// Adobe's time of day.
    pub(crate) fn now(&self) -> Timestamp {
        self.at(self.local.now())
    }

    /// Adobe's time of day, if it is reliable: it is not if this machine's time of day was set since the
    /// last answer.
    pub(crate) fn trusted_now(&self) -> Result<Timestamp, ClockFault> {
        let Estimate { fault, seen, .. } = *self.lock();
        let (local, monotonic) = (self.local.now(), self.local.monotonic());
        let was_set = seen.is_some_and(|(time, moment)| {
            let passed = SignedDuration::try_from(monotonic.saturating_sub(moment));
            passed.is_ok_and(|passed| (time.duration_until(local) - passed).abs() > MAX_JUMP)
        });
        match fault.or(was_set.then_some(ClockFault::Unknown)) {
            Some(fault) => Err(fault),
            None => Ok(self.at(local)),
        }
    }

    /// What Adobe's clock showed when this machine's showed `local`.
    pub(crate) fn at(&self, local: Timestamp) -> Timestamp {
        let offset = SignedDuration::from_millis(self.lock().offset);
        local.saturating_add(offset).unwrap_or(local)
    }

    /// Updates the estimate from an answer's `date`; the exchange began at `sent` and ended just now.
    pub(crate) fn learn(&self, date: Timestamp, sent: Timestamp) {
        let sent = sent.as_millisecond();
        let took = self.local.now().as_millisecond().saturating_sub(sent);
        if !(0..=TOO_SLOW).contains(&took) {
            return;
        }
        // On average half of the second in `Date` had passed.
        let seen = date.as_millisecond().saturating_add(500);
        let offset = seen.saturating_sub(sent.saturating_add(took / 2));
        let mut estimate = self.lock();
        if offset.abs() > MAX_OFFSET {
            let fault = ClockFault::TooFar { offset: SignedDuration::from_millis(offset) };
            let is_new = !matches!(estimate.fault, Some(ClockFault::TooFar { .. }));
            estimate.fault = Some(fault);
            if is_new {
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
            "this machine's clock differs from Adobe's; using Adobe's time"
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
    fn small_differences_are_ignored_and_large_ones_are_used() {
        assert_eq!(offset_after(&[]), 0);
        assert_eq!(offset_after(&[1_000]), 0);
        assert_eq!(offset_after(&[-2_000]), 0);
        assert_eq!(offset_after(&[5_000]), 5_500);
        assert_eq!(offset_after(&[-60_000]), -59_500);
    }

    #[test]
    fn the_estimate_does_not_jitter_and_returns_to_zero() {
        assert_eq!(offset_after(&[5_000, 6_000, 4_000]), 5_500);
        assert_eq!(offset_after(&[5_000, 8_000]), 8_500);
        assert_eq!(offset_after(&[5_000, 0]), 0);
    }

    #[test]
    fn a_difference_of_more_than_a_day_is_rejected() {
        assert_eq!(offset_after(&[-NOON]), 0);
        assert_eq!(offset_after(&[5_000, 2 * MAX_OFFSET]), 5_500);
    }

    #[test]
    fn the_time_is_trusted_after_a_date_within_a_day() {
        let fault_after = |dates: &[i64]| after(dates).trusted_now().err();
        let too_far = |offset| {
            let offset = SignedDuration::from_millis(offset + 500);
            Some(ClockFault::TooFar { offset })
        };
        let far = 2 * MAX_OFFSET;
        assert_eq!(fault_after(&[]), Some(ClockFault::Unknown));
        assert_eq!(fault_after(&[0]), None);
        assert_eq!(fault_after(&[MAX_OFFSET - 1_000]), None);
        assert_eq!(fault_after(&[far]), too_far(far));
        assert_eq!(fault_after(&[0, -far]), too_far(-far));
        assert_eq!(fault_after(&[far, 0]), None, "an accepted date ends it");
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
    fn the_error_says_what_to_do() {
        let fault = ClockFault::TooFar { offset: SignedDuration::from_hours(-48) };
        let expected = "this machine's clock and Adobe's differ by 48h, which is more than a day; \
                        set this machine's clock";
        assert_eq!(fault.to_string(), expected);
    }
}
