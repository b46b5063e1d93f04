//! Two daemons on one store: one works, one waits.

use crate::support::process::Process;
use crate::support::{SOON, Site, now, until};
use flowmend::simulator::{Effect, Endpoint, FaultRule, FlowSetup};
use jiff::Timestamp;
use serde_json::Value;
use std::time::Duration;

const WAITING: &str = "standby: another flowmend holds this store";
const TAKING_OVER: &str = "taking over the store";

/// A daemon that works, and one that waits for it.
async fn two(site: &Site) -> (Process, Process) {
    let first = site.daemon().await;
    first.says("dataflows selected").await;
    let second = site.daemon().await;
    let waiting = second.says(WAITING).await;
    let owner = waiting["owner"].as_str().unwrap();
    assert!(owner.contains(&format!(":{}:", first.id())), "{waiting}");
    (first, second)
}

fn time_of(line: &Value) -> Timestamp {
    line["timestamp"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_second_daemon_waits_says_so_once_and_sends_nothing() {
    let site = Site::new().await;
    let (first, second) = two(&site).await;
    site.failure("crm");
    first.says("recovered").await;
    let second = second.stop().await;
    second.exits(0);
    assert_eq!(second.lines(WAITING).len(), 1, "{second}");
    assert_eq!(second.lines("re-triggered failed run").len(), 0, "{second}");
    assert_eq!(second.lines("dataflows selected").len(), 0, "it read nothing: {second}");
    assert_eq!(site.ledger().accepted().count(), 1);
    // The one that waited has not taken the lease with it.
    site.failure("erp");
    first.says_times("recovered", 2).await;
    first.stop().await.exits(0);
}

#[tokio::test]
async fn a_waiting_daemon_takes_over_from_a_killed_one_before_its_lease_has_run_out() {
    let site = Site::new().await;
    // A waiting daemon asks again after a third of it, or after two seconds if that is less.
    site.configure("store.lease = \"30s\"");
    let (first, second) = two(&site).await;
    let killed = now();
    let first = first.kill();
    assert_eq!(first.code, None, "a signal ended it");
    site.failure("crm");
    let taking_over = second.says(TAKING_OVER).await;
    let waited = Duration::try_from(time_of(&taking_over).duration_since(killed)).unwrap();
    assert!(waited < Duration::from_secs(15), "{waited:?}");
    second.says("recovered").await;
    second.stop().await.exits(0);
    assert_eq!(site.ledger().accepted().count(), 1);
}

#[tokio::test]
async fn a_daemon_that_lies_still_keeps_its_lease_until_it_runs_out() {
    let site = Site::new().await;
    site.configure("store.lease = \"4s\"");
    site.world(|world| world.add_flow(FlowSetup::batch("crm")));
    let first = site.daemon().await;
    first.says("dataflows selected").await;
    // Stopped while it reads, so that it does not keep the file locked.
    let read = site.ledger().requests(Endpoint::Runs);
    site.fault(FaultRule::always(Endpoint::Runs, Effect::Hang));
    until(SOON, "it reads", || site.ledger().requests(Endpoint::Runs) > read).await;
    first.signal("STOP");
    let stopped = now();
    let second = site.daemon().await;
    second.says(WAITING).await;
    let taking_over = second.says(TAKING_OVER).await;
    let waited = Duration::try_from(time_of(&taking_over).duration_since(stopped)).unwrap();
    assert!(waited > Duration::from_secs(2), "its lease was not heeded: {waited:?}");
    first.kill();
    second.stop().await.exits(0);
}

#[tokio::test]
async fn a_waiting_daemon_takes_over_at_once_from_one_that_was_stopped() {
    let site = Site::new().await;
    // Too long to wait for its end; a waiting daemon asks again every two seconds.
    site.configure("store.lease = \"15s\"");
    let (first, second) = two(&site).await;
    let stopped = now();
    first.stop().await.exits(0);
    let taking_over = second.says(TAKING_OVER).await;
    let waited = Duration::try_from(time_of(&taking_over).duration_since(stopped)).unwrap();
    assert!(waited < Duration::from_secs(8), "{waited:?}");
    let previous = taking_over["previous_owner"].as_str().unwrap();
    assert!(previous.contains(':'), "{taking_over}");
    site.failure("crm");
    second.says("recovered").await;
    second.stop().await.exits(0);
}

#[tokio::test]
async fn a_killed_daemon_is_followed_at_once_by_one_started_afterwards() {
    let site = Site::new().await;
    site.configure("store.lease = \"10m\"");
    let first = site.daemon().await;
    first.says("dataflows selected").await;
    first.kill();
    site.failure("crm");
    let started = now();
    let second = site.daemon().await;
    let acts = second.says("dataflows selected").await;
    let waited = Duration::try_from(time_of(&acts).duration_since(started)).unwrap();
    assert!(waited < Duration::from_secs(2), "{waited:?}");
    second.says("recovered").await;
    let second = second.stop().await;
    second.exits(0);
    assert_eq!(second.lines(WAITING).len(), 0, "{second}");
}

#[tokio::test]
async fn a_daemon_that_waits_for_the_store_can_be_stopped() {
    let site = Site::new().await;
    site.configure("store.lease = \"10m\"");
    let (first, second) = two(&site).await;
    for signal in ["HUP", "TERM"] {
        second.signal(signal);
    }
    second.end_within(Duration::from_secs(5)).await.exits(0);
    first.stop().await.exits(0);
}
