//! Which runs are touched, and which never.

use crate::engine::support::{MINUTE, Setup};
use crate::kit::simulator::TestActions;
use flowmend::domain::model::ids::RunId;
use flowmend::domain::model::journal::Event;
use flowmend::domain::model::reason::Reason;
use flowmend::domain::recovery::State;
use flowmend::simulator::{FlowSetup, FlowState, RunSetup, RunStatus, Spec};

#[tokio::test]
async fn only_enabled_batch_sources_receive_a_post() {
    // A kind for everything fills gaps and overrules nothing.
    let config = "[[dataflow]]\nmatch = \"lake-*\"\nkind = \"batch\"";
    let mut app = Setup::new().config(config).start().await;
    let place = |setup: FlowSetup| {
        app.world(|world| {
            let flow = world.add_flow(setup);
            RunId::new(world.add_run(RunSetup::failed(&flow)).expect("the dataflow exists"))
        })
    };
    let batch = place(FlowSetup::batch("batch"));
    let crm = place(FlowSetup::new("crm", Spec::Crm));
    let untouched = [
        (place(FlowSetup::new("stream", Spec::Streaming)), Reason::StreamingSource),
        (place(FlowSetup::new("http-api", Spec::HttpApi)), Reason::StreamingSource),
        (place(FlowSetup::new("to-s3", Spec::Destination)), Reason::Destination),
        (place(FlowSetup::new("lake-to-profile", Spec::Internal)), Reason::InternalFlow),
        (place(FlowSetup::new("marketo", Spec::Marketo)), Reason::UnknownKind),
        (
            place(FlowSetup { state: FlowState::Disabled, ..FlowSetup::batch("off") }),
            Reason::FlowDisabled,
        ),
        (
            place(FlowSetup { state: FlowState::Draft, ..FlowSetup::batch("draft") }),
            Reason::FlowDisabled,
        ),
    ];
    app.run_for(10 * MINUTE, MINUTE).await;

    let ledger = app.ledger();
    let mut asked: Vec<&str> = ledger.retriggers.iter().map(|c| c.asked_run.as_str()).collect();
    asked.sort_unstable();
    let mut expected = [batch.as_str(), crm.as_str()];
    expected.sort_unstable();
    assert_eq!(asked, expected);
    for (run, reason) in &untouched {
        assert!(app.try_recovery(run).await.is_none());
        let journal = app.journal(run).await;
        assert_eq!(journal.len(), 1, "said once, however often it is seen");
        assert_eq!((journal[0].event, journal[0].reason), (Event::Skipped, *reason));
    }
}

#[tokio::test]
async fn a_dataflow_of_unknown_kind_is_healed_once_its_kind_is_configured() {
    let mut app =
        Setup::new().config("[[dataflow]]\nmatch = \"marketo-*\"\nkind = \"batch\"").start().await;
    let root = app.world(|world| {
        let flow = world.add_flow(FlowSetup::new("marketo-leads", Spec::Marketo));
        RunId::new(world.add_run(RunSetup::failed(&flow)).expect("the dataflow exists"))
    });
    app.pass().await;
    assert!(matches!(app.state(&root).await, State::Waiting { .. }));
}

#[tokio::test]
async fn include_exclude_and_overrides_decide_which_and_how_hard() {
    let config = r#"
        [[sandbox]]
        name = "prod"
        include = ["crm-*"]
        exclude = ["*-scratch"]

        [[dataflow]]
        match = "crm-eager"
        retry.max_attempts = 2
        retry.initial_interval = "5s"
    "#;
    let mut app = Setup::new().config(config).start().await;
    let [eager, plain, scratch, other] =
        ["crm-eager", "crm-plain", "crm-scratch", "erp"].map(|name| app.batch_flow(name));
    let [eager, plain, scratch, other] =
        [&eager, &plain, &scratch, &other].map(|flow| app.failed_run(flow, u32::MAX));
    app.pass().await;
    let due = |state| match state {
        State::Waiting { due, .. } => due,
        other => panic!("{other:?}"),
    };
    let gap = due(app.state(&plain).await).duration_since(due(app.state(&eager).await));
    assert_eq!(gap.as_secs(), 55);
    assert!(app.try_recovery(&scratch).await.is_none());
    assert!(app.try_recovery(&other).await.is_none());

    app.run_for(15 * MINUTE, MINUTE / 4).await;
    assert_eq!(app.state(&eager).await, State::GivenUp { why: Reason::AttemptsSpent });
    assert_eq!(app.recovery(&eager).await.attempts.len(), 2);
}

#[tokio::test]
async fn failures_from_before_the_lookback_are_left_alone() {
    let mut app = Setup::new().config("[poll]\nlookback = \"2h\"").start().await;
    let flow = app.batch_flow("crm-accounts");
    let at = |hours: u32| app.now() - hours * 60 * MINUTE;
    let place = |at| {
        let setup = RunSetup::failed(&flow).created_at(at);
        RunId::new(app.world(|world| world.add_run(setup)).expect("the dataflow exists"))
    };
    let (old, young) = (place(at(5)), place(at(1)));
    app.pass().await;
    assert!(app.try_recovery(&old).await.is_none());
    assert!(app.try_recovery(&young).await.is_some());
}

#[tokio::test]
async fn a_run_that_began_long_ago_and_fails_today_is_found() {
    let mut app = Setup::new().start().await;
    let flow = app.world(|world| {
        world.add_flow(FlowSetup { run_time: 30 * 60 * MINUTE, ..FlowSetup::batch("crm-accounts") })
    });
    app.pass().await;
    let root = app.world(|world| {
        let failing = RunSetup {
            status: flowmend::simulator::RunStatus::InProgress,
            ..RunSetup::failed(&flow)
        };
        RunId::new(world.add_run(failing).expect("the dataflow exists"))
    });
    app.run_for(60 * MINUTE, 10 * MINUTE).await;
    assert!(app.try_recovery(&root).await.is_none(), "it has not failed yet");
    // Longer than the look-back: what counts is when it failed.
    app.advance(29 * 60 * MINUTE);
    app.pass().await;
    assert!(app.try_recovery(&root).await.is_some());
}

#[tokio::test]
async fn a_partial_success_is_an_end_that_is_shown_as_such_and_never_retriggered() {
    let mut app = Setup::new().start().await;
    let root = app.failed_run(&app.batch_flow("flow"), 1);
    let other = app.batch_flow("other");
    let partial = app.world(|world| {
        let run = world.add_run(RunSetup::succeeded(&other)).unwrap();
        world.set_run_status(&run, RunStatus::PartialSuccess);
        RunId::new(run)
    });
    while !matches!(app.try_recovery(&root).await.map(|it| it.state), Some(State::Watching { .. }))
    {
        app.advance(MINUTE);
        app.pass().await;
    }
    let State::Watching { issued, .. } = app.state(&root).await else { panic!("it is followed") };
    app.world(|world| world.set_run_status(issued.as_str(), RunStatus::PartialSuccess));
    app.run_for(10 * MINUTE, MINUTE).await;
    assert_eq!(app.state(&root).await, State::Recovered { why: Reason::PartialSuccess });
    assert!(app.try_recovery(&partial).await.is_none());
    assert_eq!(app.ledger().accepted().count(), 1);
}
