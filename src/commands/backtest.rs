//! `flowmend backtest`: past failures under another policy, as far as that can be known.

use super::context::{Exit, is_selected, print};
use super::format::{length, seconds};
use super::layout::{Column, Fit, Grid, Screen};
use crate::backtest::comparison::{Comparison, FlowChange, Times, Totals, compare};
use crate::backtest::history::{EVENTS, Histories, History, read_journal};
use crate::backtest::replay::Bounds;
use crate::cli::BacktestArgs;
use crate::clock::{Clock, SystemClock};
use crate::domain::model::time::before;
use crate::settings::{Settings, format_duration};
use crate::store::{Filter, SqliteStore, Store};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::fmt::Write;
use std::time::Duration;

/// More dataflows than this are in the JSON document only.
const ROWS: usize = 10;

/// What a replay assumes.
const ASSUMPTIONS: &str = "Where this policy would have set the same due time, the recorded result is used. A \
    re-trigger at another time is assumed to fail before the last recorded failure, and to succeed after \
    the recorded success. Times to recovery count only failures that are known to recover.";

/// What a replay of the journal cannot know.
const LIMITATIONS: [&str; 7] = [
    "The result of a re-trigger between the two, or for a failure that never recovered, is \"unknown\".",
    "Time is assumed to make a run succeed, not the number of attempts. A cause that is gone is assumed \
     to stay gone.",
    "More or fewer runs might have changed something at Adobe; that is not considered.",
    "Limits, breakers, quiet windows, operators, disabled dataflows and jitter are not replayed at other \
     times.",
    "The end of a new run is recorded up to one poll interval late.",
    "Failures of dataflows that were not selected, and runs that were skipped for reasons other than a \
     rule, are not included.",
    "watch_timeout, confirm_window, when_in_doubt and target are not replayed, nor are later runs that \
     were not recorded.",
];

pub(super) async fn backtest(
    settings: &Settings,
    args: BacktestArgs,
    screen: &Screen,
) -> anyhow::Result<Exit> {
    let now = SystemClock::new().now();
    let since = before(now, args.since);
    let store = SqliteStore::open_existing(&settings.store.path).await?;
    let entries = store.history(None, since, &EVENTS).await?;
    let recoveries = store.recoveries(&Filter::default()).await?;
    store.close().await;
    // The journal has Adobe's time, which may be ahead of this machine's.
    let until = entries.iter().map(|entry| entry.at).fold(now, Timestamp::max);
    let gathered = read_journal(entries, &recoveries);
    let bounds = Bounds { poll: settings.poll.interval, until };
    let policies = settings.policies();
    let comparison = compare(&gathered.histories, bounds, |history, failure| {
        let History { sandbox, flow_id, flow_name, .. } = history;
        let selected = is_selected(settings, sandbox, flow_id, flow_name);
        selected.then(|| policies.in_force(sandbox, flow_id, flow_name, failure))
    });
    let report = Report { settings, since, until, gathered: &gathered, comparison, screen };
    print(&if args.json { report.as_json()? } else { report.as_text()? })?;
    Ok(Exit::Done)
}

/// Everything that is printed.
struct Report<'a> {
    settings: &'a Settings,
    since: Timestamp,
    until: Timestamp,
    gathered: &'a Histories,
    comparison: Comparison,
    screen: &'a Screen,
}

impl Report<'_> {
    fn as_json(&self) -> anyhow::Result<String> {
        let Comparison { changed, recorded, replayed, both, flows } = &self.comparison;
        let dataflows: Vec<Value> = flows
            .iter()
            .map(|flow| {
                json!({
                    "sandbox": flow.sandbox.as_str(),
                    "flow_id": flow.flow_id.as_str(),
                    "flow_name": flow.flow_name,
                    "rule": flow.rule,
                    "changed": flow.changed,
                    "recorded": totals_as_json(&flow.recorded),
                    "replayed": totals_as_json(&flow.replayed),
                })
            })
            .collect();
        let document = json!({
            "since": self.since.to_string(),
            "until": self.until.to_string(),
            "left_out": self.gathered.left_out,
            "changed": changed,
            "recorded": totals_as_json(recorded),
            "replayed": totals_as_json(replayed),
            "recovered_in_both": {
                "failures": both.0.count(),
                "recorded": times_as_json(&both.0),
                "replayed": times_as_json(&both.1),
            },
            "dataflows": dataflows,
            "assumptions": ASSUMPTIONS,
            "limitations": LIMITATIONS,
        });
        Ok(serde_json::to_string_pretty(&document)? + "\n")
    }

    fn as_text(&self) -> anyhow::Result<String> {
        let mut text = String::new();
        let out = &mut text;
        let since = seconds(self.since);
        let failures = self.comparison.recorded.failures;
        if failures == 0 {
            writeln!(out, "No failures recorded since {since}: nothing to replay.")?;
            self.write_left_out(out)?;
            return Ok(text);
        }
        writeln!(out, "failures since {since}: {failures}\n")?;
        writeln!(out, "{}", totals_table(&self.comparison).show(self.screen))?;
        self.write_changes(out)?;
        self.write_left_out(out)?;
        writeln!(out, "{}\nLimitations:", self.screen.wrap("", ASSUMPTIONS))?;
        for point in LIMITATIONS {
            write!(out, "{}", self.screen.wrap("- ", point))?;
        }
        let retention = format_duration(self.settings.store.retention);
        writeln!(out, "- Failures older than store.retention = {retention} are not included.")?;
        Ok(text)
    }

    /// How many failures would have ended differently, and in which dataflows.
    fn write_changes(&self, out: &mut String) -> std::fmt::Result {
        let Comparison { changed, recorded, replayed, flows, .. } = &self.comparison;
        if *changed == 0 {
            return writeln!(
                out,
                "All would have ended as they did, after the same number of re-triggers.\n"
            );
        }
        let unknown = match replayed.unknown {
            0 => String::new(),
            unknown => format!("; for {unknown} this is unknown"),
        };
        let differ = format!(
            "{changed} of {} would have ended differently or after more or fewer re-triggers\
             {unknown}:",
            recorded.failures
        );
        write!(out, "{}\n{}", self.screen.wrap("", &differ), flows_table(flows).show(self.screen))?;
        let more = flows.iter().filter(|flow| flow.changed > 0).count().saturating_sub(ROWS);
        if more > 0 {
            writeln!(out, "… and {more} more dataflows; use --json.")?;
        }
        writeln!(out)
    }

    fn write_left_out(&self, out: &mut String) -> std::fmt::Result {
        match self.gathered.left_out {
            0 => Ok(()),
            count => writeln!(
                out,
                "Recoveries left out because they began earlier: {count}; a longer --since may include \
                 them.\n"
            ),
        }
    }
}

fn totals_as_json(totals: &Totals) -> Value {
    json!({
        "failures": totals.failures,
        "retriggers": totals.retriggers,
        "wasted": totals.wasted,
        "recovered": totals.recovered,
        "recovered_at_most": totals.recovered + totals.unknown,
        "held": totals.held,
        "left_alone": totals.left_alone,
        "given_up": totals.given_up,
        "dismissed": totals.dismissed,
        "open": totals.open,
        "unknown": totals.unknown,
        "seconds_to_recovery": times_as_json(&totals.healing),
    })
}

fn times_as_json(times: &Times) -> Value {
    let within = |percent| times.within(percent).map(|time| time.as_secs());
    json!({ "median": within(50), "p90": within(90) })
}

/// A row per figure that is not 0 in both columns.
fn totals_table(comparison: &Comparison) -> Grid {
    let Comparison { recorded, replayed, both, .. } = comparison;
    let figure = |title| Column::new(title, Fit::Number);
    let mut table = Grid::new([
        Column::new("", Fit::Whole),
        figure("RECORDED"),
        figure("REPLAYED"),
        figure("DIFFERENCE"),
    ]);
    let unknown = replayed.unknown;
    let sign = if unknown > 0 { "≥ " } else { "" };
    for (name, was, is) in [
        ("re-triggers", recorded.retriggers, replayed.retriggers),
        ("  wasted: the new run failed", recorded.wasted, replayed.wasted),
    ] {
        let by = difference(was, is);
        table.row([name, &was.to_string(), &format!("{sign}{is}"), &format!("{sign}{by}")]);
    }
    let (was, least) = (recorded.recovered, replayed.recovered);
    table.row([
        "recovered".to_owned(),
        was.to_string(),
        range(least, unknown),
        match unknown {
            0 => difference(was, least),
            _ => format!("{} to {}", difference(was, least), difference(was, least + unknown)),
        },
    ]);
    for (name, was, is) in [
        ("on hold", recorded.held, replayed.held),
        ("skipped", recorded.left_alone, replayed.left_alone),
        ("given up", recorded.given_up, replayed.given_up),
        ("dismissed", recorded.dismissed, replayed.dismissed),
        ("still open", recorded.open, replayed.open),
        ("unknown", 0, unknown),
    ] {
        if was + is > 0 {
            table.row([name, &was.to_string(), &is.to_string(), &difference(was, is)]);
        }
    }
    let mut times = |name: String, was: &Times, is: &Times, comparable: bool| {
        for (percent, label) in [(50, "median"), (90, "90%")] {
            let (was, is) = (was.within(percent), is.within(percent));
            let by = if comparable { longer(was, is) } else { String::new() };
            table.row([format!("{name}, {label}"), time(was), time(is), by]);
        }
    };
    // If fewer recover, the slow ones are missing: that is not faster.
    let same = recorded.recovered == replayed.recovered;
    times("time to recovery".to_owned(), &recorded.healing, &replayed.healing, same);
    if !same && both.0.count() > 0 {
        times(format!("  the {} recovered in both", both.0.count()), &both.0, &both.1, true);
    }
    table
}

fn flows_table(flows: &[FlowChange]) -> Grid {
    let mut table = Grid::new([
        Column::new("DATAFLOW", Fit::Cut),
        Column::new("DIFFERENT", Fit::Whole),
        Column::new("RE-TRIGGERS", Fit::Whole),
        Column::new("RECOVERED", Fit::Whole).drops(1),
        Column::new("RULE FOR MOST", Fit::Wrap).drops(2),
    ]);
    for flow in flows.iter().filter(|flow| flow.changed > 0).take(ROWS) {
        let FlowChange { recorded, replayed, .. } = flow;
        let sign = if replayed.unknown > 0 { "≥ " } else { "" };
        table.row([
            flow.flow_name.clone(),
            format!("{} of {}", flow.changed, recorded.failures),
            format!("{} → {sign}{}", recorded.retriggers, replayed.retriggers),
            format!("{} → {}", recorded.recovered, range(replayed.recovered, replayed.unknown)),
            flow.rule.clone().unwrap_or_else(|| "none".to_owned()),
        ]);
    }
    table
}

/// A known count, and up to `unknown` more.
fn range(least: u64, unknown: u64) -> String {
    match unknown {
        0 => least.to_string(),
        _ => format!("{least} to {}", least + unknown),
    }
}

fn difference(was: u64, is: u64) -> String {
    match is.cmp(&was) {
        std::cmp::Ordering::Less => format!("-{}", was - is),
        std::cmp::Ordering::Equal => "0".to_owned(),
        std::cmp::Ordering::Greater => format!("+{}", is - was),
    }
}

/// `-` if there is no time.
fn time(time: Option<Duration>) -> String {
    time.map_or("-".to_owned(), length)
}

fn longer(was: Option<Duration>, is: Option<Duration>) -> String {
    let (Some(was), Some(is)) = (was, is) else { return "-".to_owned() };
    let by = length(Duration::from_secs(was.as_secs().abs_diff(is.as_secs())));
    match is.as_secs().cmp(&was.as_secs()) {
        std::cmp::Ordering::Less => format!("-{by}"),
        std::cmp::Ordering::Equal => "0".to_owned(),
        std::cmp::Ordering::Greater => format!("+{by}"),
    }
}
