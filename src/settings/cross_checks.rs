//! Checks durations against each other.

use super::read::origin::Origin;
use super::read::report::{CheckedDuration, Report};
use super::read::section::Section;
use super::read::text::format_duration;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// `low`, multiplied by `times`, must not exceed `high`.
struct Bound {
    low: &'static str,
    times: u32,
    high: &'static str,
    /// Whether they must differ.
    strictly: bool,
    why: &'static str,
}

/// Checked for `[retry]`, and for every table that overrides one of the two.
const RETRY: [Bound; 3] = [
    Bound {
        low: "retry.initial_interval",
        times: 1,
        high: "retry.max_interval",
        strictly: false,
        why: "the maximum applies to the first delay too",
    },
    Bound {
        low: "retry.initial_interval",
        times: 1,
        high: "retry.max_elapsed_time",
        strictly: false,
        why: "otherwise no run is ever re-triggered",
    },
    Bound {
        low: "adobe.request_timeout",
        times: 2,
        high: "retry.confirm_window",
        strictly: false,
        why: "Adobe may still run a call that timed out, so less than twice the timeout proves nothing",
    },
];

const OTHERS: [Bound; 3] = [
    Bound {
        low: "poll.overlap",
        times: 1,
        high: "poll.lookback",
        strictly: true,
        why: "the overlap is part of the look-back window",
    },
    Bound {
        low: "adobe.request_timeout",
        times: 2,
        high: "store.lease",
        strictly: false,
        why: "a lease shorter than twice the timeout may expire during a call",
    },
    Bound {
        low: "poll.lookback",
        times: 1,
        high: "store.retention",
        strictly: true,
        why: "a recovery deleted while Adobe still lists its failed run would start again",
    },
];

/// Checks the plain sections.
pub(crate) fn check(report: &mut Report) {
    for bound in RETRY.iter().chain(&OTHERS) {
        bound.check(report, bound.low, bound.high);
    }
    warn_of_retry(report, "");
    let duration_of = |report: &Report, key| report.durations.get(key).map(|it| it.duration);
    let elapsed = duration_of(report, "retry.max_elapsed_time").unwrap_or(Duration::MAX);
    let interval = duration_of(report, "poll.interval").unwrap_or_default();
    warn_if(
        report,
        "poll.interval",
        |it| it < Duration::from_secs(10),
        "polling this often uses API quota for little gain; 60s is usually enough",
    );
    warn_if(
        report,
        "poll.lookback",
        |it| it > 7 * DAY,
        "failures this old are re-triggered when flowmend starts for the first time",
    );
    warn_if(
        report,
        "poll.lookback",
        |it| it > elapsed,
        "longer than retry.max_elapsed_time: older failures are given up at once",
    );
    warn_if(
        report,
        "poll.sweep_interval",
        |it| it < interval,
        "shorter than poll.interval: every pass is a full scan",
    );
}

/// The re-triggers of a day are counted in the store, so it must keep a day.
pub(crate) fn check_daily_limit(report: &mut Report) {
    let Some(CheckedDuration { duration, origin }) = report.durations.get("store.retention") else {
        return;
    };
    if *duration < DAY {
        let message = format!(
            "must be at least 24h, not {}: limits.retriggers_per_day counts what the store keeps",
            format_duration(*duration)
        );
        report.fault("store.retention", origin.clone(), message);
    }
}

/// Checks what a `[[dataflow]]` or `[[rule]]` overrides.
pub(crate) fn check_overrides(section: &mut Section<'_>) {
    let prefix = format!("{}.", section.name);
    let report = &mut *section.report;
    for bound in &RETRY {
        let [low, high] = [bound.low, bound.high].map(|key| overridden(report, &prefix, key));
        if low != bound.low || high != bound.high {
            bound.check(report, &low, &high);
        }
    }
    warn_of_retry(report, &prefix);
}

fn warn_of_retry(report: &mut Report, prefix: &str) {
    let longest = overridden(report, prefix, "retry.max_elapsed_time");
    let longest = report.durations.get(&longest).map_or(Duration::MAX, |checked| checked.duration);
    let elapsed = format_duration(longest);
    warn_if(
        report,
        &format!("{prefix}retry.max_interval"),
        |it| it > longest,
        &format!("longer than max_elapsed_time = {elapsed}, so no delay ever reaches it"),
    );
    warn_if(
        report,
        &format!("{prefix}retry.watch_timeout"),
        |it| it < 10 * MINUTE,
        "batch runs often take longer; flowmend would give up too early",
    );
}

fn warn_if(report: &mut Report, key: &str, is_risky: impl Fn(Duration) -> bool, why: &str) {
    if let Some(CheckedDuration { duration, origin }) = report.durations.get(key)
        && is_risky(*duration)
    {
        report.warn(format!("{key} = {} ({origin}): {why}", format_duration(*duration)));
    }
}

/// The key that is in force for `key` in the table of `prefix`.
fn overridden(report: &Report, prefix: &str, key: &str) -> String {
    let own = format!("{prefix}{key}");
    if report.durations.contains_key(&own) { own } else { key.to_owned() }
}

impl Bound {
    /// Skips a pair of which one is faulty by itself. If one of the two is a default, the other is at
    /// fault.
    fn check(&self, report: &mut Report, low_key: &str, high_key: &str) {
        let (Some(low), Some(high)) =
            (report.durations.get(low_key), report.durations.get(high_key))
        else {
            return;
        };
        let least = low.duration.saturating_mul(self.times);
        if least < high.duration || (least == high.duration && !self.strictly) {
            return;
        }
        let is_low_at_fault = high.origin == Origin::Defaults;
        let (key, given, limit, other_key, other) = match is_low_at_fault {
            true => (low_key, low, high.duration / self.times, high_key, high),
            false => (high_key, high, least, low_key, low),
        };
        let (bound, change) = match (is_low_at_fault, self.strictly) {
            (true, true) => ("less than", "lower it or raise"),
            (true, false) => ("at most", "lower it or raise"),
            (false, true) => ("more than", "raise it or lower"),
            (false, false) => ("at least", "raise it or lower"),
        };
        let message = format!(
            "must be {bound} {}, not {}, because {other_key} = {} ({}): {}; {change} {other_key}",
            format_duration(limit),
            format_duration(given.duration),
            format_duration(other.duration),
            other.origin,
            self.why,
        );
        report.fault(key, given.origin.clone(), message);
    }
}
