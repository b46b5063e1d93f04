//! A pass's queries about the past.

use super::Place;
use super::world::{
    World, accept, adopt, at, failure, prod, recovered, run, skip, step, triggering, waiting,
};
use flowmend::domain::model::ids::{FlowId, SandboxName};
use flowmend::domain::model::journal::{Entry, Event};
use flowmend::domain::model::reason::Reason;
use flowmend::domain::policy::breaker::{Outcome, Unsuccessful};
use flowmend::domain::policy::long_failure::Failing;
use flowmend::domain::recovery::{Change, Recovery, State};
use flowmend::store::CallCount;

/// A recovery of `flow` with an accepted attempt.
async fn tried<P: Place>(world: &World<P>, root: &str, flow: &str) -> Recovery {
    let mut change = adopt(root);
    change.recovery.state = triggering(1, root);
    change.recovery.flow_id = FlowId::new(flow);
    change.entry.flow_id = FlowId::new(flow);
    let begun = world.put_change(change).await;
    world.put_change(accept(&begun, &format!("issued for {root}"))).await
}

/// The change that ends `recovery` at `second`.
fn end(recovery: &Recovery, event: Event, why: Reason, second: i64) -> Change {
    let state = match event {
        Event::GivenUp => State::GivenUp { why },
        _ => recovered(),
    };
    let mut change = step(recovery, state);
    (change.entry.event, change.entry.reason, change.entry.at) = (event, why, at(second));
    change.entry.new_run_id = recovery.attempts.last().map(|last| last.issued.clone());
    change.entry.etag = recovery.attempts.last().and_then(|last| last.etag.clone());
    change
}

pub(crate) async fn begun_intents_are_counted_since_a_moment<P: Place>() {
    let world = World::<P>::new().await;
    let begin = async |root: &str, sandbox: &str, second| {
        let mut change = adopt(root);
        change.entry.event = Event::Begun;
        change.entry.at = at(second);
        change.entry.sandbox = SandboxName::new(sandbox);
        change.recovery.sandbox = SandboxName::new(sandbox);
        world.put_change(change).await;
    };
    world.put("only scheduled", waiting(1)).await;
    for (root, sandbox, second) in
        [("a", "prod", 10), ("b", "prod", 30), ("c", "prod", 20), ("d", "dev", 15)]
    {
        begin(root, sandbox, second).await;
    }
    let count = async |second| world.store.calls_since(&prod(), at(second)).await.unwrap();
    assert_eq!(count(0).await, CallCount { count: 3, oldest: Some(at(10)) });
    assert_eq!(count(10).await, CallCount { count: 2, oldest: Some(at(20)) });
    assert_eq!(count(30).await, CallCount::default());
}

pub(crate) async fn unsuccessful_recoveries_are_read_until_their_dataflow_succeeds<P: Place>() {
    let world = World::<P>::new().await;
    let told = async |since| {
        let found = world.store.unsuccessful(&prod(), at(since)).await.unwrap();
        found.iter().map(|it| it.root_run_id.to_string()).collect::<Vec<_>>()
    };
    let mut failing = Vec::new();
    for (root, flow, why, second) in [
        ("one", "a", Reason::AttemptsSpent, 1),
        ("two", "b", Reason::TimeSpent, 2),
        ("three", "a", Reason::WatchTimeout, 3),
        ("four", "c", Reason::NotRetriggerable, 4),
    ] {
        let recovery = tried(&world, root, flow).await;
        failing.push(world.put_change(end(&recovery, Event::GivenUp, why, second)).await);
    }
    assert_eq!(told(1).await, ["one", "two", "three", "four"]);
    assert_eq!(told(3).await, ["three", "four"]);
    let all = world.store.unsuccessful(&prod(), at(1)).await.unwrap();
    let two = Unsuccessful {
        flow_id: FlowId::new("b"),
        flow_name: "CRM accounts".to_owned(),
        root_run_id: run("two"),
        at: at(2),
    };
    assert_eq!(all[1], two);
    assert_eq!(world.store.unsuccessful(&SandboxName::new("dev"), at(1)).await.unwrap(), []);

    let mut elsewhere = skip("elsewhere", Reason::RunSucceeded);
    (elsewhere.event, elsewhere.flow_id) = (Event::FlowHealed, FlowId::new("a"));
    let mut healed = elsewhere.clone();
    healed.run_id = run("healed");
    elsewhere.sandbox = SandboxName::new("dev");
    world.note([elsewhere]).await;
    assert_eq!(told(1).await.len(), 4);
    world.note([healed]).await;
    assert_eq!(told(1).await, ["two", "four"]);

    let another = tried(&world, "another", "b").await;
    let after = tried(&world, "after", "b").await;
    let changes = [
        end(&another, Event::Recovered, Reason::IssuedRunSucceeded, 5),
        end(&after, Event::GivenUp, Reason::AttemptsSpent, 6),
    ];
    assert_eq!(world.change(changes).await, [true, true]);
    assert_eq!(told(1).await, ["four", "after"]);
}

pub(crate) async fn recoveries_given_up_untried_or_for_another_reason_do_not_count<P: Place>() {
    let world = World::<P>::new().await;
    let untried = world.put("untried", waiting(1)).await;
    world.put_change(end(&untried, Event::GivenUp, Reason::TimeSpent, 1)).await;
    let ignored = tried(&world, "ignored", "flow-1").await;
    world.put_change(end(&ignored, Event::GivenUp, Reason::IgnoredByRule, 1)).await;
    assert_eq!(world.store.unsuccessful(&prod(), at(0)).await.unwrap(), []);
}

pub(crate) async fn outcomes_are_read_from_entries<P: Place>() {
    let world = World::<P>::new().await;
    let mut adopted = adopt("root");
    adopted.entry.failure = Some(failure(&["1006-408"]));
    adopted.recovery.state = triggering(1, "root");
    let begun = world.put_change(adopted).await;
    let first = world.put_change(accept(&begun, "first")).await;
    let mut failed = step(&first, waiting(2));
    failed.entry.event = Event::Scheduled;
    failed.entry.reason = Reason::IssuedRunFailed;
    failed.entry.failure = Some(failure(&["1006-408"]));
    let waiting = world.put_change(failed).await;
    let begun = world.put_change(step(&waiting, triggering(2, "first"))).await;
    let second = world.put_change(accept(&begun, "second")).await;
    world.put_change(end(&second, Event::Recovered, Reason::IssuedRunSucceeded, 90)).await;
    let healed = tried(&world, "healed", "flow-1").await;
    world.put_change(end(&healed, Event::Recovered, Reason::HealedElsewhere, 91)).await;

    let mut expected = Vec::new();
    for entry in world.store.journal(&run("root")).await.unwrap() {
        expected.extend(Outcome::of(&entry));
    }
    let succeeded: Vec<bool> = expected.iter().map(|outcome| outcome.succeeded).collect();
    assert_eq!(succeeded, [false, true]);
    let told = async |second| world.store.outcomes(&prod(), at(second)).await.unwrap();
    assert_eq!(told(0).await, expected);
    assert_eq!(told(90).await, expected[1..]);
    assert_eq!(told(91).await, []);
    let dev = SandboxName::new("dev");
    assert_eq!(world.store.outcomes(&dev, at(0)).await.unwrap(), []);
}

pub(crate) async fn a_dataflow_fails_from_its_first_failure_after_the_last_success_on<P: Place>() {
    let world = World::<P>::new().await;
    let note = |id: &str, flow: &str, event, reason, second| {
        let flow_name = format!("{flow}, renamed {second} times");
        let failure = (event == Event::Skipped).then(|| failure(&["code"]));
        let (flow_id, at) = (FlowId::new(flow), at(second));
        Entry { event, flow_id, flow_name, at, failure, ..skip(id, reason) }
    };
    let skipped = |id: &str, flow: &str, second| {
        note(id, flow, Event::Skipped, Reason::IgnoredByRule, second)
    };
    let failing = async |since, begun_by| {
        let mut found = world.store.failing(&prod(), at(since), at(begun_by)).await.unwrap();
        found.sort_by(|a, b| a.flow_id.cmp(&b.flow_id));
        let told = |it: Failing| {
            assert!(it.warned_at.is_none());
            (it.flow_id.to_string(), it.since, it.last, it.run_id.to_string())
        };
        found.into_iter().map(told).collect::<Vec<_>>()
    };
    let (succeeded, why) = (Event::FlowSucceeded, Reason::RunSucceeded);
    world
        .note([
            skipped("a-1", "a", 1),
            note("a-2", "a", succeeded, why, 2),
            skipped("a-3", "a", 3),
            skipped("b-1", "b", 4),
            skipped("a-4", "a", 5),
            skipped("c-1", "c", 6),
            note("c-2", "c", succeeded, why, 7),
            note("d-1", "d", Event::Skipped, Reason::EmptySuccess, 8),
        ])
        .await;
    let elsewhere = SandboxName::new("dev");
    assert_eq!(world.store.failing(&elsewhere, at(0), at(99)).await.unwrap(), []);
    let a = ("a".to_owned(), at(3), at(5), "a-4".to_owned());
    let b = ("b".to_owned(), at(4), at(4), "b-1".to_owned());
    assert_eq!(failing(0, 99).await, [a.clone(), b.clone()]);
    assert_eq!(failing(0, 3).await, [a]);
    assert_eq!(failing(4, 4).await, [b]);

    // This warning may be repeated for the same run.
    for second in [10, 20] {
        let warning = note("a-4", "a", Event::FlowWarned, Reason::SoonDisabled, second);
        assert_eq!(world.note([warning]).await, [true]);
        let found = world.store.failing(&prod(), at(0), at(3)).await.unwrap();
        assert_eq!(found[0].warned_at, Some(at(second)));
    }
}

pub(crate) async fn the_last_name_of_each_dataflow_is_read<P: Place>() {
    let world = World::<P>::new().await;
    let named = |id: &str, flow: &str, name: &str| Entry {
        flow_id: FlowId::new(flow),
        flow_name: name.to_owned(),
        ..skip(id, Reason::TooOld)
    };
    world.note([named("1", "a", "old"), named("2", "b", "b")]).await;
    world.note([named("3", "a", "new"), named("4", "b", "")]).await;
    let names = world.store.flow_names().await.unwrap();
    let expected = [("a", "new"), ("b", "b")];
    assert_eq!(names, expected.map(|(id, name)| (FlowId::new(id), name.to_owned())).into());
}
