//! A pause the platform asked for. It is kept by every call to the platform, not only by the one
//! that was told: 429 is about the organization, and going on with the others would prolong it.

use std::time::Duration;
use tokio::sync::watch;

/// Kept after a 429 that names no time.
const UNNAMED: Duration = Duration::from_secs(2);
/// The longest pause; nobody can park flowmend for a week.
const LONGEST: Duration = Duration::from_secs(5 * 60);
/// A pause this short is waited out. During a longer one calls fail at once, and are made later.
const WORTH_WAITING: Duration = Duration::from_secs(4);

/// Until when nothing is to be asked, on a clock that never goes back.
#[derive(Debug, Default)]
pub(super) struct Pause {
    until: watch::Sender<Duration>,
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
        self.until.send_if_modified(|until| {
            let longer = wanted > *until;
            *until = wanted.max(*until);
            longer
        });
    }

    /// When the last pause ends.
    pub(super) fn until(&self) -> Duration {
        *self.until.borrow()
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

    /// Ends as soon as a pause lasts, by the clock `now`.
    pub(super) async fn begun(&self, now: impl Fn() -> Duration) {
        // The sender lives as long as `self`, so the channel does not close.
        let _ = self.until.subscribe().wait_for(|until| *until > now()).await;
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

    #[tokio::test]
    async fn the_begin_of_a_pause_is_reported_at_once_and_while_it_lasts() {
        let pause = Pause::default();
        let begun = pause.begun(|| secs(10));
        let heed = async { pause.heed(429, Some(secs(60)), secs(10)) };
        tokio::join!(begun, heed);
        pause.begun(|| secs(69)).await;
        assert_eq!(pause.left(secs(69)), secs(1));
        let over = tokio::time::timeout(Duration::ZERO, pause.begun(|| secs(70)));
        assert!(over.await.is_err(), "a pause that is over is not reported");
    }

    #[test]
    fn a_later_and_shorter_wish_does_not_cut_a_pause() {
        let pause = Pause::default();
        pause.heed(429, Some(secs(100)), secs(0));
        pause.heed(429, Some(secs(1)), secs(10));
        assert_eq!(pause.wait(secs(10)), Err(secs(90)));
    }
}
