//! The worst that can happen to a process, again and again: SIGKILL at any moment, while the
//! platform loses its answers. Afterwards the platform's ledger and the store have to agree, and no
//! failed run may have been re-triggered once more, or once less, than it took to heal it.
//!
//! `FLOWMEND_KILL_SEED` repeats a run as far as chance can be repeated between processes;
//! `FLOWMEND_KILLS` is the number of kills.

use crate::support::process::{Finished, Process};
use crate::support::{Site, gateway_timeout, until};
use fastrand::Rng;
use flowmend::simulator::{Effect, Endpoint, FaultRule, Outcome, RunSetup};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

const KILLS: u64 = 44;
const FLOWS: usize = 60;
const FAILED_RUNS: u64 = 300;
/// How long the recoveries may take to become final once nothing is killed any more.
const PEACE: Duration = Duration::from_secs(60);

/// The shortest lease there is, so that a successor soon may act; and a window that is long enough
/// for a busy machine to have listed the run of every call.
const SETTINGS: &str = r#"
[adobe]
request_timeout = "500ms"
max_concurrent_requests = 16

[retry]
confirm_window = "3s"

[limits]
per_dataflow = 5

# Two of three runs fail here on purpose. That may pass for an outage, and one canary at a time would
# leave no calls to be killed in.
[breaker]
failures = 0
dataflow_failures = 0

[store]
lease = "1s"
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_often_it_is_killed_every_failed_run_is_healed_and_none_is_healed_twice() {
    let seed = number("FLOWMEND_KILL_SEED").unwrap_or_else(|| fastrand::u64(..));
    let kills = number("FLOWMEND_KILLS").unwrap_or(KILLS);
    println!("FLOWMEND_KILL_SEED={seed} FLOWMEND_KILLS={kills}");
    let mut rng = Rng::with_seed(seed);
    let site = Site::with_seed(seed).await;
    site.configure(SETTINGS);
    let flows: Vec<String> = (0..FLOWS).map(|nth| site.flow(&format!("flow-{nth:02}"))).collect();
    lose_answers(&site);

    let mut roots = BTreeMap::new();
    let mut lives = Vec::new();
    for kill in 0..kills {
        // Failures keep coming, so that there is something to interrupt until the end.
        let wanted = FAILED_RUNS * (kill + 1) / kills;
        while (roots.len() as u64) < wanted {
            let heals_after = rng.u32(1..=3);
            let setup = RunSetup::failed(rng.choice(&flows).unwrap()).heals_after(heals_after);
            roots.insert(site.world(|world| world.add_run(setup)).unwrap(), heals_after);
        }
        let process = site.start(&["run"]);
        lives.push(live_and_die(&site, process, &mut rng).await);
    }
    let killed_at = Instant::now();
    let last = site.start(&["run"]);
    settle(&site).await;
    let settled = killed_at.elapsed();
    lives.push(last.stop().await);

    let doubts: Vec<Value> =
        lives.iter().flat_map(|life| life.lines("re-trigger in doubt")).collect();
    let interrupted = doubts.iter().filter(|line| line["reason"] == "interrupted").count();
    println!(
        "{} failed runs, {} calls, {} in doubt, {interrupted} of them interrupted by a kill; settled in {settled:?}",
        roots.len(),
        site.ledger().requests(Endpoint::Retrigger),
        doubts.len(),
    );
    assert!(interrupted > 0 || kills < 10, "the kills came at moments that do not matter");
    assert!(lives.iter().all(|life| !life.stderr.contains("panicked")), "a process panicked");
    compare(&site, &roots, &site.status().await);
    assert_told(&site, &lives);
}

fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable} is not a number: {value}")))
}

/// The platform does what it was asked and does not say so; sometimes it does not, and does not say so.
fn lose_answers(site: &Site) {
    let sometimes = |probability, effect| FaultRule {
        probability,
        ..FaultRule::always(Endpoint::Retrigger, effect)
    };
    site.fault(sometimes(0.2, Effect::DropAfter));
    site.fault(sometimes(0.1, gateway_timeout()));
    site.fault(sometimes(0.05, Effect::DropBefore));
    // Calls that are under way for a while are more likely to be interrupted.
    site.fault(sometimes(0.3, Effect::Delay(60)));
}

/// A life that ends with SIGKILL: a while after the start, at a moment when calls are made, or
/// when the first journal entries of a pass are told.
async fn live_and_die(site: &Site, process: Process, rng: &mut Rng) -> Finished {
    let calls = site.ledger().requests(Endpoint::Retrigger);
    let asked = site.ledger().requests(Endpoint::Any);
    let more = rng.u64(1..=12);
    let reached: Box<dyn Fn() -> bool> = match rng.u8(0..10) {
        0 => Box::new(|| true),
        1..3 => Box::new(|| site.ledger().requests(Endpoint::Any) >= asked + more),
        _ => Box::new(|| site.ledger().requests(Endpoint::Retrigger) >= calls + more),
    };
    // Where nothing is left to call for, it is killed anyhow.
    let end = Instant::now() + Duration::from_secs(3);
    until(Duration::from_secs(60), "it acts", || reached() || Instant::now() >= end).await;
    tokio::time::sleep(Duration::from_millis(rng.u64(0..80))).await;
    process.kill()
}

/// Waits until every recovery is final.
async fn settle(site: &Site) {
    let end = Instant::now() + PEACE;
    loop {
        let status = site.status().await;
        let open = |state: &str| status["states"][state].as_u64().unwrap_or(0);
        let open = ["waiting", "triggering", "in_doubt", "watching"].map(open);
        if open == [0; 4] {
            return;
        }
        assert!(Instant::now() < end, "not final after {PEACE:?}: {}", status["states"]);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

/// Each root run: what the platform accepted is what the store knows, in order, and what it took.
fn compare(site: &Site, roots: &BTreeMap<String, u32>, status: &Value) {
    let ledger = site.ledger();
    assert!(ledger.unexpected.is_empty(), "{:?}", ledger.unexpected);
    let client = site.world(|world| world.credentials.client_id.clone());
    let mut accepted: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for call in ledger.accepted() {
        assert_eq!(call.by, client);
        let issued = call.new_run_id().unwrap();
        accepted.entry(&call.root_run).or_default().push((&call.asked_run, issued));
    }
    let mut stored: BTreeMap<&str, &Value> = BTreeMap::new();
    for recovery in status["recoveries"].as_array().unwrap() {
        let root = recovery["root_run_id"].as_str().unwrap();
        assert!(stored.insert(root, recovery).is_none(), "two recoveries of {root}");
    }
    let mut wrong = Vec::new();
    for (root, &heals_after) in roots {
        let accepted = accepted.remove(root.as_str()).unwrap_or_default();
        let Some(recovery) = stored.remove(root.as_str()) else {
            wrong.push(format!("{root} was forgotten"));
            continue;
        };
        let attempts: Vec<(&str, &str)> = recovery["attempts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| (it["run_id"].as_str().unwrap(), it["new_run_id"].as_str().unwrap()))
            .collect();
        if recovery["state"] != "recovered" || accepted != attempts {
            wrong.push(format!("{root}: the platform knows {accepted:?}, the store {recovery:#}"));
        }
        if accepted.len() != heals_after as usize {
            wrong.push(format!("{root}: healed by {heals_after}, re-triggered {}", accepted.len()));
        }
    }
    // What is left belongs to no failed run of this test: issued runs taken for failures.
    wrong.extend(stored.keys().map(|root| format!("{root} was taken for a root run")));
    wrong.extend(accepted.keys().map(|root| format!("{root} was re-triggered")));
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// No accepted re-trigger is told twice, and none that was not made. A process that is killed
/// between the store and the log takes the line with it; `status` still has it.
fn assert_told(site: &Site, lives: &[Finished]) {
    let ledger = site.ledger();
    let etags: BTreeMap<&str, &str> = ledger
        .accepted()
        .filter_map(|call| match &call.outcome {
            Outcome::Accepted { new_run_id, etag, .. } => Some((&**new_run_id, &**etag)),
            Outcome::Refused { .. } => None,
        })
        .collect();
    let mut told = BTreeSet::new();
    for line in lives.iter().flat_map(|life| life.lines("re-triggered failed run")) {
        let issued = line["new_run_id"].as_str().unwrap().to_owned();
        let etag = etags.get(issued.as_str()).unwrap_or_else(|| panic!("never issued: {line}"));
        // A listing shows the etag of the moment, which changes with the run.
        let accepted = line["reason"] == "accepted";
        assert!(!accepted || line["etag"] == *etag, "{line} but {etag}");
        assert!(line["etag"].is_string(), "{line}");
        assert!(told.insert(issued), "told twice: {line}");
    }
    println!("{} of {} re-triggers were told in the log", told.len(), etags.len());
}
