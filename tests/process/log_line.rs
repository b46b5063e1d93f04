//! The line the whole thing exists for, held against the simulator's own ledger.

use crate::support::process::Finished;
use crate::support::{SECRET, SOON, Site, until};
use flowmend::simulator::{FlowSetup, Outcome, Retrigger};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// The contract of the line, and what every line has. `reason` says how the run was learned of.
const FIELDS: [&str; 14] = [
    "attempt",
    "etag",
    "flow_id",
    "flow_name",
    "level",
    "max_attempts",
    "message",
    "new_run_id",
    "reason",
    "root_run_id",
    "rule",
    "run_id",
    "sandbox",
    "timestamp",
];

const RETRIGGERED: &str = "re-triggered failed run";

#[tokio::test]
async fn every_accepted_retrigger_is_one_line_that_says_what_the_platform_did() {
    let site = Site::new().await;
    site.configure(
        "retry.max_attempts = 4\n[[dataflow]]\nmatch = \"*orders\"\nretry.max_attempts = 7",
    );
    // A name that has to be escaped in JSON, and one that is long.
    let names = ["täglich \"crm\"\n\\ accounts".to_owned(), "orders".to_owned(), "x".repeat(255)];
    let flows: HashMap<String, &String> =
        names.iter().map(|name| (site.flow(name), name)).collect();
    let mut due = HashMap::new();
    for (nth, flow) in flows.keys().enumerate() {
        let heals_after = 1 + u32::try_from(nth).unwrap();
        due.insert(site.failed_run(flow, heals_after), heals_after);
    }
    let daemon = site.daemon().await;
    daemon.says_times("recovered", due.len()).await;
    let ended = daemon.stop().await;
    ended.exits(0);

    let ledger = site.ledger();
    let accepted: Vec<&Retrigger> = ledger.accepted().collect();
    let lines = ended.lines(RETRIGGERED);
    assert_eq!(accepted.len(), 6, "1 + 2 + 3 re-triggers heal all: {accepted:#?}");
    assert_eq!(lines.len(), accepted.len(), "one line each:\n{ended}");
    for call in accepted {
        let Outcome::Accepted { new_run_id, etag, ordinal } = &call.outcome else { unreachable!() };
        let line: Vec<&Value> =
            lines.iter().filter(|line| line["new_run_id"] == new_run_id.as_str()).collect();
        let [line] = line[..] else { panic!("{} lines for {call:?}", line.len()) };
        let flow_id = call.flow_id.as_ref().unwrap();
        let flow_name = flows[flow_id];
        assert_fields(line);
        assert!(etag.starts_with('"') && etag.ends_with('"'), "the simulator quotes like Adobe");
        assert_eq!(
            line.as_object()
                .unwrap()
                .iter()
                .filter(|(key, _)| *key != "timestamp")
                .collect::<HashMap<_, _>>(),
            json!({
                "level": "INFO",
                "message": RETRIGGERED,
                "sandbox": "prod",
                "flow_id": flow_id,
                "flow_name": flow_name,
                "run_id": call.asked_run,
                "root_run_id": call.root_run,
                "attempt": ordinal,
                "max_attempts": if flow_name == "orders" { 7 } else { 4 },
                "new_run_id": new_run_id,
                "etag": etag,
                "reason": "accepted",
                "rule": "passing fault",
            })
            .as_object()
            .unwrap()
            .iter()
            .collect::<HashMap<_, _>>(),
        );
    }
    assert_siblings(&ended, &due);
    assert_no_secret(&ended);
}

/// What comes before and after the line, for each root run and how many re-triggers it took.
fn assert_siblings(ended: &Finished, roots: &HashMap<String, u32>) {
    let scheduled = ended.lines("recovery scheduled");
    let recovered = ended.lines("recovered");
    for (root, attempts) in roots {
        let of_root = |lines: &[Value]| -> Vec<Value> {
            lines.iter().filter(|line| line["root_run_id"] == root.as_str()).cloned().collect()
        };
        let scheduled = of_root(&scheduled);
        let numbers: Vec<&Value> = scheduled.iter().map(|line| &line["attempt"]).collect();
        assert_eq!(json!(numbers), json!((1..=*attempts).collect::<Vec<u32>>()), "{ended}");
        assert!(scheduled.iter().all(|line| line["due"].is_string()), "{ended}");
        let reasons: Vec<&Value> = scheduled.iter().map(|line| &line["reason"]).collect();
        assert_eq!(reasons[0], "run_failed");
        assert!(reasons[1..].iter().all(|reason| *reason == "issued_run_failed"), "{reasons:?}");

        let recovered = of_root(&recovered);
        assert_eq!(recovered.len(), 1, "{ended}");
        assert_fields(&recovered[0]);
        assert_eq!(recovered[0]["reason"], "issued_run_succeeded");
        assert_eq!(recovered[0]["attempt"], *attempts);
        let last = of_root(&ended.lines(RETRIGGERED)).pop().unwrap();
        assert_eq!(recovered[0]["new_run_id"], last["new_run_id"]);
        assert_eq!(recovered[0]["etag"], last["etag"]);
    }
}

fn assert_fields(line: &Value) {
    let fields: BTreeSet<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, BTreeSet::from(FIELDS), "{line}");
}

fn assert_no_secret(ended: &Finished) {
    let as_form = "p8e-s3cr3t%2Fwith%2Bodd%3Dsigns%26more";
    for text in [&ended.stdout, &ended.stderr] {
        for secret in [SECRET, as_form, "p8e-s3cr3t", "simulated.", "Bearer"] {
            assert!(!text.contains(secret), "{secret:?} is in\n{ended}");
        }
    }
}

#[tokio::test]
async fn not_even_the_most_talkative_log_holds_the_secret_or_a_token() {
    let site = Site::new().await;
    site.configure("log.level = \"trace,reqwest=trace,hyper=trace,hyper_util=trace,rustls=trace\"");
    site.failure("crm");
    let daemon = site.daemon().await;
    daemon.says("recovered").await;
    // A token that is refused, an identity service that fails, and an answer that makes no sense.
    site.world(|world| world.credentials.client_secrets.clear());
    site.fault(flowmend::simulator::FaultRule::once(
        flowmend::simulator::Endpoint::Any,
        flowmend::simulator::Effect::ExpireTokens,
    ));
    daemon.says("pass incomplete").await;
    let ended = daemon.stop().await;
    ended.exits(0).complains("TRACE");
    assert_no_secret(&ended);
}

#[tokio::test]
async fn a_run_found_after_a_lost_answer_is_logged_once_with_the_etag_of_the_listing() {
    let site = Site::new().await;
    let root = site.failure("crm");
    site.fault(flowmend::simulator::FaultRule::once(
        flowmend::simulator::Endpoint::Retrigger,
        flowmend::simulator::Effect::DropAfter,
    ));
    let daemon = site.daemon().await;
    let doubt = daemon.says("re-trigger in doubt").await;
    assert_eq!(doubt["level"], "WARN");
    assert_eq!(doubt["root_run_id"], root.as_str());
    daemon.says("recovered").await;
    let ended = daemon.stop().await;

    let ledger = site.ledger();
    let issued: Vec<&str> = ledger.accepted().filter_map(Retrigger::new_run_id).collect();
    let lines = ended.lines(RETRIGGERED);
    assert_eq!((issued.len(), lines.len()), (1, 1), "{ended}");
    assert_eq!(lines[0]["new_run_id"], issued[0]);
    assert_eq!(lines[0]["run_id"], root.as_str());
    assert_eq!(lines[0]["reason"], "issued_run_found");
    let etag = lines[0]["etag"].as_str().unwrap();
    assert!(etag.starts_with('"') && etag.len() > 2, "as the listing shows it: {etag}");
}

#[tokio::test]
async fn the_line_is_there_before_the_issued_run_ends() {
    let site = Site::new().await;
    let run_time = Duration::from_secs(3600);
    let flow = site
        .world(|world| world.add_flow(FlowSetup { run_time, ..FlowSetup::batch("a long run") }));
    site.failed_run(&flow, 1);
    let daemon = site.daemon().await;
    daemon.says(RETRIGGERED).await;
    until(SOON, "it is accepted", || site.ledger().accepted().count() == 1).await;
    daemon.stop().await.exits(0);
}

#[tokio::test]
async fn a_debug_log_has_one_line_for_each_request_and_none_of_the_libraries() {
    let site = Site::new().await;
    site.configure("log.level = \"debug\"\npoll.interval = \"10m\"");
    site.failure("crm");
    let daemon = site.daemon().await;
    daemon.says_times("pass complete", 2).await;
    let ended = daemon.stop().await;
    let requests = ended.lines("request to Adobe");
    let asked = site.ledger().requests(flowmend::simulator::Endpoint::Any);
    assert_eq!(requests.len() as u64, asked, "{ended}");
    let call = requests.iter().find(|line| line["method"] == "POST" && line["status"] == 200);
    let token = call.unwrap();
    assert_eq!((&token["path"], &token["level"]), (&"/ims/token/v3".into(), &"DEBUG".into()));
    assert!(token["milliseconds"].is_u64(), "{token}");
    let read = requests.iter().find(|line| line["method"] == "GET").unwrap();
    assert!(read["request_id"].is_string(), "{read}");
    for library in ["connection", "handshake", "idle", "resolve"] {
        let of_library = |line: &Value| line["message"].as_str().unwrap().contains(library);
        assert!(!ended.log().iter().any(of_library), "{library}: {ended}");
    }
}

#[tokio::test]
async fn an_error_that_ends_the_process_is_json_where_the_log_is() {
    let site = Site::new().await;
    std::fs::write(site.store(), "some notes\n".repeat(100)).unwrap();
    for command in ["run", "once"] {
        let ended = site.run(&[command]).await;
        ended.exits(1);
        let lines = ended.lines("fatal error");
        assert_eq!(lines.len(), 1, "{ended}");
        assert_eq!(lines[0]["level"], "ERROR");
        assert!(lines[0]["error"].as_str().unwrap().contains("point store.url at"), "{ended}");
        assert_eq!(ended.log().len(), ended.stderr.lines().count(), "only JSON: {ended}");
    }
    site.configure("retry.max_attempts = 0");
    let ended = site.run(&["run"]).await;
    ended.exits(78);
    let lines = ended.lines("fatal error");
    assert!(lines[0]["error"].as_str().unwrap().contains("max_attempts"), "{ended}");
    site.configure("log.format = \"pretty\"");
    site.run(&["once"]).await.exits(1).complains("flowmend: the store ");
}
