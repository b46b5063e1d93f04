//! When to re-trigger: the exponential backoff of a recovery, as pure functions.
//!
//! These delays last minutes to hours and live in the store, so they are computed here and not by
//! the crate that spaces HTTP retries (see [`crate::backoff`]). Randomness comes from a [`Jitter`]:
//! a seed that always gives the same number for the same recovery and attempt, so the same snapshot
//! gives the same plan.

use crate::domain::model::ids::RunId;
use crate::domain::policy::retry::RetryPolicy;
use std::time::Duration;

/// A refused call is repeated after this time, which each further refusal doubles …
pub const REFUSAL_INITIAL: Duration = Duration::from_secs(10);
/// … up to this.
pub const REFUSAL_MAX: Duration = Duration::from_secs(10 * 60);
/// The longest `Retry-After` that flowmend honors, so that a server cannot delay a recovery for a
/// week.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(60 * 60);

/// The source of randomness: equal seeds give equal numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jitter {
    seed: u64,
}

impl Jitter {
    /// Draws from `seed`.
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// A number in `[0, 1)` that belongs to this recovery and this `turn`.
    fn unit(self, root: &RunId, turn: u64) -> f64 {
        // FNV-1a over the id, then splitmix64: two published mixers, enough to spread due times.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ self.seed;
        for byte in root.as_str().bytes().chain(turn.to_le_bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((hash ^ (hash >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The jittered delay before attempt `attempt` (from 1) of the recovery of `root`.
    pub fn delay(self, policy: &RetryPolicy, root: &RunId, attempt: u32) -> Duration {
        jittered(policy, attempt, self.unit(root, u64::from(attempt)))
    }

    /// A wait of up to `most` that belongs to this recovery.
    pub fn spread(self, root: &RunId, most: Duration) -> Duration {
        whole_milliseconds(most.mul_f64(self.unit(root, 1 << 33)))
    }

    /// The wait after the `refusals`-th refused call in a row (from 1): at least what Adobe asked
    /// for, and at most [`RETRY_AFTER_MAX`].
    pub fn refusal_delay(
        self,
        root: &RunId,
        refusals: u32,
        retry_after: Option<Duration>,
    ) -> Duration {
        let doubled = REFUSAL_INITIAL.saturating_mul(1_u32 << refusals.saturating_sub(1).min(16));
        let unit = self.unit(root, (1 << 32) | u64::from(refusals));
        let own = doubled.min(REFUSAL_MAX).mul_f64(1.0 - 0.25 * unit);
        whole_milliseconds(own.max(retry_after.unwrap_or_default().min(RETRY_AFTER_MAX)))
    }
}

/// The delay before attempt `attempt` without jitter:
/// `min(max_interval, initial_interval · multiplier^(attempt - 1))`.
pub fn base_delay(policy: &RetryPolicy, attempt: u32) -> Duration {
    let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
    let seconds = policy.initial_interval.as_secs_f64() * policy.multiplier.powi(exponent);
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX).min(policy.max_interval)
}

/// [`base_delay`] with jitter: `unit` from 0 to 1 picks a point between `base · (1 -
/// randomization_factor)` and `base · (1 + randomization_factor)`. The upper end is cut at
/// `max_interval` *before* the pick, so that capped delays stay spread and do not pile up on it.
pub fn jittered(policy: &RetryPolicy, attempt: u32, unit: f64) -> Duration {
    let base = base_delay(policy, attempt);
    let factor = policy.randomization_factor.clamp(0.0, 1.0);
    let low = base.mul_f64(1.0 - factor);
    let high = Duration::try_from_secs_f64(base.as_secs_f64() * (1.0 + factor))
        .unwrap_or(Duration::MAX)
        .min(policy.max_interval)
        .max(low);
    whole_milliseconds((low + (high - low).mul_f64(unit.clamp(0.0, 1.0))).min(high))
}

/// Rounded to what the store keeps, so that a due time is the same before and after it is stored.
fn whole_milliseconds(wait: Duration) -> Duration {
    Duration::from_millis(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn policy() -> RetryPolicy {
        RetryPolicy::default()
    }

    #[test]
    fn delays_double_from_the_initial_interval_up_to_the_cap() {
        let minutes = |attempt| base_delay(&policy(), attempt).as_secs() / 60;
        assert_eq!((1..=8).map(minutes).collect::<Vec<_>>(), [1, 2, 4, 8, 16, 32, 60, 60]);
    }

    #[test]
    fn an_absurd_attempt_number_is_capped_and_does_not_overflow() {
        assert_eq!(base_delay(&policy(), u32::MAX), policy().max_interval);
    }

    #[test]
    fn capped_delays_stay_spread_below_the_cap() {
        let at = |unit| jittered(&policy(), 20, unit).as_secs();
        assert_eq!((at(0.0), at(0.5), at(1.0)), (2880, 3240, 3600));
    }

    #[test]
    fn retry_after_is_honoured_within_bounds() {
        let wait = |seconds| {
            Jitter::new(1).refusal_delay(&RunId::new("r"), 1, Some(Duration::from_secs(seconds)))
        };
        assert_eq!(wait(120), Duration::from_secs(120));
        assert_eq!(wait(604_800), RETRY_AFTER_MAX);
        assert!(wait(0) >= REFUSAL_INITIAL.mul_f64(0.749), "a server cannot make us hammer it");
    }

    proptest! {
        #[test]
        fn a_delay_stays_within_its_bounds(
            initial in 1_u64..100_000, multiplier in 1.0_f64..10.0, cap in 1_u64..1_000_000,
            factor in 0.0_f64..0.99, attempt in 1_u32..200, seed: u64,
        ) {
            let policy = RetryPolicy {
                initial_interval: Duration::from_millis(initial),
                multiplier,
                max_interval: Duration::from_millis(cap.max(initial)),
                randomization_factor: factor,
                ..policy()
            };
            let base = base_delay(&policy, attempt);
            let delay = Jitter::new(seed).delay(&policy, &RunId::new("root"), attempt);
            prop_assert!(delay <= policy.max_interval);
            prop_assert!(delay + Duration::from_millis(1) > base.mul_f64(1.0 - factor));
            prop_assert!(delay.as_secs_f64() <= base.as_secs_f64() * (1.0 + factor) + 1e-6);
            prop_assert!(base_delay(&policy, attempt + 1) >= base);
        }

        #[test]
        fn equal_seeds_draw_equal_delays(seed: u64, attempt in 1_u32..50) {
            let root = RunId::new("root");
            prop_assert_eq!(
                Jitter::new(seed).delay(&policy(), &root, attempt),
                Jitter::new(seed).delay(&policy(), &root, attempt)
            );
        }

        #[test]
        fn a_refusal_waits_between_its_bounds(refusals in 1_u32..1000, asked: Option<u32>, seed: u64) {
            let asked = asked.map(|seconds| Duration::from_secs(u64::from(seconds)));
            let wait = Jitter::new(seed).refusal_delay(&RunId::new("r"), refusals, asked);
            prop_assert!(wait >= REFUSAL_INITIAL.mul_f64(0.749));
            prop_assert!(wait <= REFUSAL_MAX.max(RETRY_AFTER_MAX));
        }
    }
}
