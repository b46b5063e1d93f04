//! `[retry]`, and the same keys within a `[[dataflow]]` or a `[[rule]]`.

use crate::domain::policy::retry::{RetryOverride, Target, WhenInDoubt};
use crate::settings::read::section::Section;
use std::time::Duration;

/// Reads the keys of `[retry]` that are set.
pub(crate) fn read(section: &mut Section<'_>) -> RetryOverride {
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
