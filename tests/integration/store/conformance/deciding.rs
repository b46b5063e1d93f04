//! An operator's decision wins, and the wait of queued recoveries is excused.

use super::Place;
use super::world::{World, adopt, at, prod, recovered, run, skip, step, triggering, waiting};
use flowmend::domain::model::ids::SandboxName;
use flowmend::domain::model::reason::Reason;
use flowmend::domain::policy::pause_order::Order;
use flowmend::domain::recovery::{Change, State};
use flowmend::store::{Batch, Committed, Queued};
use jiff::Timestamp;

async fn order<P: Place>(world: &World<P>, second: i64) -> Timestamp {
    let order =
        Order { sandbox: None, flow: None, paused: true, at: at(second), reason: String::new() };
    world.store.order(&order).await.unwrap();
    world.store.orders().await.unwrap()[0].at
}

async fn commit<P: Place>(world: &World<P>, batch: Batch) -> Committed {
    world.store.commit(&world.owner, &batch).await.unwrap()
}

pub(crate) async fn a_recovery_amended_between_reading_and_committing_keeps_the_decision<
    P: Place,
>() {
    let world = World::<P>::new().await;
    let read = world.put("root", waiting(1)).await;
    let decided = step(&read, State::Dismissed { why: "enough".to_owned() });
    let amended = Batch { changes: vec![decided.clone()], ..Batch::default() };
    assert_eq!(world.store.amend(&amended).await.unwrap().applied, [true]);
    let planned = step(&read, waiting(2));
    let intent = step(&planned.recovery, triggering(2, "root"));
    assert_eq!(world.change([planned, intent.clone()]).await, [false, false]);
    assert_eq!(world.get("root").await.as_ref(), Some(&decided.recovery));
    // The decision wins as well if it is made between recording and beginning.
    let read = world.put("other", waiting(1)).await;
    let planned = world.put_change(step(&read, waiting(2))).await;
    let decided = step(&planned, recovered());
    let amended = Batch { changes: vec![decided.clone()], ..Batch::default() };
    assert_eq!(world.store.amend(&amended).await.unwrap().applied, [true]);
    assert_eq!(world.change([step(&planned, triggering(2, "other"))]).await, [false]);
    assert_eq!(world.get("other").await, Some(decided.recovery));
}

fn intent_and_others(read: &[flowmend::domain::recovery::Recovery]) -> Vec<Change> {
    vec![step(&read[0], triggering(1, "a")), step(&read[1], recovered()), adopt("c")]
}

pub(crate) async fn a_newer_order_stops_intents_and_nothing_else<P: Place>() {
    let world = World::<P>::new().await;
    let read = [world.put("a", waiting(1)).await, world.put("b", waiting(1)).await];
    let first = order(&world, 100).await;
    let batch = |seen| Batch {
        changes: intent_and_others(&read),
        notes: vec![skip("skipped", Reason::TooOld)],
        orders_seen: Some(seen),
        ..Batch::default()
    };
    let committed = commit(&world, batch(None)).await;
    assert_eq!(committed, Committed { applied: vec![false, true, true], noted: vec![true] });
    assert_eq!(world.get("a").await.as_ref(), Some(&read[0]));
    assert_eq!(world.reasons("a").await, [Reason::RunFailed]);

    let second = order(&world, 200).await;
    assert!(second > first);
    assert_eq!(commit(&world, batch(Some(first))).await.applied, [false; 3]);
    assert_eq!(commit(&world, batch(Some(second))).await.applied, [true, false, false]);
}

pub(crate) async fn an_order_that_was_seen_stops_nothing<P: Place>() {
    let world = World::<P>::new().await;
    let changes = || {
        let mut change = adopt("root");
        change.recovery.state = triggering(1, "root");
        vec![change]
    };
    let none = Batch { changes: changes(), orders_seen: Some(None), ..Batch::default() };
    assert_eq!(commit(&world, none).await.applied, [true], "there is no order at all");
    order(&world, 100).await;
    let read = world.put("other", waiting(1)).await;
    let changes = vec![step(&read, triggering(1, "other"))];
    let unasked = Batch { changes, ..Batch::default() };
    assert_eq!(commit(&world, unasked).await.applied, [true], "it did not ask");
}

fn queued(second: i64, except: &[&str]) -> Option<Queued> {
    let except = except.iter().map(|root| run(root)).collect();
    Some(Queued { sandbox: prod(), since: at(second), except })
}

pub(crate) async fn waiting_for_others_is_excused_once<P: Place>() {
    let world = World::<P>::new().await;
    let mut untouched = Vec::new();
    for (root, due) in [("later", 61), ("excepted", 60)] {
        let state = State::Waiting { attempt: 1, due: at(due) };
        untouched.push(world.put(root, state).await);
    }
    untouched.push(world.put("at work", triggering(1, "at work")).await);
    let mut ordered = adopt("ordered");
    ordered.recovery.ordered = true;
    untouched.push(world.put_change(ordered).await);
    let mut excused = adopt("excused");
    excused.recovery.excused_since = Some(at(5));
    untouched.push(world.put_change(excused).await);
    let mut elsewhere = adopt("elsewhere");
    elsewhere.recovery.sandbox = SandboxName::new("dev");
    untouched.push(world.put_change(elsewhere).await);
    let due = world.put("due", waiting(1)).await;

    for second in [60, 60] {
        let batch = Batch { queued: queued(second, &["excepted"]), ..Batch::default() };
        commit(&world, batch).await;
    }
    let now = world.get("due").await.unwrap();
    assert_eq!((now.excused_since, now.revision), (Some(at(60)), due.revision + 1));
    assert_eq!(world.reasons("due").await, [Reason::RunFailed]);
    for recovery in untouched {
        assert_eq!(world.get(recovery.root_run_id.as_str()).await, Some(recovery));
    }
    assert_eq!(world.change([step(&due, recovered())]).await, [false], "it is another revision");
}

pub(crate) async fn a_change_of_the_batch_is_not_excused_by_it<P: Place>() {
    let world = World::<P>::new().await;
    let moved = world.put("moved", waiting(1)).await;
    let stale = world.put("stale", waiting(1)).await;
    let decided = world.put_change(step(&stale, waiting(1))).await;
    let change = step(&moved, waiting(2));
    let batch = Batch {
        changes: vec![change.clone(), step(&stale, waiting(2)), adopt("new")],
        queued: queued(60, &[]),
        ..Batch::default()
    };
    assert_eq!(commit(&world, batch).await.applied, [true, false, true]);
    assert_eq!(world.get("moved").await, Some(change.recovery));
    assert_eq!(world.get("stale").await, Some(decided));
    assert_eq!(world.get("new").await, Some(adopt("new").recovery));
}
