//! A failed run is found, re-triggered, followed and healed.

use crate::engine::support::{MINUTE, Setup};
use crate::kit::simulator::{LedgerQueries, TestActions};
use flowmend::domain::model::ids::RunId;
use flowmend::domain::model::journal::Event;
use flowmend::domain::model::reason::Reason;
use flowmend::domain::recovery::State;
use flowmend::simulator::{Cause, RunSetup, RunStatus};

#[tokio::test]
async fn a_failed_run_is_retriggered_followed_and_recovered() {
    let mut app = Setup::new().start().await;
    let flow = app.batch_flow("crm-accounts");
    let root = app.failed_run(&flow, 1);

    app.pass().await;
    assert!(matches!(app.state(&root).await, State::Waiting { attempt: 1, .. }));
    assert_eq!(app.ledger().retriggers.len(), 0, "the first delay has not passed");

    app.advance(MINUTE);
    app.pass().await;
    let State::Watching { issued, .. } = app.state(&root).await else { panic!() };
    let ledger = app.ledger();
    let call = &ledger.accepted_for_root(root.as_str())[0];
    assert_eq!(call.new_run_id(), Some(issued.as_str()));

    app.run_for(2 * MINUTE, MINUTE).await;
    assert_eq!(app.state(&root).await, State::Recovered { why: Reason::IssuedRunSucceeded });
    assert_eq!(app.ledger().retriggers.len(), 1);
}

#[tokio::test]
async fn causes_that_only_the_connector_names_are_retried_or_held_and_a_partial_success_recovers() {
    let mut app = Setup::new().start().await;
    let failed = |name: &str, cause: Cause| {
        let failure = Some(cause.failure(0.0));
        let setup = RunSetup { failure, ..RunSetup::failed(&app.batch_flow(name)) };
        RunId::new(app.world(|world| world.add_run(setup)).expect("the dataflow exists"))
    };
    let sftp = failed("sftp", Cause::SftpNetworkIssue);
    let password = failed("password", Cause::ExpiredCredentials);
    let rejects = failed("rejects", Cause::TimeoutThenRejects);
    app.run_for(5 * MINUTE, MINUTE / 2).await;
    assert_eq!(app.state(&sftp).await, State::Recovered { why: Reason::IssuedRunSucceeded });
    let held = app.state(&password).await;
    assert!(matches!(held, State::Held { why: Reason::HeldByRule, .. }), "{held:?}");
    assert_eq!(app.state(&rejects).await, State::Recovered { why: Reason::PartialSuccess });
}

#[tokio::test]
async fn the_journal_tells_the_whole_story_in_order() {
    let mut app = Setup::new().start().await;
    let flow = app.batch_flow("crm-accounts");
    let root = app.failed_run(&flow, 2);
    app.run_for(10 * MINUTE, MINUTE / 2).await;

    let journal = app.journal(&root).await;
    let events: Vec<Event> = journal.iter().map(|entry| entry.event).collect();
    assert_eq!(
        events,
        [
            Event::Scheduled,
            Event::Begun,
            Event::Retriggered,
            Event::Scheduled,
            Event::Begun,
            Event::Retriggered,
            Event::Recovered,
        ]
    );
    assert_eq!(journal[0].detail.as_deref(), Some("CONNECTOR-1001-500, CONNECTOR-1012-504"));
    let attempts: Vec<u32> = journal.iter().filter_map(|entry| entry.attempt).collect();
    assert_eq!(attempts, [1, 1, 1, 2, 2, 2, 2]);
    let ledger = app.ledger();
    let issued: Vec<_> =
        ledger.accepted_for_root(root.as_str()).iter().filter_map(|c| c.new_run_id()).collect();
    let told: Vec<_> = journal
        .iter()
        .filter(|entry| entry.event == Event::Retriggered)
        .filter_map(|entry| entry.new_run_id.as_ref().map(|id| id.as_str()))
        .collect();
    assert_eq!(told, issued);
}

#[tokio::test]
async fn a_run_that_somebody_else_healed_is_left_alone() {
    let mut app = Setup::new().start().await;
    let flow = app.batch_flow("crm-accounts");
    let root = app.failed_run(&flow, 1);
    app.pass().await;
    app.world(|world| world.set_run_status(root.as_str(), RunStatus::Success));
    app.advance(MINUTE);
    app.pass().await;
    assert_eq!(app.state(&root).await, State::Recovered { why: Reason::HealedElsewhere });
    assert_eq!(app.ledger().retriggers.len(), 0);
}

#[tokio::test]
async fn many_failures_of_one_dataflow_are_healed_one_at_a_time_oldest_first() {
    let mut app = Setup::new().start().await;
    let flow = app.batch_flow("crm-accounts");
    let mut roots = Vec::new();
    for _ in 0..4 {
        roots.push(app.failed_run(&flow, 1));
        app.advance(MINUTE / 10);
    }
    app.run_for(20 * MINUTE, MINUTE / 2).await;
    let ledger = app.ledger();
    let asked: Vec<&str> = ledger.accepted().map(|call| call.asked_run.as_str()).collect();
    assert_eq!(asked, roots.iter().map(|root| root.as_str()).collect::<Vec<_>>());
    for root in &roots {
        assert!(matches!(app.state(root).await, State::Recovered { .. }));
    }
}
