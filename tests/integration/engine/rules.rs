//! Which failures deserve a retry.

use crate::engine::support::{App, MINUTE, Setup};
use crate::kit::simulator::TestActions;
use flowmend::domain::model::ids::RunId;
use flowmend::domain::model::journal::Event;
use flowmend::domain::model::reason::Reason;
use flowmend::domain::policy::retry::RetryPolicy;
use flowmend::domain::policy::schedule::Jitter;
use flowmend::domain::recovery::State;
use flowmend::domain::recovery::Terms;
use flowmend::simulator::{Failure, RunSetup};
use flowmend::store::Batch;

/// A run of a new dataflow that failed just now with these detail codes, healed by the first try.
fn failed_with(app: &App, flow: &str, details: &[&str]) -> RunId {
    let flow = app.batch_flow(flow);
    let setup = RunSetup::failed(&flow).with_codes(&["CONNECTOR-2001-500"], details);
    RunId::new(app.world(|world| world.add_run(setup)).unwrap())
}

#[tokio::test]
async fn the_built_in_rules_retry_what_passes_and_hold_what_needs_a_person() {
    let mut app = Setup::new().start().await;
    let held: [&[&str]; 6] = [
        &["MAPPER-3700-400"],
        &["INGEST-1212-400"],
        &["CONNECTOR-1001-401"],
        &["CONNECTOR-1009-403"],
        &["118"],
        // A person has to come anyway, whatever else happened.
        &["CONNECTOR-1011-503", "MAPPER-3700-400"],
    ];
    let retried: [&[&str]; 5] = [
        &["CONNECTOR-1006-408"],
        &["CONNECTOR-1011-503"],
        &["X-429"],
        &[],
        &["CONNECTOR-1380-400"],
    ];
    let held: Vec<RunId> =
        held.iter().map(|codes| failed_with(&app, &codes.join("+"), codes)).collect();
    let retried: Vec<RunId> =
        retried.iter().map(|codes| failed_with(&app, &codes.join("-"), codes)).collect();
    app.run_for(30 * MINUTE, MINUTE).await;
    for run in &held {
        assert_eq!(app.state(run).await, State::Held { attempt: 1, why: Reason::HeldByRule });
        let told = app.journal(run).await.pop().unwrap();
        assert_eq!(told.rule.as_deref(), Some("needs a person"));
    }
    for run in &retried {
        assert!(matches!(app.state(run).await, State::Recovered { .. }), "{run}");
    }
    assert_eq!(app.ledger().retriggers.len(), retried.len(), "nothing was sent for the others");
}

#[tokio::test]
async fn what_is_already_ingested_is_left_alone_and_missing_files_get_few_tries() {
    let mut app = Setup::new().start().await;
    let flow = app.batch_flow("duplicates");
    let mut setup = RunSetup::failed(&flow).with_codes(&["CONNECTOR-2001-500"], &["140"]);
    setup.failure.as_mut().unwrap().details[0].message =
        "The batch was already ingested.".to_owned();
    let duplicate = RunId::new(app.world(|world| world.add_run(setup)).unwrap());
    let late = failed_with(&app, "late", &["133"]);
    let other = failed_with(&app, "other", &["140"]);
    app.pass().await;
    assert!(app.try_recovery(&duplicate).await.is_none());
    let told = app.journal(&duplicate).await.pop().unwrap();
    assert_eq!((told.event, told.reason), (Event::Skipped, Reason::IgnoredByRule));
    assert_eq!(told.rule.as_deref(), Some("already ingested"));

    let due = app.recovery(&late).await.due().unwrap();
    assert_eq!(due.duration_since(app.now()).as_mins(), 15);
    assert_eq!(app.journal(&late).await.pop().unwrap().max_attempts, Some(3));
    // The same code with other words: perhaps it is in, perhaps not.
    assert_eq!(app.state(&other).await, State::Held { attempt: 1, why: Reason::HeldByRule });
}

#[tokio::test]
async fn an_issued_run_that_fails_otherwise_is_judged_anew() {
    let mut app = Setup::new().start().await;
    let flow = app.batch_flow("crm");
    let root = app.failed_run(&flow, Failure::NEVER);
    app.pass().await;
    app.world(|world| world.change_flows(|flow| flow.run_time = 60 * MINUTE));
    app.advance(MINUTE);
    app.pass().await;
    app.run_for(20 * MINUTE, 10 * MINUTE).await;
    let issued = app.recovery(&root).await.attempts[0].issued.clone();
    let bad_data = Failure::with_codes(&["CONNECTOR-2001-500"], &["MAPPER-3700-400"]);
    app.world(|world| world.end_run(issued.as_str(), Some(bad_data)));
    app.advance(MINUTE);
    app.pass().await;
    assert_eq!(
        app.state(&root).await,
        State::Held { attempt: 2, why: Reason::HeldByRule },
        "{:#?}",
        app.journal(&root).await
    );

    // Whoever mended the mapping says so; the rule does not count for that one try.
    let terms = Terms {
        policy: RetryPolicy::default(),
        rule: None,
        jitter: Jitter::new(1),
        now: app.now(),
    };
    let change = app.recovery(&root).await.retry(terms).unwrap();
    app.store.amend(&Batch { changes: vec![change], ..Batch::default() }).await.unwrap();
    app.pass().await;
    app.pass().await;
    assert!(matches!(app.state(&root).await, State::Watching { attempt: 2, .. }));
}

#[tokio::test]
async fn rules_of_the_user_come_first_and_override_the_policy() {
    let config = r#"
[[rule]]
name = "mapping is flaky here"
codes = ["MAPPER-*"]
dataflow = "crm-*"
action = "retry"
retry.max_attempts = 2
retry.initial_interval = "3m"
[[rule]]
message = "(?i)failed with connector-1011"
action = "ignore"
[[dataflow]]
match = "crm-*"
retry.max_attempts = 9
"#;
    let mut app = Setup::new().config(config).start().await;
    let ours = failed_with(&app, "crm-a", &["MAPPER-3700-400"]);
    let theirs = failed_with(&app, "erp-a", &["MAPPER-3700-400"]);
    let ignored = failed_with(&app, "erp-b", &["CONNECTOR-1011-503"]);
    app.pass().await;
    let scheduled = app.journal(&ours).await.pop().unwrap();
    assert_eq!(scheduled.rule.as_deref(), Some("mapping is flaky here"));
    assert_eq!(scheduled.max_attempts, Some(2));
    assert_eq!(scheduled.due.unwrap(), app.now() + 3 * MINUTE);
    assert_eq!(app.state(&theirs).await, State::Held { attempt: 1, why: Reason::HeldByRule });
    assert!(app.try_recovery(&ignored).await.is_none());
    assert_eq!(app.journal(&ignored).await[0].rule.as_deref(), Some("rule[#2]"));
}

#[tokio::test]
async fn the_built_in_rules_can_be_switched_off() {
    let mut app = Setup::new().config("builtin_rule = []").start().await;
    let root = failed_with(&app, "crm", &["MAPPER-3700-400"]);
    app.run_for(5 * MINUTE, MINUTE).await;
    assert!(matches!(app.state(&root).await, State::Recovered { .. }));
}

#[tokio::test]
async fn what_is_under_way_takes_a_new_policy_from_its_next_decision_on() {
    let mut app = Setup::new().start().await;
    let waiting = failed_with(&app, "waiting", &["CONNECTOR-1011-503"]);
    let held = failed_with(&app, "held", &["MAPPER-3700-400"]);
    app.pass().await;
    assert!(matches!(app.state(&waiting).await, State::Waiting { .. }));
    assert!(matches!(app.state(&held).await, State::Held { .. }));

    app.reconfigure(
        "[[rule]]\ncodes = [\"MAPPER-*\"]\naction = \"retry\"\n\
         [[rule]]\ncodes = [\"*-503\"]\naction = \"hold\"",
    );
    app.pass().await;
    // What waits is decided on again when its turn comes.
    assert!(matches!(app.state(&waiting).await, State::Waiting { .. }));
    app.advance(MINUTE);
    app.pass().await;
    assert_eq!(app.state(&waiting).await, State::Held { attempt: 1, why: Reason::HeldByRule });
    let resumed = app.journal(&held).await;
    assert!(resumed.iter().any(|entry| entry.reason == Reason::CauseGone), "{resumed:?}");

    app.reconfigure("[[rule]]\ncodes = [\"*-503\"]\naction = \"ignore\"");
    app.pass().await;
    assert_eq!(app.state(&waiting).await, State::GivenUp { why: Reason::IgnoredByRule });
}
