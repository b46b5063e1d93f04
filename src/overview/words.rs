//! Numbers and times for people.

use super::view::WaitsFor;
use crate::domain::model::reason::Reason;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::time::Duration;

/// A time of day, with the date if that is another day than `now`.
pub fn clock_time(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let (at, now) = (at.to_zoned(zone.clone()), now.to_zoned(zone.clone()));
    let format = if at.date() == now.date() { "%H:%M" } else { "%Y-%m-%d %H:%M" };
    at.strftime(format).to_string()
}

/// `1 attempt`, `2 attempts`, `2 recoveries`.
pub fn counted(count: u64, noun: &str) -> String {
    match (count, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        _ if noun.ends_with('s') => format!("{count} {noun}es"),
        _ => format!("{count} {noun}s"),
    }
}

/// How far `at` is from `now`, in the two largest units.
pub fn distance(at: Timestamp, now: Timestamp) -> String {
    let away = Duration::from_secs(now.duration_until(at).unsigned_abs().as_secs());
    match (away.is_zero(), at > now) {
        (true, _) => "now".to_owned(),
        (_, true) => format!("in {}", length(away)),
        (_, false) => format!("{} ago", length(away)),
    }
}

/// A length of time in its two largest units.
pub fn length(time: Duration) -> String {
    let seconds = time.as_secs();
    let units = [("d", seconds / 86_400), ("h", seconds / 3_600 % 24), ("m", seconds / 60 % 60)];
    let units = units.into_iter().chain([("s", seconds % 60)]);
    let mut shown = units.skip_while(|(_, count)| *count == 0).take(2).collect::<Vec<_>>();
    shown.retain(|(_, count)| *count > 0);
    let shown: Vec<String> = shown.iter().map(|(unit, count)| format!("{count}{unit}")).collect();
    if shown.is_empty() { "0s".to_owned() } else { shown.join(" ") }
}

/// What a recovery waits for, in words.
pub fn waiting_words(wait: &WaitsFor, now: Timestamp) -> String {
    let what = match (wait.reason, &wait.limit) {
        (Reason::RateLimited, Some(limit)) => {
            let setting = limit.setting.trim_start_matches("limits.");
            format!("{} of {} calls used ({setting})", limit.used, limit.limit)
        }
        (Reason::RateLimited, None) => "a limit is used up".to_owned(),
        (Reason::Quiet, _) => "quiet window".to_owned(),
        (Reason::Paused, _) => "paused by an operator".to_owned(),
        (Reason::FlowBusy, _) => "another re-trigger of this dataflow is in progress".to_owned(),
        (Reason::OtherRun, _) => "another run of this dataflow is in progress".to_owned(),
        (Reason::Throttled, _) => "Adobe asked for a pause".to_owned(),
        (Reason::Outage, _) => "outage of the sandbox".to_owned(),
        (Reason::SourceOutage, _) => "outage of its source".to_owned(),
        (Reason::NotReread, _) => "the run could not be read again".to_owned(),
        (reason, _) => reason.explanation().trim_end_matches('.').to_owned(),
    };
    match wait.until {
        Some(until) => format!("{what}; continues {}", distance(until, now)),
        None => what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overview::view::LimitUsed;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_distance_has_two_units_at_most() {
        let now = at("2026-03-01T00:00:00Z");
        let table = [
            ("2026-03-01T00:00:00.5Z", "now"),
            ("2026-03-01T00:01:03Z", "in 1m 3s"),
            ("2026-03-02T03:02:03Z", "in 1d 3h"),
            ("2026-02-28T22:59:58Z", "1h ago"),
        ];
        for (time, expected) in table {
            assert_eq!(distance(at(time), now), expected);
        }
    }

    #[test]
    fn a_time_of_another_day_has_its_date() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let now = at("2026-03-01T12:00:00Z");
        assert_eq!(clock_time(at("2026-02-28T23:30:00Z"), now, &zone), "00:30");
        assert_eq!(clock_time(at("2026-02-28T22:30:00Z"), now, &zone), "2026-02-28 23:30");
    }

    #[test]
    fn a_count_has_the_right_number() {
        let words =
            [(1, "run"), (2, "run"), (0, "run"), (1, "recovery"), (3, "recovery"), (2, "pass")];
        let counts = words.map(|(count, noun)| counted(count, noun));
        assert_eq!(counts, ["1 run", "2 runs", "0 runs", "1 recovery", "3 recoveries", "2 passes"]);
    }

    #[test]
    fn a_wait_names_the_limit_and_its_end() {
        let limit = LimitUsed { setting: "limits.retriggers_per_minute", used: 30, limit: 30 };
        let wait = WaitsFor {
            reason: Reason::RateLimited,
            explanation: Reason::RateLimited.explanation(),
            until: Some(at("2026-03-01T00:00:12Z")),
            limit: Some(limit),
        };
        assert_eq!(
            waiting_words(&wait, at("2026-03-01T00:00:00Z")),
            "30 of 30 calls used (retriggers_per_minute); continues in 12s"
        );
    }
}
