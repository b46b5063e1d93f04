//! Several handles on one store, at the same time and one after the other.

use super::Place;
use super::world::{TTL, World, accept, adopt, at, prod, run, skip, step, triggering, waiting};
use flowmend::domain::model::reason::Reason;
use flowmend::domain::recovery::Change;
use flowmend::store::{Batch, Lease, Owner, Progress, Store};

async fn commit(store: &dyn Store, owner: &Owner, change: Change) -> bool {
    let batch = Batch { changes: vec![change], ..Batch::default() };
    store.commit(owner, &batch).await.unwrap().applied == [true]
}

pub(crate) async fn a_revision_is_committed_by_one_of_two_handles<P: Place>() {
    let world = World::<P>::new().await;
    let other = world.place.open().await;
    let mut recovery = world.put("root", waiting(1)).await;
    for turn in 1..=10 {
        let mut ours = step(&recovery, triggering(1, "root"));
        ours.recovery.refusals = 2 * turn;
        let mut theirs = ours.clone();
        theirs.recovery.refusals = 2 * turn + 1;
        let (first, second) = tokio::join!(
            commit(&*world.store, &world.owner, ours),
            commit(&*other, &world.owner, theirs),
        );
        assert!(first ^ second, "both or neither in turn {turn}");
        recovery = world.get("root").await.unwrap();
        assert_eq!(recovery.refusals, 2 * turn + u32::from(second));
        assert_eq!(recovery.revision, u64::from(turn) + 1);
    }
    assert_eq!(world.reasons("root").await.len(), 11);
}

pub(crate) async fn a_run_is_adopted_by_one_of_two_handles<P: Place>() {
    let world = World::<P>::new().await;
    let other = world.place.open().await;
    for turn in 0..10 {
        let root = format!("root-{turn}");
        let (first, second) = tokio::join!(
            commit(&*world.store, &world.owner, adopt(&root)),
            commit(&*other, &world.owner, adopt(&root)),
        );
        assert!(first ^ second, "both or neither in turn {turn}");
        assert_eq!(world.reasons(&root).await, [Reason::RunFailed]);
    }
}

pub(crate) async fn one_handle_reads_what_the_other_wrote<P: Place>() {
    let world = World::<P>::new().await;
    let other = world.place.open().await;
    assert_eq!(other.recovery_of(&run("root")).await.unwrap(), None);
    let root = world.put("root", waiting(1)).await;
    assert_eq!(other.recovery_of(&run("root")).await.unwrap(), Some(root));
}

pub(crate) async fn everything_is_there_after_reopening<P: Place>() {
    let World { place, store, owner } = World::<P>::new().await;
    let adopted = adopt("root");
    let accepted = accept(&adopted.recovery, "issued");
    assert!(commit(&*store, &owner, adopted).await);
    let (recovery, told) = (accepted.recovery.clone(), accepted.entry.clone());
    let progress = Progress { watermark: at(3), swept_at: at(2), client: None };
    let batch = Batch {
        changes: vec![accepted],
        notes: vec![skip("skipped", Reason::TooOld)],
        progress: Some((prod(), progress.clone())),
        ..Batch::default()
    };
    store.commit(&owner, &batch).await.unwrap();
    store.close().await;

    let store = place.open().await;
    assert_eq!(store.open_recoveries(&prod()).await.unwrap(), [recovery]);
    assert_eq!(store.journal(&run("issued")).await.unwrap(), [told]);
    assert_eq!(store.journal(&run("skipped")).await.unwrap().len(), 1);
    assert_eq!(store.progress(&prod()).await.unwrap(), Some(progress));
    // The handle that held the lease is gone, so its successor acts at once.
    let granted = store.lease(&Owner::new("restarted"), at(1), TTL).await.unwrap();
    assert_eq!(granted, Lease::Granted);
}
