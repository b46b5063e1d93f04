//! Sums of times and durations that stop at the last instant instead of overflowing.

use jiff::Timestamp;
use std::time::Duration;

/// `at + wait`, or the last instant there is.
pub fn after(at: Timestamp, wait: Duration) -> Timestamp {
    at.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// `at - wait`, or the first instant there is.
pub fn before(at: Timestamp, wait: Duration) -> Timestamp {
    at.checked_sub(wait).unwrap_or(Timestamp::MIN)
}

/// From `start` to `end`; zero if that is earlier.
pub fn span(start: Timestamp, end: Timestamp) -> Duration {
    Duration::try_from(start.duration_until(end)).unwrap_or_default()
}
