//! A pass's queries about the past.

use super::Place;
use super::world::{
    World, accept, adopt, at, failure, prod, recovered, run, skip, step, triggering, waiting,
};
use flowmend::domain::model::ids::{FlowId, SandboxName};
use flowmend::domain::model::journal::Event;
use flowmend::domain::model::reason::Reason;
use flowmend::domain::policy::breaker::{Outcome, Unsuccessful};
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
