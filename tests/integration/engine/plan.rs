//! What the next pass would do, and that asking changes nothing.

use crate::engine::support::{App, MINUTE, Setup};
use crate::kit::simulator::TestActions;
use flowmend::daemon::{Action, Line, Preview};
use flowmend::domain::model::ids::RunId;
use flowmend::domain::model::reason::Reason;
use flowmend::simulator::{Effect, Endpoint, ErrorAnswer, FaultRule, FlowSetup, FlowState, Spec};
use flowmend::store::Filter;
use std::collections::BTreeMap;

async fn preview(app: &mut App) -> Preview {
    let mut previews = app.daemon.preview(&app.stop).await;
    assert_eq!(previews.len(), 1);
    previews.remove(0).1.expect("the sandbox can be read")
}

#[track_caller]
fn line<'a>(preview: &'a Preview, run: &RunId) -> &'a Line {
    let mut lines = preview.lines.iter().filter(|line| line.run_id == *run);
    let line = lines.next().unwrap_or_else(|| panic!("{run} is not in {preview:#?}"));
    assert!(lines.next().is_none(), "{run} has one line");
    line
}

/// A world in which a pass would do everything a pass can do, and the run that each is about.
async fn furnished(setup: Setup) -> (App, BTreeMap<&'static str, RunId>) {
    let config = "[[dataflow]]\nmatch = \"give up\"\nretry.max_attempts = 1\n\
        [[dataflow]]\nmatch = \"wait\"\nretry.initial_interval = \"30m\"";
    let mut app = setup.config(config).start().await;
    let names = [
        "reconcile",
        "settle",
        "schedule",
        "give up",
        "stay held",
        "re-trigger",
        "hold",
        "wait",
        "adopt",
    ];
    let add = |setup: FlowSetup| app.world(|world| world.add_flow(setup));
    let mut flows: BTreeMap<&str, String> = names
        .map(|name| (name, add(FlowSetup { run_time: MINUTE / 2, ..FlowSetup::batch(name) })))
        .into();
    flows.insert("follow", add(FlowSetup { run_time: 60 * MINUTE, ..FlowSetup::batch("follow") }));
    flows.insert("skip", add(FlowSetup::new("skip", Spec::Streaming)));
    flows.insert("delay", flows["re-trigger"].clone());
    let mut runs = BTreeMap::new();
    let second = MINUTE / 60;

    runs.insert("reconcile", app.failed_run(&flows["reconcile"], 1));
    app.pass().await;
    app.advance(MINUTE);
    app.fault(FaultRule::once(Endpoint::Retrigger, Effect::DropBefore));
    app.pass().await;

    for name in ["follow", "settle", "schedule", "give up", "stay held"] {
        runs.insert(name, app.failed_run(&flows[name], if name == "settle" { 1 } else { 3 }));
    }
    app.pass().await;
    app.world(|world| world.set_flow_state(&flows["stay held"], FlowState::Disabled));
    app.advance(MINUTE);
    app.pass().await;

    for name in ["re-trigger", "delay", "hold", "wait"] {
        runs.insert(name, app.failed_run(&flows[name], 1));
        app.advance(second);
    }
    app.pass().await;
    app.world(|world| world.set_flow_state(&flows["hold"], FlowState::Disabled));
    app.advance(MINUTE);
    for name in ["adopt", "skip"] {
        runs.insert(name, app.failed_run(&flows[name], 1));
    }
    (app, runs)
}

#[tokio::test]
async fn every_failed_run_has_one_line_that_says_what_and_why() {
    let (mut app, runs) = furnished(Setup::new()).await;
    let preview = preview(&mut app).await;
    assert!(preview.fault.is_none() && !preview.unfinished, "{preview:?}");
    assert_eq!(preview.lines.len(), runs.len(), "{preview:#?}");
    for (&action, run) in &runs {
        assert_eq!(line(&preview, run).action.as_str(), action, "{preview:#?}");
    }
    let why = |name: &str| line(&preview, &runs[name]).reason;
    assert_eq!(why("adopt"), Some(Reason::RunFailed));
    assert_eq!(why("re-trigger"), Some(Reason::Due));
    assert_eq!(why("delay"), Some(Reason::FlowBusy));
    assert_eq!(why("hold"), Some(Reason::FlowDisabled));
    assert_eq!(why("stay held"), Some(Reason::FlowDisabled));
    assert_eq!(why("settle"), Some(Reason::IssuedRunSucceeded));
    assert_eq!(why("schedule"), Some(Reason::IssuedRunFailed));
    assert_eq!(why("give up"), Some(Reason::AttemptsSpent));
    assert_eq!(why("skip"), Some(Reason::StreamingSource));
    let adopted = line(&preview, &runs["adopt"]);
    assert_eq!(adopted.due, Some(app.now() + MINUTE));
    assert_eq!(adopted.detail.as_deref(), Some("CONNECTOR-1001-500, CONNECTOR-1012-504"));
    assert_eq!((adopted.attempt, adopted.max_attempts), (Some(1), Some(5)));
    let followed = line(&preview, &runs["follow"]).other_run_id.clone();
    assert_eq!(followed.as_ref(), Some(app.recovery(&runs["follow"]).await.latest_run()));
    let actions: Vec<Action> = preview.lines.iter().map(|line| line.action).collect();
    assert!(actions.is_sorted(), "the most pressing comes first: {actions:?}");
}

#[tokio::test]
async fn a_preview_changes_nothing_and_the_next_pass_does_what_it_said() {
    let (mut app, runs) = furnished(Setup::new()).await;
    let stored = app.store.recoveries(&Filter::default()).await.unwrap();
    let calls = app.ledger().retriggers.len();
    let first = preview(&mut app).await;
    let second = preview(&mut app).await;
    assert_eq!(first.lines, second.lines);
    assert_eq!(app.ledger().retriggers.len(), calls);
    assert_eq!(app.store.recoveries(&Filter::default()).await.unwrap(), stored);
    assert!(app.journal(&runs["skip"]).await.is_empty());

    app.pass().await;
    let asked: Vec<String> =
        app.ledger().retriggers[calls..].iter().map(|call| call.asked_run.clone()).collect();
    assert_eq!(asked, [runs["re-trigger"].as_str()]);
    for (name, state) in [
        ("adopt", "waiting"),
        ("schedule", "waiting"),
        ("delay", "waiting"),
        ("hold", "held"),
        ("settle", "recovered"),
        ("give up", "given_up"),
    ] {
        assert_eq!(app.state(&runs[name]).await.name(), state, "{name}");
    }
    assert_eq!(app.journal(&runs["skip"]).await.len(), 1);
}

#[tokio::test]
async fn the_command_prints_the_plan_and_leaves_platform_and_store_as_they_are() {
    let (app, runs) = furnished(Setup::new().today()).await;
    let stored = app.store.recoveries(&Filter::default()).await.unwrap();
    let calls = app.ledger().retriggers.len();
    let told = app.flowmend(&["plan"]).await;
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.out.starts_with("sandbox prod  20"), "{}", told.out);
    let row = |run: &RunId| {
        let row = told.out.lines().find(|line| line.contains(&run.as_str()[..8]));
        row.unwrap_or_else(|| panic!("{run} is not in\n{}", told.out)).trim().to_owned()
    };
    for (action, run) in &runs {
        assert!(row(run).starts_with(action), "{action}\n{}", told.out);
    }
    assert!(row(&runs["adopt"]).contains("run_failed; CONNECTOR-1001-500"), "{}", told.out);
    assert!(told.out.contains("flow_disabled"), "{}", told.out);
    assert!(told.out.contains(Reason::FlowBusy.explanation()), "{}", told.out);

    let told = app.flowmend(&["plan", "--json"]).await.json();
    let prod = &told["sandboxes"][0];
    assert_eq!((&prod["sandbox"], &prod["complete"]), (&"prod".into(), &true.into()));
    assert_eq!(prod["runs"].as_array().unwrap().len(), runs.len());
    assert_eq!(prod["runs"][0]["action"], "re-trigger");

    assert_eq!(app.ledger().retriggers.len(), calls);
    assert_eq!(app.store.recoveries(&Filter::default()).await.unwrap(), stored);
}

#[tokio::test]
async fn without_a_store_the_first_pass_is_previewed_and_none_is_made() {
    let app = Setup::new().today().start().await;
    let flow = app.batch_flow("crm-accounts");
    let root = app.failed_run(&flow, 1);
    let path = app.settings.store.path.with_file_name("other.db");
    let told = app.flowmend_with(&["plan"], &[("FLOWMEND__STORE__URL", &url(&path))]).await;
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.out.contains("adopt") && told.out.contains(&root.as_str()[..8]), "{}", told.out);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_platform_that_cannot_be_read_completely_is_told_from_a_bad_configuration() {
    let app = Setup::new().today().start().await;
    let flow = app.batch_flow("crm-accounts");
    app.failed_run(&flow, 1);
    app.fault(FaultRule::always(Endpoint::Runs, Effect::Status(ErrorAnswer::new(403))));
    let told = app.flowmend(&["plan"]).await;
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(told.out.contains("INCOMPLETE: cannot list the failed runs"), "{}", told.out);

    app.fault(FaultRule::always(Endpoint::Flows, Effect::Status(ErrorAnswer::new(403))));
    let told = app.flowmend(&["plan"]).await;
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(told.out.contains("sandbox prod  FAILED: cannot list the dataflows"), "{}", told.out);

    let faulty = [("FLOWMEND__RETRY__MAX_ATTEMPTS", "0")];
    let told = app.flowmend_with(&["plan"], &faulty).await;
    assert_eq!(told.code, Some(78), "{told:?}");
    assert!(told.err.contains("retry.max_attempts"), "{told:?}");
}

fn url(path: &std::path::Path) -> String {
    format!("sqlite://{}", path.display())
}
