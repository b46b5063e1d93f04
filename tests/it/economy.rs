//! Requests are the scarce thing: they are counted at the simulator.

use crate::support::{MINUTE, Setup};
use flowmend::simulator::{Endpoint, FlowSetup, Spec};

#[tokio::test]
async fn five_thousand_quiet_dataflows_cost_sixty_requests_once_and_a_handful_after_that() {
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
    assert!(first <= 60, "the first pass cost {first}");
    for _ in 0..5 {
        let before = app.requests();
        app.advance(MINUTE);
        app.pass().await;
        assert!(app.requests() - before <= 3, "a quiet pass cost {}", app.requests() - before);
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
    assert!(app.requests() - before <= 3, "following 45 runs cost {}", app.requests() - before);
}
