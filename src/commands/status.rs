//! `flowmend status`: whether all is well, what needs a person, and what is retried.

use super::context::{Exit, print};
use super::format::{as_json, why};
use super::layout::{Column, Fit, Grid, Screen, Tone};
use super::status_text::StatusText;
use crate::cli::StatusArgs;
use crate::clock::{Clock, SystemClock};
use crate::domain::model::ids::FlowId;
use crate::domain::policy::in_force::{InForce, Policies};
use crate::domain::recovery::{Recovery, State};
use crate::overview::{counted, distance, overview};
use crate::settings::{Pattern, Settings, nearest};
use crate::store::{Filter, SqliteStore, Store};
use clap::ValueEnum;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// A longer list is cut for people …
const ROWS: u32 = 50;
/// … and for scripts. The recoveries themselves are all in the JSON document.
const JSON_ROWS: u32 = 1_000;
/// How many recoveries are in memory at a time.
const PAGE: u32 = 500;
/// How often `--watch` reads again.
const WATCH: Duration = Duration::from_secs(2);

const FINISHED: [&str; 3] = ["recovered", "given_up", "dismissed"];

pub(super) async fn status(
    settings: &Settings,
    args: StatusArgs,
    screen: &Screen,
) -> anyhow::Result<Exit> {
    if !args.watch {
        print_once(settings, &args, screen).await?;
        return Ok(Exit::Done);
    }
    loop {
        let text = text(settings, &args, screen).await?;
        print(&format!("\x1b[H\x1b[2J{text}"))?;
        tokio::select! {
            () = tokio::time::sleep(WATCH) => {}
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Done),
        }
    }
}

async fn print_once(settings: &Settings, args: &StatusArgs, screen: &Screen) -> anyhow::Result<()> {
    match args.json {
        true => print_json(settings, args).await,
        false => Ok(print(&text(settings, args, screen).await?)?),
    }
}

async fn text(settings: &Settings, args: &StatusArgs, screen: &Screen) -> anyhow::Result<String> {
    let store = SqliteStore::open_existing(&settings.store.path).await?;
    let filter = filter(&store, settings, args, ROWS).await?;
    let (now, zone) = (SystemClock::new().now(), TimeZone::system());
    let overview = overview(&store, settings, &filter, now, &zone).await?;
    let runs: Vec<_> =
        overview.healing.recoveries.iter().map(|it| it.root_run_id.clone()).collect();
    let runs = runs.iter().cloned().zip(store.short_ids(&runs).await?).collect();
    let mut text = StatusText { overview: &overview, runs, screen: *screen, now, zone }.to_string();
    if args.all {
        text += &finished(&store, filter, screen, now).await?;
    }
    store.close().await;
    Ok(text)
}

/// The selected recoveries. A name that selects nothing is an error, because it is a typing error.
async fn filter(
    store: &SqliteStore,
    settings: &Settings,
    args: &StatusArgs,
    rows: u32,
) -> anyhow::Result<Filter> {
    let names = args.state.iter().filter_map(|state| state.to_possible_value());
    let flows = match &args.flow {
        Some(glob) => flows_like(store, glob).await?,
        None => Vec::new(),
    };
    if let Some(sandbox) = &args.sandbox {
        let known: Vec<&str> = settings.sandboxes.iter().map(|it| it.name.as_str()).collect();
        let is_known = known.contains(&sandbox.as_str());
        anyhow::ensure!(
            is_known,
            "sandbox {sandbox} is not configured; configured: {}",
            known.join(", ")
        );
    }
    Ok(Filter {
        states: names.map(|value| value.get_name().to_owned()).collect(),
        sandbox: args.sandbox.clone(),
        flows,
        limit: Some(rows),
        after: None,
    })
}

/// The known dataflows whose id or name matches.
async fn flows_like(store: &SqliteStore, glob: &str) -> anyhow::Result<Vec<FlowId>> {
    let pattern = Pattern::parse(glob).map_err(|error| anyhow::anyhow!("--flow {error}"))?;
    let known = store.known_flows().await?;
    let matching = known.iter().filter(|it| pattern.matches(it.flow_id.as_str(), &it.flow_name));
    let flows: BTreeSet<FlowId> = matching.map(|it| it.flow_id.clone()).collect();
    if flows.is_empty() {
        let near = nearest(glob, known.iter().map(|it| it.flow_name.as_str()));
        let near = near.map(|name| format!("; did you mean {name}?")).unwrap_or_default();
        anyhow::bail!("no dataflow with a failed run matches {glob:?}{near}");
    }
    Ok(flows.into_iter().collect())
}

/// The table of finished recoveries.
async fn finished(
    store: &SqliteStore,
    mut filter: Filter,
    screen: &Screen,
    now: Timestamp,
) -> anyhow::Result<String> {
    filter.states.retain(|state| FINISHED.contains(&state.as_str()));
    if filter.states.is_empty() {
        filter.states = FINISHED.map(str::to_owned).to_vec();
    }
    let total: u64 = store.count_by_state(&filter).await?.iter().map(|(_, count)| count).sum();
    let recoveries = store.recoveries(&filter).await?;
    let runs: Vec<_> = recoveries.iter().map(|it| it.root_run_id.clone()).collect();
    let short = store.short_ids(&runs).await?;
    let mut grid = Grid::new([
        Column::new("DATAFLOW", Fit::Cut),
        Column::new("SANDBOX", Fit::Whole).drops(2),
        Column::new("FAILED RUN", Fit::Whole),
        Column::new("STATE", Fit::Whole),
        Column::new("ATTEMPTS", Fit::Number).drops(3),
        Column::new("ENDED", Fit::Whole).drops(1),
        Column::new("WHY", Fit::Wrap),
    ]);
    let is_one = recoveries.windows(2).all(|pair| pair[0].sandbox == pair[1].sandbox);
    for (recovery, run) in recoveries.iter().zip(short) {
        let state = recovery.state.name();
        grid.toned_row([
            (Tone::Plain, recovery.flow_name.clone()),
            (Tone::Plain, if is_one { String::new() } else { recovery.sandbox.to_string() }),
            (Tone::Plain, run),
            (Tone::of_state(state), state.to_owned()),
            (Tone::Plain, recovery.attempts.len().to_string()),
            (Tone::Plain, distance(recovery.updated_at, now)),
            (Tone::Plain, why(recovery).unwrap_or_default()),
        ]);
    }
    let heading = screen.paint(Tone::Strong, "FINISHED");
    let mut text = format!("\n{heading}  {}\n", counted(total, "recovery"));
    if !recoveries.is_empty() {
        text += &grid.show(screen);
    }
    let more = total.saturating_sub(recoveries.len() as u64);
    if more > 0 {
        text += &format!("… and {more} more; use --flow, --state or --json\n");
    }
    Ok(text)
}

/// Writes the overview, and then the recoveries a page at a time: a history may be long.
async fn print_json(settings: &Settings, args: &StatusArgs) -> anyhow::Result<()> {
    let store = SqliteStore::open_existing(&settings.store.path).await?;
    let mut filter = filter(&store, settings, args, JSON_ROWS).await?;
    let (now, zone) = (SystemClock::new().now(), TimeZone::system());
    let overview = overview(&store, settings, &filter, now, &zone).await?;
    let document = serde_json::to_string_pretty(&overview)?;
    let document = document.strip_suffix("\n}").unwrap_or(&document);
    print(&format!("{document},\n  \"recoveries\": ["))?;
    if filter.states.is_empty() && !args.all {
        let open = State::NAMES.iter().filter(|name| !FINISHED.contains(name));
        filter.states = open.map(|name| (*name).to_owned()).collect();
    }
    filter.limit = Some(PAGE);
    let policies = settings.policies();
    let mut separator = "";
    loop {
        let page = store.recoveries(&filter).await?;
        let Some(last) = page.last() else { break };
        filter.after = Some((last.updated_at, last.root_run_id.clone()));
        for recovery in &page {
            let shown = serde_json::to_string_pretty(&recovery_as_json(recovery, &policies))?;
            // A string in JSON has no line breaks, so each one is layout.
            print(&format!("{separator}\n    {}", shown.replace('\n', "\n    ")))?;
            separator = ",";
        }
    }
    store.close().await;
    let end = if separator.is_empty() { "" } else { "\n  " };
    Ok(print(&format!("{end}]\n}}\n"))?)
}

/// A recovery with the policy in force for it.
fn recovery_as_json(recovery: &Recovery, policies: &Policies) -> Value {
    let Recovery { sandbox, flow_id, flow_name, failure, .. } = recovery;
    let InForce { rule, retry } = policies.in_force(sandbox, flow_id, flow_name, failure);
    let mut shown = as_json(recovery);
    shown["attempt"] = json!(recovery.attempt());
    shown["max_attempts"] = json!(retry.max_attempts);
    shown["rule"] = json!(rule.map(|rule| rule.name.as_str()));
    shown
}
