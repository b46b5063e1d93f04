//! The overview as text for a terminal.

use super::layout::{Column, Fit, Grid, Screen, Tone, cut};
use crate::domain::model::ids::RunId;
use crate::domain::model::reason::Reason;
use crate::overview::{
    HealingLine, Level, Need, Overview, Pause, Sandbox, clock_time, counted, distance,
    waiting_words,
};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::HashMap;
use std::fmt;

/// A longer message is in `flowmend explain`.
const MESSAGE: usize = 200;

/// The overview, and how to show it.
#[derive(Debug)]
pub(super) struct StatusText<'a> {
    pub(super) overview: &'a Overview,
    /// The short id of each run.
    pub(super) runs: HashMap<RunId, String>,
    pub(super) screen: Screen,
    pub(super) now: Timestamp,
    pub(super) zone: TimeZone,
}

impl fmt::Display for StatusText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tone = match self.overview.level {
            Level::Well => Tone::Good,
            Level::Slowed => Tone::Busy,
            Level::NeedsYou | Level::Down => Tone::Bad,
        };
        let sentence = self.screen.wrap("", &self.overview.sentence);
        writeln!(f, "{}\n", self.screen.paint(tone, sentence.trim_end()))?;
        self.write_daemon(f)?;
        for pause in &self.overview.pauses {
            f.write_str(&self.screen.wrap("paused   ", &pause_words(pause, self)))?;
        }
        self.write_needs(f)?;
        self.write_healing(f)
    }
}

impl StatusText<'_> {
    fn time(&self, at: Timestamp) -> String {
        format!("{} ({})", clock_time(at, self.now, &self.zone), distance(at, self.now))
    }

    fn write_daemon(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let daemon = &self.overview.daemon;
        let who = match (&daemon.host, &daemon.pid) {
            (Some(host), Some(pid)) => format!("on {host}, process {pid}"),
            _ => String::new(),
        };
        let state = match (daemon.is_running, daemon.last_seen) {
            (true, _) => format!("running {who}"),
            (false, Some(at)) => format!("not running; last seen {} {who}", self.time(at)),
            (false, None) => "not running".to_owned(),
        };
        f.write_str(&self.screen.wrap("daemon   ", &state))?;
        let is_one = daemon.sandboxes.len() == 1;
        for sandbox in &daemon.sandboxes {
            let name = if is_one { String::new() } else { format!("{}: ", sandbox.name) };
            let text = format!("{name}{}", self.sandbox_words(sandbox, daemon.is_running));
            f.write_str(&self.screen.wrap("         ", &text))?;
        }
        Ok(())
    }

    fn sandbox_words(&self, sandbox: &Sandbox, is_running: bool) -> String {
        let mut parts = vec![match sandbox.last_complete {
            Some(at) => format!("last complete pass {}", self.time(at)),
            None => "no complete pass yet".to_owned(),
        }];
        match sandbox.next_pass {
            Some(at) if at > self.now => parts.push(format!("next {}", distance(at, self.now))),
            _ if is_running => parts.push("a pass is in progress".to_owned()),
            _ => {}
        }
        if let Some(until) = sandbox.throttled_until {
            parts.push(format!("Adobe asked for a pause until {}", self.time(until)));
        }
        for outage in &sandbox.outages {
            let of = outage.source.as_ref().map(|it| format!(" of source {it}"));
            let since = self.time(outage.since);
            parts.push(format!("outage{} since {since}", of.unwrap_or_default()));
        }
        if let Some(trouble) = &sandbox.trouble {
            let passes = counted(trouble.passes, "incomplete pass");
            parts.push(format!("{passes} since {}: {}", self.time(trouble.since), trouble.error));
        }
        parts.join("; ")
    }

    fn write_needs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let needs = &self.overview.needs_you;
        if needs.causes.is_empty() {
            return Ok(());
        }
        let heading = self.screen.paint(Tone::Bad, "NEEDS YOU");
        let dataflows = counted(needs.dataflows, "dataflow");
        writeln!(f, "\n{heading}  {dataflows}, {}", counted(needs.recoveries, "failed run"))?;
        for need in &needs.causes {
            self.write_need(need, f)?;
        }
        match needs.count.saturating_sub(needs.causes.len() as u64) {
            0 => Ok(()),
            more => writeln!(f, "… and {more} more; use --flow or --json"),
        }
    }

    fn write_need(&self, need: &Need, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.overview.daemon.sandboxes.len() {
            1 => String::new(),
            _ => format!(" in {}", need.sandbox),
        };
        let state = if need.state == "held" { "on hold" } else { "gave up" };
        let runs = counted(need.recoveries, "failed run");
        let why = match &need.rule {
            Some(rule) if need.reason == Reason::HeldByRule => format!("rule \"{rule}\""),
            _ => need.reason.to_string(),
        };
        let head = format!("{place}: {runs} {state} ({why}), first {}", self.time(need.since));
        let name = self.screen.paint(Tone::Strong, &need.flow_name);
        let text = self.screen.wrap("", &format!("{}{head}", need.flow_name));
        f.write_str(&text.replacen(&need.flow_name, &name, 1))?;
        let code = need.code.as_deref().unwrap_or_default();
        let message = match (&need.message, code) {
            (Some(message), "") => message.clone(),
            (Some(message), code) => format!("{code}: {message}"),
            (None, "") => need.explanation.to_owned(),
            (None, code) => format!("{code}: {}", need.explanation),
        };
        f.write_str(&self.screen.wrap("  ", &cut(&message, MESSAGE)))?;
        let end = if need.command.is_some() { ":" } else { "." };
        let remedy = format!("{}{end}", need.remedy.trim_end_matches('.'));
        f.write_str(&self.screen.wrap("  -> ", &remedy))?;
        // Never wrapped, because it is copied.
        match &need.command {
            Some(command) => writeln!(f, "     {}", self.screen.paint(Tone::Strong, command)),
            None => Ok(()),
        }
    }

    fn write_healing(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let healing = &self.overview.healing;
        if healing.recoveries.is_empty() {
            return Ok(());
        }
        let heading = self.screen.paint(Tone::Busy, "HEALING");
        writeln!(f, "\n{heading}  {}", counted(healing.count, "failed run"))?;
        let mut grid = Grid::new([
            Column::new("DATAFLOW", Fit::Cut),
            Column::new("SANDBOX", Fit::Whole).drops(2),
            Column::new("FAILED RUN", Fit::Whole),
            Column::new("STATE", Fit::Whole).drops(1),
            Column::new("ATTEMPT", Fit::Number),
            Column::new("NEXT", Fit::Wrap),
            Column::new("ERROR", Fit::Wrap).drops(3),
        ]);
        let is_one = self.overview.daemon.sandboxes.len() == 1;
        for line in &healing.recoveries {
            let run = self.runs.get(&line.root_run_id).cloned();
            grid.toned_row([
                (Tone::Plain, line.flow_name.clone()),
                (Tone::Plain, if is_one { String::new() } else { line.sandbox.to_string() }),
                (Tone::Plain, run.unwrap_or_else(|| line.root_run_id.to_string())),
                (Tone::of_state(line.state), line.state.to_owned()),
                (Tone::Plain, format!("{}/{}", line.attempt, line.max_attempts)),
                (Tone::Plain, self.next_words(line)),
                (Tone::Faint, line.code.clone().unwrap_or_default()),
            ]);
        }
        f.write_str(&grid.show(&self.screen))?;
        match healing.count.saturating_sub(healing.recoveries.len() as u64) {
            0 => Ok(()),
            more => writeln!(f, "… and {more} more; use --flow, --state or --json"),
        }
    }

    fn next_words(&self, line: &HealingLine) -> String {
        if let Some(wait) = &line.waits_for {
            return waiting_words(wait, self.now);
        }
        let since = |at: Option<Timestamp>| at.map_or_else(String::new, |at| self.time(at));
        match (line.state, line.due) {
            ("triggering", _) => "call in progress".to_owned(),
            ("in_doubt", _) => {
                format!("unknown whether Adobe accepted the call of {}", since(line.begun_at))
            }
            ("watching", _) => format!("new run in progress since {}", since(line.begun_at)),
            (_, Some(due)) if due > self.now => format!("due {}", distance(due, self.now)),
            _ => "in the next pass".to_owned(),
        }
    }
}

fn pause_words(pause: &Pause, text: &StatusText<'_>) -> String {
    let why = match pause.reason.as_str() {
        "" => String::new(),
        reason => format!(": {reason}"),
    };
    format!(
        "{} since {}{why}; holds back {}",
        pause.scope,
        text.time(pause.since),
        counted(pause.holds_back, "recovery")
    )
}
