//! The one sentence: what an operator must know first.

use super::view::{Daemon, Level, Pause, Sandbox};
use super::words::{clock_time, counted};
use crate::domain::model::trouble::Cause;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The sentence and its level.
///
/// If nothing is retried, that comes first, then what needs a person. Otherwise outages come first,
/// because they explain the rest, then what needs a person, then a pause of everything.
pub(super) fn sentence(
    daemon: &Daemon,
    dataflows_in_need: u64,
    pauses: &[Pause],
    now: Timestamp,
    zone: &TimeZone,
) -> (Level, String) {
    let time = |at: Timestamp| clock_time(at, now, zone);
    let needs = (dataflows_in_need > 0).then(|| {
        let verb = if dataflows_in_need == 1 { "needs" } else { "need" };
        (Level::NeedsYou, format!("{} {verb} you", counted(dataflows_in_need, "dataflow")))
    });
    let clauses: Vec<(Level, String)> = match down(daemon, time) {
        Some(down) => [Some((Level::Down, down)), needs].into_iter().flatten().collect(),
        None => {
            let slowed = |text| (Level::Slowed, text);
            let outage = outage(daemon, time).map(slowed);
            let paused = paused(pauses, time).map(slowed);
            [outage, needs, paused].into_iter().flatten().collect()
        }
    };
    let level = clauses.iter().map(|(level, _)| *level).max().unwrap_or(Level::Well);
    let text = match clauses.is_empty() {
        false => clauses.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join("; "),
        true if daemon.sandboxes.iter().any(|it| it.last_complete.is_none()) => {
            "The daemon is running; its first pass is not complete yet".to_owned()
        }
        true => "All well".to_owned(),
    };
    (level, capitalized(&text) + ".")
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Why nothing is retried.
fn down(daemon: &Daemon, time: impl Fn(Timestamp) -> String) -> Option<String> {
    if !daemon.is_running {
        return Some(match daemon.last_seen {
            Some(at) => format!("No daemon is running since {}", time(at)),
            None => "No daemon has run yet".to_owned(),
        });
    }
    let troubled = |it: &&Sandbox| it.trouble.is_some() || it.is_late;
    let troubled: Vec<&Sandbox> = daemon.sandboxes.iter().filter(troubled).collect();
    let first = troubled.iter().filter_map(|it| it.trouble.as_ref()).min_by_key(|it| it.since);
    let text = match first {
        Some(trouble) => {
            let since = time(trouble.since);
            match trouble.cause {
                Cause::Credentials => {
                    format!("Adobe cannot be reached since {since}: credentials refused")
                }
                Cause::Unreachable => {
                    format!("Adobe cannot be reached since {since}: no connection")
                }
                Cause::Platform => format!("Adobe cannot be read since {since}: unexpected answer"),
                Cause::Store => format!("The store cannot be used since {since}"),
                Cause::Clock => format!("Adobe's time cannot be trusted since {since}"),
                Cause::TooSlow => format!("Reading Adobe takes too long since {since}"),
                Cause::Lease => format!("The daemon keeps losing its lease since {since}"),
                Cause::Panic => format!("Passes crash since {since}"),
            }
        }
        None => {
            let complete = troubled.iter().map(|it| it.last_complete).min()?;
            match complete {
                Some(at) => format!("No pass was complete since {}", time(at)),
                None => "No pass has been complete yet".to_owned(),
            }
        }
    };
    Some(match (troubled.as_slice(), daemon.sandboxes.len()) {
        (all, total) if all.len() == total => text,
        ([one], _) => format!("Sandbox {}: {text}", one.name),
        (several, total) => format!("{} of {total} sandboxes: {text}", several.len()),
    })
}

/// The outage that began first, and in how many sandboxes there are outages.
fn outage(daemon: &Daemon, time: impl Fn(Timestamp) -> String) -> Option<String> {
    let outages = daemon.sandboxes.iter().flat_map(|sandbox| {
        sandbox.outages.iter().map(move |outage| (outage.since, &sandbox.name, &outage.source))
    });
    let mut outages: Vec<_> = outages.collect();
    outages.sort();
    let (since, sandbox, source) = outages.first()?;
    let what = if source.is_some() { "Outage of a source" } else { "Outage" };
    let more = match outages.len() - 1 {
        0 => String::new(),
        more => format!(", and {} more", counted(more as u64, "outage")),
    };
    Some(format!("{what} in sandbox {sandbox} since {}{more}", time(*since)))
}

/// A pause of all dataflows of all sandboxes.
fn paused(pauses: &[Pause], time: impl Fn(Timestamp) -> String) -> Option<String> {
    let whole = pauses.iter().find(|it| it.sandbox.is_none() && it.flow.is_none())?;
    Some(format!("all dataflows are paused since {}", time(whole.since)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::model::ids::SandboxName;
    use crate::domain::model::trouble::Trouble;
    use crate::overview::view::OutageSince;

    fn at(time: &str) -> Timestamp {
        format!("2026-11-28T{time}:00Z").parse().unwrap()
    }

    fn sandbox(name: &str) -> Sandbox {
        Sandbox {
            name: SandboxName::new(name),
            last_complete: Some(at("11:59")),
            next_pass: None,
            is_late: false,
            trouble: None,
            throttled_until: None,
            outages: Vec::new(),
        }
    }

    fn troubled(name: &str, cause: Cause, since: &str) -> Sandbox {
        let trouble = Trouble { cause, since: at(since), error: String::new(), passes: 3 };
        Sandbox { trouble: Some(trouble), ..sandbox(name) }
    }

    fn running(sandboxes: impl IntoIterator<Item = Sandbox>) -> Daemon {
        let sandboxes = sandboxes.into_iter().collect();
        Daemon { is_running: true, sandboxes, ..Daemon::default() }
    }

    fn stopped(last_seen: Option<Timestamp>) -> Daemon {
        Daemon { is_running: false, last_seen, ..running([sandbox("prod")]) }
    }

    fn outage(source: Option<&str>, since: &str) -> Sandbox {
        let source = source.map(str::to_owned);
        Sandbox { outages: vec![OutageSince { source, since: at(since) }], ..sandbox("prod") }
    }

    fn pause() -> Pause {
        Pause {
            sandbox: None,
            flow: None,
            scope: "all dataflows".to_owned(),
            since: at("10:00"),
            reason: String::new(),
            holds_back: 3,
        }
    }

    #[test]
    fn what_stops_everything_comes_first_then_what_needs_a_person() {
        use Level::{Down, NeedsYou, Slowed, Well};
        let fine = || running([sandbox("prod")]);
        let credentials = || troubled("prod", Cause::Credentials, "02:14");
        let late = Sandbox { is_late: true, ..sandbox("prod") };
        let unread = Sandbox { last_complete: None, ..sandbox("prod") };
        let yesterday: Timestamp = "2026-11-27T06:35:00Z".parse().unwrap();
        let table = [
            (fine(), 0, vec![], Well, "All well."),
            (fine(), 1, vec![], NeedsYou, "1 dataflow needs you."),
            (fine(), 2, vec![], NeedsYou, "2 dataflows need you."),
            (
                running([unread]),
                0,
                vec![],
                Well,
                "The daemon is running; its first pass is not complete yet.",
            ),
            (stopped(None), 0, vec![], Down, "No daemon has run yet."),
            (stopped(Some(at("06:35"))), 0, vec![], Down, "No daemon is running since 06:35."),
            (
                stopped(Some(yesterday)),
                2,
                vec![pause()],
                Down,
                "No daemon is running since 2026-11-27 06:35; 2 dataflows need you.",
            ),
            (
                running([credentials()]),
                0,
                vec![],
                Down,
                "Adobe cannot be reached since 02:14: credentials refused.",
            ),
            (
                running([credentials(), sandbox("dev")]),
                1,
                vec![],
                Down,
                "Sandbox prod: Adobe cannot be reached since 02:14: credentials refused; \
                 1 dataflow needs you.",
            ),
            (
                running([credentials(), troubled("qa", Cause::Clock, "01:00"), sandbox("dev")]),
                0,
                vec![],
                Down,
                "2 of 3 sandboxes: Adobe's time cannot be trusted since 01:00.",
            ),
            (running([late]), 0, vec![], Down, "No pass was complete since 11:59."),
            (
                running([outage(None, "09:00")]),
                1,
                vec![pause()],
                NeedsYou,
                "Outage in sandbox prod since 09:00; 1 dataflow needs you; all dataflows are \
                 paused since 10:00.",
            ),
            (
                running([outage(Some("sftp"), "09:00"), outage(None, "09:30")]),
                0,
                vec![],
                Slowed,
                "Outage of a source in sandbox prod since 09:00, and 1 outage more.",
            ),
            (fine(), 0, vec![pause()], Slowed, "All dataflows are paused since 10:00."),
        ];
        for (daemon, needs, pauses, level, text) in table {
            let found = sentence(&daemon, needs, &pauses, at("12:00"), &TimeZone::UTC);
            assert_eq!(found, (level, text.to_owned()));
        }
    }
}
