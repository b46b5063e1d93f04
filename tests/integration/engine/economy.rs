//! Requests are the scarce thing: they are counted at the simulator.

use crate::engine::support::{MINUTE, Setup};
use flowmend::clock::{Clock, SystemClock};
use flowmend::domain::recovery::State;
use flowmend::simulator::{Endpoint, FlowSetup, Quirks, RunSetup, Spec};
use std::time::Duration;

#[tokio::test]
async fn five_thousand_quiet_dataflows_cost_their_pages_once_and_one_request_after_that() {
    let mut app = Setup::new()
        .start_in(|world| {
            let specs = [Spec::CloudStorage, Spec::Crm, Spec::Streaming, Spec::Destination];
            for n in 0..5000 {
                world.add_flow(FlowSetup::new(&format!("flow-{n:04}"), specs[n % specs.len()]));
            }
        })
        .await;
    app.pass().await;
    let first = app.requests();
    let (token, pages, specs, failed_runs) = (1, 5000 / 100, 4, 1);
    assert_eq!(first, token + pages + specs + failed_runs, "the first pass");
    for _ in 0..5 {
        let before = app.requests();
        app.advance(MINUTE);
        app.pass().await;
        assert_eq!(app.requests() - before, 1, "a quiet pass");
    }
}

#[tokio::test]
async fn a_failure_that_is_already_known_costs_no_further_request() {
    let mut app = Setup::new().config("[retry]\ninitial_interval = \"30m\"").start().await;
    for n in 0..50 {
        let flow = app.batch_flow(&format!("flow-{n}"));
        app.failed_run(&flow, 1);
    }
    app.pass().await;
    assert_eq!(app.open_count().await, 50);
    for _ in 0..10 {
        let before = app.ledger();
        app.advance(MINUTE);
        app.pass().await;
        let after = app.ledger();
        assert_eq!(after.requests(Endpoint::Any) - before.requests(Endpoint::Any), 1);
    }
}

#[tokio::test]
async fn runs_that_are_followed_are_read_many_per_request() {
    let mut app = Setup::new().config("[limits]\nretriggers_per_minute = 0").start().await;
    for n in 0..45 {
        let flow = app.world(|world| {
            world.add_flow(FlowSetup {
                run_time: 60 * MINUTE,
                ..FlowSetup::batch(&format!("flow-{n}"))
            })
        });
        app.failed_run(&flow, 1);
    }
    app.pass().await;
    app.advance(MINUTE);
    app.pass().await;
    assert_eq!(app.ledger().accepted().count(), 45);
    let before = app.requests();
    app.advance(MINUTE);
    app.pass().await;
    let (failed_runs, followed) = (1, 1);
    assert_eq!(app.requests() - before, failed_runs + followed);
}

#[tokio::test]
async fn where_no_filter_on_dates_is_accepted_old_runs_are_not_read() {
    let quirks = Quirks { created_at_filter_refused: true, page_cap: 10, ..Quirks::default() };
    let mut app = Setup::new().start_in(|world| world.quirks = quirks).await;
    let flow = app.batch_flow("hourly");
    for hours in (1..500).rev() {
        let run = RunSetup::succeeded(&flow).created_at(app.now() - 60 * hours * MINUTE);
        app.world(|world| world.add_run(run));
    }
    let root = app.failed_run(&flow, 1);
    app.pass().await;
    let before = app.ledger();
    app.advance(MINUTE);
    app.pass().await;
    assert!(matches!(app.state(&root).await, State::Watching { .. }));
    let after = app.ledger();
    let pages = after.requests(Endpoint::Runs) - before.requests(Endpoint::Runs);
    assert!(pages <= 5, "{pages} pages");
}

#[tokio::test]
async fn requests_keep_the_pace_that_is_configured() {
    const PER_SECOND: u32 = 20;
    let mut app =
        Setup::new().config(&format!("[adobe]\nrequests_per_second = {PER_SECOND}")).start().await;
    for n in 0..6 {
        let flow = app.batch_flow(&format!("flow-{n}"));
        app.failed_run(&flow, 1);
    }
    let real = SystemClock::new();
    let (began, before) = (real.monotonic(), app.requests());
    app.pass().await;
    app.advance(MINUTE);
    app.pass().await;
    assert_eq!(app.ledger().accepted().count(), 6);
    let made = u32::try_from(app.requests() - before).expect("a small number");
    // The token comes from another service and has no place in this pace.
    let spaces = made - 2;
    let least = Duration::from_secs(1) * spaces / PER_SECOND;
    assert!(real.monotonic() - began >= least, "{made} requests in {:?}", real.monotonic() - began);
}
