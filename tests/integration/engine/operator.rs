//! What a person decides, beside a daemon that is at work.

use crate::engine::support::{App, MINUTE, Setup};
use crate::kit::simulator::LedgerQueries;
use flowmend::domain::model::ids::RunId;
use flowmend::domain::model::reason::Reason;
use flowmend::domain::policy::retry::RetryPolicy;
use flowmend::domain::policy::schedule::Jitter;
use flowmend::domain::recovery::Terms;
use flowmend::domain::recovery::{Change, Recovery, State};
use flowmend::store::Batch;
use std::time::Duration;

async fn amend(
    app: &App,
    run: &RunId,
    decide: impl Fn(&Recovery, Terms<'_>) -> Option<Change>,
) -> bool {
    let policy = RetryPolicy::default();
    let terms = Terms { policy, rule: None, jitter: Jitter::new(1), now: app.now() };
    let Some(change) = decide(&app.recovery(run).await, terms) else { return false };
    let batch = Batch { changes: vec![change], ..Batch::default() };
    app.store.amend(&batch).await.unwrap().applied == [true]
}

#[tokio::test]
async fn what_was_given_up_is_tried_once_more_when_a_person_says_so() {
    let mut app = Setup::new().config("[retry]\nmax_attempts = 1").start().await;
    let flow = app.batch_flow("crm-accounts");
    let root = app.failed_run(&flow, 2);
    app.run_for(5 * MINUTE, MINUTE / 2).await;
    assert_eq!(app.state(&root).await, State::GivenUp { why: Reason::AttemptsSpent });

    assert!(amend(&app, &root, |recovery, terms| recovery.retry(terms)).await);
    app.run_for(5 * MINUTE, MINUTE / 2).await;
    assert!(matches!(app.state(&root).await, State::Recovered { .. }));
    let numbers: Vec<u32> = app.recovery(&root).await.attempts.iter().map(|a| a.number).collect();
    assert_eq!(numbers, [1, 2]);
}

#[tokio::test]
async fn what_is_dismissed_is_left_alone_and_stays_known() {
    let mut app = Setup::new().start().await;
    let flow = app.batch_flow("crm-accounts");
    let root = app.failed_run(&flow, 1);
    app.pass().await;
    assert!(amend(&app, &root, |recovery, terms| recovery.dismiss("by hand", terms)).await);
    app.run_for(60 * MINUTE, 10 * MINUTE).await;
    assert_eq!(app.state(&root).await, State::Dismissed { why: "by hand".into() });
    assert_eq!(app.ledger().retriggers.len(), 0);
}

#[tokio::test]
async fn nobody_dismisses_a_call_whose_outcome_is_not_known_nor_retries_what_is_followed() {
    let mut app = Setup::new().start().await;
    let [flow, other] = ["crm-accounts", "crm-contacts"].map(|name| app.batch_flow(name));
    let root = app.failed_run(&flow, 1);
    app.pass().await;
    app.advance(MINUTE);
    app.pass().await;
    assert!(matches!(app.state(&root).await, State::Watching { .. }));
    assert!(!amend(&app, &root, |recovery, terms| recovery.retry(terms)).await);

    let doubtful = app.failed_run(&other, 1);
    app.fault(flowmend::simulator::FaultRule::once(
        flowmend::simulator::Endpoint::Retrigger,
        flowmend::simulator::Effect::DropBefore,
    ));
    app.pass().await;
    app.advance(MINUTE);
    app.pass().await;
    assert!(matches!(app.state(&doubtful).await, State::InDoubt { .. }));
    assert!(!amend(&app, &doubtful, |recovery, terms| recovery.dismiss("?", terms)).await);
    assert!(!amend(&app, &doubtful, |recovery, terms| recovery.retry(terms)).await);
}

/// The re-triggered run of a failure, dismissed while it is at work, and what came of a retry that was
/// ordered after `wait`: where the recovery stands, and how many calls were accepted.
async fn retry_what_was_dismissed_at_work(target: &str, wait: Duration) -> (State, usize) {
    let setup = Setup::new().config(&format!("[retry]\ntarget = \"{target}\""));
    let mut app = setup.start().await;
    let root = app.failed_run(&app.batch_flow("crm-accounts"), 1);
    app.pass().await;
    app.advance(MINUTE);
    app.pass().await;
    assert!(matches!(app.state(&root).await, State::Watching { .. }));
    assert!(amend(&app, &root, |recovery, terms| recovery.dismiss("by hand", terms)).await);
    app.advance(wait);
    assert!(amend(&app, &root, |recovery, terms| recovery.retry(terms)).await);
    app.run_for(5 * MINUTE, MINUTE / 2).await;
    (app.state(&root).await, app.ledger().accepted_for_root(root.as_str()).len())
}

#[tokio::test]
async fn a_retry_of_what_has_healed_unseen_makes_no_second_run() {
    for target in ["latest", "root"] {
        let (state, accepted) = retry_what_was_dismissed_at_work(target, 10 * MINUTE).await;
        assert_eq!(state, State::Recovered { why: Reason::HealedElsewhere }, "{target}");
        assert_eq!(accepted, 1, "{target}");
    }
}

#[tokio::test]
async fn a_retry_while_the_last_run_is_at_work_waits_for_its_end() {
    for target in ["latest", "root"] {
        let (state, accepted) = retry_what_was_dismissed_at_work(target, Duration::ZERO).await;
        assert_eq!(state, State::Recovered { why: Reason::IssuedRunSucceeded }, "{target}");
        assert_eq!(accepted, 1, "{target}");
    }
}
