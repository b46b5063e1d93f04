//! `[[quiet]]`: weekly windows without re-triggers.

use super::sandbox::{SandboxSettings, read_scope};
use crate::domain::policy::quiet::Quiet;
use crate::settings::read::report::Report;
use crate::settings::read::section::{Section, read_list};
use crate::settings::read::text::quoted;
use crate::settings::read::value::one_of;
use config::{Map, Value};
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use std::sync::Arc;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The default of `spread`.
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

/// Reads all `[[quiet]]`; faulty ones are skipped.
pub(crate) fn read_all(
    lists: &mut Map<String, Value>,
    sandboxes: &[SandboxSettings],
    report: &mut Report,
) -> Arc<[Quiet]> {
    let mut windows = Vec::new();
    read_list("quiet", "from", lists, report, |section| windows.extend(read(section, sandboxes)));
    windows.into()
}

fn read(section: &mut Section<'_>, sandboxes: &[SandboxSettings]) -> Option<Quiet> {
    for key in ["from", "to"] {
        section.require(key, "set a time of day, like \"22:00\"");
    }
    section.require("time_zone", "set a zone, like \"Europe/Berlin\" or \"UTC\"");
    section.list_by_default("days", &WEEK.map(|(word, _)| word));
    let days = section.list("days", weekday);
    let from = section.parsed("from", time);
    let to = section.parsed("to", time);
    let time_zone = section.parsed("time_zone", zone);
    let scope = read_scope(section, sandboxes);
    let spread = section.duration("spread", Duration::ZERO..=DAY).unwrap_or(SPREAD);
    let extends_budget = section.flag("extends_budget").unwrap_or(true);
    let days = days?.value;
    if from.is_some() && days.is_empty() {
        section.fault("days", "must not be empty; add a day, or remove it for all days");
    } else if from.is_some() && from == to && WEEK.iter().all(|(_, day)| days.contains(day)) {
        let why = "makes this window permanent; to stop re-triggering, run `flowmend pause`";
        section.fault("to", why);
    }
    Some(Quiet { scope, days, from: from?, to: to?, time_zone: time_zone?, spread, extends_budget })
}

fn weekday(text: &str) -> Result<Weekday, String> {
    let found = WEEK.iter().find(|(word, _)| *word == text).map(|(_, day)| *day);
    let words = || one_of(&WEEK.map(|(word, _)| word));
    found.ok_or_else(|| format!("must be {}, not {}", words(), quoted(text)))
}

pub(super) fn time(text: &str) -> Result<Time, String> {
    let plain = text.len() == 5 && text.as_bytes()[2] == b':';
    let parsed = text.parse::<Time>().ok().filter(|_| plain);
    parsed.ok_or_else(|| format!("must be a time of day like \"06:30\", not {}", quoted(text)))
}

pub(super) fn zone(text: &str) -> Result<TimeZone, String> {
    let wanted = "must be a time zone like \"Europe/Berlin\" or \"UTC\"";
    TimeZone::get(text).map_err(|_| format!("{wanted}, not {}", quoted(text)))
}
