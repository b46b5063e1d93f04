//! Listings of many pages that change while they are read.

use crate::engine::support::{MINUTE, Setup};
use crate::kit::simulator::LedgerQueries;
use flowmend::domain::model::ids::RunId;
use flowmend::simulator::{Effect, Endpoint, FaultRule, FlowSetup};
use std::collections::BTreeMap;
use std::time::Duration;

#[tokio::test]
async fn three_hundred_failures_over_several_pages_with_inserts_between_are_each_retriggered_once()
{
    let mut app = Setup::new()
        .config("[limits]\nretriggers_per_minute = 0\nper_dataflow = 5\n[adobe]\npage_size = 40")
        .start()
        .await;
    let flows: Vec<String> = (0..60).map(|n| app.batch_flow(&format!("flow-{n}"))).collect();
    app.pass().await;
    let roots: Vec<RunId> =
        flows.iter().cycle().take(300).map(|flow| app.failed_run(flow, 1)).collect();
    // While the platform's time passes with every request, these fail every other second: each page
    // is followed by new failures at the front of the listing.
    for n in 0..4 {
        app.world(|world| {
            world.add_flow(FlowSetup {
                every: Some(Duration::from_secs(2)),
                run_time: Duration::from_secs(1),
                failure_rate: 1.0,
                ..FlowSetup::batch(&format!("restless-{n}"))
            })
        });
    }
    app.platform_clock.tick_per_look(Duration::from_secs(3));
    app.pass().await;
    app.platform_clock.tick_per_look(Duration::ZERO);
    app.world(|world| world.change_flows(|flow| flow.every = None));
    let inserted = app.open_count().await - 300;
    assert!(inserted >= 12, "only {inserted} failures came in between the pages");

    app.run_for(200 * MINUTE, MINUTE).await;

    let ledger = app.ledger();
    let mut calls: BTreeMap<&str, u32> = BTreeMap::new();
    for call in &ledger.retriggers {
        *calls.entry(&call.asked_run).or_default() += 1;
    }
    assert!(calls.values().all(|&times| times == 1), "no run was asked for twice: {calls:?}");
    for root in &roots {
        assert_eq!(ledger.accepted_for_root(root.as_str()).len(), 1, "{root}");
    }
    let healed: std::collections::BTreeSet<&str> =
        ledger.accepted().map(|call| call.root_run.as_str()).collect();
    assert!(healed.len() >= 300 + inserted, "every inserted failure was found too");
    assert_eq!(app.open_count().await, 0);
}

#[tokio::test]
async fn duplicated_and_shuffled_pages_change_nothing() {
    let mut app = Setup::new().config("[adobe]\npage_size = 5").start().await;
    for n in 0..20 {
        let flow = app.batch_flow(&format!("flow-{n}"));
        app.failed_run(&flow, 1);
    }
    app.fault(FaultRule {
        probability: 0.5,
        ..FaultRule::always(Endpoint::Runs, Effect::DuplicatePage)
    });
    app.fault(FaultRule {
        probability: 0.5,
        ..FaultRule::always(Endpoint::Runs, Effect::ShuffleItems)
    });
    for _ in 0..60 {
        app.advance(MINUTE);
        app.try_pass().await;
    }
    assert_eq!(app.ledger().accepted().count(), 20);
}

#[tokio::test]
async fn a_listing_that_breaks_off_is_read_again_and_nothing_is_lost() {
    let mut app = Setup::new().config("[adobe]\npage_size = 5").start().await;
    for n in 0..20 {
        let flow = app.batch_flow(&format!("flow-{n}"));
        app.failed_run(&flow, 1);
    }
    app.pass().await;
    app.advance(MINUTE);
    for n in 0..20 {
        let flow = app.batch_flow(&format!("late-{n}"));
        app.failed_run(&flow, 1);
    }
    app.restart().await;
    app.fault(FaultRule { after: 2, ..FaultRule::always(Endpoint::Runs, Effect::Garbage) });
    assert!(!app.try_pass().await.is_complete());
    app.world(|world| world.faults.replace(Vec::new()));
    app.run_for(10 * MINUTE, MINUTE).await;
    assert_eq!(app.ledger().accepted().count(), 40);
}
