//! What a world does: schedules, re-triggers, healing.

use reqwest::Method;

use super::*;
use crate::simulator::wire::view::FlowView;
use crate::simulator::wire::{FlowItem, RunItem};
use crate::simulator::{Cause, Failure, FlowState, Outcome, Spec};

const RUN_TIME: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_re_trigger_issues_a_new_run_that_ends_later_and_leaves_the_old_one_failed() {
    let bench = Bench::with(world_with_failed_run()).await;
    let response = bench.retrigger("failed-run").await;
    assert_eq!(response.status(), 200);
    let answer = json(response).await;
    let new_run = answer["id"].as_str().unwrap();
    let etag = answer["etag"].as_str().unwrap();
    assert!(etag.starts_with('"') && etag.ends_with('"'));
    assert_eq!(answer.as_object().unwrap().len(), 2);

    assert_eq!(bench.status_of(new_run).await, "scheduled");
    bench.clock.advance(RUN_TIME / 2);
    assert_eq!(bench.status_of(new_run).await, "inProgress");
    bench.clock.advance(RUN_TIME);
    assert_eq!(bench.status_of(new_run).await, "success");
    assert_eq!(bench.status_of("failed-run").await, "failed");

    let run = bench.get_json(&format!("/runs/{new_run}")).await;
    assert_eq!(run["items"][0]["createdClient"], "simulated-client");
    let ledger = bench.simulator.ledger();
    let [call] = &ledger.retriggers[..] else { panic!("one call") };
    assert_eq!(call.root_run, "failed-run");
    assert!(call.answered);
    assert_eq!(call.new_run_id(), Some(new_run));
}

#[tokio::test]
async fn a_failure_heals_after_its_number_of_re_triggers_of_any_run_in_the_chain() {
    let mut world = World::empty(1, start_time());
    let flow = world.add_flow(FlowSetup::batch("late-files"));
    world.add_run(RunSetup::failed(&flow).with_id("root").heals_after(3)).unwrap();
    let bench = Bench::with(world).await;
    let first = bench.issue("root").await;
    bench.clock.advance(2 * RUN_TIME);
    let second = bench.issue(&first).await;
    bench.clock.advance(2 * RUN_TIME);
    let third = bench.issue("root").await;
    bench.clock.advance(2 * RUN_TIME);
    assert_eq!(bench.status_of(&first).await, "failed");
    assert_eq!(bench.status_of(&second).await, "failed");
    assert_eq!(bench.status_of(&third).await, "success");
    let ledger = bench.simulator.ledger();
    let ordinals: Vec<u32> = ledger
        .accepted()
        .filter(|call| call.root_run == "root")
        .filter_map(|call| match call.outcome {
            Outcome::Accepted { ordinal, .. } => Some(ordinal),
            Outcome::Refused { .. } => None,
        })
        .collect();
    assert_eq!(ordinals, [1, 2, 3]);
}

#[tokio::test]
async fn a_hopeless_failure_never_heals() {
    let mut world = World::empty(1, start_time());
    let flow = world.add_flow(FlowSetup::batch("bad-mapping"));
    let setup = RunSetup::failed(&flow).with_id("root").heals_after(Failure::NEVER);
    world.add_run(setup).unwrap();
    let bench = Bench::with(world).await;
    let mut run = "root".to_owned();
    for _ in 0..5 {
        run = bench.issue(&run).await;
        bench.clock.advance(2 * RUN_TIME);
        assert_eq!(bench.status_of(&run).await, "failed");
    }
}

#[tokio::test]
async fn what_cannot_be_re_triggered_is_refused_by_its_documented_code() {
    let mut world = world_with_failed_run();
    let flow = world.add_flow(FlowSetup::batch("batch"));
    for (name, spec, state) in [
        ("stream", Spec::Streaming, FlowState::Enabled),
        ("export", Spec::Destination, FlowState::Enabled),
        ("marketo", Spec::Marketo, FlowState::Enabled),
        ("off", Spec::Crm, FlowState::Disabled),
        ("draft", Spec::Crm, FlowState::Draft),
    ] {
        let flow = world.add_flow(FlowSetup { state, ..FlowSetup::new(name, spec) });
        world.add_run(RunSetup::failed(&flow).with_id(name)).unwrap();
    }
    world.add_run(RunSetup::succeeded(&flow).with_id("success")).unwrap();
    world.add_run(in_progress(&flow).with_id("busy")).unwrap();
    let bench = Bench::with(world).await;
    for (run, expected) in [
        ("missing", "1439-404"),
        ("stream", "1333-400"),
        ("export", "1333-400"),
        ("marketo", "1333-400"),
        ("off", "1388-400"),
        ("draft", "1388-400"),
        ("success", "1387-400"),
        ("busy", "1387-400"),
    ] {
        assert_eq!(code(bench.retrigger(run).await).await, expected, "{run}");
    }
    let other_op = bench.request(Method::POST, "/runs/failed-run/action?op=RE_TRIGGER");
    assert_eq!(code(other_op.send().await.unwrap()).await, "1401-400");
    assert_eq!(bench.simulator.ledger().accepted().count(), 0);
    assert_eq!(bench.simulator.ledger().retriggers.len(), 9);
}

#[tokio::test]
async fn a_run_that_is_being_retried_is_refused_until_the_issued_run_has_ended() {
    let bench = Bench::with(world_with_failed_run()).await;
    bench.issue("failed-run").await;
    assert_eq!(code(bench.retrigger("failed-run").await).await, "1387-400");
    bench.clock.advance(2 * RUN_TIME);
    assert_eq!(bench.retrigger("failed-run").await.status(), 200);
}

#[tokio::test]
async fn a_success_without_records_may_be_re_triggered() {
    let mut world = World::empty(1, start_time());
    let flow = world.add_flow(FlowSetup::batch("empty"));
    let setup = RunSetup { records: 0, ..RunSetup::succeeded(&flow) };
    world.add_run(setup.with_id("empty")).unwrap();
    let bench = Bench::with(world).await;
    assert_eq!(bench.retrigger("empty").await.status(), 200);
}

#[tokio::test]
async fn an_etag_that_is_not_current_fails_the_precondition() {
    let bench = Bench::with(world_with_failed_run()).await;
    let ask = |etag: &str| bench.retrigger_request("failed-run").header("if-match", etag).send();
    assert_eq!(code(ask("\"stale\"").await.unwrap()).await, "1404-412");
    let run = bench.get_json("/runs/failed-run").await;
    let etag = run["items"][0]["etag"].as_str().unwrap();
    assert_eq!(ask(etag).await.unwrap().status(), 200);
}

#[test]
fn a_person_re_triggers_under_the_name_of_the_user_interface() {
    let mut world = world_with_failed_run();
    let id = world.person_retriggers("failed-run").unwrap();
    assert_eq!(world.person_retriggers("failed-run"), Err("1387-400".to_owned()));
    let (_, run) = world.run_in("prod", &id).unwrap();
    assert_eq!(run.author.client(), "exc_app");
    assert_eq!(world.ledger.retriggers[0].by, "exc_app");
}

#[test]
fn a_schedule_produces_runs_and_a_leap_of_the_clock_at_most_a_day_of_them() {
    let mut world = World::empty(1, start_time());
    let every = Some(Duration::from_secs(900));
    world.add_flow(FlowSetup { every, ..FlowSetup::batch("quarter-hourly") });
    let disabled = FlowSetup::batch("off");
    world.add_flow(FlowSetup { every, state: FlowState::Disabled, ..disabled });
    world.advance(start_time() + Duration::from_secs(4 * 3600));
    assert_eq!(world.runs.newest_first().count(), 16);
    world.advance(start_time() + Duration::from_secs(365 * 86_400));
    assert!(world.runs.newest_first().count() <= 16 + 2 + 96);
}

#[test]
fn a_run_that_changes_is_updated() {
    let mut world = World::empty(1, start_time());
    let flow = world.add_flow(FlowSetup::batch("one"));
    let setup = in_progress(&flow).with_codes(&["CONNECTOR-2001-500"], &["133"]);
    let id = world.add_run(setup).unwrap();
    let before = world.run_in("prod", &id).unwrap().1.clone();
    world.advance(start_time() + 2 * RUN_TIME);
    let after = world.run_in("prod", &id).unwrap().1;
    assert_eq!((before.status, after.status), (RunStatus::InProgress, RunStatus::Failed));
    assert_eq!(after.updated_at, start_time().as_millisecond() + 60_000);
    assert_ne!(before.etag(), after.etag());
}

#[test]
fn a_run_ended_by_hand_stays_ended() {
    let mut world = World::empty(1, start_time());
    let flow = world.add_flow(FlowSetup::batch("one"));
    let id = world.add_run(in_progress(&flow)).unwrap();
    let key = world.runs.key_of(&id).unwrap();
    world.runs.get_mut(key).unwrap().status = RunStatus::Failed;
    let ended = world.runs.get(key).unwrap().etag();
    world.advance(start_time() + 2 * RUN_TIME);
    let run = world.runs.get(key).unwrap();
    assert_eq!((run.status, run.etag()), (RunStatus::Failed, ended));
}

#[test]
fn the_same_seed_and_clock_give_the_same_world() {
    let live = |seed| {
        let mut world = World::empty(seed, start_time());
        for n in 0..5 {
            world.add_flow(FlowSetup {
                every: Some(Duration::from_secs(600)),
                failure_rate: 0.3,
                causes: vec![Cause::SourceTimeout, Cause::BadRecords],
                ..FlowSetup::batch(&format!("flow-{n}"))
            });
        }
        world.advance(start_time() + Duration::from_secs(7_200));
        publish(&world)
    };
    assert_eq!(live(7), live(7));
    assert_ne!(live(7), live(8));
}

/// Everything in a world, as published.
pub(super) fn publish(world: &World) -> String {
    let flows = (0..world.flows.len()).map(|key| FlowItem::new(&FlowView { key, world }));
    let runs = world.runs.newest_first().map(|run| RunItem::new(&world.view_run(run)));
    let flows = serde_json::to_string(&flows.collect::<Vec<_>>()).unwrap();
    flows + &serde_json::to_string(&runs.collect::<Vec<_>>()).unwrap()
}
