//! A pause the platform asked for. It is kept by every call to the platform, not only by the one
//! that was told: 429 is about the organization, and going on with the others would prolong it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Kept after a 429 that names no time.
const UNNAMED: Duration = Duration::from_secs(2);
/// The longest pause; nobody can park flowmend for a week.
const LONGEST: Duration = Duration::from_secs(5 * 60);
/// A pause this short is waited out. During a longer one calls fail at once, and are made later.
const WORTH_WAITING: Duration = Duration::from_secs(4);

/// Until when nothing is to be asked, on a clock that never goes back.
#[derive(Debug, Default)]
pub(super) struct Pause {
    until: Mutex<Duration>,
}

impl Pause {
    /// Takes note of what an answer that came in at `now` asks for: 429, or 503 with a time.
    pub(super) fn heed(&self, status: u16, retry_after: Option<Duration>, now: Duration) {
        let asked = match (status, retry_after) {
            (429, asked) => asked.unwrap_or(UNNAMED),
            (503, Some(asked)) => asked,
            _ => return,
        };
        let wanted = now + asked.min(LONGEST);
        let mut until = self.lock();
        *until = wanted.max(*until);
    }

    /// Ends the pause until `until`: it was waited out, by another clock. A longer one that was asked
    /// for meanwhile goes on.
    pub(super) fn waited_out(&self, until: Duration) {
        let mut current = self.lock();
        if *current == until {
            *current = Duration::ZERO;
        }
    }

    /// When the last pause ends.
    pub(super) fn until(&self) -> Duration {
        *self.lock()
    }

    /// What is left of the pause at `now`.
    pub(super) fn left(&self, now: Duration) -> Duration {
        self.until().saturating_sub(now)
    }

    /// How long to wait at `now` before asking.
    ///
    /// # Errors
    /// What is left of a pause that is not worth waiting for.
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
    fn a_pause_is_kept_as_long_as_asked_within_bounds() {
        for (status, asked, kept) in
            [(429, Some(60), 60), (429, Some(604_800), 300), (503, Some(30), 30)]
        {
            let pause = Pause::default();
            pause.heed(status, asked.map(secs), secs(1000));
            assert_eq!(pause.wait(secs(1000)), Err(secs(kept)), "{status} {asked:?}");
            assert_eq!(pause.wait(secs(1000 + kept)), Ok(Duration::ZERO));
        }
    }

    #[test]
    fn a_short_pause_is_waited_out_and_no_other_answer_makes_one() {
        let pause = Pause::default();
        pause.heed(429, None, secs(10));
        assert_eq!(pause.wait(secs(10)), Ok(UNNAMED));
        let pause = Pause::default();
        for (status, asked) in [(200, Some(9)), (500, Some(9)), (503, None), (401, Some(9))] {
            pause.heed(status, asked.map(secs), secs(10));
        }
        assert_eq!(pause.wait(secs(10)), Ok(Duration::ZERO));
    }

    #[test]
    fn a_pause_that_was_waited_out_is_over_unless_a_longer_one_began() {
        let pause = Pause::default();
        pause.heed(429, None, secs(10));
        let first = pause.until();
        pause.waited_out(first);
        assert_eq!(pause.left(secs(10)), Duration::ZERO);
        pause.heed(429, Some(secs(60)), secs(10));
        pause.waited_out(first);
        assert_eq!(pause.left(secs(10)), secs(60));
    }

    #[test]
    fn a_later_and_shorter_wish_does_not_cut_a_pause() {
        let pause = Pause::default();
        pause.heed(429, Some(secs(100)), secs(0));
        pause.heed(429, Some(secs(1)), secs(10));
        assert_eq!(pause.wait(secs(10)), Err(secs(90)));
    }
}
