//! The policies of `docs/POLICY.md`, played through as they stand there.

use crate::engine::support::{App, MINUTE, Setup};
use flowmend::domain::model::ids::RunId;
use flowmend::domain::model::reason::Reason;
use flowmend::domain::recovery::State;
use flowmend::simulator::{Effect, Endpoint, Failure, FaultRule, FlowSetup, RunSetup, Spec};
use std::time::Duration;

const PAGE: &str = include_str!("../../../docs/POLICY.md");
const HOUR: Duration = Duration::from_secs(60 * 60);

/// The policy called `name` on the page.
fn policy(name: &str) -> String {
    let mut blocks = PAGE.split("```toml\n").skip(1).filter_map(|it| it.split_once("```"));
    let head = format!("# policy: {name}\n");
    let found = blocks.find_map(|(block, _)| block.strip_prefix(&head));
    found.unwrap_or_else(|| panic!("no policy called {name}")).to_owned()
}

async fn start(name: &str) -> App {
    let app = Setup::new().config(&policy(name)).start().await;
    let warnings = app.settings.warnings.iter();
    let warnings: Vec<&String> = warnings.filter(|it| !it.contains("contains a secret")).collect();
    assert!(warnings.is_empty(), "{name}: {warnings:?}");
    app
}

/// When each accepted call was made, in minutes since the test began.
fn calls(app: &App, since: jiff::Timestamp) -> Vec<i64> {
    let minute = |at_ms: i64| (at_ms - since.as_millisecond()) / 60_000;
    app.ledger().accepted().map(|call| minute(call.at_ms)).collect()
}

#[test]
fn there_are_six_policies_and_each_has_a_test() {
    let names: Vec<&str> =
        PAGE.lines().filter_map(|line| line.strip_prefix("# policy: ")).collect();
    let tested = include_str!("policies.rs");
    assert_eq!(names.len(), 6);
    for name in names {
        assert!(tested.contains(&format!("start(\"{name}\")")), "{name}");
    }
}

#[tokio::test]
async fn the_cautious_policy_tries_twice_far_apart_and_holds_what_is_unclear() {
    let mut app = start("cautious").await;
    let began = app.now();
    let flow = app.batch_flow("crm");
    let root = app.failed_run(&flow, Failure::NEVER);
    app.pass().await;
    app.run_for(HOUR, 2 * MINUTE).await;
    assert_eq!(app.state(&root).await, State::GivenUp { why: Reason::AttemptsSpent });
    let made = calls(&app, began);
    assert!(made.len() == 2 && made[0] >= 10 && made[1] - made[0] >= 30, "{made:?}");

    app.fault(FaultRule::once(Endpoint::Retrigger, Effect::DropBefore));
    let unclear = app.failed_run(&app.batch_flow("erp"), 1);
    app.run_for(HOUR, 2 * MINUTE).await;
    assert_eq!(app.state(&unclear).await, State::Held { attempt: 1, why: Reason::HeldInDoubt });
}

#[tokio::test]
async fn the_nightly_policy_works_at_night_and_rests_in_office_hours() {
    let mut app = start("nightly batch").await;
    let began = app.now();
    let [nightly, late] = ["nightly", "late"].map(|name| app.batch_flow(name));
    // The test begins on a Sunday at midnight, one o'clock in Berlin; Monday comes a day later.
    app.run_for(24 * HOUR, HOUR).await;
    let night = app.failed_run(&nightly, 4);
    app.pass().await;
    app.run_for(HOUR, MINUTE).await;
    assert!(matches!(app.state(&night).await, State::Recovered { .. }));

    // Half past six in Berlin: until eight it is tried, and then left to people.
    app.run_for(4 * HOUR + 30 * MINUTE, 30 * MINUTE).await;
    let late = app.failed_run(&late, 8);
    app.pass().await;
    app.run_for(3 * HOUR, 5 * MINUTE).await;
    assert_eq!(app.state(&late).await, State::GivenUp { why: Reason::TimeSpent });
    let office = 24 * 60 + 7 * 60;
    assert!(calls(&app, began).iter().all(|minute| *minute < office), "{:?}", calls(&app, began));
}

#[tokio::test]
async fn the_policy_for_an_outage_prone_source_is_patient_with_that_source_only() {
    let mut app = start("outage-prone source").await;
    let [salesforce, other] = [Spec::Crm, Spec::CloudStorage]
        .map(|spec| app.world(|world| world.add_flow(FlowSetup::new("a flow", spec))));
    let [patient, usual] = [&salesforce, &other].map(|flow| app.failed_run(flow, 1));
    app.pass().await;
    let dues = [&patient, &usual].map(async |run| app.recovery(run).await.due().unwrap());
    let [patient_due, usual_due] = dues;
    let (patient_due, usual_due) = (patient_due.await, usual_due.await);
    assert_eq!((usual_due.duration_since(app.now())).as_mins(), 1);
    let told = app.journal(&patient).await.pop().unwrap();
    assert_eq!(told.rule.as_deref(), Some("the source is down"), "{told:?}");
    assert_eq!(told.max_attempts, Some(10));
    assert_eq!((patient_due.duration_since(app.now())).as_mins(), 15);
}

#[tokio::test]
async fn the_policy_for_many_small_dataflows_keeps_within_the_day() {
    let mut app = start("many small dataflows").await;
    let began = app.now();
    for n in 0..90 {
        app.failed_run(&app.batch_flow(&format!("small-{n:03}")), 1);
    }
    app.pass().await;
    app.run_for(30 * MINUTE, MINUTE).await;
    assert_eq!(app.ledger().accepted().count(), 80, "the rest waits");
    app.run_for(25 * HOUR, HOUR / 2).await;
    let made = calls(&app, began);
    assert_eq!(made.len(), 90, "nothing was dropped");
    assert!(made[80] >= 24 * 60, "{}", made[80]);
    assert_eq!(app.open_count().await, 0);
}

#[tokio::test]
async fn the_strict_policy_calls_only_where_nothing_can_be_in_already() {
    let mut app = start("strict duplicate avoidance").await;
    let promoted = app.batch_flow("promotion");
    let setup = RunSetup::failed(&promoted).with_codes(&["CONNECTOR-2001-500"], &[]);
    let promoted = RunId::new(app.world(|world| world.add_run(setup)).unwrap());
    let copied = app.failed_run(&app.batch_flow("copy"), 1);
    let flow = app.batch_flow("made up for");
    let superseded = app.failed_run(&flow, 1);
    app.pass().await;
    app.world(|world| world.add_run(RunSetup::succeeded(&flow).created_at(app.now() + MINUTE / 2)))
        .unwrap();
    app.run_for(10 * MINUTE, MINUTE).await;
    assert_eq!(app.state(&promoted).await, State::Held { attempt: 1, why: Reason::HeldByRule });
    assert!(matches!(app.state(&copied).await, State::Recovered { .. }));
    let later = State::Recovered { why: Reason::LaterRunSucceeded };
    assert_eq!(app.state(&superseded).await, later);
    assert_eq!(app.ledger().accepted().count(), 1);
}

#[tokio::test]
async fn the_observing_policy_records_everything_and_sends_nothing() {
    let mut app = start("observe only").await;
    let runs: Vec<RunId> =
        (0..3).map(|n| app.failed_run(&app.batch_flow(&format!("flow-{n}")), 1)).collect();
    app.pass().await;
    app.run_for(HOUR, 10 * MINUTE).await;
    for run in &runs {
        assert_eq!(app.state(run).await, State::Held { attempt: 1, why: Reason::HeldByRule });
    }
    assert_eq!(app.ledger().retriggers.len(), 0);
    let told = app.flowmend(&["explain", runs[0].as_str()]).await;
    assert!(told.out.contains("rule      \"observe only\": hold\n"), "{told:?}");
    assert!(told.out.contains("; to continue: flowmend retry"), "{told:?}");
}
