//! Whose a run is, in a world where every run names the platform as its maker.

use crate::engine::support::{App, MINUTE, Setup};
use crate::kit::simulator::{LedgerQueries, TestQueries};
use flowmend::domain::model::ids::RunId;
use flowmend::domain::model::journal::{Entry, Event};
use flowmend::domain::model::reason::Reason;
use flowmend::domain::recovery::State;
use flowmend::simulator::{
    Effect, Endpoint, ErrorAnswer, FaultRule, FlowSetup, Quirks, RunSetup, RunStatus,
};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Every run names the platform, and none shows its window.
fn silent() -> Quirks {
    Quirks { one_client: true, windows: false, ..Quirks::default() }
}

async fn app(quirks: Quirks) -> App {
    Setup::new().start_in(|world| world.quirks = quirks).await
}

fn in_progress(flow: &str) -> RunSetup {
    RunSetup { status: RunStatus::InProgress, ..RunSetup::succeeded(flow) }
}

/// A failed run whose first call is due.
async fn due_run(app: &mut App, flow: &str) -> RunId {
    let root = app.failed_run(flow, 1);
    app.pass().await;
    app.advance(MINUTE);
    root
}

fn lose(app: &App, effect: Effect) {
    app.fault(FaultRule::once(Endpoint::Retrigger, effect));
}

async fn entry(app: &App, run: &RunId, reason: Reason) -> Entry {
    let journal = app.journal(run).await;
    let found = journal.iter().find(|it| it.reason == reason).cloned();
    found.unwrap_or_else(|| panic!("no {reason} in {journal:#?}"))
}

#[tokio::test]
async fn the_run_of_the_very_first_call_is_found_though_it_names_the_platform() {
    for quirks in [silent(), Quirks { windows: true, ..silent() }] {
        let mut app = app(quirks).await;
        let flow = app.batch_flow("crm-accounts");
        let root = due_run(&mut app, &flow).await;
        lose(&app, Effect::DropAfter);
        app.pass().await;
        app.advance(15 * SECOND);
        let later = app.failed_run(&flow, 1);
        app.run_for(10 * MINUTE, MINUTE / 4).await;

        let found = entry(&app, &root, Reason::IssuedRunFound).await;
        let issued =
            app.ledger().accepted_for_root(root.as_str())[0].new_run_id().unwrap().to_owned();
        assert_eq!(found.new_run_id, Some(RunId::new(issued)));
        assert!(found.detail.unwrap().contains("by acp_foundation_connectors"));
        assert!(matches!(app.state(&root).await, State::Recovered { .. }));
        assert!(matches!(app.state(&later).await, State::Recovered { .. }));
        assert_eq!(app.ledger().accepted().count(), 2);
        // What a run that is known to be ours shows is kept to compare others with.
        for reason in [Reason::Due, Reason::IssuedRunSucceeded] {
            let seen = entry(&app, &later, reason).await.detail.unwrap();
            assert!(seen.contains("by acp_foundation_connectors"), "{seen}");
            assert!(seen.contains("providerRefId M-"), "{seen}");
        }
    }
}

#[tokio::test]
async fn a_failure_behind_a_doubt_is_said_to_wait_once_and_goes_when_that_is_settled() {
    let mut app = app(silent()).await;
    let flow = app.batch_flow("crm-accounts");
    let root = due_run(&mut app, &flow).await;
    lose(&app, Effect::DropBefore);
    app.pass().await;
    app.advance(20 * SECOND);
    let later = app.failed_run(&flow, 1);
    app.run_for(3 * MINUTE, MINUTE / 2).await;
    assert!(app.try_recovery(&later).await.is_none(), "it may be the run that the call made");
    let waits = app.journal(&later).await;
    let waits = waits.iter().filter(|it| it.reason == Reason::BehindDoubt).count();
    assert_eq!(waits, 1);

    app.run_for(10 * MINUTE, MINUTE).await;
    let held = entry(&app, &root, Reason::UnclearRun).await;
    assert_eq!(app.state(&root).await, State::Held { attempt: 1, why: Reason::UnclearRun });
    assert!(held.detail.unwrap().contains(later.as_str()), "it names the run");
    assert!(matches!(app.state(&later).await, State::Recovered { .. }));
    assert_eq!(app.ledger().accepted_for_root(root.as_str()).len(), 0);
}

/// A call that never arrived, and a run of the schedule 20 seconds later.
async fn lost_call_then_schedule(quirks: Quirks, every: Option<Duration>) -> (App, RunId, String) {
    let mut app = app(quirks).await;
    let setup = FlowSetup { every, run_time: MINUTE / 2, ..FlowSetup::batch("crm-accounts") };
    let flow = app.world(|world| world.add_flow(setup));
    let before = app.world(|world| world.runs_of(&flow)).len();
    // Up to 80 seconds before the next slot.
    while app.world(|world| world.runs_of(&flow)).len() == before && every.is_some() {
        app.advance(SECOND);
        app.world(|_| {});
    }
    app.advance(every.unwrap_or(2 * MINUTE) - 80 * SECOND);
    let root = due_run(&mut app, &flow).await;
    lose(&app, Effect::DropBefore);
    app.pass().await;
    app.advance(20 * SECOND);
    let scheduled = match every {
        Some(_) => app.world(|world| world.runs_of(&flow))[0].clone(),
        None => app.world(|world| world.add_run(in_progress(&flow))).unwrap(),
    };
    assert_ne!(scheduled, root.as_str());
    app.run_for(20 * MINUTE, MINUTE / 2).await;
    (app, root, scheduled)
}

#[tokio::test]
async fn a_run_of_the_schedule_is_not_called_ours_and_the_failure_gets_its_turn() {
    let hourly = Some(60 * MINUTE);
    for (quirks, every) in [
        (silent(), hourly),
        (Quirks { windows: true, ..silent() }, hourly),
        (Quirks { windows: true, ..silent() }, None),
    ] {
        let (app, root, scheduled) = lost_call_then_schedule(quirks, every).await;
        let journal = app.journal(&root).await;
        let theirs = |it: &&Entry| it.new_run_id == Some(RunId::new(scheduled.clone()));
        assert_eq!(journal.iter().find(theirs), None, "{every:?}");
        let unlisted = entry(&app, &root, Reason::NotListed).await;
        assert!(unlisted.detail.unwrap().contains(&scheduled), "what was seen is kept");
        assert_eq!(app.state(&root).await, State::Recovered { why: Reason::IssuedRunSucceeded });
        assert_eq!(app.ledger().accepted_for_root(root.as_str()).len(), 1);
    }
}

#[tokio::test]
async fn a_run_that_nothing_tells_from_ours_is_left_to_a_person() {
    let (app, root, strange) = lost_call_then_schedule(silent(), None).await;
    assert_eq!(app.state(&root).await, State::Held { attempt: 1, why: Reason::UnclearRun });
    let held = entry(&app, &root, Reason::UnclearRun).await;
    assert!(held.detail.unwrap().contains(&strange));
    assert_eq!(app.ledger().accepted().count(), 0);
}

#[tokio::test]
async fn a_run_that_is_still_queued_when_the_confirm_window_ends_is_waited_for() {
    let mut app = app(Quirks { windows: true, ..silent() }).await;
    // A new run is queued for eight minutes, and shows its window after that.
    let slow = FlowSetup { run_time: 40 * MINUTE, ..FlowSetup::batch("crm-accounts") };
    let flow = app.world(|world| world.add_flow(slow));
    let root = due_run(&mut app, &flow).await;
    lose(&app, Effect::DropBefore);
    app.pass().await;
    // The call arrives late. Whoever makes it, the run names the platform.
    app.advance(2 * MINUTE);
    let issued = app.world(|world| world.person_retriggers(root.as_str())).unwrap();
    app.run_for(7 * MINUTE, MINUTE / 2).await;
    assert!(matches!(app.state(&root).await, State::InDoubt { .. }));
    app.run_for(60 * MINUTE, MINUTE).await;
    let found = entry(&app, &root, Reason::IssuedRunFound).await;
    assert_eq!(found.new_run_id, Some(RunId::new(issued)));
    assert!(matches!(app.state(&root).await, State::Recovered { .. }));
    assert_eq!(app.ledger().accepted().count(), 1);
}

#[tokio::test]
async fn another_name_is_no_proof_though_earlier_runs_named_us() {
    let mut app = Setup::new().start().await;
    let proof = app.failed_run(&app.batch_flow("proof"), 1);
    app.run_for(4 * MINUTE, MINUTE).await;
    assert!(matches!(app.state(&proof).await, State::Recovered { .. }));
    for windows in [false, true] {
        app.world(|world| world.quirks = Quirks { windows, ..silent() });
        let flow = app.batch_flow("crm-accounts");
        let root = due_run(&mut app, &flow).await;
        lose(&app, Effect::DropAfter);
        app.run_for(10 * MINUTE, MINUTE / 2).await;
        let state = app.state(&root).await;
        match windows {
            true => assert!(matches!(state, State::Recovered { .. }), "{state:?}"),
            false => assert_eq!(state, State::Held { attempt: 1, why: Reason::UnclearRun }),
        }
        assert_eq!(app.ledger().accepted_for_root(root.as_str()).len(), 1, "{state:?}");
    }
}

#[tokio::test]
async fn a_persons_retry_under_way_is_followed_though_a_second_call_would_be_accepted() {
    for windows in [false, true] {
        let quirks = Quirks { accepts_repeats: true, windows, ..silent() };
        let mut app = app(quirks).await;
        let slow = FlowSetup { run_time: 5 * MINUTE, ..FlowSetup::batch("crm-accounts") };
        let flow = app.world(|world| world.add_flow(slow));
        let root = app.failed_run(&flow, 1);
        app.pass().await;
        let theirs = app.world(|world| world.person_retriggers(root.as_str())).unwrap();
        app.run_for(20 * MINUTE, MINUTE / 2).await;
        assert_eq!(app.ledger().accepted().count(), 1, "only theirs");
        let followed = entry(&app, &root, Reason::RetriedElsewhere).await;
        assert_eq!(followed.event, Event::Followed);
        assert_eq!(followed.new_run_id, Some(RunId::new(theirs)));
        assert!(matches!(app.state(&root).await, State::Recovered { .. }));
    }
}

#[tokio::test]
async fn a_persons_retry_that_has_ended_is_not_repeated_where_its_window_shows_it() {
    let mut app = app(Quirks { windows: true, ..silent() }).await;
    let flow = app.batch_flow("crm-accounts");
    let root = app.failed_run(&flow, 1);
    app.pass().await;
    app.world(|world| world.person_retriggers(root.as_str())).unwrap();
    app.advance(3 * MINUTE);
    app.run_for(10 * MINUTE, MINUTE).await;
    assert!(matches!(app.state(&root).await, State::Recovered { .. }));
    assert_eq!(app.ledger().accepted().count(), 1);
}

#[tokio::test]
async fn no_call_is_made_while_a_run_of_the_schedule_is_at_work() {
    let mut app = app(Quirks { windows: true, ..silent() }).await;
    let slow = FlowSetup { run_time: 30 * MINUTE, ..FlowSetup::batch("crm-accounts") };
    let flow = app.world(|world| world.add_flow(slow));
    let root = app.failed_run(&flow, 1);
    app.pass().await;
    app.world(|world| world.add_run(in_progress(&flow))).unwrap();
    app.run_for(29 * MINUTE, MINUTE).await;
    assert_eq!(app.ledger().requests(Endpoint::Retrigger), 0);
    assert!(matches!(app.state(&root).await, State::Waiting { .. }));
    assert_eq!(entry(&app, &root, Reason::OtherRun).await.event, Event::Postponed);
    app.run_for(60 * MINUTE, MINUTE).await;
    assert!(matches!(app.state(&root).await, State::Recovered { .. }));
    assert_eq!(app.ledger().accepted().count(), 1);
}

#[tokio::test]
async fn a_new_run_that_cannot_be_read_for_a_while_is_followed_to_its_end() {
    for effect in [None, Some(Effect::DropAfter)] {
        let mut app = app(Quirks { unreadable_ms: 600_000, ..Quirks::default() }).await;
        let flow = app.batch_flow("crm-accounts");
        app.world(|world| world.quirks.unreadable_ms = 0);
        let root = due_run(&mut app, &flow).await;
        app.world(|world| world.quirks.unreadable_ms = 600_000);
        // The root is old enough to be read.
        app.advance(9 * MINUTE);
        effect.into_iter().for_each(|effect| lose(&app, effect));
        app.run_for(15 * MINUTE, MINUTE / 2).await;
        assert_eq!(app.state(&root).await, State::Recovered { why: Reason::IssuedRunSucceeded });
        assert_eq!(app.ledger().accepted().count(), 1);
    }
}

#[tokio::test]
async fn a_run_that_reads_failed_before_it_works_is_followed_to_its_end() {
    for target in ["latest", "root"] {
        let config = format!("[retry]\ntarget = \"{target}\"");
        let quirks = Quirks { false_failure_ms: 45_000, ..silent() };
        let mut app = Setup::new().config(&config).start_in(|world| world.quirks = quirks).await;
        let slow = FlowSetup { run_time: 5 * MINUTE, ..FlowSetup::batch("crm-accounts") };
        let flow = app.world(|world| world.add_flow(slow));
        let root = app.failed_run(&flow, 1);
        app.run_for(20 * MINUTE, MINUTE / 4).await;
        assert!(matches!(app.state(&root).await, State::Recovered { .. }), "{target}");
        assert_eq!(app.ledger().accepted().count(), 1, "{target}");
        entry(&app, &root, Reason::SameRunAtWork).await;
    }
}

#[tokio::test]
async fn a_conflict_after_a_lost_answer_leads_back_to_looking_for_a_run_that_is_listed_late() {
    let config = "[retry]\nconfirm_window = \"4m\"";
    let quirks = Quirks { listing_delay_ms: 14 * 60_000, ..Quirks::default() };
    let mut app = Setup::new().config(config).start_in(|world| world.quirks = quirks).await;
    app.world(|world| world.quirks.listing_delay_ms = 0);
    let flow = app.batch_flow("crm-accounts");
    let root = due_run(&mut app, &flow).await;
    app.world(|world| world.quirks.listing_delay_ms = 14 * 60_000);
    app.advance(14 * MINUTE);
    lose(&app, Effect::DropAfter);
    app.fault(FaultRule::always(Endpoint::Retrigger, Effect::Status(ErrorAnswer::new(409))));
    app.run_for(40 * MINUTE, MINUTE / 2).await;
    assert_eq!(app.state(&root).await, State::Recovered { why: Reason::IssuedRunSucceeded });
    assert_eq!(app.ledger().accepted().count(), 1);
    assert!(app.ledger().requests(Endpoint::Retrigger) <= 2);
    entry(&app, &root, Reason::PerhapsRetriggered).await;
    assert_eq!(entry(&app, &root, Reason::IssuedRunFound).await.event, Event::Retriggered);
}

#[tokio::test]
async fn a_refusal_of_a_run_that_has_succeeded_meanwhile_calls_no_person() {
    let mut app = Setup::new().start().await;
    let flow = app.batch_flow("crm-accounts");
    let root = due_run(&mut app, &flow).await;
    app.fault(FaultRule::once(Endpoint::Retrigger, Effect::HealedFirst));
    app.pass().await;
    // The run is read again before the call is repeated.
    app.run_for(MINUTE, MINUTE).await;
    assert_eq!(app.ledger().requests(Endpoint::Retrigger), 1);
    assert_eq!(app.state(&root).await, State::Recovered { why: Reason::HealedElsewhere });
    assert_eq!(app.world(|world| world.run_status(root.as_str())), Some(RunStatus::Success));
}
