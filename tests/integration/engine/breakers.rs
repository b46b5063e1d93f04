//! When trying does not help: dataflows that keep failing, outages, sources without the action.

use crate::engine::support::{App, MINUTE, Setup};
use flowmend::domain::model::ids::{RunId, SandboxName};
use flowmend::domain::model::journal::Event;
use flowmend::domain::model::reason::Reason;
use flowmend::domain::recovery::State;
use flowmend::simulator::{Failure, FlowSetup, RunSetup, Spec};
use jiff::Timestamp;
use std::time::Duration;

const ONE_TRY: &str = "[retry]\nmax_attempts = 1\n[breaker]\nfailures = 0";

/// A recovery of `flow` that ends without success.
async fn fail_for_good(app: &mut App, flow: &str) -> RunId {
    let root = app.failed_run(flow, Failure::NEVER);
    app.pass().await;
    app.run_for(5 * MINUTE, MINUTE).await;
    assert_eq!(app.state(&root).await, State::GivenUp { why: Reason::AttemptsSpent });
    root
}

async fn told(app: &App, run: &RunId, event: Event) -> usize {
    app.journal(run).await.iter().filter(|entry| entry.event == event).count()
}

#[tokio::test]
async fn a_dataflow_that_keeps_failing_is_warned_of_and_then_held_until_a_person_resumes_it() {
    let mut app = Setup::new().config(ONE_TRY).start().await;
    let flow = app.batch_flow("crm-accounts");
    let mut roots = Vec::new();
    for _ in 0..5 {
        roots.push(fail_for_good(&mut app, &flow).await);
    }
    app.pass().await;
    assert_eq!(told(&app, &roots[2], Event::FlowWarned).await, 1);
    assert_eq!(told(&app, &roots[4], Event::FlowHeld).await, 1);
    for root in &roots[..4] {
        assert_eq!(told(&app, root, Event::FlowHeld).await, 0);
    }

    let calls = app.ledger().retriggers.len();
    let next = app.failed_run(&flow, 1);
    let other = app.failed_run(&app.batch_flow("erp"), 1);
    app.run_for(10 * MINUTE, MINUTE).await;
    assert!(app.try_recovery(&next).await.is_none());
    assert_eq!(app.journal(&next).await[0].reason, Reason::KeepsFailing);
    assert!(matches!(app.state(&other).await, State::Recovered { .. }), "others go on");
    assert_eq!(app.ledger().retriggers.len(), calls + 1);

    let called = app.flowmend(&["resume", "--flow", "crm-accounts"]).await;
    assert_eq!(
        (called.code, called.out.as_str()),
        (Some(0), "resumed: dataflow crm-accounts, from the next pass on\n")
    );
    app.pass().await;
    app.run_for(5 * MINUTE, MINUTE).await;
    assert!(matches!(app.state(&next).await, State::Recovered { .. }), "taken up at once");
    assert_eq!(told(&app, &roots[4], Event::FlowHeld).await, 1, "told once");
}

#[tokio::test]
async fn a_dataflow_that_keeps_failing_goes_on_when_one_of_its_runs_succeeds() {
    let config = format!("{ONE_TRY}\ndataflow_failures = 2\ndataflow_warning = 1");
    let mut app = Setup::new().config(&config).start().await;
    let flow = app.batch_flow("crm-accounts");
    fail_for_good(&mut app, &flow).await;
    // This one waits when the other ends, and is held with the dataflow.
    let config = "[retry]\ninitial_interval = \"30m\"";
    let root = app.failed_run(&flow, Failure::NEVER);
    app.pass().await;
    app.run_for(5 * MINUTE, MINUTE).await;
    assert_eq!(app.state(&root).await, State::GivenUp { why: Reason::AttemptsSpent });
    let waiting = app.failed_run(&flow, 1);
    app.pass().await;
    assert_eq!(app.journal(&waiting).await[0].reason, Reason::KeepsFailing, "{config}");

    app.advance(MINUTE);
    app.world(|world| world.add_run(RunSetup::succeeded(&flow))).unwrap();
    app.run_for(40 * MINUTE, 5 * MINUTE).await;
    assert!(matches!(app.state(&waiting).await, State::Recovered { .. }));
}

#[tokio::test]
async fn a_streak_that_a_success_has_ended_does_not_come_back_with_the_next_failure() {
    let config = format!("{ONE_TRY}\ndataflow_failures = 2\ndataflow_warning = 1");
    let mut app = Setup::new().config(&config).start().await;
    let flow = app.batch_flow("nightly");
    fail_for_good(&mut app, &flow).await;
    fail_for_good(&mut app, &flow).await;
    app.pass().await;

    // It is well again, which a sweep sees; nothing of it was waiting.
    app.advance(MINUTE);
    let success = app.world(|world| world.add_run(RunSetup::succeeded(&flow))).unwrap();
    app.run_for(40 * MINUTE, 10 * MINUTE).await;
    assert_eq!(told(&app, &RunId::new(success), Event::FlowHealed).await, 1);
    let next = app.failed_run(&flow, 1);
    app.pass().await;
    app.run_for(5 * MINUTE, MINUTE).await;
    assert!(matches!(app.state(&next).await, State::Recovered { .. }), "one failure is no streak");

    // A new streak is told of anew.
    fail_for_good(&mut app, &flow).await;
    let last = fail_for_good(&mut app, &flow).await;
    app.pass().await;
    assert_eq!(told(&app, &last, Event::FlowHeld).await, 1);
}

#[tokio::test]
async fn a_pause_holds_what_waits_and_a_resume_lets_it_go_on() {
    let mut app = Setup::new().start().await;
    let flow = app.batch_flow("crm-accounts");
    let root = app.failed_run(&flow, 1);
    app.pass().await;
    let called = app.flowmend(&["pause", "--sandbox", "prod", "--reason", "maintenance"]).await;
    assert_eq!(called.code, Some(0), "{called:?}");
    let later = app.failed_run(&flow, 1);
    app.run_for(5 * MINUTE, MINUTE).await;
    assert_eq!(app.state(&root).await, State::Held { attempt: 1, why: Reason::Paused });
    assert_eq!(app.journal(&later).await[0].reason, Reason::Paused);
    assert_eq!(app.ledger().retriggers.len(), 0);
    let status = app.flowmend(&["status"]).await;
    assert!(
        status.out.contains("all dataflows of sandbox prod since")
            && status.out.contains("maintenance"),
        "{status:?}"
    );

    // An unset variable stands for nothing, not for everything, and a glob for nothing either.
    for wrong in [["--flow", ""], ["--sandbox", " "], ["--flow", "crm-*"]] {
        let called = app.flowmend(&[&["resume"][..], &wrong].concat()).await;
        assert_eq!(called.code, Some(2), "{called:?}");
    }
    let called = app.flowmend(&["resume", "--flow", "no-such-flow"]).await;
    assert!(called.out.contains("check the spelling"), "{called:?}");
    let called = app.flowmend(&["pause", "--sandbox", "pord"]).await;
    assert_eq!(called.code, Some(1), "{called:?}");
    assert!(called.err.contains("sandbox pord is not configured; configured: prod"), "{called:?}");

    app.flowmend(&["resume"]).await;
    app.run_for(10 * MINUTE, MINUTE).await;
    for run in [&root, &later] {
        assert!(matches!(app.state(run).await, State::Recovered { .. }));
    }
    let status = app.flowmend(&["status", "--json"]).await.json();
    assert_eq!(status["pauses"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn between_a_retry_and_a_pause_what_the_operator_does_last_wins() {
    let mut app = Setup::new().start().await;
    let root = app.failed_run(&app.batch_flow("crm-accounts"), 1);
    app.pass().await;
    for command in [["retry", root.as_str()], ["pause", "--sandbox=prod"]] {
        let called = app.flowmend(&command).await;
        assert_eq!(called.code, Some(0), "{called:?}");
    }
    app.run_for(5 * MINUTE, MINUTE).await;
    assert_eq!(app.state(&root).await, State::Held { attempt: 1, why: Reason::Paused });
    assert_eq!(app.ledger().retriggers.len(), 0);

    app.flowmend(&["retry", root.as_str()]).await;
    app.run_for(5 * MINUTE, MINUTE).await;
    assert!(matches!(app.state(&root).await, State::Recovered { .. }));
}

#[tokio::test]
async fn a_source_that_does_not_support_the_action_is_held_once_for_the_dataflow() {
    let mut app = Setup::new().start().await;
    let flow = app.world(|world| {
        world.add_flow(FlowSetup { retriggerable: false, ..FlowSetup::batch("legacy") })
    });
    let runs: Vec<RunId> = (0..4).map(|_| app.failed_run(&flow, 1)).collect();
    app.pass().await;
    app.run_for(10 * MINUTE, MINUTE).await;
    let later = app.failed_run(&flow, 1);
    app.run_for(10 * MINUTE, MINUTE).await;
    assert_eq!(app.ledger().retriggers.len(), 1, "asked once, not for every run");
    for run in &runs {
        let State::Held { why, .. } = app.state(run).await else { panic!("{run}") };
        assert_eq!(why, Reason::ActionUnsupported);
    }
    assert_eq!(app.journal(&later).await[0].reason, Reason::ActionUnsupported);

    // The source has got the action, and a person says so.
    app.world(|world| world.change_flows(|flow| flow.retriggerable = true));
    app.flowmend(&["resume", "--flow", &flow]).await;
    app.run_for(20 * MINUTE, MINUTE).await;
    for run in runs.iter().chain([&later]) {
        assert!(matches!(app.state(run).await, State::Recovered { .. }), "{run}");
    }
}

#[tokio::test]
async fn in_an_outage_one_canary_at_a_time_is_tried_and_the_rest_is_released_gradually() {
    let config = "[breaker]\nfailures = 4\nwindow = \"30m\"\ndataflow_failures = 0\n\
                  [retry]\nmax_attempts = 50\nmultiplier = 1.0\n\
                  [limits]\nretriggers_per_minute = 0\n[poll]\nsweep_interval = \"1d\"";
    let mut app = Setup::new().config(config).start().await;
    let run_time = 2 * MINUTE;
    let flows: Vec<String> = (0..20)
        .map(|n| {
            let setup = FlowSetup { run_time, ..FlowSetup::batch(&format!("flow-{n:02}")) };
            app.world(|world| world.add_flow(setup))
        })
        .collect();
    // The first wave finds out: four runs are re-triggered and fail.
    for flow in &flows[..4] {
        app.failed_run(flow, 3);
    }
    app.pass().await;
    app.run_for(4 * MINUTE, MINUTE / 2).await;
    // Then everything fails.
    for flow in &flows[4..8] {
        app.failed_run(flow, 2);
    }
    let before = app.ledger().accepted().count();
    let storm = most_under_way(&mut app, 30 * MINUTE, run_time).await;
    assert_eq!(storm, 1, "a canary, and no storm");
    let canaries = app.ledger().accepted().count() - before;
    assert!((3..=5).contains(&canaries), "further and further apart: {canaries}");

    // The source is back.
    for flow in &flows[8..] {
        app.failed_run(flow, 1);
    }
    let mut widths = Vec::new();
    for _ in 0..12 {
        widths.push(most_under_way(&mut app, 5 * MINUTE, run_time).await);
    }
    assert!(widths.iter().any(|&width| width > 4), "released: {widths:?}");
    app.run_for(60 * MINUTE, MINUTE).await;
    assert_eq!(app.open_count().await, 0);
    let prod = SandboxName::new("prod");
    let since = app.now() - 24 * 60 * MINUTE;
    let news = [Event::OutageBegan, Event::OutageEnded];
    let told = app.store.history(Some(&prod), since, &news).await.unwrap();
    assert_eq!(told.iter().map(|entry| entry.event).collect::<Vec<_>>(), news);
}

#[tokio::test]
async fn half_an_hour_without_one_source_ends_no_recovery_however_few_its_dataflows() {
    for (failing, healthy) in [(1, 5), (2, 4), (3, 3), (6, 0), (15, 15)] {
        for run_time in [MINUTE / 6, 5 * MINUTE] {
            without_one_source(failing, healthy, run_time).await;
        }
    }
}

async fn without_one_source(failing: usize, healthy: usize, run_time: Duration) {
    let name = format!("{failing} and {healthy} dataflows, runs of {run_time:?}");
    let mut app = Setup::new().start().await;
    let sources = std::iter::repeat_n(Spec::Crm, failing).chain(vec![Spec::CloudStorage; healthy]);
    let roots: Vec<RunId> = sources
        .enumerate()
        .map(|(n, spec)| {
            let setup = FlowSetup { run_time, ..FlowSetup::new(&format!("flow-{n}"), spec) };
            let flow = app.world(|world| world.add_flow(setup));
            app.failed_run(&flow, 1)
        })
        .collect();
    app.world(|world| world.down.insert(Spec::Crm));
    app.pass().await;
    app.run_for(30 * MINUTE, MINUTE / 2).await;
    let prod = SandboxName::new("prod");
    let history = async |events: &[Event]| {
        app.store.history(Some(&prod), app.now() - 300 * MINUTE, events).await.unwrap()
    };
    let began = history(&[Event::OutageBegan]).await;
    assert_eq!(began.len(), usize::from(failing > 1), "{name}: {began:?}");
    // The canaries come further and further apart.
    let mut sent = history(&[Event::Begun]).await;
    sent.retain(|it| roots[..failing].iter().any(|root| it.root_run_id.as_ref() == Some(root)));
    let after = |at: &Timestamp| began.iter().any(|it| it.at < *at);
    let canaries: Vec<_> = sent.into_iter().map(|it| it.at).filter(after).collect();
    let gaps: Vec<_> = canaries.windows(2).map(|two| two[0].duration_until(two[1])).collect();
    assert!(gaps.is_sorted() && canaries.len() <= 5, "{name}: {canaries:?}");
    for root in &roots[failing..] {
        assert!(matches!(app.state(root).await, State::Recovered { .. }), "{name}");
    }

    app.world(|world| world.down.clear());
    app.run_for(120 * MINUTE, 2 * MINUTE).await;
    for root in &roots {
        assert!(matches!(app.state(root).await, State::Recovered { .. }), "{name}");
    }
    let events = [Event::OutageBegan, Event::OutageEnded];
    let history = app.store.history(Some(&prod), app.now() - 300 * MINUTE, &events).await.unwrap();
    let told: Vec<Event> = history.iter().map(|entry| entry.event).collect();
    assert_eq!(told, events[..2 * began.len()], "{name}");
}

/// Runs passes for `duration`; the most re-triggered runs that were under way at a time.
async fn most_under_way(app: &mut App, duration: Duration, run_time: Duration) -> usize {
    let start = app.now();
    app.run_for(duration, MINUTE / 2).await;
    let begun: Vec<i64> = app.ledger().accepted().map(|call| call.at_ms).collect();
    let run_time = i64::try_from(run_time.as_millis()).unwrap();
    let overlapping =
        |at: &i64| begun.iter().filter(|it| (*at - run_time + 1..=*at).contains(it)).count();
    begun
        .iter()
        .filter(|at| **at >= start.as_millisecond() + run_time)
        .map(overlapping)
        .max()
        .unwrap_or(0)
}
