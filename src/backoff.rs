//! Repeats calls that are safe to repeat: a few tries within seconds, then the error.
//!
//! This is the only file that names the crate `backoff`, and it uses two parts of it: the trait
//! [`Backoff`] and the retry loop. The crate (0.4) is unmaintained (RUSTSEC-2025-0012; through
//! `instant` also RUSTSEC-2024-0384; neither is a vulnerability), so it is contained here and can be
//! replaced in an hour. The replacement is the crate `backon`; [`retry`] keeps its signature.
//!
//! The crate's traps, and why we have our own [`Schedule`]:
//! - `ExponentialBackoff::max_interval` is not a cap, because jitter is added after it. Here the
//!   range of the jitter is cut first, then a wait is picked, so waits are spread *below* the cap.
//! - `?` turns every error into a transient one. Here [`retry`] takes plain errors, and `classify`
//!   decides for each whether to repeat.
//! - A server's `Retry-After` overrides every limit of the crate. Here it only raises a wait; if it is
//!   longer than a call may wait, the call fails with its error.
//! - The defaults retry for 15 minutes. Here the schedule limits tries and time.
//! - Its state can be neither seeded nor stored. The delays of a recovery last hours and must survive
//!   a restart, so they do not come from here; see [`crate::domain::policy::schedule`].
//!
//! A re-trigger is never repeated here: it is not safe to repeat.

use backoff::backoff::Backoff;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Limits the tries and the time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// The maximum number of calls, including the first; 0 counts as 1.
    pub tries: u32,
    /// The wait after the first failure, before jitter.
    pub initial: Duration,
    /// Each further wait is this much longer.
    pub multiplier: f64,
    /// The longest wait, including jitter and `Retry-After`.
    pub max: Duration,
    /// No try begins later than this after the first.
    pub total: Duration,
}

impl Schedule {
    /// For reads and the token request: at most four tries, about five seconds of waiting and a minute
    /// in total. If that is not enough, the next pass tries again.
    pub const SAFE_CALLS: Self = Self {
        tries: 4,
        initial: Duration::from_millis(250),
        multiplier: 4.0,
        max: Duration::from_secs(4),
        total: Duration::from_secs(60),
    };

    /// The largest change of a wait by jitter, as a fraction of the wait.
    const JITTER: f64 = 0.5;

    /// The wait after failure number `failure` (from 1); `unit` is random, from 0 to 1.
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

/// Whether to repeat a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The error is final.
    No,
    /// The error may be temporary.
    Yes,
    /// The error may be temporary, and the server asks for this wait.
    After(Duration),
}

/// Calls `op` until it succeeds, `classify` returns [`Retry::No`], or `schedule` is exhausted. Waits in
/// real time, because the sockets behind `op` do.
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
    let waits = Waits::new(schedule, Arc::clone(&asked_for));
    let classify = &classify;
    backoff::future::retry(waits, move || {
        let call = op();
        let asked_for = Arc::clone(&asked_for);
        async move {
            call.await.map_err(|error| match classify(&error) {
                Retry::No => backoff::Error::permanent(error),
                // Never `backoff::Error::retry_after`: it would override the schedule.
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

/// The waits of one call by its [`Schedule`].
#[derive(Debug)]
struct Waits {
    schedule: Schedule,
    began: Instant,
    failures: u32,
    /// The wait that the server asks for after the last failure; zero for none.
    asked_for: Arc<Mutex<Duration>>,
}

impl Waits {
    fn new(schedule: Schedule, asked_for: Arc<Mutex<Duration>>) -> Self {
        Self { schedule, began: Instant::now(), failures: 0, asked_for }
    }
}

impl Backoff for Waits {
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
    async fn a_temporary_error_is_tried_four_times_and_a_final_one_once() {
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
