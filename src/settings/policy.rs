//! `[retry]` and `[limits]`, and the same keys within a `[[dataflow]]` or a `[[rule]]`.

use super::section::Section;
use crate::domain::policy::retry::{Limits, RetryOverride, Target, WhenInDoubt};
use std::ops::RangeInclusive;
use std::time::Duration;

/// Re-triggered runs of one dataflow that may be under way at a time.
const PER_DATAFLOW: RangeInclusive<u32> = 1..=100;

/// Reads the keys of `[retry]` that are there.
pub(super) fn read_retry(section: &mut Section<'_>) -> RetryOverride {
    let spans = || Duration::from_secs(1)..=Duration::from_secs(365 * 24 * 60 * 60);
    let doubts = [("reconcile", WhenInDoubt::Reconcile), ("hold", WhenInDoubt::Hold)];
    let targets = [("latest", Target::Latest), ("root", Target::Root)];
    RetryOverride {
        max_attempts: section.whole("max_attempts", 1..=100),
        initial_interval: section.duration("initial_interval", spans()),
        multiplier: section.number("multiplier", 1.0..=100.0),
        max_interval: section.duration("max_interval", spans()),
        randomization_factor: section.number("randomization_factor", 0.0..=0.99),
        max_elapsed_time: section.duration("max_elapsed_time", spans()),
        watch_timeout: section.duration("watch_timeout", spans()),
        confirm_window: section.duration("confirm_window", spans()),
        when_in_doubt: section.word("when_in_doubt", &doubts),
        target: section.word("target", &targets),
        skip_when_later_run_succeeded: section.flag("skip_when_later_run_succeeded"),
        retry_empty_success: section.flag("retry_empty_success"),
    }
}

/// Reads `[limits]`; a key that is absent or faulty keeps its value from `base`.
pub(super) fn read_limits(section: &mut Section<'_>, base: &Limits) -> Limits {
    let limits = Limits {
        retriggers_per_minute: section
            .whole("retriggers_per_minute", 0..=100_000)
            .unwrap_or(base.retriggers_per_minute),
        retriggers_per_day: section
            .whole("retriggers_per_day", 0..=10_000_000)
            .unwrap_or(base.retriggers_per_day),
        per_dataflow: section.whole("per_dataflow", PER_DATAFLOW).unwrap_or(base.per_dataflow),
    };
    if limits.retriggers_per_minute == 0 {
        section.report.warn(
            "limits.retriggers_per_minute = 0: no limit; after an outage every failed run is \
             re-triggered at once",
        );
    }
    limits
}

/// Reads the `limits` of one dataflow. The others count a whole sandbox and have no place there.
pub(super) fn read_dataflow_limits(section: &mut Section<'_>, base: u32) -> u32 {
    for key in ["retriggers_per_minute", "retriggers_per_day"] {
        section.refuse(key, "counts the re-triggers of the whole sandbox; set it in [limits]");
    }
    section.whole("per_dataflow", PER_DATAFLOW).unwrap_or(base)
}
