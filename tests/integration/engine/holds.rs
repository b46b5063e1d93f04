//! What waits for a person or for a change on the platform, and what ends the wait.

use crate::engine::support::{MINUTE, Setup};
use crate::kit::simulator::TestActions;
use flowmend::domain::model::ids::RunId;
use flowmend::domain::model::reason::Reason;
use flowmend::domain::recovery::State;
use flowmend::simulator::{Effect, Endpoint, ErrorAnswer, FaultRule, FlowState};

#[tokio::test]
async fn a_dataflow_that_is_disabled_is_held_and_goes_on_when_it_is_enabled() {
    let mut app = Setup::new().start().await;
    let flow = app.batch_flow("crm-accounts");
    let root = app.failed_run(&flow, 1);
    app.pass().await;
    app.world(|world| world.set_flow_state(&flow, FlowState::Disabled));
    app.run_for(10 * MINUTE, MINUTE).await;
    assert_eq!(app.state(&root).await, State::Held { attempt: 1, why: Reason::FlowDisabled });
    assert_eq!(app.ledger().retriggers.len(), 0, "its state was read again before the call");

    app.world(|world| world.set_flow_state(&flow, FlowState::Enabled));
    app.run_for(40 * MINUTE, MINUTE).await;
    assert!(matches!(app.state(&root).await, State::Recovered { .. }));
}

#[tokio::test]
async fn a_refusal_that_needs_a_person_is_held_and_not_repeated() {
    let mut app = Setup::new().start().await;
    let flow = app.batch_flow("crm-accounts");
    let root = app.failed_run(&flow, 1);
    app.fault(FaultRule::always(Endpoint::Retrigger, Effect::Status(ErrorAnswer::new(403))));
    app.run_for(30 * MINUTE, MINUTE).await;
    let State::Held { why, .. } = app.state(&root).await else { panic!() };
    assert_eq!(why, Reason::Forbidden);
    assert_eq!(app.ledger().requests(Endpoint::Retrigger), 1);
}

#[tokio::test]
async fn an_issued_run_that_may_not_be_retriggered_is_replaced_by_the_root_run_once() {
    let mut app = Setup::new().start_in(|world| world.quirks.issued_runs_refused = true).await;
    let flow = app.batch_flow("crm-accounts");
    let root = app.failed_run(&flow, 2);
    app.run_for(15 * MINUTE, MINUTE / 4).await;
    let ledger = app.ledger();
    let asked: Vec<&str> = ledger.accepted().map(|call| call.asked_run.as_str()).collect();
    assert_eq!(asked, [root.as_str(), root.as_str()]);
    assert!(matches!(app.state(&root).await, State::Recovered { .. }));
}

#[tokio::test]
async fn a_run_that_never_ends_is_given_up_after_the_watch_timeout() {
    let mut app = Setup::new().config("[retry]\nwatch_timeout = \"1h\"").start().await;
    let flow = app.world(|world| {
        world.add_flow(flowmend::simulator::FlowSetup {
            run_time: 48 * 60 * MINUTE,
            ..flowmend::simulator::FlowSetup::batch("stuck")
        })
    });
    let root = app.failed_run(&flow, 1);
    app.run_for(90 * MINUTE, 5 * MINUTE).await;
    assert_eq!(app.state(&root).await, State::GivenUp { why: Reason::WatchTimeout });
    assert_eq!(app.ledger().accepted().count(), 1);
}

#[tokio::test]
async fn a_dataflow_that_vanishes_holds_its_recoveries() {
    let mut app = Setup::new().start().await;
    let flow = app.batch_flow("crm-accounts");
    let root = app.failed_run(&flow, 1);
    app.pass().await;
    app.world(|world| world.move_flow(&flow, "elsewhere"));
    app.run_for(5 * MINUTE, MINUTE).await;
    assert_eq!(app.state(&root).await, State::Held { attempt: 1, why: Reason::NotSelected });
    assert_eq!(app.ledger().retriggers.len(), 0);
}

#[tokio::test]
async fn a_dataflow_that_is_not_selected_any_more_keeps_the_policy_of_its_table() {
    const OWN: &str = "[[dataflow]]\nmatch = \"crm-*\"\nretry.max_attempts = 9\n";
    let mut app = Setup::new().config(OWN).start().await;
    let flow = app.batch_flow("crm-accounts");
    let root = app.failed_run(&flow, 5);
    app.pass().await;
    app.reconfigure(&format!("{OWN}[[sandbox]]\nname = \"prod\"\nexclude = [\"crm-*\"]"));
    app.run_for(5 * MINUTE, MINUTE).await;
    let held = app.journal(&root).await.pop().unwrap();
    assert_eq!((held.reason, held.max_attempts), (Reason::NotSelected, Some(9)));
}

#[tokio::test]
async fn a_person_who_is_a_moment_faster_leads_to_a_refusal_and_to_no_second_run() {
    let mut app = Setup::new().start().await;
    let flow = app.batch_flow("crm-accounts");
    let root = app.failed_run(&flow, 1);
    app.pass().await;
    app.fault(FaultRule::once(Endpoint::Retrigger, Effect::PersonFirst));
    app.advance(MINUTE);
    app.pass().await;
    assert!(matches!(app.state(&root).await, State::Waiting { attempt: 1, .. }));
    let refused = app.journal(&root).await.pop().unwrap();
    assert_eq!(refused.reason, Reason::StateConflict);
    let ledger = app.ledger();
    let by: Vec<&str> = ledger.accepted().map(|call| call.by.as_str()).collect();
    assert_eq!(by, ["exc_app"]);
}

#[tokio::test]
async fn all_that_waits_for_a_dataflow_that_is_disabled_is_held_at_once() {
    let mut app = Setup::new().start().await;
    let flow = app.batch_flow("flow");
    let runs: Vec<RunId> = (0..30).map(|_| app.failed_run(&flow, 1)).collect();
    app.pass().await;
    app.world(|world| world.set_flow_state(&flow, FlowState::Disabled));
    app.advance(MINUTE);
    for _ in 0..4 {
        app.pass().await;
    }
    for run in &runs {
        let held = State::Held { attempt: 1, why: Reason::FlowDisabled };
        assert_eq!(app.state(run).await, held);
    }
}
