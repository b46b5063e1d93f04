//! A pass's queries about recoveries.

use super::Place;
use super::world::{World, accept, adopt, at, every_state, prod, run, step, triggering, waiting};
use flowmend::domain::model::ids::{FlowId, RunId, SandboxName};
use flowmend::domain::model::reason::Reason;
use flowmend::domain::plan::due::DueRecovery;
use flowmend::domain::recovery::{Change, Recovery, State};
use std::collections::HashSet;

fn dev() -> SandboxName {
    SandboxName::new("dev")
}

/// The change that takes on `root`, which failed at `second`, in `state`.
fn failed(root: &str, second: i64, state: State) -> Change {
    let mut change = adopt(root);
    change.recovery.failed_at = at(second);
    change.recovery.state = state;
    change
}

fn elsewhere(mut change: Change) -> Change {
    change.recovery.sandbox = dev();
    change.recovery.root_run_id = run(&format!("{} in dev", change.recovery.root_run_id));
    change
}

fn due_at(second: i64) -> State {
    State::Waiting { attempt: 1, due: at(second) }
}

fn held(why: Reason) -> State {
    State::Held { attempt: 1, why }
}

pub(crate) async fn recoveries_under_way_are_read_oldest_failure_first<P: Place>() {
    let world = World::<P>::new().await;
    let mut expected: Vec<Recovery> = Vec::new();
    for (age, state) in (1_i64..).zip(every_state()) {
        let under_way = state.is_unanswered() || state.name() == "watching";
        let change = failed(state.name(), -age, state);
        world.put_change(elsewhere(change.clone())).await;
        let recovery = world.put_change(change).await;
        if under_way {
            expected.insert(0, recovery);
        }
    }
    assert_eq!(expected.len(), 3);
    assert_eq!(world.store.under_way(&prod()).await.unwrap(), expected);
}

pub(crate) async fn due_recoveries_are_read_requested_ones_first_then_oldest_first<P: Place>() {
    let world = World::<P>::new().await;
    for (root, second, state) in [
        ("young", 3, due_at(60)),
        ("old", 1, due_at(60)),
        ("also old", 1, due_at(59)),
        ("later", 0, due_at(61)),
        ("held", 0, held(Reason::Forbidden)),
    ] {
        let change = failed(root, second, state);
        world.put_change(elsewhere(change.clone())).await;
        world.put_change(change).await;
    }
    let mut ordered = failed("ordered", 9, triggering(1, "ordered"));
    ordered.recovery.flow_id = FlowId::new("flow-2");
    let begun = world.put_change(ordered).await;
    let issued = world.put_change(accept(&begun, "issued")).await;
    let mut again = step(&issued, due_at(60));
    again.recovery.ordered = true;
    world.put_change(again).await;

    let due = |root: &str, second| DueRecovery {
        root_run_id: run(root),
        flow_id: FlowId::new("flow-1"),
        failed_at: at(second),
        attempts: 0,
        ordered: false,
    };
    let first = DueRecovery {
        flow_id: FlowId::new("flow-2"),
        attempts: 1,
        ordered: true,
        ..due("ordered", 9)
    };
    let others = [due("also old", 1), due("old", 1), due("young", 3)];
    let expected: Vec<_> = std::iter::once(first).chain(others).collect();
    assert_eq!(world.store.due(&prod(), at(60)).await.unwrap(), expected);
    assert_eq!(world.store.due(&prod(), at(58)).await.unwrap(), []);
}

pub(crate) async fn the_next_due_time_is_later_than_now<P: Place>() {
    let world = World::<P>::new().await;
    for (root, due) in [("a", 60), ("b", 70), ("c", 80)] {
        world.put_change(failed(root, 0, due_at(due))).await;
    }
    world.put_change(elsewhere(failed("a", 0, due_at(65)))).await;
    let next = async |second| world.store.next_due(&prod(), at(second)).await.unwrap();
    assert_eq!(next(0).await, Some(at(60)));
    assert_eq!(next(60).await, Some(at(70)));
    assert_eq!(next(80).await, None);
}

pub(crate) async fn recoveries_are_read_by_their_root_runs<P: Place>() {
    let world = World::<P>::new().await;
    let young = world.put_change(failed("young", 2, waiting(1))).await;
    let begun = world.put_change(failed("old", 1, triggering(1, "old"))).await;
    let old = world.put_change(accept(&begun, "issued")).await;
    world.put_change(failed("other", 0, waiting(1))).await;
    let asked = ["young", "issued", "unknown", "old", "young"].map(run);
    assert_eq!(world.store.recoveries_of(&asked).await.unwrap(), [old, young]);
    assert_eq!(world.store.recoveries_of(&[]).await.unwrap(), []);
}

pub(crate) async fn held_recoveries_are_read_in_parts<P: Place>() {
    let world = World::<P>::new().await;
    for root in ["d", "b", "a", "c"] {
        let change = failed(root, 0, held(Reason::FlowDisabled));
        world.put_change(elsewhere(change.clone())).await;
        world.put_change(change).await;
    }
    world.put("bb", waiting(1)).await;
    let read = async |after: Option<&RunId>, limit| {
        let found = world.store.held(&prod(), after, limit).await.unwrap();
        found.into_iter().map(|recovery| recovery.root_run_id).collect::<Vec<RunId>>()
    };
    let all = read(None, 100).await;
    assert_eq!(HashSet::from_iter(all.clone()), HashSet::from(["a", "b", "c", "d"].map(run)));
    assert_eq!(read(None, 2).await, all[..2]);
    assert_eq!(read(Some(&all[1]), 2).await, all[2..]);
    assert_eq!(read(Some(&all[3]), 2).await, []);

    // Whoever stopped at one that is held no longer goes on behind it.
    let moved = world.store.recovery_of(&all[1]).await.unwrap().unwrap();
    world.put_change(step(&moved, waiting(1))).await;
    assert_eq!(read(Some(&all[1]), 2).await, all[2..]);
}

pub(crate) async fn unsupported_dataflows_are_read_with_their_last_change<P: Place>() {
    let world = World::<P>::new().await;
    for (root, flow, second, why) in [
        ("a", "flow-1", 5, Reason::ActionUnsupported),
        ("b", "flow-1", 9, Reason::ActionUnsupported),
        ("c", "flow-2", 7, Reason::ActionUnsupported),
        ("d", "flow-3", 8, Reason::Forbidden),
    ] {
        let mut change = failed(root, 0, held(why));
        change.recovery.flow_id = FlowId::new(flow);
        change.recovery.updated_at = at(second);
        if root == "b" {
            change.recovery.flow_name = "renamed".to_owned();
        }
        world.put_change(elsewhere(change.clone())).await;
        world.put_change(change).await;
    }
    let mut told = world.store.unsupported_flows(&prod()).await.unwrap();
    told.sort();
    assert_eq!(told, [(FlowId::new("flow-1"), at(9)), (FlowId::new("flow-2"), at(7))]);
}
