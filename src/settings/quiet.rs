//! `[[quiet]]`: times of the week in which nothing is re-triggered.

use super::fault::Origin;
use super::report::Report;
use super::sandbox::{SandboxSettings, label, read_scope, tables};
use super::section::Section;
use super::text::quoted;
use crate::domain::policy::quiet::Quiet;
use config::Value;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use std::sync::Arc;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// What was put off falls due within this time after the window, unless it says otherwise.
const SPREAD: Duration = Duration::from_secs(10 * 60);

const WEEK: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// Reads all `[[quiet]]`; those that are faulty are left out.
pub(super) fn read_all(
    list: Option<Value>,
    sandboxes: &[SandboxSettings],
    report: &mut Report,
) -> Arc<[Quiet]> {
    let mut windows = Vec::new();
    for (index, (table, origin)) in tables(list).into_iter().enumerate() {
        let label = label("quiet", "from", index, &table);
        let mut section = Section::new(&label, "[[quiet]]", table, report);
        windows.extend(read(&mut section, &origin, sandboxes));
        section.finish();
    }
    windows.into()
}

fn read(
    section: &mut Section<'_>,
    origin: &Origin,
    sandboxes: &[SandboxSettings],
) -> Option<Quiet> {
    for key in ["from", "to"] {
        section.require(key, origin, "is missing; give a time of the day, like \"22:00\"");
    }
    let zone_missing = "is missing; give a place, like \"Europe/Berlin\", or \"UTC\"";
    section.require("time_zone", origin, zone_missing);
    section.list_by_default("days", &WEEK.map(|(word, _)| word));
    let days = section.list("days", |word| weekday(word).map(|_| ()));
    let from = section.parsed("from", |text, _| time(text));
    let to = section.parsed("to", |text, _| time(text));
    let time_zone = section.parsed("time_zone", |text, _| zone(text));
    let scope = read_scope(section, sandboxes);
    let spread = section.duration("spread", Duration::ZERO..=DAY).unwrap_or(SPREAD);
    let extends_budget = section.flag("extends_budget").unwrap_or(true);
    let days: Vec<Weekday> = days?.value.iter().filter_map(|word| weekday(word).ok()).collect();
    let whole_week = from == to && WEEK.iter().all(|(_, day)| days.contains(day));
    if from.is_some() && (days.is_empty() || whole_week) {
        let key = section.name(if whole_week { "to" } else { "days" });
        let why = match whole_week {
            true => "makes this window last for ever; to stop re-triggering, use flowmend pause",
            false => "is empty, so this window never begins; name a day, or leave it out for all",
        };
        section.report.fault(&key, origin.clone(), why);
    }
    Some(Quiet { scope, days, from: from?, to: to?, time_zone: time_zone?, spread, extends_budget })
}

fn weekday(text: &str) -> Result<Weekday, String> {
    let found = WEEK.iter().find(|(word, _)| *word == text);
    let words = || WEEK.map(|(word, _)| format!("\"{word}\"")).join(", ");
    found
        .map(|(_, day)| *day)
        .ok_or_else(|| format!("{} is no day; give {}", quoted(text), words()))
}

fn time(text: &str) -> Result<Time, String> {
    let plain = text.len() == 5 && text.as_bytes()[2] == b':';
    let parsed = text.parse::<Time>().ok().filter(|_| plain);
    parsed.ok_or_else(|| {
        format!("{} is no time of the day; give it like \"06:30\" or \"22:00\"", quoted(text))
    })
}

fn zone(text: &str) -> Result<TimeZone, String> {
    TimeZone::get(text).map_err(|_| {
        format!(
            "{} is no time zone; give a place, like \"Europe/Berlin\", or \"UTC\"",
            quoted(text)
        )
    })
}
