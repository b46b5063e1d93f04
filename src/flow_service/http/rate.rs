//! The rate of requests: it is halved when Adobe throttles us, and comes back step by step.
//!
//! Additive increase, multiplicative decrease, as in TCP: so the rate finds what Adobe allows, although
//! Adobe says it nowhere. It is a function of the last decrease and the time, and needs no timer.

use std::time::Duration;

/// Signs of throttling this close to the last decrease belong to it: they answer calls sent before.
const BURST: Duration = Duration::from_secs(1);
/// How long the rate stays down after the last sign.
const CALM: Duration = Duration::from_secs(60);
/// Then it grows by a tenth of the limit, and again each time this much later.
const STEP: Duration = Duration::from_secs(10);
const STEPS: f64 = 10.0;
/// The lowest rate, as a part of the limit.
const LOWEST: f64 = 1.0 / 16.0;
/// What stands for the limit while the rate is down, if none is configured.
const UNLIMITED: f64 = 20.0;

/// How many requests per second may be sent. All instants are on a clock that never goes back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    /// The configured rate.
    limit: Option<f64>,
    lowered: Option<Lowered>,
}

#[derive(Debug, Clone, Copy)]
struct Lowered {
    per_second: f64,
    at: Duration,
    last_sign: Duration,
}

impl Rate {
    /// No limit if `per_second` is 0 or not a positive number.
    pub(super) fn new(per_second: f64) -> Self {
        let limit = (per_second.is_finite() && per_second > 0.0).then_some(per_second);
        Self { limit, lowered: None }
    }

    /// Adobe throttled a call, as seen at `now`.
    pub(super) fn lower(&mut self, now: Duration) {
        let ceiling = self.limit.unwrap_or(UNLIMITED);
        let per_second = self.per_second(now).unwrap_or(ceiling);
        self.lowered = Some(match self.lowered {
            Some(lowered) if now < lowered.at + BURST => Lowered { last_sign: now, ..lowered },
            _ => Lowered {
                per_second: (per_second / 2.0).max(ceiling * LOWEST),
                at: now,
                last_sign: now,
            },
        });
    }

    /// The rate at `now`; `None` if there is no limit.
    pub(super) fn per_second(&self, now: Duration) -> Option<f64> {
        let Some(lowered) = self.lowered else { return self.limit };
        let Some(calm) = now.checked_sub(lowered.last_sign + CALM) else {
            return Some(lowered.per_second);
        };
        let ceiling = self.limit.unwrap_or(UNLIMITED);
        let steps = 1.0 + (calm.as_secs_f64() / STEP.as_secs_f64()).floor();
        let raised = lowered.per_second + ceiling * steps / STEPS;
        if raised < ceiling { Some(raised) } else { self.limit }
    }

    /// The time between two requests at `now`.
    pub(super) fn interval(&self, now: Duration) -> Duration {
        let seconds = self.per_second(now).map_or(0.0, f64::recip);
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }

    /// The time between two requests at the lowest rate.
    pub(super) fn longest_interval(&self) -> Duration {
        let seconds = (self.limit.unwrap_or(UNLIMITED) * LOWEST).recip();
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_sign_halves_the_rate_for_a_minute_and_it_comes_back_step_by_step() {
        let mut rate = Rate::new(8.0);
        rate.lower(secs(100));
        let at = |second: u64| rate.per_second(secs(second)).unwrap();
        for (second, per_second) in
            [(100, 4.0), (159, 4.0), (160, 4.8), (169, 4.8), (170, 5.6), (190, 7.2), (200, 8.0)]
        {
            assert!((at(second) - per_second).abs() < 1e-9, "{second}: {}", at(second));
        }
        assert_eq!(rate.per_second(secs(100_000)), Some(8.0));
        assert_eq!(rate.interval(secs(100)), Duration::from_millis(250));
    }

    #[test]
    fn the_signs_of_one_burst_halve_it_once_and_extend_the_minute() {
        let mut rate = Rate::new(8.0);
        for millisecond in [0, 10, 500, 999] {
            rate.lower(secs(100) + Duration::from_millis(millisecond));
        }
        assert_eq!(rate.per_second(secs(160)), Some(4.0));
        rate.lower(secs(101));
        assert_eq!(rate.per_second(secs(101)), Some(2.0));
    }

    #[test]
    fn the_rate_keeps_a_sixteenth_of_the_limit_so_that_the_end_is_noticed() {
        let mut rate = Rate::new(8.0);
        (0..100).for_each(|n| rate.lower(secs(2 * n)));
        assert_eq!(rate.per_second(secs(200)), Some(0.5));
    }

    #[test]
    fn without_a_limit_there_is_one_only_while_adobe_throttles() {
        for none in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let mut rate = Rate::new(none);
            assert_eq!(rate.interval(secs(0)), Duration::ZERO);
            rate.lower(secs(0));
            assert_eq!(rate.per_second(secs(0)), Some(10.0));
            assert_eq!(rate.per_second(secs(1_000)), None);
        }
    }

    proptest! {
        #[test]
        fn the_rate_stays_within_its_bounds_and_never_falls_without_a_sign(
            limit in 0.001_f64..1000.0,
            signs in prop::collection::vec(0_u64..300, 1..50),
            later in 0_u64..300,
        ) {
            let (mut rate, mut now) = (Rate::new(limit), secs(0));
            for wait in signs {
                now += secs(wait);
                let before = rate.per_second(now).unwrap();
                rate.lower(now);
                let lowered = rate.per_second(now).unwrap();
                prop_assert!(lowered <= before && lowered >= limit * LOWEST * 0.999);
            }
            let lowered = rate.per_second(now).unwrap();
            let raised = rate.per_second(now + secs(later)).unwrap();
            prop_assert!(lowered <= raised && raised <= limit);
        }
    }
}
