//! A person acts in the middle of a pass, and wins.

use crate::engine::support::meddling::{Deed, MeddledStore, Moment};
use crate::engine::support::{App, MINUTE, Setup, daemon};
use crate::kit::simulator::{LedgerQueries, TestActions};
use flowmend::domain::model::ids::RunId;
use flowmend::domain::model::journal::Event;
use flowmend::domain::model::reason::Reason;
use flowmend::domain::recovery::State;
use flowmend::simulator::{Endpoint, FlowState};
use std::collections::HashSet;
use std::sync::Arc;

const BEFORE_THE_CALLS: [Moment; 4] =
    [Moment::Reading, Moment::BeforeRecord, Moment::AfterRecord, Moment::BeforeBegin];

/// A world with `count` failed runs of as many dataflows, all due, and a person beside the store.
async fn due_runs(count: usize) -> (App, Arc<MeddledStore>, Vec<RunId>) {
    let mut app = Setup::new().config("[limits]\nretriggers_per_minute = 0").start().await;
    let flows = (0..count).map(|n| app.batch_flow(&format!("flow-{n}")));
    let runs: Vec<RunId> =
        flows.collect::<Vec<_>>().iter().map(|it| app.failed_run(it, 1)).collect();
    let store = meddled(&mut app).await;
    app.pass().await;
    app.advance(MINUTE);
    (app, store, runs)
}

async fn meddled(app: &mut App) -> Arc<MeddledStore> {
    let store = Arc::new(MeddledStore::new(app.store.clone()));
    app.daemon = daemon(&app.settings, store.clone(), app.clock.clone());
    store
}

fn asked(app: &App) -> HashSet<RunId> {
    app.ledger().retriggers.iter().map(|call| RunId::new(call.asked_run.clone())).collect()
}

#[tokio::test]
async fn what_is_dismissed_in_the_middle_of_a_pass_is_not_called_and_stays_dismissed() {
    for moment in BEFORE_THE_CALLS {
        let (mut app, store, runs) = due_runs(3).await;
        store.at(moment, Deed::Dismiss(vec![runs[1].clone()]), app.now());
        app.pass().await;
        assert_eq!(store.done(), [true], "{moment:?}");
        app.run_for(10 * MINUTE, MINUTE).await;
        assert_eq!(
            app.state(&runs[1]).await,
            State::Dismissed { why: "mine".into() },
            "{moment:?}"
        );
        let others = HashSet::from([runs[0].clone(), runs[2].clone()]);
        assert_eq!(asked(&app), others, "{moment:?}");
    }
}

#[tokio::test]
async fn what_is_dismissed_while_others_of_the_window_are_called_is_not_called() {
    let (mut app, store, runs) = due_runs(60).await;
    store.at(Moment::AfterBegin, Deed::Dismiss(runs.clone()), app.now());
    app.pass().await;
    app.run_for(10 * MINUTE, MINUTE).await;
    let done = store.done();
    assert!(done.iter().filter(|done| **done).count() >= 44, "{done:?}");
    for (run, dismissed) in runs.iter().zip(done) {
        let is_dismissed = matches!(app.state(run).await, State::Dismissed { .. });
        assert_eq!(is_dismissed, dismissed, "{run}");
        assert_eq!(asked(&app).contains(run), !dismissed, "{run}");
    }
}

#[tokio::test]
async fn what_is_dismissed_while_its_hold_ends_stays_dismissed() {
    for moment in BEFORE_THE_CALLS {
        let mut app = Setup::new().start().await;
        let flow = app.batch_flow("flow");
        let run = app.failed_run(&flow, 1);
        let store = meddled(&mut app).await;
        app.pass().await;
        app.world(|world| world.set_flow_state(&flow, FlowState::Disabled));
        app.run_for(5 * MINUTE, MINUTE).await;
        assert!(matches!(app.state(&run).await, State::Held { .. }));
        app.world(|world| world.set_flow_state(&flow, FlowState::Enabled));
        store.at(moment, Deed::Dismiss(vec![run.clone()]), app.now());
        app.run_for(40 * MINUTE, MINUTE).await;
        let dismissed = store.done() == [true];
        let state = app.state(&run).await;
        assert_eq!(matches!(state, State::Dismissed { .. }), dismissed, "{moment:?} {state:?}");
        assert_eq!(asked(&app).is_empty(), dismissed, "{moment:?}");
        assert!(dismissed, "{moment:?}");
    }
}

#[tokio::test]
async fn after_a_pause_in_the_middle_of_a_pass_nothing_more_is_begun() {
    for moment in BEFORE_THE_CALLS {
        let (mut app, store, runs) = due_runs(3).await;
        store.at(moment, Deed::Pause, app.now());
        app.pass().await;
        assert_eq!(store.done(), [true], "{moment:?}");
        app.run_for(10 * MINUTE, MINUTE).await;
        assert_eq!(app.ledger().requests(Endpoint::Retrigger), 0, "{moment:?}");
        for run in &runs {
            let held = State::Held { attempt: 1, why: Reason::Paused };
            assert_eq!(app.state(run).await, held, "{moment:?}");
        }
    }
    let (mut app, store, _) = due_runs(60).await;
    store.at(Moment::AfterBegin, Deed::Pause, app.now());
    app.pass().await;
    app.run_for(10 * MINUTE, MINUTE).await;
    assert!(app.ledger().requests(Endpoint::Retrigger) <= 16, "only what was begun before it");
}

#[tokio::test]
async fn a_retry_that_is_ordered_in_the_middle_of_a_pass_is_made_once() {
    for moment in BEFORE_THE_CALLS {
        let (mut app, store, runs) = due_runs(3).await;
        store.at(moment, Deed::Retry(vec![runs[1].clone()]), app.now());
        app.pass().await;
        assert_eq!(store.done(), [true], "{moment:?}");
        app.run_for(10 * MINUTE, MINUTE).await;
        assert!(matches!(app.state(&runs[1]).await, State::Recovered { .. }), "{moment:?}");
        assert_eq!(app.ledger().accepted_for_root(runs[1].as_str()).len(), 1, "{moment:?}");
    }
}

#[tokio::test]
async fn a_begun_call_cannot_be_dismissed_and_its_outcome_is_kept() {
    let (mut app, store, runs) = due_runs(1).await;
    store.at(Moment::AfterBegin, Deed::Dismiss(runs.clone()), app.now());
    app.pass().await;
    assert_eq!(store.done(), [false]);
    assert!(matches!(app.state(&runs[0]).await, State::Watching { .. }));
    let told = app.journal(&runs[0]).await.pop().unwrap();
    assert_eq!(told.event, Event::Retriggered);
}

#[tokio::test]
async fn an_ordered_retry_goes_at_once_though_the_clock_it_was_ordered_by_is_fast() {
    let mut app = Setup::new().config("[retry]\nmax_attempts = 1").start().await;
    let run = app.failed_run(&app.batch_flow("flow"), 2);
    let store = meddled(&mut app).await;
    app.run_for(5 * MINUTE, MINUTE / 2).await;
    assert_eq!(app.state(&run).await, State::GivenUp { why: Reason::AttemptsSpent });
    let fast = app.now() + 15 * MINUTE;
    store.at(Moment::AfterRecord, Deed::Retry(vec![run.clone()]), fast);
    app.pass().await;
    assert_eq!(store.done(), [true]);
    app.run_for(5 * MINUTE, MINUTE).await;
    assert!(matches!(app.state(&run).await, State::Recovered { .. }));
}
