//! Quiet windows: times of the week in which nothing is re-triggered.
//!
//! A window is in local time, so it follows daylight saving time. A [`TimeZone`] is a value (its
//! rules were loaded with the configuration), so this module is pure.

use crate::domain::model::ids::{FlowId, SandboxName};
use crate::domain::model::time::after;
use crate::domain::policy::rule::Scope;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use std::time::Duration;

/// Windows that follow each other without a gap count as one, up to this long. If the whole week is
/// quiet, a re-trigger is delayed by this much at a time.
const LONGEST: Duration = Duration::from_secs(8 * 24 * 60 * 60);

/// `[[quiet]]`: a weekly window.
#[derive(Debug, Clone)]
pub struct Quiet {
    /// The dataflows it applies to.
    pub scope: Scope,
    /// The days on which it begins.
    pub days: Vec<Weekday>,
    /// When it begins.
    pub from: Time,
    /// When it ends: on the next day if that is not after `from`.
    pub to: Time,
    /// The time zone of these times.
    pub time_zone: TimeZone,
    /// Delayed attempts become due within this time after its end, at random.
    pub spread: Duration,
    /// Whether the delay is added to the time budget.
    pub extends_budget: bool,
}

/// The end of the quiet that covers a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// When it ends.
    pub until: Timestamp,
    /// How long after that delayed attempts become due.
    pub spread: Duration,
    /// Whether the time until then is added to the time budget.
    pub extends_budget: bool,
}

/// The quiet window of a dataflow at `now`; `None` if there is none.
pub fn pause(
    windows: &[Quiet],
    sandbox: &SandboxName,
    flow_id: &FlowId,
    flow_name: &str,
    now: Timestamp,
) -> Option<Pause> {
    let limit = after(now, LONGEST);
    let covering = |at: Timestamp| {
        let own = windows.iter().filter(|it| it.scope.covers(sandbox, flow_id, flow_name));
        own.filter_map(|window| Some((window.end_if_covers(at)?, window))).max_by_key(|it| it.0)
    };
    let (mut until, first) = covering(now)?;
    let mut pause = Pause { until, spread: first.spread, extends_budget: first.extends_budget };
    // Another window may cover the end of this one.
    while let Some((end, window)) = covering(until).filter(|_| until < limit) {
        until = end;
        // If one of the windows uses up the budget, all of them do.
        let extends_budget = pause.extends_budget && window.extends_budget;
        pause = Pause { until: end.min(limit), spread: window.spread, extends_budget };
    }
    Some(pause)
}

impl Quiet {
    /// When the window ends, if it covers `at`.
    fn end_if_covers(&self, at: Timestamp) -> Option<Timestamp> {
        let today = at.to_zoned(self.time_zone.clone()).date();
        [today.yesterday().ok()?, today]
            .into_iter()
            .filter_map(|day| self.on(day))
            .find_map(|(from, to)| (from <= at && at < to).then_some(to))
    }

    /// The window that begins on `day`; `None` if a change of the clock leaves nothing of it.
    fn on(&self, day: Date) -> Option<(Timestamp, Timestamp)> {
        if !self.days.contains(&day.weekday()) {
            return None;
        }
        let last = if self.to > self.from { day } else { day.tomorrow().ok()? };
        let (from, _) = self.instants(day.to_datetime(self.from))?;
        let (_, to) = self.instants(last.to_datetime(self.to))?;
        (from < to).then_some((from, to))
    }

    /// The first and the last instant at which clocks show `time`. If they skip it, both are the
    /// instant of the change.
    fn instants(&self, time: DateTime) -> Option<(Timestamp, Timestamp)> {
        let ambiguous = self.time_zone.to_ambiguous_timestamp(time);
        let (first, last) = (ambiguous.earlier().ok()?, ambiguous.later().ok()?);
        let AmbiguousOffset::Gap { .. } = ambiguous.offset() else { return Some((first, last)) };
        let change = self.time_zone.following(first).next()?.timestamp();
        Some((change, change))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Weekday::{Friday, Monday, Saturday, Sunday, Thursday, Tuesday, Wednesday};
    use proptest::prelude::*;

    const WEEK: [Weekday; 7] = [Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday];

    fn window(days: &[Weekday], from: &str, to: &str, zone: &str) -> Quiet {
        Quiet {
            scope: Scope::default(),
            days: days.to_vec(),
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            time_zone: TimeZone::get(zone).unwrap(),
            spread: Duration::ZERO,
            extends_budget: true,
        }
    }

    fn until(windows: &[Quiet], now: &str) -> Option<String> {
        let now: Timestamp = now.parse().unwrap();
        let pause = pause(windows, &SandboxName::new("prod"), &FlowId::new("f"), "f", now);
        pause.map(|pause| pause.until.to_string())
    }

    #[test]
    fn a_window_covers_its_days_from_its_beginning_to_its_end() {
        // 2026-11-25 is a Wednesday.
        let office = [window(&[Wednesday], "09:00", "17:00", "UTC")];
        let night = [window(&[Wednesday], "22:00", "06:00", "UTC")];
        let whole = [window(&[Wednesday], "00:00", "00:00", "UTC")];
        let table: [(&[Quiet], &str, Option<&str>); 11] = [
            (&office, "2026-11-25T08:59:59Z", None),
            (&office, "2026-11-25T09:00:00Z", Some("2026-11-25T17:00:00Z")),
            (&office, "2026-11-25T17:00:00Z", None),
            (&office, "2026-11-26T10:00:00Z", None),
            (&night, "2026-11-25T05:00:00Z", None),
            (&night, "2026-11-25T22:00:00Z", Some("2026-11-26T06:00:00Z")),
            (&night, "2026-11-26T05:59:59Z", Some("2026-11-26T06:00:00Z")),
            (&night, "2026-11-26T06:00:00Z", None),
            (&night, "2026-11-26T22:30:00Z", None),
            (&whole, "2026-11-25T00:00:00Z", Some("2026-11-26T00:00:00Z")),
            (&whole, "2026-11-26T00:00:00Z", None),
        ];
        for (windows, now, expected) in table {
            assert_eq!(until(windows, now).as_deref(), expected, "{now}");
        }
    }

    #[test]
    fn a_window_moves_with_daylight_saving_time() {
        let berlin = [window(&WEEK, "01:00", "03:30", "Europe/Berlin")];
        let table = [
            // Winter: an hour ahead of UTC.
            ("2026-01-10T00:00:00Z", Some("2026-01-10T02:30:00Z")),
            // Summer: two.
            ("2026-07-10T00:00:00Z", Some("2026-07-10T01:30:00Z")),
            ("2026-07-10T01:30:00Z", None),
            // In the night of 29 March 02:00 becomes 03:00: an hour shorter.
            ("2026-03-29T00:00:00Z", Some("2026-03-29T01:30:00Z")),
            ("2026-03-29T01:30:00Z", None),
            // In the night of 25 October 03:00 becomes 02:00: an hour longer.
            ("2026-10-24T23:00:00Z", Some("2026-10-25T02:30:00Z")),
            ("2026-10-25T02:29:59Z", Some("2026-10-25T02:30:00Z")),
        ];
        for (now, expected) in table {
            assert_eq!(until(&berlin, now).as_deref(), expected, "{now}");
        }
    }

    #[test]
    fn what_a_change_of_the_clock_leaves_of_a_window_is_quiet() {
        let berlin = |from, to| [window(&WEEK, from, to, "Europe/Berlin")];
        let lord_howe = [window(&WEEK, "02:15", "04:00", "Australia/Lord_Howe")];
        // On 28 March 2027 clocks in Berlin skip 02:00 to 03:00, at 01:00 UTC.
        let table: [(&[Quiet], &str, Option<&str>); 12] = [
            (&berlin("02:30", "05:00"), "2027-03-28T00:59:59Z", None),
            (&berlin("02:30", "05:00"), "2027-03-28T01:00:00Z", Some("2027-03-28T03:00:00Z")),
            (&berlin("02:30", "05:00"), "2027-03-28T01:20:00Z", Some("2027-03-28T03:00:00Z")),
            (&berlin("01:00", "02:30"), "2027-03-28T00:30:00Z", Some("2027-03-28T01:00:00Z")),
            (&berlin("01:00", "02:30"), "2027-03-28T01:00:00Z", None),
            (&berlin("02:10", "02:50"), "2027-03-28T01:05:00Z", None),
            (&berlin("02:10", "02:50"), "2027-03-27T01:15:00Z", Some("2027-03-27T01:50:00Z")),
            // On 31 October 2027 they show 02:00 to 03:00 twice, from 00:00 UTC on.
            (&berlin("01:00", "02:30"), "2027-10-31T00:45:00Z", Some("2027-10-31T01:30:00Z")),
            (&berlin("02:30", "02:45"), "2027-10-31T00:30:00Z", Some("2027-10-31T01:45:00Z")),
            // On 3 October 2027 clocks on Lord Howe Island skip 02:00 to 02:30, at 15:30 UTC.
            (&lord_howe, "2027-10-02T15:29:59Z", None),
            (&lord_howe, "2027-10-02T15:30:00Z", Some("2027-10-02T17:00:00Z")),
            (&lord_howe, "2027-10-02T17:00:00Z", None),
        ];
        for (windows, now, expected) in table {
            assert_eq!(until(windows, now).as_deref(), expected, "{now}");
        }
    }

    #[test]
    fn windows_without_a_gap_are_one_and_a_week_without_an_end_has_a_limit() {
        let weekend = [
            window(&[Friday], "18:00", "00:00", "UTC"),
            window(&[Saturday, Sunday], "00:00", "00:00", "UTC"),
            window(&[Monday], "00:00", "07:00", "UTC"),
        ];
        let monday = Some("2026-11-30T07:00:00Z");
        assert_eq!(until(&weekend, "2026-11-27T18:00:00Z").as_deref(), monday);
        let always = [window(&WEEK, "00:00", "00:00", "UTC")];
        assert_eq!(until(&always, "2026-11-25T12:00:00Z").as_deref(), Some("2026-12-03T12:00:00Z"));
    }

    proptest! {
        #[test]
        fn a_pause_always_ends_later_and_at_a_moment_that_is_not_quiet(
            seconds in 1_700_000_000_i64..1_900_000_000, from in 0_i8..24, to in 0_i8..24,
            days in prop::collection::vec(0_usize..7, 1..4),
            zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York",
                "Australia/Lord_Howe", "Asia/Kathmandu"]),
        ) {
            let days: Vec<Weekday> = days.into_iter().map(|day| WEEK[day]).collect();
            let clock = |hour: i8| format!("{hour:02}:00");
            let windows = [window(&days, &clock(from), &clock(to), zone)];
            let now = Timestamp::from_second(seconds).unwrap();
            let name = (SandboxName::new("prod"), FlowId::new("f"));
            if let Some(found) = pause(&windows, &name.0, &name.1, "f", now) {
                prop_assert!(found.until > now);
                prop_assert!(found.until <= after(now, LONGEST));
                prop_assert!(pause(&windows, &name.0, &name.1, "f", found.until).is_none());
            }
        }
    }
}
