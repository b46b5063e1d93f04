//! Throttling by Adobe. It applies to every call, not only to the one that was refused: a 429 is about
//! the organization, and further calls would prolong it.
//!
//! Adobe's services throttle with 429 or 503, with `Retry-After`, with `Expires`, or without either. A
//! pause follows each; its end does not bring back the full rate, see [`Rate`]. Calls in doubt are held
//! back too after some in a row: each of them has to be looked for later.

use super::rate::Rate;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The pause after a first 429 or 503 that names none. Each further one in a row doubles it …
const FIRST: [(u16, Duration); 2] = [(429, Duration::from_secs(2)), (503, Duration::from_secs(1))];
/// … up to this.
const LONGEST_UNASKED: Duration = Duration::from_secs(8);
/// A row ends this long after its last sign.
const ROW: Duration = Duration::from_secs(60);
/// The longest pause, so that one header cannot stop flowmend for a week.
const LONGEST: Duration = Duration::from_secs(5 * 60);
/// Calls wait for the end of throttling this short. During a longer one they fail at once, and are made
/// later.
const WORTH_WAITING: Duration = Duration::from_secs(4);
/// After so many calls in doubt in a row no further one is sent for as long as a request may take; each
/// further doubt doubles that, up to [`LONGEST`].
const DOUBTS: u32 = 3;

/// Until when nothing may be sent, and how fast afterwards, on a clock that never goes back.
#[derive(Debug)]
pub(super) struct Throttle(Mutex<State>);

#[derive(Debug)]
struct State {
    until: Duration,
    rate: Rate,
    /// Signs of throttling in a row, those of one burst counted once.
    signs: u32,
    last_sign: Duration,
    /// Calls in doubt in a row.
    doubts: u32,
    /// How long calls are held back first.
    doubt_pause: Duration,
    calls_until: Duration,
}

impl Throttle {
    /// Nothing is throttled yet; `per_second` is the configured rate, 0 for no limit, and a request may
    /// take up to `timeout`.
    pub(super) fn new(per_second: f64, timeout: Duration) -> Self {
        Self(Mutex::new(State {
            until: Duration::ZERO,
            rate: Rate::new(per_second),
            signs: 0,
            last_sign: Duration::ZERO,
            doubts: 0,
            doubt_pause: timeout,
            calls_until: Duration::ZERO,
        }))
    }

    /// Begins or extends throttling after an answer at `now`: 429 or 503. `asked` is the wait that it
    /// names.
    pub(super) fn on_response(&self, status: u16, asked: Option<Duration>, now: Duration) {
        let Some((_, first)) = FIRST.into_iter().find(|(sign, _)| *sign == status) else { return };
        let mut state = self.lock();
        state.rate.lower(now);
        if now > state.last_sign + ROW {
            state.signs = 0;
        }
        // During a pause come the answers to calls sent before it.
        if state.signs == 0 || now >= state.until {
            state.signs = state.signs.saturating_add(1);
        }
        state.last_sign = now;
        let unasked = doubled(first, state.signs, LONGEST_UNASKED);
        let wanted = now + asked.unwrap_or(unasked).min(LONGEST);
        state.until = wanted.max(state.until);
    }

    /// A call that must not be repeated ended at `now`, in doubt or not.
    pub(super) fn on_call(&self, in_doubt: bool, now: Duration) {
        let mut state = self.lock();
        if !in_doubt {
            state.doubts = 0;
            return;
        }
        state.doubts = state.doubts.saturating_add(1);
        if let Some(further @ 1..) = (state.doubts + 1).checked_sub(DOUBTS) {
            let wanted = now + doubled(state.doubt_pause, further, LONGEST);
            state.calls_until = wanted.max(state.calls_until);
        }
    }

    /// Ends the throttling until `until`: the caller has waited for it, on another clock. A longer one that
    /// began meanwhile stays.
    pub(super) fn waited_out(&self, until: Duration) {
        let mut state = self.lock();
        if state.until == until {
            state.until = Duration::ZERO;
        }
    }

    /// When throttling ends, or ended.
    pub(super) fn until(&self) -> Duration {
        self.lock().until
    }

    /// How much longer calls that must not be repeated are held back at `now`.
    pub(super) fn calls_left(&self, now: Duration) -> Duration {
        let state = self.lock();
        state.until.max(state.calls_until).saturating_sub(now)
    }

    /// The time between two requests at `now`.
    pub(super) fn interval(&self, now: Duration) -> Duration {
        self.lock().rate.interval(now)
    }

    /// How long to wait at `now` before sending.
    ///
    /// # Errors
    /// How much longer throttling lasts, if that is not worth waiting for.
    pub(super) fn wait(&self, now: Duration) -> Result<Duration, Duration> {
        match self.until().saturating_sub(now) {
            left if left > WORTH_WAITING => Err(left),
            left => Ok(left),
        }
    }

    /// The time between two requests at the lowest rate, while Adobe throttles us.
    pub(super) fn longest_interval(&self) -> Duration {
        self.lock().rate.longest_interval()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `first`, doubled with each of `times` after the first, up to `longest`.
fn doubled(first: Duration, times: u32, longest: Duration) -> Duration {
    first.saturating_mul(1 << times.saturating_sub(1).min(16)).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn throttle() -> Throttle {
        Throttle::new(5.0, secs(30))
    }

    #[test]
    fn throttling_lasts_as_long_as_asked_within_bounds() {
        for (status, asked, kept) in
            [(429, Some(60), 60), (429, Some(604_800), 300), (503, Some(30), 30)]
        {
            let throttle = throttle();
            throttle.on_response(status, asked.map(secs), secs(1000));
            assert_eq!(throttle.wait(secs(1000)), Err(secs(kept)), "{status} {asked:?}");
            assert_eq!(throttle.wait(secs(1000 + kept)), Ok(Duration::ZERO));
        }
    }

    #[test]
    fn short_throttling_is_waited_out_and_no_other_answer_begins_it() {
        for (status, pause) in [(429, 2), (503, 1)] {
            let throttle = throttle();
            throttle.on_response(status, None, secs(10));
            assert_eq!(throttle.wait(secs(10)), Ok(secs(pause)));
        }
        let throttle = throttle();
        for (status, asked) in [(200, Some(9)), (500, Some(9)), (502, None), (401, Some(9))] {
            throttle.on_response(status, asked.map(secs), secs(10));
        }
        assert_eq!(throttle.wait(secs(10)), Ok(Duration::ZERO));
        assert_eq!(throttle.interval(secs(10)), Duration::from_millis(200));
    }

    #[test]
    fn throttling_that_was_waited_out_is_over_unless_a_longer_one_began() {
        let throttle = throttle();
        throttle.on_response(429, None, secs(10));
        let first = throttle.until();
        throttle.waited_out(first);
        assert_eq!(throttle.calls_left(secs(10)), Duration::ZERO);
        throttle.on_response(429, Some(secs(60)), secs(10));
        throttle.waited_out(first);
        assert_eq!(throttle.calls_left(secs(10)), secs(60));
    }

    #[test]
    fn a_later_and_shorter_wait_does_not_shorten_throttling() {
        let throttle = throttle();
        throttle.on_response(429, Some(secs(100)), secs(0));
        throttle.on_response(429, Some(secs(1)), secs(10));
        assert_eq!(throttle.wait(secs(10)), Err(secs(90)));
    }

    #[test]
    fn bare_answers_in_a_row_lengthen_the_pause_and_lower_the_rate_and_a_calm_minute_ends_the_row()
    {
        let throttle = throttle();
        let mut now = secs(100);
        for pause in [1, 2, 4, 8, 8] {
            throttle.on_response(503, None, now);
            // The answer to a call that was sent before counts for nothing.
            throttle.on_response(503, None, now + Duration::from_millis(10));
            let until = throttle.until();
            assert!(until >= now + secs(pause) && until < now + secs(pause + 1), "{pause}");
            now = until;
        }
        assert!(throttle.interval(now) > secs(1), "{:?}", throttle.interval(now));
        now += secs(61);
        throttle.on_response(503, None, now);
        assert_eq!(throttle.wait(now), Ok(secs(1)));
    }

    #[test]
    fn calls_are_held_back_after_some_in_a_row_ended_in_doubt_and_reads_are_not() {
        let throttle = throttle();
        for (doubts, pause) in [(1, 0), (2, 0), (3, 30), (4, 60), (5, 120), (6, 240), (7, 300)] {
            throttle.on_call(true, secs(1000));
            assert_eq!(throttle.calls_left(secs(1000)), secs(pause), "{doubts}");
            assert_eq!(throttle.wait(secs(1000)), Ok(Duration::ZERO));
        }
        throttle.on_call(false, secs(2000));
        throttle.on_call(true, secs(2000));
        assert_eq!(throttle.calls_left(secs(2000)), Duration::ZERO, "the row has ended");
    }
}
