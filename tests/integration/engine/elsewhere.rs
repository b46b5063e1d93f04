//! What others do meanwhile is left alone, and followed where it is about our run.

use crate::engine::support::{MINUTE, Setup};
use crate::kit::simulator::TestActions;
use flowmend::domain::model::ids::RunId;
use flowmend::domain::model::journal::Event;
use flowmend::domain::model::reason::Reason;
use flowmend::domain::recovery::State;
use flowmend::simulator::{Effect, Endpoint, FaultRule, FlowSetup, RunSetup, RunStatus};

#[tokio::test]
async fn a_run_that_a_person_retried_meanwhile_is_followed_and_not_doubled() {
    for (heals_after, calls) in [(1, vec!["exc_app"]), (2, vec!["exc_app", "simulated-client"])] {
        let mut app = Setup::new().start().await;
        let slow = FlowSetup { run_time: 5 * MINUTE, ..FlowSetup::batch("crm-accounts") };
        let flow = app.world(|world| world.add_flow(slow));
        let root = app.failed_run(&flow, heals_after);
        app.pass().await;
        let theirs = app.world(|world| world.person_retriggers(root.as_str())).unwrap();
        app.run_for(4 * MINUTE, MINUTE / 2).await;
        let State::Watching { attempt: 1, issued, .. } = app.state(&root).await else {
            panic!("{:?}", app.journal(&root).await)
        };
        assert_eq!(issued, RunId::new(theirs));
        let followed = app.journal(&root).await.pop().unwrap();
        assert_eq!((followed.event, followed.reason), (Event::Followed, Reason::RetriedElsewhere));

        app.run_for(60 * MINUTE, MINUTE).await;
        assert!(matches!(app.state(&root).await, State::Recovered { .. }));
        let by: Vec<String> = app.ledger().accepted().map(|call| call.by.clone()).collect();
        assert_eq!(by, calls, "their try counts as one of ours");
    }
}

#[tokio::test]
async fn a_run_of_the_schedule_is_not_taken_for_a_retry_by_somebody_else() {
    let mut app = Setup::new().start().await;
    let flow = app.batch_flow("crm-accounts");
    let root = app.failed_run(&flow, 1);
    app.pass().await;
    app.advance(MINUTE / 2);
    app.world(|world| world.add_run(RunSetup::succeeded(&flow))).unwrap();
    app.fault(FaultRule::once(Endpoint::Retrigger, Effect::PersonFirst));
    app.run_for(20 * MINUTE, MINUTE / 2).await;
    let followed = app.journal(&root).await;
    let followed = followed.iter().find(|entry| entry.event == Event::Followed).unwrap();
    let by_person = app.ledger().accepted().next().unwrap().new_run_id().unwrap().to_owned();
    assert_eq!(followed.new_run_id, Some(RunId::new(by_person)));
    assert_eq!(app.ledger().accepted().count(), 1);
    assert!(matches!(app.state(&root).await, State::Recovered { .. }));
}

#[tokio::test]
async fn a_run_that_is_at_work_again_is_followed() {
    let mut app = Setup::new().start().await;
    let flow = app.batch_flow("crm-accounts");
    let root = app.failed_run(&flow, 1);
    app.pass().await;
    app.world(|world| world.set_run_status(root.as_str(), RunStatus::InProgress));
    app.run_for(5 * MINUTE, MINUTE).await;
    assert!(matches!(app.state(&root).await, State::Watching { .. }));
    app.world(|world| world.set_run_status(root.as_str(), RunStatus::Success));
    app.run_for(2 * MINUTE, MINUTE).await;
    assert!(matches!(app.state(&root).await, State::Recovered { .. }));
    assert_eq!(app.ledger().retriggers.len(), 0);
}

#[tokio::test]
async fn a_later_success_ends_the_recovery_even_if_the_newest_run_failed_again() {
    let config = "[retry]\nskip_when_later_run_succeeded = true\ninitial_interval = \"10m\"";
    let mut app = Setup::new().config(config).start().await;
    let flow = app.batch_flow("crm-accounts");
    let first = app.failed_run(&flow, 1);
    app.pass().await;
    app.advance(MINUTE);
    app.world(|world| world.add_run(RunSetup::succeeded(&flow))).unwrap();
    app.advance(MINUTE);
    let last = app.failed_run(&flow, 1);
    app.run_for(30 * MINUTE, MINUTE).await;
    let superseded = State::Recovered { why: Reason::LaterRunSucceeded };
    assert_eq!(app.state(&first).await, superseded);
    assert_eq!(app.state(&last).await, State::Recovered { why: Reason::IssuedRunSucceeded });
    assert_eq!(app.ledger().accepted().count(), 1);
}
