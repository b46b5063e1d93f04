//! Trouble stays where it is: with one sandbox, one flow spec, one dataflow in doubt.

use crate::engine::support::{App, MINUTE, Setup};
use flowmend::daemon::PassError;
use flowmend::domain::model::ids::{RunId, SandboxName};
use flowmend::domain::model::reason::Reason;
use flowmend::domain::recovery::State;
use flowmend::simulator::{Effect, Endpoint, ErrorAnswer, FaultRule, FlowSetup, RunSetup, Spec};
use std::time::Duration;

const TWO: &str = "[[sandbox]]\nname = \"prod\"\ninclude = [\"*\"]\n\
                   [[sandbox]]\nname = \"dev\"\ninclude = [\"*\"]";

fn failed_run_in(app: &App, sandbox: &str) -> RunId {
    let setup = FlowSetup { sandbox: sandbox.to_owned(), ..FlowSetup::batch("flow") };
    let flow = app.world(|world| world.add_flow(setup));
    app.failed_run(&flow, 1)
}

async fn is_read(app: &App, sandbox: &str) -> bool {
    app.store.progress(&SandboxName::new(sandbox)).await.unwrap().is_some()
}

#[tokio::test]
async fn a_sandbox_that_cannot_be_read_does_not_concern_the_others() {
    // The platform knows of no sandbox `dev`.
    let mut app = Setup::new().config(TWO).start().await;
    let run = failed_run_in(&app, "prod");
    for _ in 0..5 {
        let round = app.try_pass().await;
        assert!(round.reports[0].1.as_ref().is_ok_and(|report| report.fault.is_none()));
        assert!(matches!(round.reports[1].1, Err(PassError::Platform { .. })), "{round:?}");
        app.advance(MINUTE);
    }
    assert!(matches!(app.state(&run).await, State::Recovered { .. }));
}

#[tokio::test]
async fn a_sandbox_whose_listing_hangs_delays_no_other() {
    let mut app = Setup::new().config(TWO).start().await;
    for sandbox in ["prod", "dev"] {
        failed_run_in(&app, sandbox);
    }
    // Due at once, so that nothing waits for the clock.
    app.advance(10 * MINUTE);
    // Whichever is asked first.
    app.fault(FaultRule::once(Endpoint::Flows, Effect::Hang));
    let App { daemon, stop, simulator, .. } = &mut app;
    let watch = async {
        while simulator.ledger().accepted().count() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        () = daemon.run(stop) => panic!("it runs until it is stopped"),
        () = watch => {}
    }
    let read = [is_read(&app, "prod").await, is_read(&app, "dev").await];
    assert_eq!(read.iter().filter(|read| **read).count(), 1, "the other one still hangs");
}

#[tokio::test]
async fn an_unreadable_flow_spec_makes_its_dataflows_unknown_until_it_can_be_read() {
    let config = "[[dataflow]]\nmatch = \"named\"\nkind = \"batch\"";
    let mut app = Setup::new().config(config).start().await;
    let unknown = app.failed_run(&app.batch_flow("unknown"), 1);
    let crm = app.world(|world| world.add_flow(FlowSetup::new("named", Spec::Crm)));
    let named = app.failed_run(&crm, 1);
    app.fault(FaultRule::always(Endpoint::FlowSpecs, Effect::Status(ErrorAnswer::new(500))));
    app.run_for(5 * MINUTE, MINUTE).await;
    assert!(matches!(app.state(&named).await, State::Recovered { .. }));
    assert!(app.try_recovery(&unknown).await.is_none());
    assert_eq!(app.journal(&unknown).await[0].reason, Reason::UnknownKind);

    app.world(|world| world.faults.replace(Vec::new()));
    app.run_for(40 * MINUTE, MINUTE).await;
    assert!(matches!(app.state(&unknown).await, State::Recovered { .. }));
}

#[tokio::test]
async fn a_doubt_holds_back_its_own_dataflow_alone_and_costs_no_sweeps() {
    let mut app = Setup::new().config("[poll]\nsweep_interval = \"1d\"").start().await;
    let flow = app.batch_flow("doubtful");
    for n in 0..250 {
        app.batch_flow(&format!("quiet-{n}"));
    }
    let root = app.failed_run(&flow, 1);
    app.pass().await;
    app.advance(MINUTE);
    app.fault(FaultRule::once(Endpoint::Retrigger, Effect::DropBefore));
    app.pass().await;
    assert!(matches!(app.state(&root).await, State::InDoubt { .. }));

    app.advance(Duration::from_secs(20));
    let own = app.failed_run(&flow, 1);
    let other = app.failed_run(&app.batch_flow("other"), 1);
    let before = app.requests();
    let mut passes = 0;
    while matches!(app.state(&root).await, State::InDoubt { .. }) {
        let called = app.ledger().retriggers.iter().any(|call| call.asked_run == own.as_str());
        assert!(!called, "it waits until the doubt is settled");
        app.advance(MINUTE);
        app.pass().await;
        passes += 1;
        assert!(passes < 12);
    }
    let per_pass = (app.requests() - before) / passes;
    assert!(per_pass <= 5, "{per_pass} requests in each pass");
    assert!(matches!(app.state(&other).await, State::Recovered { .. }));
    app.run_for(15 * MINUTE, MINUTE).await;
    for run in [&root, &own] {
        assert!(matches!(app.state(run).await, State::Recovered { .. }), "{run}");
    }
}

#[tokio::test]
async fn a_doubt_in_the_first_pass_does_not_make_every_pass_the_first() {
    let config = "[poll]\nsweep_interval = \"1d\"\nmax_adopted_per_pass = 1";
    let mut app = Setup::new().config(config).start().await;
    let flow = app.batch_flow("doubtful");
    let root = app.failed_run(&flow, 1);
    app.advance(MINUTE);
    app.failed_run(&app.batch_flow("other"), 1);
    app.advance(MINUTE);
    app.fault(FaultRule::once(Endpoint::Retrigger, Effect::DropBefore));
    app.pass().await;
    app.pass().await;
    assert!(matches!(app.state(&root).await, State::InDoubt { .. }));
    app.failed_run(&flow, 1);
    app.advance(MINUTE);
    app.pass().await;
    app.advance(MINUTE);
    app.pass().await;
    assert!(matches!(app.state(&root).await, State::InDoubt { .. }));
    assert!(is_read(&app, "prod").await, "all but the one in doubt is decided");
}

#[tokio::test]
async fn more_failed_runs_than_one_listing_may_have_are_read_to_the_end() {
    let config = "[adobe]\nmax_pages = 3\npage_size = 5\n[limits]\nretriggers_per_minute = 0";
    let mut app = Setup::new().config(config).start().await;
    let mut runs = Vec::new();
    for n in 0..12 {
        let flow = app.batch_flow(&format!("flow-{n}"));
        for _ in 0..8 {
            app.advance(Duration::from_secs(7));
            runs.push(app.world(|world| world.add_run(RunSetup::failed(&flow))).unwrap());
        }
    }
    let mut passes = 0;
    loop {
        let round = app.pass().await;
        passes += 1;
        if !app.daemon.is_more_to_do(&round) {
            break;
        }
        assert!(passes < 20);
    }
    for run in &runs {
        assert!(app.try_recovery(&RunId::new(run.clone())).await.is_some(), "{run}");
    }
    assert!(is_read(&app, "prod").await);
}
