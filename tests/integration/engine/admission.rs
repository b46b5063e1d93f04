//! Who may go: busy dataflows in front of idle ones, pauses that Adobe asks for, limits of calls.

use crate::engine::support::{App, MINUTE, Setup};
use flowmend::domain::model::ids::RunId;
use flowmend::domain::model::journal::Event;
use flowmend::domain::model::reason::Reason;
use flowmend::domain::recovery::State;
use flowmend::simulator::{Effect, Endpoint, ErrorAnswer, FaultRule, FlowSetup};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// A dataflow whose runs take `run_time`.
fn slow_flow(app: &App, name: &str, run_time: Duration) -> String {
    app.world(|world| world.add_flow(FlowSetup { run_time, ..FlowSetup::batch(name) }))
}

fn failed_runs(app: &App, name: &str, count: usize) -> Vec<RunId> {
    (0..count).map(|n| app.failed_run(&app.batch_flow(&format!("{name}-{n}")), 1)).collect()
}

async fn watched(app: &App, runs: &[RunId]) -> usize {
    let mut count = 0;
    for run in runs {
        count += usize::from(matches!(app.state(run).await, State::Watching { .. }));
    }
    count
}

#[tokio::test]
async fn idle_dataflows_go_within_two_passes_though_620_busy_ones_wait_in_front_of_them() {
    let config = "[limits]\nretriggers_per_minute = 0\n[poll]\nmax_adopted_per_pass = 5000";
    let mut app = Setup::new().config(config).start().await;
    let flows: Vec<String> =
        (0..620).map(|n| slow_flow(&app, &format!("busy-{n}"), 20 * HOUR)).collect();
    flows.iter().for_each(|flow| drop(app.failed_run(flow, 1)));
    app.pass().await;
    app.advance(MINUTE);
    for _ in 0..3 {
        app.pass().await;
    }
    assert_eq!(app.ledger().accepted().count(), 620);
    app.advance(MINUTE);
    let seconds: Vec<RunId> = flows.iter().map(|flow| app.failed_run(flow, 1)).collect();
    app.pass().await;
    app.advance(5 * MINUTE);
    app.pass().await;

    let young = failed_runs(&app, "idle", 10);
    app.pass().await;
    app.advance(MINUTE);
    app.pass().await;
    app.pass().await;
    assert_eq!(watched(&app, &young).await, 10, "all within two passes of their due time");
    assert_eq!(watched(&app, &seconds).await, 0);
    assert_eq!(app.ledger().requests(Endpoint::Retrigger), 630);
}

#[tokio::test]
async fn what_waits_behind_a_run_of_its_dataflow_keeps_its_time_and_goes_when_that_run_ends() {
    let config = "[retry]\nmax_elapsed_time = \"2h\"\n[poll]\nsweep_interval = \"1d\"";
    let mut app = Setup::new().config(config).start().await;
    let flow = slow_flow(&app, "busy", 5 * HOUR);
    app.failed_run(&flow, 1);
    app.run_for(2 * MINUTE, MINUTE).await;
    assert_eq!(app.ledger().accepted().count(), 1);
    let waiting: Vec<RunId> = (0..3).map(|_| app.failed_run(&flow, 1)).collect();
    app.run_for(4 * HOUR, 10 * MINUTE).await;
    for run in &waiting {
        assert!(matches!(app.state(run).await, State::Waiting { .. }), "{run} is not dropped");
    }

    while app.ledger().accepted().count() == 1 {
        app.advance(10 * MINUTE);
        let round = app.pass().await;
        let ended = round.reports[0].1.as_ref().unwrap().count(Event::Recovered) == 1;
        if ended {
            assert!(app.daemon.is_more_to_do(&round), "the room is used at once");
            app.pass().await;
            break;
        }
    }
    assert_eq!(watched(&app, &waiting).await, 1, "the next one went without any wait");
}

fn throttle(seconds: u32) -> Effect {
    let retry_after = Some(seconds.to_string());
    Effect::Status(ErrorAnswer { retry_after, ..ErrorAnswer::new(429) })
}

#[tokio::test]
async fn a_pause_stops_new_calls_and_what_was_not_sent_is_delayed_and_not_refused() {
    let config = "[limits]\nretriggers_per_minute = 0";
    let mut app = Setup::new().config(config).start().await;
    let runs = failed_runs(&app, "flow", 40);
    app.pass().await;
    app.advance(MINUTE);
    app.fault(FaultRule::once(Endpoint::Retrigger, throttle(30)));
    let round = app.pass().await;
    let begun = round.reports[0].1.as_ref().unwrap().count(Event::Begun);
    assert!(begun <= 16, "{begun} intents begun");
    assert!(!app.daemon.is_more_to_do(&round), "the next pass waits for the end of the pause");
    let requests = app.requests();
    app.advance(SECOND);
    app.try_pass().await;
    assert_eq!(app.requests(), requests, "nothing is asked in the pause");

    let mut answered = 0;
    for run in &runs {
        let entries = app.journal(run).await;
        let refused = entries.iter().filter(|it| it.event == Event::Refused).count();
        let delayed: Vec<_> = entries.iter().filter(|it| it.event == Event::Postponed).collect();
        assert!(delayed.len() <= 1 && delayed.iter().all(|it| it.reason == Reason::Throttled));
        answered += refused;
        let recovery = app.recovery(run).await;
        if refused == 0 && matches!(recovery.state, State::Waiting { .. }) {
            assert!(recovery.due().unwrap() < app.now(), "it keeps its due time");
            assert_eq!(recovery.refusals, 0);
        }
    }
    assert_eq!(answered, 1, "only the call that was answered 429 was refused");

    app.advance(30 * SECOND);
    app.pass().await;
    app.advance(MINUTE);
    app.pass().await;
    assert_eq!(app.ledger().accepted().count(), 40);
}

#[tokio::test]
async fn the_limit_per_minute_counts_calls_whatever_is_answered() {
    for code in [409, 429, 503] {
        let config = "[limits]\nretriggers_per_minute = 5";
        let mut app = Setup::new().config(config).start().await;
        failed_runs(&app, "flow", 40);
        app.pass().await;
        app.fault(FaultRule::always(Endpoint::Retrigger, Effect::Status(ErrorAnswer::new(code))));
        let mut posts = vec![0];
        for _ in 0..180 {
            app.advance(5 * SECOND);
            app.pass().await;
            posts.push(app.ledger().requests(Endpoint::Retrigger));
            let minute = posts.len().saturating_sub(13);
            let last = posts[posts.len() - 1] - posts[minute];
            assert!(last <= 5, "{code}: {last} calls in a minute");
        }
        assert!(posts[posts.len() - 1] >= 20, "{code}: {} calls", posts[posts.len() - 1]);
    }
}
