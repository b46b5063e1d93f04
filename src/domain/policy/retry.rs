//! The retry policy. Keys of `[retry]` have the names of the `backoff` crate where it has the same
//! setting.

use serde::Deserialize;
use std::time::Duration;

macro_rules! retry_policy {
    ($($(#[doc = $doc:literal])* $key:ident: $type:ty,)*) => {
        /// `[retry]`: the policy of one recovery.
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub struct RetryPolicy {
            $($(#[doc = $doc])* pub $key: $type,)*
        }

        /// Some keys of `[retry]`, as overridden by a `[[dataflow]]` or a `[[rule]]`.
        #[derive(Debug, Clone, Copy, Default, PartialEq)]
        pub struct RetryOverride {
            $($(#[doc = $doc])* pub $key: Option<$type>,)*
        }

        impl RetryOverride {
            /// `base`, overridden by these keys.
            pub fn over(&self, base: RetryPolicy) -> RetryPolicy {
                RetryPolicy { $($key: self.$key.unwrap_or(base.$key),)* }
            }
        }
    };
}

retry_policy! {
    /// The maximum number of accepted re-triggers per root run, at least 1.
    max_attempts: u32,
    /// The delay before attempt 1, counted from the failure of the run.
    initial_interval: Duration,
    /// The factor by which each further delay grows, at least 1.
    multiplier: f64,
    /// The longest delay, including jitter.
    max_interval: Duration,
    /// How far jitter may move a delay, as a fraction of it: 0 to below 1.
    randomization_factor: f64,
    /// No attempt is made later than this after the root run failed.
    max_elapsed_time: Duration,
    /// How long a new run may take before the recovery is given up.
    watch_timeout: Duration,
    /// How long after a call in doubt a listing must begin to prove that no run was created.
    confirm_window: Duration,
    /// What to do if the new run of a call in doubt is not listed.
    when_in_doubt: WhenInDoubt,
    /// Which run to re-trigger after the first attempt.
    target: Target,
    /// End a recovery when a later run of the same dataflow succeeded.
    skip_when_later_run_succeeded: bool,
    /// Also re-trigger successful runs that ingested no records.
    retry_empty_success: bool,
}

/// `retry.when_in_doubt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenInDoubt {
    /// List the runs, and call again if two complete listings show no new run.
    Reconcile,
    /// List the runs, and leave the rest to a person.
    Hold,
}

/// `retry.target`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The run that failed last: the root run first, then each new run.
    Latest,
    /// The root run every time.
    Root,
}

/// `[limits]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Re-triggers per sandbox within any minute; 0 for no limit.
    pub retriggers_per_minute: u32,
    /// Re-triggers per sandbox within any 24 hours; 0 for no limit.
    pub retriggers_per_day: u32,
    /// Re-triggered runs of one dataflow that may be in progress at a time, at least 1.
    pub per_dataflow: u32,
}

impl Default for RetryPolicy {
    /// The values of `config/flowmend.default.toml`; a test compares the two.
    fn default() -> Self {
        Self {
            max_attempts: 5,
            initial_interval: Duration::from_secs(60),
            multiplier: 2.0,
            max_interval: Duration::from_secs(60 * 60),
            randomization_factor: 0.2,
            max_elapsed_time: Duration::from_secs(24 * 60 * 60),
            watch_timeout: Duration::from_secs(6 * 60 * 60),
            confirm_window: Duration::from_secs(5 * 60),
            when_in_doubt: WhenInDoubt::Reconcile,
            target: Target::Latest,
            skip_when_later_run_succeeded: false,
            retry_empty_success: false,
        }
    }
}

impl Default for Limits {
    /// The values of `config/flowmend.default.toml`; a test compares the two.
    fn default() -> Self {
        Self { retriggers_per_minute: 30, retriggers_per_day: 0, per_dataflow: 1 }
    }
}
