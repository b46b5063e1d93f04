//! How a call that is safe to repeat is repeated: a few tries, a few seconds, then the truth.
//!
//! This is the only file that names the crate `backoff`, and it uses two things of it: the trait
//! [`Backoff`] and the loop behind it. The crate (0.4) is no longer maintained (RUSTSEC-2025-0012;
//! through `instant` also RUSTSEC-2024-0384; neither is a vulnerability), so it is kept where it can
//! be taken out in an hour. The way out is the crate `backon`: [`retry`] keeps its signature and
//! nobody outside notices.
//!
//! Its traps, and why the [`Schedule`] here is our own:
//! - `ExponentialBackoff::max_interval` is not a cap, because jitter is added after it. Here the
//!   jittered wait is cut first and picked afterwards, so it is spread *below* the cap.
//! - `?` turns every error into a transient one. Here [`retry`] takes plain errors and asks
//!   `classify`, which has to say *repeat* out loud.
//! - A server's `Retry-After` overrules every limit of the crate. Here it only raises a wait, and a
//!   server that asks for more than a call may wait ends the call with its error.
//! - The defaults try for a quarter of an hour. Here tries and time are bounded by the schedule.
//! - Its state can be neither seeded nor stored. The delays of a recovery, which last hours and have
//!   to survive a restart, therefore never come from here; see [`crate::domain::policy::schedule`].
//!
//! A re-trigger is never put through here: it is not safe to repeat.

use backoff::backoff::Backoff;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How often and how long to try.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// Calls at most, the first one included; 0 counts as 1.
    pub tries: u32,
    /// The wait after the first failure, before jitter.
    pub initial: Duration,
    /// What each further wait is multiplied by.
    pub multiplier: f64,
    /// No wait is longer, jitter and `Retry-After` included.
    pub max: Duration,
    /// No try begins later than this after the first one began.
    pub total: Duration,
}

impl Schedule {
    /// For reads and for the token: at most four tries, within about five seconds of waiting and a
    /// minute altogether. What lasts longer is left to the next pass.
    pub const SAFE_CALLS: Self = Self {
        tries: 4,
        initial: Duration::from_millis(250),
        multiplier: 4.0,
        max: Duration::from_secs(4),
        total: Duration::from_secs(60),
    };

    /// How far jitter moves a wait, as a fraction of it.
    const JITTER: f64 = 0.5;

    /// The wait after failure number `failure` (from 1); `unit` from 0 to 1 is the chance.
    fn wait(&self, failure: u32, unit: f64) -> Duration {
        let exponent = i32::try_from(failure.saturating_sub(1)).unwrap_or(i32::MAX);
        let base = self.initial.as_secs_f64() * self.multiplier.powi(exponent);
        let base = base.min(self.max.as_secs_f64());
        let low = base * (1.0 - Self::JITTER);
        let high = (base * (1.0 + Self::JITTER)).min(self.max.as_secs_f64()).max(low);
        let picked = Duration::try_from_secs_f64(low + (high - low) * unit).unwrap_or(self.max);
        picked.min(self.max)
    }
}

/// Whether a failed call is worth repeating.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The error is final.
    No,
    /// The error may pass.
    Yes,
    /// The error may pass, and the server asked for this wait.
    After(Duration),
}

/// Calls `op` until it succeeds, `classify` calls its error final, or `schedule` is exhausted.
/// Waits on real time, because the sockets behind `op` do.
///
/// # Errors
/// The error of the last call.
#[expect(clippy::disallowed_methods, reason = "the one place that uses the crate's loop")]
pub async fn retry<T, E, Op, Answer>(
    schedule: Schedule,
    mut op: Op,
    classify: impl Fn(&E) -> Retry,
) -> Result<T, E>
where
    Op: FnMut() -> Answer,
    Answer: Future<Output = Result<T, E>>,
{
    let asked_for = Arc::new(Mutex::new(Duration::ZERO));
    let turns = Turns::new(schedule, Arc::clone(&asked_for));
    let classify = &classify;
    backoff::future::retry(turns, move || {
        let call = op();
        let asked_for = Arc::clone(&asked_for);
        async move {
            call.await.map_err(|error| match classify(&error) {
                Retry::No => backoff::Error::permanent(error),
                // Never `backoff::Error::retry_after`: it would overrule the schedule.
                Retry::Yes => backoff::Error::transient(error),
                Retry::After(wait) => {
                    *asked_for.lock().unwrap_or_else(PoisonError::into_inner) = wait;
                    backoff::Error::transient(error)
                }
            })
        }
    })
    .await
}

/// A [`Schedule`] at work.
#[derive(Debug)]
struct Turns {
    schedule: Schedule,
    began: Instant,
    failures: u32,
    /// What the server asked for after the failure just seen; zero for nothing.
    asked_for: Arc<Mutex<Duration>>,
}

impl Turns {
    fn new(schedule: Schedule, asked_for: Arc<Mutex<Duration>>) -> Self {
        Self { schedule, began: Instant::now(), failures: 0, asked_for }
    }
}

impl Backoff for Turns {
    fn reset(&mut self) {
        self.began = Instant::now();
        self.failures = 0;
    }

    fn next_backoff(&mut self) -> Option<Duration> {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= self.schedule.tries {
            return None;
        }
        let asked_for =
            std::mem::take(&mut *self.asked_for.lock().unwrap_or_else(PoisonError::into_inner));
        if asked_for > self.schedule.max {
            return None;
        }
        let wait = self.schedule.wait(self.failures, fastrand::f64()).max(asked_for);
        (self.began.elapsed() + wait <= self.schedule.total).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const QUICK: Schedule = Schedule {
        tries: 4,
        initial: Duration::from_millis(1),
        multiplier: 2.0,
        max: Duration::from_millis(4),
        total: Duration::from_secs(60),
    };

    async fn tries(schedule: Schedule, verdict: Retry) -> u32 {
        let mut calls = 0;
        let answer: Result<(), &str> = retry(
            schedule,
            || {
                calls += 1;
                async { Err("no") }
            },
            |_| verdict,
        )
        .await;
        assert_eq!(answer, Err("no"));
        calls
    }

    #[tokio::test]
    async fn a_passing_error_is_tried_four_times_and_a_final_one_once() {
        assert_eq!(tries(QUICK, Retry::Yes).await, 4);
        assert_eq!(tries(QUICK, Retry::No).await, 1);
    }

    #[tokio::test]
    async fn a_server_that_asks_for_a_long_wait_ends_the_call_instead() {
        assert_eq!(tries(QUICK, Retry::After(Duration::from_millis(3))).await, 4);
        assert_eq!(tries(QUICK, Retry::After(Duration::from_secs(3600))).await, 1);
    }

    #[tokio::test]
    async fn no_try_begins_after_the_total_time() {
        assert_eq!(tries(Schedule { total: Duration::ZERO, ..QUICK }, Retry::Yes).await, 1);
    }

    #[tokio::test]
    async fn a_success_ends_it() {
        let mut calls = 0;
        let answer: Result<u32, &str> = retry(
            QUICK,
            || {
                calls += 1;
                let answer = if calls < 3 { Err("not yet") } else { Ok(calls) };
                async move { answer }
            },
            |_| Retry::Yes,
        )
        .await;
        assert_eq!(answer, Ok(3));
    }

    proptest! {
        #[test]
        fn a_wait_stays_within_the_cap_and_is_spread_below_it(
            failure in 1_u32..10_000, unit in 0.0_f64..=1.0,
        ) {
            let schedule = Schedule::SAFE_CALLS;
            let wait = schedule.wait(failure, unit);
            prop_assert!(wait <= schedule.max);
            prop_assert!(wait >= schedule.initial / 2);
            if failure > 4 {
                prop_assert!(schedule.wait(failure, 0.0) <= schedule.max / 2);
            }
        }
    }
}
