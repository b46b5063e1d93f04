//! `flowmend status`: the recoveries in the store, for people and for scripts.

use super::context::{Exit, newest_of, print};
use super::format::{as_json, keep_whole, seconds, table, why};
use crate::cli::StatusArgs;
use crate::clock::{Clock, SystemClock};
use crate::domain::model::ids::FlowId;
use crate::domain::policy::pause_order::{self, Order};
use crate::domain::recovery::{Recovery, State};
use crate::settings::Settings;
use crate::store::{Filter, SqliteStore, Store};
use clap::ValueEnum;

use jiff::Timestamp;
use serde_json::{Value, json};

/// A longer table is cut; the JSON document has all rows.
const ROWS: u32 = 200;

/// How many recoveries are in memory at a time.
const PAGE: u32 = 500;

pub(super) async fn status(settings: &Settings, args: StatusArgs) -> anyhow::Result<Exit> {
    let state = args.state.and_then(|state| state.to_possible_value());
    let filter = Filter {
        state: state.map(|value| value.get_name().to_owned()),
        sandbox: args.sandbox,
        flow: args.flow,
        limit: Some(ROWS),
        after: None,
    };
    let store = SqliteStore::open_existing(&settings.store.path).await?;
    let counts = store.count_by_state(&filter).await?;
    let orders = store.orders().await?;
    let mut pauses: Vec<Order> = pause_order::pauses(&orders).into_iter().cloned().collect();
    for pause in &mut pauses {
        name_flow(&store, pause).await?;
    }
    if args.json {
        write_json(&store, filter, &counts, &pauses).await?;
    } else {
        let recoveries = store.recoveries(&filter).await?;
        let table = table_report(&counts, &recoveries, SystemClock::new().now());
        print(&(pauses.iter().map(pause).collect::<String>() + &table))?;
    }
    store.close().await;
    Ok(Exit::Done)
}

/// Replaces the id of its dataflow by the name, if that is known.
async fn name_flow(store: &SqliteStore, pause: &mut Order) -> anyhow::Result<()> {
    if let Some(flow) = &pause.flow {
        let known = newest_of(store, flow).await?;
        pause.flow = known.map(|it| FlowId::new(it.flow_name)).or(pause.flow.take());
    }
    Ok(())
}

/// A pause in words.
fn pause(order: &Order) -> String {
    let why = match order.reason.as_str() {
        "" => String::new(),
        reason => format!(": {reason}"),
    };
    format!("paused since {}: {}{why}\n", seconds(order.at), order.scope())
}

/// Writes everything as one JSON document, a page at a time: a history may be long.
async fn write_json(
    store: &SqliteStore,
    mut filter: Filter,
    counts: &[(String, u64)],
    pauses: &[Order],
) -> anyhow::Result<()> {
    let states: serde_json::Map<String, Value> =
        counts.iter().map(|(state, count)| (state.clone(), json!(count))).collect();
    let pauses: Vec<Value> = pauses.iter().map(pause_as_json).collect();
    // The keys of a document are in alphabetical order, so the recoveries come in the middle.
    let paused = inside(&serde_json::to_string_pretty(&pauses)?);
    let states = inside(&serde_json::to_string_pretty(&states)?);
    print(&format!("{{\n  \"paused\": {paused},\n  \"recoveries\": ["))?;
    filter.limit = Some(PAGE);
    let mut separator = "";
    loop {
        let page = store.recoveries(&filter).await?;
        let Some(last) = page.last() else { break };
        filter.after = Some((last.updated_at, last.root_run_id.clone()));
        for recovery in &page {
            let shown = inside(&inside(&serde_json::to_string_pretty(&as_json(recovery))?));
            print(&format!("{separator}\n    {shown}"))?;
            separator = ",";
        }
    }
    let end = if separator.is_empty() { "" } else { "\n  " };
    Ok(print(&format!("{end}],\n  \"states\": {states}\n}}\n"))?)
}

/// JSON text one level deeper. A string in JSON has no line breaks, so each one is layout.
fn inside(json: &str) -> String {
    json.replace('\n', "\n  ")
}

fn pause_as_json(order: &Order) -> Value {
    json!({
        "sandbox": order.sandbox.as_ref().map(|sandbox| sandbox.as_str()),
        "flow": order.flow.as_ref().map(|flow| flow.as_str()),
        "since": order.at.to_string(),
        "reason": order.reason,
    })
}

fn table_report(counts: &[(String, u64)], recoveries: &[Recovery], now: Timestamp) -> String {
    let total: u64 = counts.iter().map(|(_, count)| count).sum();
    if total == 0 {
        return "No recoveries.\n".to_owned();
    }
    let summary: Vec<String> = State::NAMES
        .iter()
        .filter_map(|name| counts.iter().find(|(state, _)| state == name))
        .map(|(state, count)| format!("{count} {state}"))
        .collect();
    let mut table =
        table(["STATE", "DATAFLOW", "FAILED RUN", "FAILED", "ATTEMPTS", "NEXT, OR WHY"]);
    for recovery in recoveries {
        table.add_row([
            recovery.state.name().to_owned(),
            recovery.flow_name.clone(),
            recovery.root_run_id.to_string(),
            seconds(recovery.failed_at),
            recovery.attempts.len().to_string(),
            next_or_why(recovery, now),
        ]);
    }
    keep_whole(&mut table, &[1, 2]);
    let left_out = match total.saturating_sub(recoveries.len() as u64) {
        0 => String::new(),
        more => {
            format!("\n… and {more} more; narrow with --state, --sandbox, --flow, or use --json.\n")
        }
    };
    format!("{}\n\n{table}\n{left_out}", summary.join(" · "))
}

fn next_or_why(recovery: &Recovery, now: Timestamp) -> String {
    match &recovery.state {
        State::Waiting { due, .. } if *due < now => format!("overdue since {}", seconds(*due)),
        State::Waiting { due, .. } => format!("due {}", seconds(*due)),
        State::Watching { issued, .. } => format!("run {issued}"),
        State::Triggering { since, .. } | State::InDoubt { since, .. } => {
            format!("since {}", seconds(*since))
        }
        State::Held { why, .. } => match recovery.failure.codes() {
            Some(codes) => format!("{why}: {codes}"),
            None => why.to_string(),
        },
        _ => why(recovery).unwrap_or_default(),
    }
}
