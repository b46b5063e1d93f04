//! The one conditional write.

use super::Place;
use super::world::{
    World, accept, adopt, at, prod, recovered, run, skip, step, triggering, waiting, watching,
};
use flowmend::domain::model::ids::SandboxName;
use flowmend::domain::model::reason::Reason;
use flowmend::domain::recovery::Recovery;
use flowmend::store::{Batch, ClientMark, Committed, Progress};

pub(crate) async fn a_new_recovery_is_stored_with_its_entry<P: Place>() {
    let world = World::<P>::new().await;
    let change = adopt("root");
    assert_eq!(world.change([change.clone()]).await, [true]);
    assert_eq!(world.get("root").await, Some(change.recovery));
    assert_eq!(world.store.journal(&run("root")).await.unwrap(), [change.entry]);
}

pub(crate) async fn a_failed_run_is_adopted_once<P: Place>() {
    let world = World::<P>::new().await;
    let mut again = adopt("root");
    again.recovery.flow_name = "another name".to_owned();
    again.entry.reason = Reason::EmptySuccess;
    assert_eq!(world.change([adopt("root"), again.clone()]).await, [true, false]);
    assert_eq!(world.change([again]).await, [false]);
    assert_eq!(world.get("root").await, Some(adopt("root").recovery));
    assert_eq!(world.reasons("root").await, [Reason::RunFailed]);
}

pub(crate) async fn a_run_that_was_issued_is_never_adopted<P: Place>() {
    let world = World::<P>::new().await;
    let root = world.put("root", triggering(1, "root")).await;
    let accepted = accept(&root, "issued");
    let after = accepted.recovery.clone();
    assert_eq!(world.change([accepted, adopt("issued")]).await, [true, false]);
    world.put_change(step(&after, recovered())).await;
    assert_eq!(world.change([adopt("issued"), adopt("other")]).await, [false, true]);
    assert_eq!(world.get("issued").await.unwrap().root_run_id, run("root"));
    let told = world.reasons("issued").await;
    assert!(!told.contains(&Reason::RunFailed), "{told:?}");
}

pub(crate) async fn a_change_moves_its_recovery_on<P: Place>() {
    let world = World::<P>::new().await;
    let root = world.put("root", waiting(1)).await;
    let mut change = step(&root, triggering(1, "root"));
    change.recovery.refusals = 3;
    change.recovery.ask_root = true;
    change.recovery.flow_name = "CRM accounts (new)".to_owned();
    let after = world.put_change(change).await;
    assert_eq!(after.revision, 2);
    assert_eq!(world.get("root").await, Some(after));
    assert_eq!(world.reasons("root").await, [Reason::RunFailed, Reason::Due]);
}

pub(crate) async fn a_stale_change_is_skipped_and_the_others_are_stored<P: Place>() {
    let world = World::<P>::new().await;
    let stale = world.put("moved", waiting(1)).await;
    let still = world.put("still", waiting(1)).await;
    let moved = world.put_change(step(&stale, triggering(1, "moved"))).await;
    let mut batch = Batch {
        changes: vec![
            step(&stale, recovered()),
            step(&still, triggering(1, "still")),
            adopt("new"),
            adopt("moved"),
        ],
        notes: vec![skip("skipped", Reason::TooOld)],
        ..Batch::default()
    };
    batch.changes[0].entry.reason = Reason::Throttled;
    let committed = world.store.commit(&world.owner, &batch).await.unwrap();
    assert_eq!(committed, Committed { applied: vec![false, true, true, false], noted: vec![true] });
    assert_eq!(world.get("moved").await, Some(moved));
    assert_eq!(world.get("still").await.as_ref(), Some(&batch.changes[1].recovery));
    assert_eq!(world.reasons("moved").await, [Reason::RunFailed, Reason::Due]);
}

pub(crate) async fn a_change_of_an_unknown_recovery_is_skipped<P: Place>() {
    let world = World::<P>::new().await;
    let never_stored = adopt("root").recovery;
    assert_eq!(world.change([step(&never_stored, recovered())]).await, [false]);
    assert_eq!(world.get("root").await, None);
    assert_eq!(world.reasons("root").await, []);
}

pub(crate) async fn a_second_change_of_a_recovery_is_skipped<P: Place>() {
    let world = World::<P>::new().await;
    let adopted = adopt("root");
    let begun = step(&adopted.recovery, triggering(1, "root"));
    let accepted = accept(&begun.recovery, "issued");
    let first = adopted.recovery.clone();
    assert_eq!(world.change([adopted, begun, accepted]).await, [true, false, false]);
    assert_eq!(world.get("root").await, Some(first));
    assert_eq!(world.get("issued").await, None);
    assert_eq!(world.reasons("root").await, [Reason::RunFailed]);
}

pub(crate) async fn changes_after_a_stale_one_are_skipped_with_it<P: Place>() {
    let world = World::<P>::new().await;
    let read = world.put("root", waiting(1)).await;
    let decided = world.put_change(step(&read, recovered())).await;
    let stale = step(&read, waiting(2));
    // Started from what the operator's decision made, by chance of the numbers.
    let fitting = step(&stale.recovery, triggering(1, "root"));
    assert_eq!(fitting.from_revision, Some(decided.revision));
    assert_eq!(world.change([stale, fitting]).await, [false, false]);
    assert_eq!(world.get("root").await, Some(decided));
}

pub(crate) async fn attempts_are_appended_and_never_altered<P: Place>() {
    let world = World::<P>::new().await;
    let mut recovery = world.put("root", triggering(1, "root")).await;
    for issued in ["first", "second", "third"] {
        recovery = world.put_change(accept(&recovery, issued)).await;
        recovery = world.put_change(step(&recovery, waiting(2))).await;
    }
    assert_eq!(world.get("root").await.as_ref(), Some(&recovery));

    let mut rewriting = step(&recovery, waiting(4));
    rewriting.recovery.attempts[0].issued = run("something else");
    world.put_change(rewriting).await;
    assert_eq!(world.get("root").await.unwrap().attempts, recovery.attempts);
    assert_eq!(world.get("something else").await, None);
}

pub(crate) async fn a_run_that_is_set_to_work_again_may_be_issued_twice<P: Place>() {
    let world = World::<P>::new().await;
    let mut recovery = world.put("root", triggering(1, "root")).await;
    for issued in ["root", "issued", "issued"] {
        recovery = world.put_change(accept(&recovery, issued)).await;
    }
    assert_eq!(world.get("root").await.as_ref(), Some(&recovery));
    assert_eq!(world.get("issued").await.as_ref(), Some(&recovery));
    assert_eq!(recovery.attempts.len(), 3);
    assert_eq!(recovery.state, watching(3, "issued"));
}

pub(crate) async fn a_note_is_stored_once_for_a_run_event_and_reason<P: Place>() {
    let world = World::<P>::new().await;
    let note = skip("skipped", Reason::TooOld);
    let mut later = note.clone();
    later.at = at(1_000);
    later.detail = Some("seen again".to_owned());
    assert_eq!(world.note([note.clone(), later.clone()]).await, [true, false]);
    let another_reason = skip("skipped", Reason::NoDate);
    let another_run = skip("another", Reason::TooOld);
    let noted = world.note([later, another_reason.clone(), another_run]).await;
    assert_eq!(noted, [false, true, true]);
    assert_eq!(world.store.journal(&run("skipped")).await.unwrap(), [note, another_reason]);
}

pub(crate) async fn a_note_repeats_no_entry_of_a_change<P: Place>() {
    let world = World::<P>::new().await;
    let change = adopt("root");
    let mut repeated = change.entry.clone();
    repeated.detail = Some("the same again".to_owned());
    let batch = Batch { changes: vec![change], notes: vec![repeated], ..Batch::default() };
    let committed = world.store.commit(&world.owner, &batch).await.unwrap();
    assert_eq!(committed, Committed { applied: vec![true], noted: vec![false] });
    assert_eq!(world.reasons("root").await, [Reason::RunFailed]);
}

pub(crate) async fn progress_is_kept_for_each_sandbox<P: Place>() {
    let world = World::<P>::new().await;
    let dev = SandboxName::new("dev");
    let put = async |sandbox: &SandboxName, progress| {
        let batch = Batch { progress: Some((sandbox.clone(), progress)), ..Batch::default() };
        world.store.commit(&world.owner, &batch).await.unwrap();
    };
    put(&prod(), Progress { watermark: at(1), swept_at: at(0), client: None }).await;
    assert_eq!(world.store.progress(&dev).await.unwrap(), None);
    put(&dev, Progress { watermark: at(7), swept_at: at(7), client: None }).await;
    let client = Some(ClientMark { id: "client".into(), since: at(2), named: Some(true) });
    let later = Progress { watermark: at(9), swept_at: at(5), client };
    put(&prod(), later.clone()).await;
    assert_eq!(world.store.progress(&prod()).await.unwrap(), Some(later));
    let dev = world.store.progress(&dev).await.unwrap();
    assert_eq!(dev, Some(Progress { watermark: at(7), swept_at: at(7), client: None }));
}

pub(crate) async fn an_empty_batch_stores_nothing<P: Place>() {
    let world = World::<P>::new().await;
    let committed = world.store.commit(&world.owner, &Batch::default()).await.unwrap();
    assert_eq!(committed, Committed::default());
}

pub(crate) async fn five_hundred_changes_are_one_batch<P: Place>() {
    let world = World::<P>::new().await;
    let adopted: Vec<_> = (0..500).map(|n| adopt(&format!("root-{n:03}"))).collect();
    let accepted: Vec<_> = adopted
        .iter()
        .map(|change| accept(&change.recovery, &format!("issued by {}", change.entry.run_id)))
        .collect();
    let expected: Vec<Recovery> = accepted.iter().map(|change| change.recovery.clone()).collect();
    assert_eq!(world.change(adopted).await, [true; 500]);
    assert_eq!(world.change(accepted).await, [true; 500]);
    assert_eq!(world.store.open_recoveries(&prod()).await.unwrap(), expected);
}
