//! Tokens expire, are revoked, and are few.

use crate::engine::support::{MINUTE, Setup};
use flowmend::domain::recovery::State;
use flowmend::simulator::{Effect, Endpoint, FaultRule};

#[tokio::test]
async fn a_token_that_expires_in_the_middle_is_renewed_and_nothing_is_lost() {
    let mut app = Setup::new().start_in(|world| world.quirks.token_lifetime_s = 150).await;
    let flow = app.batch_flow("crm-accounts");
    let root = app.failed_run(&flow, 3);
    app.run_for(20 * MINUTE, MINUTE / 2).await;
    assert!(matches!(app.state(&root).await, State::Recovered { .. }));
    assert_eq!(app.ledger().accepted().count(), 3);
    let tokens = app.ledger().requests(Endpoint::Token);
    assert!((7..=12).contains(&tokens), "{tokens} tokens in 20 minutes, each good for 150 s");
}

#[tokio::test]
async fn a_token_that_is_revoked_at_once_is_renewed_once() {
    let mut app = Setup::new().start().await;
    let flow = app.batch_flow("crm-accounts");
    let root = app.failed_run(&flow, 1);
    app.pass().await;
    app.fault(FaultRule::once(Endpoint::Any, Effect::ExpireTokens));
    app.run_for(5 * MINUTE, MINUTE / 2).await;
    assert!(matches!(app.state(&root).await, State::Recovered { .. }));
    assert_eq!(app.ledger().requests(Endpoint::Token), 2);
}

#[tokio::test]
async fn a_token_that_is_revoked_before_the_post_costs_no_attempt_and_no_second_run() {
    let mut app = Setup::new().start().await;
    let flow = app.batch_flow("crm-accounts");
    let root = app.failed_run(&flow, 1);
    app.pass().await;
    app.fault(FaultRule::once(Endpoint::Retrigger, Effect::ExpireTokens));
    app.advance(MINUTE);
    app.pass().await;
    assert!(matches!(app.state(&root).await, State::Waiting { attempt: 1, .. }));
    app.run_for(5 * MINUTE, MINUTE / 2).await;
    assert!(matches!(app.state(&root).await, State::Recovered { .. }));
    assert_eq!(app.ledger().accepted().count(), 1);
}
