//! One daemon at a time acts on a store.

use super::Place;
use super::world::{TTL, World, adopt, at, prod, recovered, run, skip};
use flowmend::domain::model::reason::Reason;
use flowmend::store::{Batch, Lease, Owner, Progress, Store, StoreError};

fn other() -> Owner {
    Owner::new("another daemon")
}

async fn ask(store: &dyn Store, owner: &Owner, second: i64) -> Lease {
    store.lease(owner, at(second), TTL).await.unwrap()
}

pub(crate) async fn a_lease_is_granted_if_it_is_free<P: Place>() {
    let place = P::fresh().await;
    let store = place.open().await;
    assert_eq!(ask(&*store, &other(), 0).await, Lease::Granted);
}

pub(crate) async fn its_owner_renews_a_lease<P: Place>() {
    let world = World::<P>::new().await;
    assert_eq!(ask(&*world.store, &world.owner, 30).await, Lease::Renewed);
    let refused = ask(&*world.store, &other(), 89).await;
    assert_eq!(refused, Lease::HeldBy { owner: world.owner, until: at(90) });
}

pub(crate) async fn a_held_lease_is_refused_with_its_owner_and_its_end<P: Place>() {
    let world = World::<P>::new().await;
    let refused = ask(&*world.store, &other(), 1).await;
    assert_eq!(refused, Lease::HeldBy { owner: world.owner, until: at(60) });
}

pub(crate) async fn a_lease_is_taken_over_when_it_has_expired_and_not_before<P: Place>() {
    let world = World::<P>::new().await;
    assert!(matches!(ask(&*world.store, &other(), 59).await, Lease::HeldBy { .. }));
    assert_eq!(ask(&*world.store, &other(), 60).await, Lease::Granted);
    let refused = ask(&*world.store, &world.owner, 61).await;
    assert_eq!(refused, Lease::HeldBy { owner: other(), until: at(120) });
    // Whoever gets it back is told that it was away.
    assert_eq!(ask(&*world.store, &world.owner, 120).await, Lease::Granted);
}

pub(crate) async fn a_released_lease_is_free_at_once<P: Place>() {
    let world = World::<P>::new().await;
    world.store.release(&world.owner, at(1)).await.unwrap();
    assert_eq!(ask(&*world.store, &other(), 1).await, Lease::Granted);
}

pub(crate) async fn no_owner_releases_the_lease_of_another<P: Place>() {
    let world = World::<P>::new().await;
    world.store.release(&other(), at(1)).await.unwrap();
    assert!(matches!(ask(&*world.store, &other(), 1).await, Lease::HeldBy { .. }));
}

pub(crate) async fn one_of_two_simultaneous_requests_gets_the_lease<P: Place>() {
    let place = P::fresh().await;
    let (one, two) = tokio::join!(place.open(), place.open());
    let (first, second) = (Owner::new("first"), Owner::new("second"));
    let answers = tokio::join!(ask(&*one, &first, 0), ask(&*two, &second, 0));
    match answers {
        (Lease::Granted, Lease::HeldBy { owner, .. }) => assert_eq!(owner, first),
        (Lease::HeldBy { owner, .. }, Lease::Granted) => assert_eq!(owner, second),
        both => panic!("one of them should have it: {both:?}"),
    }
}

fn batch_of_everything() -> Batch {
    Batch {
        changes: vec![adopt("root")],
        notes: vec![skip("skipped", Reason::TooOld)],
        progress: Some((prod(), Progress { watermark: at(1), swept_at: at(1), client: None })),
        ..Batch::default()
    }
}

async fn assert_nothing_is_stored(store: &dyn Store) {
    assert_eq!(store.recovery_of(&run("root")).await.unwrap(), None);
    assert_eq!(store.journal(&run("root")).await.unwrap(), []);
    assert_eq!(store.journal(&run("skipped")).await.unwrap(), []);
    assert_eq!(store.progress(&prod()).await.unwrap(), None);
}

pub(crate) async fn without_the_lease_nothing_is_stored<P: Place>() {
    let place = P::fresh().await;
    let store = place.open().await;
    let refused = store.commit(&other(), &batch_of_everything()).await;
    assert!(matches!(refused, Err(StoreError::LeaseLost)), "{refused:?}");
    assert_nothing_is_stored(&*store).await;
}

pub(crate) async fn after_a_takeover_the_old_owner_stores_nothing<P: Place>() {
    let world = World::<P>::new().await;
    assert_eq!(ask(&*world.store, &other(), 60).await, Lease::Granted);
    let refused = world.store.commit(&world.owner, &batch_of_everything()).await;
    assert!(matches!(refused, Err(StoreError::LeaseLost)), "{refused:?}");
    assert_nothing_is_stored(&*world.store).await;
}

pub(crate) async fn an_expired_lease_counts_until_another_owner_takes_it<P: Place>() {
    let world = World::<P>::new().await;
    let mut late = adopt("root");
    late.recovery.updated_at = at(1_000);
    assert_eq!(world.change([late]).await, [true]);
}

pub(crate) async fn without_the_lease_nothing_is_pruned<P: Place>() {
    let world = World::<P>::new().await;
    world.put("root", recovered()).await;
    let refused = world.store.prune(&other(), at(1_000)).await;
    assert!(matches!(refused, Err(StoreError::LeaseLost)), "{refused:?}");
    assert!(world.get("root").await.is_some());
}

pub(crate) async fn an_operator_needs_no_lease_but_the_revision<P: Place>() {
    let world = World::<P>::new().await;
    assert_eq!(ask(&*world.store, &other(), 60).await, Lease::Granted);
    let batch = batch_of_everything();
    let amended = world.store.amend(&batch).await.expect("it is stored");
    assert!(amended.applied.iter().all(|applied| *applied), "{amended:?}");
    let again = world.store.amend(&batch).await.expect("it is looked at");
    assert!(again.applied.iter().all(|applied| !applied), "{again:?}");
}
