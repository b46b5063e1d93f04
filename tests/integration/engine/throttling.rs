//! Adobe asks for fewer calls, in the forms in which its services do that.

use crate::engine::support::{App, MINUTE, Setup};
use flowmend::domain::model::ids::RunId;
use flowmend::domain::recovery::State;
use flowmend::simulator::{Effect, Endpoint, ErrorAnswer, ErrorBody, FaultRule};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// One failed run in each of `count` dataflows, all of them due.
async fn due_at_once(count: usize) -> (App, Vec<RunId>) {
    let mut app = Setup::new()
        .config("[limits]\nretriggers_per_minute = 0")
        .config("[breaker]\nfailures = 0")
        .start()
        .await;
    let flows: Vec<String> = (0..count).map(|n| app.batch_flow(&format!("flow-{n}"))).collect();
    let roots = flows.iter().map(|flow| app.failed_run(flow, 1)).collect();
    app.pass().await;
    app.advance(2 * MINUTE);
    (app, roots)
}

fn bare(code: u16) -> Effect {
    Effect::Status(ErrorAnswer { body: ErrorBody::Empty, ..ErrorAnswer::new(code) })
}

async fn everything_recovers(app: &mut App, roots: &[RunId]) {
    app.world(|world| world.faults.replace(Vec::new()));
    for _ in 0..60 {
        app.advance(MINUTE);
        app.try_pass().await;
    }
    for root in roots {
        let state = app.state(root).await;
        assert!(matches!(state, State::Recovered { .. }), "{root} is {state:?}");
    }
    assert_eq!(app.ledger().accepted().count(), roots.len());
}

#[tokio::test]
async fn a_wall_of_bare_503_gets_a_handful_of_calls_and_all_recover_after_it() {
    let (mut app, roots) = due_at_once(100).await;
    app.fault(FaultRule { after: 19, ..FaultRule::always(Endpoint::Retrigger, bare(503)) });
    for _ in 0..15 {
        app.try_pass().await;
        app.advance(SECOND);
    }
    let into_the_wall = app.ledger().requests(Endpoint::Retrigger) - 19;
    assert!((1..=8).contains(&into_the_wall), "{into_the_wall} calls");
    everything_recovers(&mut app, &roots).await;
}

#[tokio::test]
async fn bare_429_slow_everything_down_and_nothing_is_lost() {
    let (mut app, roots) = due_at_once(20).await;
    app.fault(FaultRule::always(Endpoint::Any, bare(429)));
    let before = app.requests();
    for _ in 0..6 {
        app.try_pass().await;
        app.advance(10 * SECOND);
    }
    let sent = app.requests() - before;
    assert!(sent <= 10, "{sent} requests in a minute");
    everything_recovers(&mut app, &roots).await;
}
