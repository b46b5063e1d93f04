//! Tokens expire, are revoked, and are few.

use crate::engine::support::{MINUTE, Setup};
use flowmend::domain::model::reason::Reason;
use flowmend::domain::recovery::State;
use flowmend::simulator::{Effect, EndedToken, Endpoint, ErrorAnswer, ErrorBody, FaultRule};

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

#[tokio::test]
async fn a_token_that_ends_early_with_a_bare_403_stops_the_work_for_one_renewal_only() {
    for ended_token in [EndedToken::EmptyForbidden, EndedToken::HtmlForbidden] {
        let mut app = Setup::new()
            .start_in(|world| {
                world.quirks.token_ends_early_s = Some(150);
                world.quirks.ended_token = ended_token;
            })
            .await;
        let flow = app.batch_flow("crm-accounts");
        let root = app.failed_run(&flow, 3);
        app.run_for(20 * MINUTE, MINUTE / 2).await;
        assert!(matches!(app.state(&root).await, State::Recovered { .. }), "{ended_token:?}");
        assert_eq!(app.ledger().accepted().count(), 3);
        let tokens = app.ledger().requests(Endpoint::Token);
        assert!((7..=12).contains(&tokens), "{tokens} tokens in 20 minutes, each good for 150 s");
    }
}

#[tokio::test]
async fn a_bare_403_to_the_call_alone_is_a_missing_permission_after_one_renewal() {
    let mut app = Setup::new().start().await;
    let flow = app.batch_flow("crm-accounts");
    let root = app.failed_run(&flow, 1);
    let bare = ErrorAnswer { body: ErrorBody::Empty, ..ErrorAnswer::new(403) };
    app.fault(FaultRule::always(Endpoint::Retrigger, Effect::Status(bare)));
    app.run_for(30 * MINUTE, MINUTE / 2).await;
    assert_eq!(app.state(&root).await, State::Held { attempt: 1, why: Reason::Forbidden });
    let requests = |endpoint| app.ledger().requests(endpoint);
    assert_eq!((requests(Endpoint::Retrigger), requests(Endpoint::Token)), (2, 2));
}
