//! The process is gone in the middle of things, and another goes on.

use crate::engine::support::{MINUTE, Setup};
use crate::kit::simulator::LedgerQueries;
use flowmend::domain::model::journal::Event;
use flowmend::domain::model::reason::Reason;
use flowmend::domain::recovery::State;
use flowmend::simulator::{Effect, Endpoint, ErrorAnswer, FaultRule};

#[tokio::test]
async fn a_restart_while_waiting_and_while_watching_goes_on_where_it_was() {
    let mut app = Setup::new().start().await;
    let flow = app.batch_flow("crm-accounts");
    let root = app.failed_run(&flow, 2);
    app.pass().await;
    let waiting = app.state(&root).await;
    app.restart().await;
    app.pass().await;
    assert_eq!(app.ledger().retriggers.len(), 1, "{waiting:?} was due during the restart");
    let State::Watching { .. } = app.state(&root).await else { panic!() };
    app.restart().await;
    app.run_for(10 * MINUTE, MINUTE).await;
    assert_eq!(app.state(&root).await, State::Recovered { why: Reason::IssuedRunSucceeded });
    assert_eq!(app.ledger().retriggers.len(), 2);
}

#[tokio::test]
async fn a_lost_answer_is_found_in_the_listing_and_not_asked_for_again() {
    let mut app = Setup::new().start().await;
    let flow = app.batch_flow("crm-accounts");
    let root = app.failed_run(&flow, 1);
    app.pass().await;
    app.advance(MINUTE);
    app.fault(FaultRule::once(Endpoint::Retrigger, Effect::DropAfter));
    app.pass().await;
    assert!(matches!(app.state(&root).await, State::InDoubt { attempt: 1, .. }));
    app.pass().await;
    let State::Watching { issued, .. } = app.state(&root).await else { panic!() };
    assert_eq!(
        app.ledger().accepted_for_root(root.as_str())[0].new_run_id(),
        Some(issued.as_str())
    );
    app.run_for(5 * MINUTE, MINUTE).await;
    assert_eq!(app.ledger().accepted().count(), 1);
    let journal = app.journal(&root).await;
    assert!(
        journal.iter().any(|e| e.event == Event::Retriggered && e.reason == Reason::IssuedRunFound)
    );
}

#[tokio::test]
async fn a_doubtful_call_that_never_arrived_is_repeated_only_after_two_late_listings() {
    let mut app = Setup::new().start().await;
    let flow = app.batch_flow("crm-accounts");
    let root = app.failed_run(&flow, 1);
    app.pass().await;
    app.advance(MINUTE);
    let lost = Effect::Status(ErrorAnswer::new(500));
    app.fault(FaultRule::once(Endpoint::Retrigger, lost));
    app.pass().await;
    for _ in 0..4 {
        app.advance(MINUTE);
        app.pass().await;
        assert!(matches!(app.state(&root).await, State::InDoubt { absences: 0, .. }));
    }
    app.advance(MINUTE);
    app.pass().await;
    assert!(matches!(app.state(&root).await, State::InDoubt { absences: 1, .. }));
    app.pass().await;
    assert!(matches!(app.state(&root).await, State::Waiting { attempt: 1, .. }));
    assert_eq!(app.ledger().accepted().count(), 0);
    app.run_for(5 * MINUTE, MINUTE).await;
    assert_eq!(app.state(&root).await, State::Recovered { why: Reason::IssuedRunSucceeded });
    assert_eq!(app.ledger().accepted().count(), 1);
}

#[tokio::test]
async fn when_in_doubt_hold_leaves_the_decision_to_a_person() {
    let mut app = Setup::new().config("[retry]\nwhen_in_doubt = \"hold\"").start().await;
    let flow = app.batch_flow("crm-accounts");
    let root = app.failed_run(&flow, 1);
    app.pass().await;
    app.advance(MINUTE);
    app.fault(FaultRule::once(Endpoint::Retrigger, Effect::DropBefore));
    app.run_for(30 * MINUTE, MINUTE).await;
    let State::Held { why, .. } = app.state(&root).await else { panic!() };
    assert_eq!(why, Reason::HeldInDoubt);
    assert_eq!(app.ledger().accepted().count(), 0);
}
