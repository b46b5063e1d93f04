//! The first pass over a new store: nothing is known of what came before.

use crate::engine::support::{App, MINUTE, Setup};
use crate::kit::simulator::TestActions;
use flowmend::domain::model::ids::RunId;
use flowmend::domain::model::reason::Reason;
use flowmend::domain::recovery::State;
use flowmend::simulator::{FlowState, RunSetup};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(60 * 60);

async fn fates(app: &App, runs: &[RunId]) -> (usize, usize) {
    let (mut adopted, mut skipped) = (0, 0);
    for run in runs {
        adopted += usize::from(app.try_recovery(run).await.is_some());
        let entries = app.journal(run).await;
        skipped += usize::from(entries.iter().any(|it| it.reason == Reason::SucceededSince));
    }
    (adopted, skipped)
}

#[tokio::test]
async fn only_the_first_pass_skips_a_failure_after_which_its_dataflow_succeeded() {
    let mut app = Setup::new().start().await;
    let flows: Vec<String> = (0..3).map(|n| app.batch_flow(&format!("flow-{n}"))).collect();
    let healed: Vec<RunId> = flows.iter().map(|flow| app.failed_run(flow, 1)).collect();
    let standing = app.failed_run(&app.batch_flow("standing"), 1);
    app.advance(MINUTE);
    for flow in &flows {
        app.world(|world| world.add_run(RunSetup::succeeded(flow))).unwrap();
    }
    app.advance(MINUTE);
    app.pass().await;
    assert_eq!(fates(&app, &healed).await, (0, 3));
    assert!(app.try_recovery(&standing).await.is_some());

    let later: Vec<RunId> = flows.iter().map(|flow| app.failed_run(flow, 1)).collect();
    app.advance(MINUTE);
    for flow in &flows {
        app.world(|world| world.add_run(RunSetup::succeeded(flow))).unwrap();
    }
    app.advance(MINUTE);
    app.pass().await;
    assert_eq!(fates(&app, &later).await, (3, 0));
    app.run_for(40 * MINUTE, MINUTE).await;
    assert_eq!(fates(&app, &healed).await, (0, 3), "and it stays so");
    assert_eq!(app.ledger().accepted().count(), 4);
}

#[tokio::test]
async fn a_failure_after_the_last_success_is_taken_on_in_the_first_pass() {
    let mut app = Setup::new().start().await;
    let flow = app.batch_flow("flow");
    let old = app.failed_run(&flow, 1);
    app.advance(MINUTE);
    app.world(|world| world.add_run(RunSetup::succeeded(&flow))).unwrap();
    app.advance(MINUTE);
    let new = app.failed_run(&flow, 1);
    app.advance(MINUTE);
    app.pass().await;
    assert!(app.try_recovery(&new).await.is_some());
    let old = app.try_recovery(&old).await;
    assert!(old.is_none(), "a later run of its dataflow succeeded");
}

#[tokio::test]
async fn the_first_look_back_bounds_what_the_first_pass_takes_on_and_nothing_later() {
    let config = "[poll]\nfirst_lookback = \"1h\"";
    let mut app = Setup::new().config(config).start().await;
    let old = app.failed_run(&app.batch_flow("old"), 1);
    app.advance(2 * HOUR);
    let young = app.failed_run(&app.batch_flow("young"), 1);
    app.advance(MINUTE);
    app.pass().await;
    assert!(app.try_recovery(&old).await.is_none());
    assert!(app.try_recovery(&young).await.is_some());
    app.run_for(2 * HOUR, 5 * MINUTE).await;
    assert!(app.try_recovery(&old).await.is_none(), "a sweep does not take it on either");

    // Three hours of downtime are no first pass.
    let missed = app.failed_run(&app.batch_flow("missed"), 1);
    app.advance(3 * HOUR);
    app.restart().await;
    app.pass().await;
    assert!(app.try_recovery(&missed).await.is_some());
}

#[tokio::test]
async fn a_first_pass_over_more_failures_than_it_may_take_on_ends_only_when_all_are_decided() {
    let config = "[poll]\nmax_adopted_per_pass = 7\n[limits]\nretriggers_per_minute = 0";
    let mut app = Setup::new().config(config).start().await;
    let flows: Vec<String> = (0..40).map(|n| app.batch_flow(&format!("flow-{n}"))).collect();
    let runs: Vec<RunId> = flows.iter().map(|flow| app.failed_run(flow, 1)).collect();
    app.advance(MINUTE);
    for flow in &flows[20..] {
        app.world(|world| world.add_run(RunSetup::succeeded(flow))).unwrap();
    }
    app.advance(MINUTE);
    let mut passes = 0;
    loop {
        let round = app.pass().await;
        passes += 1;
        if !app.daemon.is_more_to_do(&round) {
            break;
        }
        assert!(passes < 20);
    }
    assert_eq!(fates(&app, &runs[..20]).await, (20, 0));
    assert_eq!(fates(&app, &runs[20..]).await, (0, 20));
    assert_eq!(app.ledger().accepted().count(), 20);
    // The first pass is over now.
    app.advance(MINUTE);
    app.pass().await;
    let flow = &flows[30];
    let new = app.failed_run(flow, 1);
    app.advance(MINUTE);
    app.world(|world| world.add_run(RunSetup::succeeded(flow))).unwrap();
    app.advance(MINUTE);
    app.pass().await;
    assert!(app.try_recovery(&new).await.is_some(), "{:?}", app.journal(&new).await);
}

#[tokio::test]
async fn new_and_enabled_dataflows_are_served_within_two_passes() {
    let mut app = Setup::new().config("[poll]\nsweep_interval = \"1d\"").start().await;
    let disabled = app.batch_flow("disabled");
    app.world(|world| world.set_flow_state(&disabled, FlowState::Disabled));
    app.pass().await;
    app.advance(MINUTE);
    app.pass().await;

    let new = app.failed_run(&app.batch_flow("new"), 1);
    app.world(|world| world.set_flow_state(&disabled, FlowState::Enabled));
    let again = app.failed_run(&disabled, 1);
    app.advance(MINUTE + Duration::from_secs(1));
    app.pass().await;
    app.pass().await;
    for run in [&new, &again] {
        let state = app.state(run).await;
        assert!(matches!(state, State::Watching { .. }), "{state:?}");
    }
}

#[tokio::test]
async fn what_failed_while_its_dataflow_was_disabled_is_served_within_two_passes_of_its_enabling() {
    let mut app = Setup::new().config("[poll]\nsweep_interval = \"1d\"").start().await;
    let disabled = app.batch_flow("disabled");
    app.world(|world| world.set_flow_state(&disabled, FlowState::Disabled));
    let run = app.failed_run(&disabled, 1);
    app.run_for(7 * MINUTE, MINUTE).await;
    assert!(app.try_recovery(&run).await.is_none());

    app.world(|world| world.set_flow_state(&disabled, FlowState::Enabled));
    app.run_for(2 * MINUTE, MINUTE).await;
    let state = app.state(&run).await;
    assert!(matches!(state, State::Watching { .. }), "{state:?}");
}

#[tokio::test]
async fn a_dataflow_that_is_selected_by_its_very_name_is_found_when_it_is_made() {
    let config = "[poll]\nsweep_interval = \"1d\"\n[[sandbox]]\nname = \"prod\"\n\
                  include = [\"early\", \"late\"]";
    let mut app = Setup::new().config(config).start().await;
    app.batch_flow("early");
    app.pass().await;
    let run = app.failed_run(&app.batch_flow("late"), 1);
    app.run_for(2 * MINUTE, MINUTE).await;
    let state = app.state(&run).await;
    assert!(matches!(state, State::Watching { .. }), "{state:?}");
}

#[tokio::test]
async fn what_is_held_for_its_dataflow_goes_on_within_minutes_and_is_checked_many_at_a_time() {
    let config = "[poll]\nsweep_interval = \"1d\"\n[limits]\nretriggers_per_minute = 0";
    let mut app = Setup::new().config(config).start().await;
    let flows: Vec<String> = (0..120).map(|n| app.batch_flow(&format!("flow-{n}"))).collect();
    let runs: Vec<RunId> = flows.iter().map(|flow| app.failed_run(flow, 1)).collect();
    app.pass().await;
    let set = |app: &App, state| {
        app.world(|world| flows.iter().for_each(|flow| world.set_flow_state(flow, state)));
    };
    set(&app, FlowState::Disabled);
    app.run_for(5 * MINUTE, MINUTE).await;
    for run in &runs {
        let held = State::Held { attempt: 1, why: Reason::FlowDisabled };
        assert_eq!(app.state(run).await, held);
    }
    let before = app.requests();
    app.run_for(30 * MINUTE, MINUTE).await;
    let cost = app.requests() - before;
    assert!(cost <= 60, "{cost} requests in half an hour of holding");

    set(&app, FlowState::Enabled);
    app.run_for(6 * MINUTE, MINUTE).await;
    app.pass().await;
    assert_eq!(app.ledger().accepted().count(), 120);
}

#[tokio::test]
async fn a_run_found_in_a_listing_is_stored_and_told_with_its_etag() {
    use flowmend::domain::model::journal::Event;
    use flowmend::simulator::{Effect, Endpoint, FaultRule};
    let mut app = Setup::new().start().await;
    let run = app.failed_run(&app.batch_flow("flow"), 1);
    app.pass().await;
    app.advance(MINUTE);
    app.fault(FaultRule::once(Endpoint::Retrigger, Effect::DropAfter));
    app.pass().await;
    assert!(matches!(app.state(&run).await, State::InDoubt { .. }));
    app.advance(Duration::from_secs(1));
    app.pass().await;
    let attempt = app.recovery(&run).await.attempts.pop().unwrap();
    assert!(attempt.etag.is_some());
    let told = app.journal(&run).await;
    let told = told.iter().find(|it| it.event == Event::Retriggered).unwrap();
    assert_eq!(told.etag, attempt.etag);
}
