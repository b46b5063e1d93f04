//! Published shapes, held against Adobe's examples.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{FlowItem, RunItem, single, spec_item};
use crate::simulator::wire::view::FlowView;
use crate::simulator::{Cause, FlowSetup, RunSetup, RunStatus, Spec, World};

fn published_run(setup: impl FnOnce(&str) -> RunSetup) -> Value {
    let now = Timestamp::from_millisecond(1_597_213_529_158).unwrap();
    let mut world = World::empty(1, now);
    let flow = world.add_flow(FlowSetup::batch("crm"));
    let id = world.add_run(setup(&flow)).unwrap();
    json!(RunItem::new(&world.view_run(world.run_in("prod", &id).unwrap().1)))
}

#[test]
fn a_failed_promotion_has_no_end_unknown_counts_and_its_detail_in_the_activity() {
    let run = published_run(|flow| RunSetup {
        failure: Some(Cause::NoFiles.failure(0.0)),
        ..RunSetup::failed(flow)
    });
    let metrics = &run["metrics"];
    assert_eq!(metrics["statusSummary"]["status"], "failed");
    assert_eq!(metrics["statusSummary"]["errors"][0]["code"], "CONNECTOR-2001-500");
    assert!(metrics["durationSummary"]["completedAtUTC"].is_null());
    assert_eq!(metrics["durationSummary"]["startedAtUTC"], 1_597_213_529_158_i64);
    assert_eq!(metrics["sizeSummary"]["inputBytes"], -1);
    assert_eq!(metrics["fileSummary"]["inputFileCount"], -1);
    assert_eq!(metrics["recordSummary"]["outputRecordCount"], 0);
    let activity = &run["activities"][0];
    assert_eq!(activity["id"], "promotionActivity");
    assert_eq!(activity["statusSummary"]["extensions"]["errors"][0]["code"], "133");
    assert_eq!(run["createdBy"], run["createdClient"]);
    assert!(run.get("state").is_none());
}

#[test]
fn a_success_has_an_end_and_counts_and_no_errors() {
    let run = published_run(RunSetup::succeeded);
    assert_eq!(run["metrics"]["statusSummary"], json!({ "status": "success" }));
    assert_eq!(run["metrics"]["recordSummary"]["outputRecordCount"], 1_000);
    assert!(run["metrics"]["durationSummary"]["completedAtUTC"].is_i64());
    let etag = run["etag"].as_str().unwrap();
    let groups: Vec<usize> = etag.trim_matches('"').split('-').map(str::len).collect();
    assert_eq!(groups, [8, 4, 4, 4, 12]);
}

#[test]
fn a_success_can_carry_the_errors_of_a_partial_ingestion() {
    let run = published_run(|flow| {
        let partial = RunSetup { status: RunStatus::Success, ..RunSetup::failed(flow) };
        partial.with_codes(&["CONNECTOR-2001-500"], &["INGEST-1212-400"])
    });
    assert_eq!(run["metrics"]["statusSummary"]["status"], "success");
    assert_eq!(run["metrics"]["statusSummary"]["errors"][0]["code"], "CONNECTOR-2001-500");
}

#[test]
fn a_run_under_way_does_not_tell_how_it_will_end() {
    let run = published_run(|flow| {
        let setup = RunSetup { status: RunStatus::InProgress, ..RunSetup::succeeded(flow) };
        setup.with_codes(&["CONNECTOR-1001-500"], &["133"])
    });
    assert_eq!(run["metrics"]["statusSummary"], json!({ "status": "inProgress" }));
    assert!(run["metrics"]["durationSummary"].get("completedAtUTC").is_none());
}

#[test]
fn a_flow_tells_its_direction_its_schedule_in_seconds_and_its_last_run() {
    let now = Timestamp::from_second(1_590_091_157).unwrap();
    let mut world = World::empty(1, now);
    let every = Some(Duration::from_secs(900));
    let id = world.add_flow(FlowSetup { every, ..FlowSetup::batch("s3-flow") });
    let run = world.add_run(RunSetup::failed(&id)).unwrap();
    let flow = json!(FlowItem::new(&FlowView { key: 0, world: &world }));
    assert_eq!(flow["inheritedAttributes"]["properties"], json!({ "isSourceFlow": true }));
    let schedule = &flow["scheduleParams"];
    assert_eq!(schedule["frequency"], "minute");
    let number = |member: &str| {
        let value = &schedule[member];
        value.as_i64().or_else(|| value.as_str()?.parse().ok()).unwrap()
    };
    assert_eq!(number("interval"), 15);
    let first_slot = number("startTime");
    assert!((1_590_091_157..=1_590_092_057).contains(&first_slot), "{first_slot}");
    assert_eq!(flow["runs"], format!("/runs?property=flowId=={id}"));
    assert_eq!(flow["lastRunDetails"]["id"], run);
    assert_eq!(flow["lastRunDetails"]["state"], "failed");
    assert_eq!(flow["version"], flow["etag"]);
}

#[test]
fn a_spec_tells_its_frequency_unless_it_is_an_old_one() {
    let frequency = |spec| spec_item(spec)["attributes"]["frequency"].clone();
    assert_eq!(frequency(Spec::Crm), "batch");
    assert_eq!(frequency(Spec::Streaming), "streaming");
    for old in [Spec::Marketo, Spec::Rest] {
        assert!(spec_item(old).get("attributes").is_none());
    }
    assert_eq!(spec_item(Spec::Destination)["attributes"]["isDestinationFlow"], true);
    assert_eq!(single(spec_item(Spec::Crm), false)["items"][0]["name"], "CRMToAEP");
}
