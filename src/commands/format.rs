//! How policies look, and the words of the overview, the same in every command.

pub(super) use crate::overview::{as_json, counted, distance, length, seconds, seconds_from, why};

use crate::domain::policy::retry::RetryPolicy;
use crate::settings::format_duration;

/// A policy in a few words.
pub(super) fn policy(retry: &RetryPolicy) -> String {
    format!(
        "{}, {} ×{} up to {}",
        counted(retry.max_attempts.into(), "attempt"),
        format_duration(retry.initial_interval),
        retry.multiplier,
        format_duration(retry.max_interval)
    )
}
