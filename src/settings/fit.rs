//! Durations that are right one by one and wrong together.

use super::fault::Origin;
use super::report::{Noted, Report};
use super::text::format_duration;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// `low`, taken `times`, has to fit into `high`.
struct Fit {
    low: &'static str,
    times: u32,
    high: &'static str,
    /// Whether equal is already too much.
    strictly: bool,
    why: &'static str,
}

/// Checked for `[retry]` and again for every `[[dataflow]]` that overrides one of the two.
const RETRY: [Fit; 2] = [
    Fit {
        low: "retry.initial_interval",
        times: 1,
        high: "retry.max_interval",
        strictly: false,
        why: "the first delay is bounded like all others",
    },
    Fit {
        low: "retry.initial_interval",
        times: 1,
        high: "retry.max_elapsed_time",
        strictly: false,
        why: "no re-trigger could ever come due",
    },
];

const CONFIRMATION: Fit = Fit {
    low: "adobe.request_timeout",
    times: 2,
    high: "retry.confirm_window",
    strictly: false,
    why: "a call that timed out may still be carried out, so less than twice the timeout proves nothing",
};

const OTHERS: [Fit; 3] = [
    Fit {
        low: "poll.overlap",
        times: 1,
        high: "poll.lookback",
        strictly: true,
        why: "the overlap is a part of the look-back window",
    },
    Fit {
        low: "adobe.request_timeout",
        times: 2,
        high: "store.lease",
        strictly: false,
        why: "a lease of less than twice the timeout may end while a call is under way",
    },
    Fit {
        low: "poll.lookback",
        times: 1,
        high: "store.retention",
        strictly: true,
        why: "a recovery forgotten while its failed run is still listed would start anew",
    },
];

/// Faults and warnings about the durations of the plain sections.
pub(super) fn check(report: &mut Report) {
    for fit in RETRY.iter().chain([&CONFIRMATION]).chain(&OTHERS) {
        fit.check(report, fit.low, fit.high);
    }
    warn_of_retry(report, "");
    warn_if(
        report,
        "poll.interval",
        |it| it < Duration::from_secs(10),
        |_| "polling this often costs requests and finds little sooner; 60s suits most".to_owned(),
    );
    warn_if(
        report,
        "poll.lookback",
        |it| it > 7 * DAY,
        |_| "failures this old are re-triggered when flowmend starts for the first time".to_owned(),
    );
    let elapsed = report.noted("retry.max_elapsed_time");
    let elapsed = elapsed.map_or(Duration::MAX, |noted| noted.duration);
    warn_if(
        report,
        "poll.lookback",
        |it| it > elapsed,
        |_| {
            "longer than retry.max_elapsed_time: older failures are only given up at once"
                .to_owned()
        },
    );
    let interval = report.noted("poll.interval").map_or(Duration::ZERO, |noted| noted.duration);
    warn_if(
        report,
        "poll.sweep_interval",
        |it| it < interval,
        |_| "shorter than poll.interval: every pass sweeps the whole look-back window".to_owned(),
    );
}

/// The re-triggers of a day are counted in the store, so it has to remember a day.
pub(super) fn check_daily_limit(report: &mut Report) {
    let Some(Noted { duration, origin }) = report.noted("store.retention").cloned() else { return };
    if duration < DAY {
        let message = format!(
            "{} is too short for limits.retriggers_per_day: what is forgotten is not counted; give \
             at least 24h",
            format_duration(duration)
        );
        report.fault("store.retention", origin, message);
    }
}

/// The same for one `[[dataflow]]` or `[[rule]]`, whose keys begin with `prefix` (`dataflow[crm-*].`).
pub(super) fn check_overrides(report: &mut Report, prefix: &str) {
    for fit in RETRY.iter().chain([&CONFIRMATION]) {
        let [low, high] = [fit.low, fit.high].map(|key| overridden(report, prefix, key));
        if low != fit.low || high != fit.high {
            fit.check(report, &low, &high);
        }
    }
    warn_of_retry(report, prefix);
}

fn warn_of_retry(report: &mut Report, prefix: &str) {
    let longest = overridden(report, prefix, "retry.max_elapsed_time");
    let longest = report.noted(&longest).map_or(Duration::MAX, |noted| noted.duration);
    let elapsed = format_duration(longest);
    warn_if(
        report,
        &format!("{prefix}retry.max_interval"),
        |it| it > longest,
        |_| format!("longer than max_elapsed_time = {elapsed}: no delay ever grows to it"),
    );
    warn_if(
        report,
        &format!("{prefix}retry.watch_timeout"),
        |it| it < 10 * MINUTE,
        |_| "batch runs often take longer; their recoveries would be given up too early".to_owned(),
    );
}

fn warn_if(
    report: &mut Report,
    key: &str,
    risky: impl Fn(Duration) -> bool,
    why: impl Fn(Duration) -> String,
) {
    if let Some(Noted { duration, origin }) = report.noted(key)
        && risky(*duration)
    {
        let value = format_duration(*duration);
        let warning = format!("{key} = {value} ({origin}): {}", why(*duration));
        report.warn(warning);
    }
}

/// The key under which `key` is in force for a dataflow.
fn overridden(report: &Report, prefix: &str, key: &str) -> String {
    let own = format!("{prefix}{key}");
    if report.noted(&own).is_some() { own } else { key.to_owned() }
}

impl Fit {
    /// Says nothing where one of the two was faulty by itself. The blame falls on what the user
    /// wrote, where the other is a default.
    fn check(&self, report: &mut Report, low_key: &str, high_key: &str) {
        let (Some(low), Some(high)) = (report.noted(low_key), report.noted(high_key)) else {
            return;
        };
        let least = low.duration.saturating_mul(self.times);
        if least < high.duration || (least == high.duration && !self.strictly) {
            return;
        }
        let why = self.why;
        if high.origin == Origin::Defaults {
            let bound = if self.strictly { "less than" } else { "at most" };
            let message = format!(
                "{} is too long for {high_key} = {} ({}): {why}; give {bound} {}, or raise {high_key}",
                format_duration(low.duration),
                format_duration(high.duration),
                high.origin,
                format_duration(high.duration / self.times),
            );
            report.fault(low_key, low.origin.clone(), message);
        } else {
            let bound = if self.strictly { "more than" } else { "at least" };
            let message = format!(
                "{} is too short for {low_key} = {} ({}): {why}; give {bound} {}, or lower {low_key}",
                format_duration(high.duration),
                format_duration(low.duration),
                low.origin,
                format_duration(least),
            );
            report.fault(high_key, high.origin.clone(), message);
        }
    }
}
