//! The time line of one recovery: what state it was in when, as a drawing.

use super::words::Words;
use crate::domain::model::journal::{Entry, Event};
use crate::domain::recovery::Recovery;
use crate::overview::length;
use jiff::Timestamp;
use std::time::Duration;

/// A time line. Positions are percentages of its width.
#[derive(Debug)]
pub(super) struct Timeline {
    pub(super) spans: Vec<Span>,
    pub(super) marks: Vec<Mark>,
    pub(super) begin: Timestamp,
    pub(super) end: Timestamp,
    /// The drawing in words.
    pub(super) summary: String,
}

/// A time in one state.
#[derive(Debug)]
pub(super) struct Span {
    pub(super) left: String,
    pub(super) width: String,
    pub(super) kind: &'static str,
    pub(super) label: String,
}

/// Something that happened.
#[derive(Debug)]
pub(super) struct Mark {
    pub(super) at: Timestamp,
    pub(super) left: String,
    pub(super) kind: &'static str,
    pub(super) label: String,
}

impl Timeline {
    pub(super) fn of(recovery: &Recovery, entries: &[Entry], words: &Words) -> Self {
        let begin = recovery.failed_at;
        let last = entries.last().map_or(begin, |it| it.at);
        let is_open = !recovery.state.is_final();
        let end = match is_open {
            true => [Some(last), Some(words.now), recovery.due()].into_iter().flatten().max(),
            false => Some(last),
        };
        let scale = Scale { begin, end: end.unwrap_or(last).max(begin) };
        let mut marks = vec![scale.mark(begin, "failed", "run failed".to_owned())];
        marks.extend(entries.iter().filter_map(|entry| scale.mark_of(entry, begin)));
        if let Some(due) = recovery.due() {
            let label = format!("attempt {} is due", recovery.attempt());
            marks.push(scale.mark(due, "due", label));
        }
        let mut spans = Vec::new();
        let ends = entries.iter().skip(1).map(|it| it.at);
        for (entry, until) in entries.iter().zip(ends.chain([scale.end])) {
            spans.extend(kind_of(entry.event).map(|kind| scale.span(entry.at, until, kind)));
        }
        let described = marks.iter().map(|it| format!("{}: {}", words.full(&it.at), it.label));
        let summary = described.collect::<Vec<_>>().join("; ");
        Self { spans, marks, begin, end: scale.end, summary }
    }
}

/// The state that an event leads to, as far as it lasts.
fn kind_of(event: Event) -> Option<&'static str> {
    match event {
        Event::Scheduled | Event::Postponed | Event::Refused => Some("waiting"),
        Event::Retriggered | Event::Followed => Some("watching"),
        Event::Begun | Event::InDoubt | Event::Unlisted => Some("in_doubt"),
        Event::Held | Event::FlowHeld => Some("held"),
        _ => None,
    }
}

struct Scale {
    begin: Timestamp,
    end: Timestamp,
}

impl Scale {
    /// Marks at both ends are drawn whole.
    fn percent(&self, at: Timestamp) -> f64 {
        const MARGIN: f64 = 2.0;
        let whole = self.begin.duration_until(self.end).as_secs_f64().max(1.0);
        let part = self.begin.duration_until(at).as_secs_f64() / whole;
        MARGIN + part.clamp(0.0, 1.0) * (100.0 - 2.0 * MARGIN)
    }

    fn mark(&self, at: Timestamp, kind: &'static str, label: String) -> Mark {
        Mark { at, left: format!("{:.2}%", self.percent(at)), kind, label }
    }

    /// The mark of an entry that is an event of its own.
    fn mark_of(&self, entry: &Entry, begin: Timestamp) -> Option<Mark> {
        let attempt = entry.attempt.unwrap_or(1);
        let new_run = entry.new_run_id.as_ref().map(|run| format!(", new run {run}"));
        let (kind, label) = match entry.event {
            Event::Retriggered | Event::Followed => {
                ("run", format!("attempt {attempt}{}", new_run.unwrap_or_default()))
            }
            Event::Scheduled if attempt > 1 && entry.at > begin => {
                ("failed", format!("the new run of attempt {} failed", attempt - 1))
            }
            Event::Refused | Event::InDoubt | Event::Held => {
                ("trouble", entry.event.message().to_owned())
            }
            Event::Recovered => ("recovered", "recovered".to_owned()),
            Event::GivenUp | Event::Dismissed => ("given_up", entry.event.message().to_owned()),
            _ => return None,
        };
        Some(self.mark(entry.at, kind, label))
    }

    fn span(&self, from: Timestamp, until: Timestamp, kind: &'static str) -> Span {
        let (left, right) = (self.percent(from), self.percent(until));
        let time = from.duration_until(until).as_secs().max(0).unsigned_abs();
        let label =
            format!("{}: {}", super::words::state_words(kind), length(Duration::from_secs(time)));
        let width = format!("{:.2}%", (right - left).max(0.0));
        Span { left: format!("{left:.2}%"), width, kind, label }
    }
}
