//! Old, final recoveries are removed; open ones stay, with their entries.

use super::Place;
use super::world::{
    World, accept, adopt, at, every_state, recovered, run, skip, step, triggering, waiting,
};
use flowmend::domain::model::reason::Reason;
use flowmend::store::Filter;
use std::collections::HashSet;

pub(crate) async fn old_final_recoveries_go_with_their_attempts_and_entries<P: Place>() {
    let world = World::<P>::new().await;
    let root = world.put("root", triggering(1, "root")).await;
    let issued = world.put_change(accept(&root, "issued")).await;
    world.put_change(step(&issued, recovered())).await;
    let mut recent = skip("recent", Reason::TooOld);
    recent.at = at(500);
    world.note([skip("skipped", Reason::TooOld), recent]).await;

    assert_eq!(world.store.prune(&world.owner, at(100)).await.unwrap(), 1);
    assert_eq!(world.get("root").await, None);
    let known = world.store.known_runs(&[run("root"), run("issued")]).await.unwrap();
    assert_eq!(known, HashSet::new());
    assert_eq!(world.reasons("root").await, []);
    assert_eq!(world.reasons("skipped").await, []);
    assert_eq!(world.reasons("recent").await, [Reason::TooOld]);
    assert_eq!(world.store.prune(&world.owner, at(100)).await.unwrap(), 0);
}

pub(crate) async fn open_recoveries_are_kept_with_their_entries<P: Place>() {
    let world = World::<P>::new().await;
    for state in every_state() {
        world.put(state.name(), state).await;
    }
    assert_eq!(world.store.prune(&world.owner, at(100_000)).await.unwrap(), 3);
    for state in every_state() {
        let kept = !state.is_final();
        assert_eq!(world.get(state.name()).await.is_some(), kept, "{}", state.name());
        assert_eq!(world.reasons(state.name()).await.len(), usize::from(kept));
    }
}

pub(crate) async fn what_changed_at_the_limit_is_kept<P: Place>() {
    let world = World::<P>::new().await;
    world.put("root", recovered()).await;
    world.note([skip("skipped", Reason::TooOld)]).await;
    assert_eq!(world.store.prune(&world.owner, at(0)).await.unwrap(), 0);
    assert!(world.get("root").await.is_some());
    assert_eq!(world.reasons("skipped").await, [Reason::TooOld]);
}

pub(crate) async fn thousands_are_pruned<P: Place>() {
    let world = World::<P>::new().await;
    let finished = (0..4_001).map(|n| {
        let mut change = adopt(&format!("root-{n}"));
        change.recovery.state = recovered();
        change
    });
    assert_eq!(world.change(finished).await, [true; 4_001]);
    let open = world.put("open", waiting(1)).await;
    assert_eq!(world.store.prune(&world.owner, at(100)).await.unwrap(), 4_001);
    assert_eq!(world.store.recoveries(&Filter::default()).await.unwrap(), [open]);
    assert_eq!(world.reasons("root-4000").await, []);
    assert_eq!(world.reasons("open").await, [Reason::RunFailed]);
}
