//! When a re-trigger is due, to the millisecond, and when the effort ends.

use crate::engine::support::{MINUTE, Setup};
use crate::kit::simulator::TestQueries;
use flowmend::domain::model::journal::Event;
use flowmend::domain::model::reason::Reason;
use flowmend::domain::recovery::State;
use flowmend::simulator::{Effect, Endpoint, ErrorAnswer, FaultRule};
use std::time::Duration;

const NEVER: u32 = u32::MAX;

#[tokio::test]
async fn a_chain_of_failures_ends_after_exactly_max_attempts_each_due_on_time() {
    let mut app = Setup::new().start().await;
    let flow = app.batch_flow("crm-accounts");
    let root = app.failed_run(&flow, NEVER);

    let mut failed_at = app.now();
    for attempt in 1..=5_u32 {
        app.pass().await;
        let State::Waiting { attempt: next, due } = app.state(&root).await else { panic!() };
        assert_eq!(next, attempt);
        let delay = MINUTE * 2_u32.pow(attempt - 1);
        assert_eq!(due, failed_at + delay, "attempt {attempt}");

        app.clock.advance(Duration::try_from(app.now().duration_until(due)).unwrap() - ms(1));
        app.pass().await;
        assert_eq!(app.ledger().accepted().count() as u32, attempt - 1, "not a moment early");
        app.advance(ms(1));
        app.pass().await;
        assert_eq!(app.ledger().accepted().count() as u32, attempt, "due means now");

        let State::Watching { issued, .. } = app.state(&root).await else { panic!() };
        app.advance(2 * MINUTE);
        failed_at = app.world(|world| world.run_ended_at(issued.as_str())).expect("it has ended");
    }
    app.pass().await;
    assert_eq!(app.state(&root).await, State::GivenUp { why: Reason::AttemptsSpent });
    app.run_for(120 * MINUTE, 10 * MINUTE).await;
    assert_eq!(app.ledger().accepted().count(), 5, "given up is given up");
    let recovery = app.recovery(&root).await;
    assert_eq!(recovery.attempts.len(), 5);
    assert_eq!(app.open_count().await, 0, "no issued run became a recovery of its own");
}

#[tokio::test]
async fn a_recovery_whose_next_attempt_lies_beyond_the_elapsed_budget_is_given_up_at_once() {
    let mut app =
        Setup::new().config("[retry]\nmax_elapsed_time = \"10m\"\nmax_attempts = 50").start().await;
    let flow = app.batch_flow("crm-accounts");
    let root = app.failed_run(&flow, NEVER);
    app.run_for(12 * MINUTE, MINUTE / 4).await;
    assert_eq!(app.state(&root).await, State::GivenUp { why: Reason::TimeSpent });
    let journal = app.journal(&root).await;
    let [.., last, end] = journal.as_slice() else { panic!() };
    assert_eq!((last.event, end.event), (Event::Retriggered, Event::GivenUp));
    let took = end.at.duration_since(last.at);
    assert!(took.as_secs() < 120, "as soon as the issued run failed, not when the wait is over");
}

#[tokio::test]
async fn a_refused_call_costs_no_attempt_and_honours_retry_after() {
    let mut app = Setup::new().start().await;
    let flow = app.batch_flow("crm-accounts");
    let root = app.failed_run(&flow, 1);
    let answer = ErrorAnswer { retry_after: Some("90".to_owned()), ..ErrorAnswer::new(429) };
    app.fault(FaultRule::once(Endpoint::Retrigger, Effect::Status(answer)));
    app.pass().await;
    app.advance(MINUTE);
    app.pass().await;

    let State::Waiting { attempt, due } = app.state(&root).await else { panic!() };
    assert_eq!((attempt, due), (1, app.now() + Duration::from_secs(90)));
    assert_eq!(app.recovery(&root).await.attempts.len(), 0);

    let requests = app.requests();
    app.advance(MINUTE);
    assert!(!app.try_pass().await.is_complete());
    assert_eq!(app.requests(), requests, "the whole organization is left alone meanwhile");
    app.advance(MINUTE / 2);
    app.run_for(5 * MINUTE, MINUTE / 2).await;
    assert_eq!(app.state(&root).await, State::Recovered { why: Reason::IssuedRunSucceeded });
    assert_eq!(app.recovery(&root).await.attempts[0].number, 1);
}

#[tokio::test]
async fn the_minutely_limit_spreads_a_burst_and_drops_nothing() {
    let mut app = Setup::new().config("[limits]\nretriggers_per_minute = 4").start().await;
    let flows: Vec<String> = (0..10).map(|n| app.batch_flow(&format!("flow-{n}"))).collect();
    let roots: Vec<_> = flows.iter().map(|flow| app.failed_run(flow, 1)).collect();
    app.pass().await;
    app.advance(MINUTE);
    for expected in [4, 8, 10] {
        app.pass().await;
        assert_eq!(app.ledger().accepted().count(), expected);
        app.pass().await;
        assert_eq!(app.ledger().accepted().count(), expected, "not before the minute is over");
        app.advance(MINUTE);
    }
    app.run_for(3 * MINUTE, MINUTE).await;
    for root in &roots {
        assert!(matches!(app.state(root).await, State::Recovered { .. }));
    }
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}
