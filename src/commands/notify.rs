//! `flowmend notify`: tests the targets of notifications, and shows how they are.

use super::context::{Exit, newest_of, open_to_amend, print};
use crate::cli::{NotifyListArgs, NotifyMuteArgs, NotifyTestArgs};
use crate::clock::{Clock, SystemClock};
use crate::notify::{self, Answer};
use crate::settings::{NotifyTarget, Settings};
use crate::store::{Mute, Outbox, SqliteStore, Store};
use crate::telemetry::print_error;
use serde_json::json;

/// Sends a test message to one target, or to all. A delivered message lifts the stop of a target.
pub(super) async fn test(settings: &Settings, args: NotifyTestArgs) -> anyhow::Result<Exit> {
    let is_meant = |target: &&NotifyTarget| args.name.as_ref().is_none_or(|it| *it == target.name);
    let targets: Vec<&NotifyTarget> = settings.notify.iter().filter(is_meant).collect();
    if targets.is_empty() {
        print_error(&missing(settings, args.name.as_deref()));
        return Ok(Exit::Failed);
    }
    let clock = SystemClock::new();
    let mut exit = Exit::Done;
    for target in targets {
        let result = match notify::test(target, &clock).await {
            Answer::Delivered => {
                lift_stop(settings, target, &clock).await?;
                "delivered".to_owned()
            }
            answer => {
                exit = Exit::Failed;
                format!("FAILED: {}", described(answer))
            }
        };
        print(&format!("{}: {result}\n", target.name))?;
    }
    Ok(exit)
}

fn missing(settings: &Settings, name: Option<&str>) -> String {
    let names: Vec<&str> = settings.notify.iter().map(|target| target.name.as_str()).collect();
    match name {
        Some(name) if !names.is_empty() => {
            format!("no [[notify]] is called {name:?}; configured: {}", names.join(", "))
        }
        _ => "no [[notify]] is configured; docs/NOTIFICATIONS.md shows how".to_owned(),
    }
}

fn described(answer: Answer) -> String {
    match answer {
        Answer::Delivered => "delivered".to_owned(),
        Answer::Wait(Some(wait)) => format!("429: retry after {} s", wait.as_secs()),
        Answer::Wait(None) => "429: too many messages; retry later".to_owned(),
        Answer::Gone(status) => format!("{status}: check the URL"),
        Answer::Failed(error) => error,
    }
}

/// Lifts the stop of a target, if the store knows one.
async fn lift_stop(
    settings: &Settings,
    target: &NotifyTarget,
    clock: &SystemClock,
) -> anyhow::Result<()> {
    if !settings.store.path.exists() || !is_stopped(settings, target).await {
        return Ok(());
    }
    let store = open_to_amend(settings).await?;
    let lifted = store.stop_target(&target.name, None, clock.now()).await;
    store.close().await;
    Ok(lifted?)
}

async fn is_stopped(settings: &Settings, target: &NotifyTarget) -> bool {
    let Ok(store) = SqliteStore::open_existing(&settings.store.path).await else { return false };
    let rows = store.notify_targets().await.unwrap_or_default();
    store.close().await;
    rows.iter().any(|row| row.name == target.name && row.stopped.is_some())
}

/// Shows the configured targets, and what waits for them.
pub(super) async fn list(settings: &Settings, args: NotifyListArgs) -> anyhow::Result<Exit> {
    let store = SqliteStore::open_existing(&settings.store.path).await?;
    let (rows, mutes) = (store.notify_targets().await, store.mutes().await);
    store.close().await;
    let (rows, mut mutes) = (rows?, mutes?);
    let now = SystemClock::new().now();
    mutes.retain(|mute| mute.until > now);
    let mut targets = Vec::new();
    for target in settings.notify.iter() {
        let row = rows.iter().find(|row| row.name == target.name);
        let stopped = row.and_then(|row| row.stopped.as_ref());
        let queued = row.map_or(0, |row| row.queued);
        if !args.json {
            let state = match (row, stopped) {
                (None, _) => "not used yet: the daemon has not started with it".to_owned(),
                (_, Some((why, at))) => format!("STOPPED since {at}: {why}; {queued} waiting"),
                _ => format!("active; {queued} waiting"),
            };
            print(&format!("{}: {state}\n", target.name))?;
        }
        targets.push(json!({
            "name": target.name,
            "since": row.map(|row| row.since),
            "queued": queued,
            "stopped_at": stopped.map(|(_, at)| at),
            "stopped_why": stopped.map(|(why, _)| why),
        }));
    }
    if args.json {
        let mutes = mutes.iter().map(|mute| json!({ "flow": mute.flow, "until": mute.until }));
        let mutes: Vec<_> = mutes.collect();
        print(&format!("{:#}\n", json!({ "targets": targets, "mutes": mutes })))?;
        return Ok(Exit::Done);
    }
    for Mute { flow, until } in mutes {
        print(&format!("muted: {flow} until {until}\n"))?;
    }
    Ok(Exit::Done)
}

/// Mutes a dataflow.
pub(super) async fn mute(settings: &Settings, args: NotifyMuteArgs) -> anyhow::Result<Exit> {
    let store = open_to_amend(settings).await?;
    let known = newest_of(&store, &args.flow).await;
    let until = SystemClock::new().now().checked_add(args.duration);
    let until = until.map_err(|_| anyhow::anyhow!("--for is too long"))?;
    let mute = Mute { flow: args.flow.as_str().to_owned(), until };
    let muted = store.mute(&mute).await;
    store.close().await;
    muted?;
    print(&format!("muted: {} until {until}\n", mute.flow))?;
    if known?.is_none() {
        print(
            "Saved, but no dataflow with this id or name has failed so far; check the spelling.\n",
        )?;
    }
    Ok(Exit::Done)
}
