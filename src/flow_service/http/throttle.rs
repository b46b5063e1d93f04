//! Throttling by Adobe. It applies to every call, not only to the one that was refused: a 429 is about
//! the organization, and further calls would prolong it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The wait after a 429 without `Retry-After`.
const DEFAULT: Duration = Duration::from_secs(2);
/// The longest wait, so that one header cannot stop flowmend for a week.
const LONGEST: Duration = Duration::from_secs(5 * 60);
/// Calls wait for the end of throttling this short. During a longer one they fail at once, and are made
/// later.
const WORTH_WAITING: Duration = Duration::from_secs(4);

/// Until when nothing may be sent, on a clock that never goes back.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    until: Mutex<Duration>,
}

impl Throttle {
    /// Begins or extends throttling after an answer at `now`: 429, or 503 with `Retry-After`.
    pub(super) fn on_response(&self, status: u16, retry_after: Option<Duration>, now: Duration) {
        let asked = match (status, retry_after) {
            (429, asked) => asked.unwrap_or(DEFAULT),
            (503, Some(asked)) => asked,
            _ => return,
        };
        let wanted = now + asked.min(LONGEST);
        let mut until = self.lock();
        *until = wanted.max(*until);
    }

    /// Ends the throttling until `until`: the caller has waited for it, on another clock. A longer one that
    /// began meanwhile stays.
    pub(super) fn waited_out(&self, until: Duration) {
        let mut current = self.lock();
        if *current == until {
            *current = Duration::ZERO;
        }
    }

    /// When throttling ends, or ended.
    pub(super) fn until(&self) -> Duration {
        *self.lock()
    }

    /// How much longer it lasts at `now`.
    pub(super) fn left(&self, now: Duration) -> Duration {
        self.until().saturating_sub(now)
    }

    /// How long to wait at `now` before sending.
    ///
    /// # Errors
    /// How much longer it lasts, if that is not worth waiting for.
    pub(super) fn wait(&self, now: Duration) -> Result<Duration, Duration> {
        match self.left(now) {
            left if left > WORTH_WAITING => Err(left),
            left => Ok(left),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Duration> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn throttling_lasts_as_long_as_asked_within_bounds() {
        for (status, asked, kept) in
            [(429, Some(60), 60), (429, Some(604_800), 300), (503, Some(30), 30)]
        {
            let throttle = Throttle::default();
            throttle.on_response(status, asked.map(secs), secs(1000));
            assert_eq!(throttle.wait(secs(1000)), Err(secs(kept)), "{status} {asked:?}");
            assert_eq!(throttle.wait(secs(1000 + kept)), Ok(Duration::ZERO));
        }
    }

    #[test]
    fn short_throttling_is_waited_out_and_no_other_answer_begins_it() {
        let throttle = Throttle::default();
        throttle.on_response(429, None, secs(10));
        assert_eq!(throttle.wait(secs(10)), Ok(DEFAULT));
        let throttle = Throttle::default();
        for (status, asked) in [(200, Some(9)), (500, Some(9)), (503, None), (401, Some(9))] {
            throttle.on_response(status, asked.map(secs), secs(10));
        }
        assert_eq!(throttle.wait(secs(10)), Ok(Duration::ZERO));
    }

    #[test]
    fn throttling_that_was_waited_out_is_over_unless_a_longer_one_began() {
        let throttle = Throttle::default();
        throttle.on_response(429, None, secs(10));
        let first = throttle.until();
        throttle.waited_out(first);
        assert_eq!(throttle.left(secs(10)), Duration::ZERO);
        throttle.on_response(429, Some(secs(60)), secs(10));
        throttle.waited_out(first);
        assert_eq!(throttle.left(secs(10)), secs(60));
    }

    #[test]
    fn a_later_and_shorter_wait_does_not_shorten_throttling() {
        let throttle = Throttle::default();
        throttle.on_response(429, Some(secs(100)), secs(0));
        throttle.on_response(429, Some(secs(1)), secs(10));
        assert_eq!(throttle.wait(secs(10)), Err(secs(90)));
    }
}
