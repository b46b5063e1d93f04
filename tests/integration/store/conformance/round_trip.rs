//! What is read is what was written, whatever it was.

use super::Place;
use super::world::{World, every_state};
use flowmend::domain::model::failure::Failure;
use flowmend::domain::model::ids::{Etag, FlowId, RunId, SandboxName};
use flowmend::domain::model::journal::{Entry, Event};
use flowmend::domain::model::reason::Reason;
use flowmend::domain::model::run::{ErrorPlace, RunError};
use flowmend::domain::policy::pause_order::Order;
use flowmend::domain::recovery::{Attempt, Change, Recovery, State};
use jiff::Timestamp;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::time::Duration;

/// How many values are tried. They are drawn from a fixed seed, so that a failure stays.
const VALUES: usize = 128;

pub(crate) async fn every_state_reads_back<P: Place>() {
    let world = World::<P>::new().await;
    for state in every_state() {
        let stored = world.put(state.name(), state).await;
        assert_eq!(world.get(stored.root_run_id.as_str()).await, Some(stored));
    }
}

pub(crate) async fn any_recovery_reads_back<P: Place>() {
    let world = World::<P>::new().await;
    for (number, (mut recovery, entry)) in draw((recovery(), entry())).into_iter().enumerate() {
        // Drawn ids may repeat; a root run may not.
        recovery.root_run_id = RunId::new(format!("root {number} {}", recovery.root_run_id));
        let change = Change { from_revision: None, recovery: recovery.clone(), entry };
        assert_eq!(world.change([change.clone()]).await, [true], "{change:?}");
        let read = world.store.recovery_of(&recovery.root_run_id).await.unwrap();
        assert_eq!(read.as_ref(), Some(&recovery));

        // The same value again, as a change of the stored one, has to read back too.
        let mut next = Change { from_revision: Some(recovery.revision), ..change };
        next.recovery.revision = recovery.revision + 1;
        assert_eq!(world.change([next.clone()]).await, [true]);
        let read = world.store.recovery_of(&recovery.root_run_id).await.unwrap();
        assert_eq!(read, Some(next.recovery));
    }
}

pub(crate) async fn any_entry_reads_back<P: Place>() {
    let world = World::<P>::new().await;
    for (number, mut entry) in draw(entry()).into_iter().enumerate() {
        entry.run_id = RunId::new(format!("run {number}"));
        assert_eq!(world.note([entry.clone()]).await, [true]);
        let read = world.store.journal(&entry.run_id).await.unwrap();
        assert_eq!(read, [entry]);
    }
}

pub(crate) async fn any_order_reads_back_and_replaces_the_one_of_its_scope<P: Place>() {
    let world = World::<P>::new().await;
    let scopes =
        [(None, None), (Some("prod"), None), (None, Some("f-1")), (Some("prod"), Some("f-1"))];
    for paused in [true, false] {
        for (sandbox, flow) in scopes {
            let order = Order {
                sandbox: sandbox.map(SandboxName::new),
                flow: flow.map(FlowId::new),
                paused,
                at: Timestamp::from_millisecond(i64::from(paused)).unwrap(),
                reason: "it's \"down\"".to_owned(),
            };
            world.store.order(&order).await.unwrap();
            let stored = world.store.orders().await.unwrap();
            let own = stored.iter().find(|it| it.sandbox == order.sandbox && it.flow == order.flow);
            let own = own.unwrap();
            assert_eq!((own.paused, &own.reason), (order.paused, &order.reason));
            assert!(stored.iter().all(|it| it.at <= own.at), "the newest, whatever its clock says");
        }
    }
    assert_eq!(world.store.orders().await.unwrap().len(), scopes.len());
}

fn draw<S: Strategy>(strategy: S) -> Vec<S::Value> {
    let mut runner = TestRunner::deterministic();
    (0..VALUES).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9-]{1,36}",
        "\\PC{0,20}",
        Just("\"W/\\\"'; DROP TABLE journal; --\n\t".to_owned()),
        Just("\0 within\0".to_owned()),
        "[A-F0-9]{8}-[a-f0-9]{4}-[A-Fa-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}",
        "[\u{7f}\u{85}\u{2028}\u{feff}\u{ffff}\u{1f600}\u{10ffff}\\\\/]{1,8}",
    ]
}

fn run_id() -> impl Strategy<Value = RunId> {
    text().prop_map(RunId::new)
}

/// Any whole millisecond that can be told.
fn instant() -> impl Strategy<Value = Timestamp> {
    let (first, last) = (Timestamp::MIN.as_millisecond(), Timestamp::MAX.as_millisecond());
    prop_oneof![1_700_000_000_000..1_900_000_000_000_i64, first..=last]
        .prop_map(|millisecond| Timestamp::from_millisecond(millisecond).unwrap())
}

fn number() -> impl Strategy<Value = u32> {
    prop_oneof![1..10_u32, 1..=u32::MAX]
}

fn reason() -> impl Strategy<Value = Reason> {
    select(Reason::ALL)
}

fn etag() -> impl Strategy<Value = Option<Etag>> {
    option::of(text().prop_map(Etag::new))
}

fn failure() -> impl Strategy<Value = Failure> {
    let place = option::of(prop_oneof![Just(ErrorPlace::Run), Just(ErrorPlace::ActivityRecords)]);
    let error = (text(), text(), place).prop_map(|(code, message, place)| RunError {
        code,
        message,
        place,
    });
    (proptest::collection::vec(error, 0..3), option::of(text()))
        .prop_map(|(errors, source)| Failure { errors, source })
}

fn state() -> impl Strategy<Value = State> {
    let at_work = (number(), run_id(), instant());
    prop_oneof![
        (number(), instant()).prop_map(|(attempt, due)| State::Waiting { attempt, due }),
        at_work.prop_map(|(attempt, asked, since)| State::Triggering { attempt, asked, since }),
        (number(), run_id(), instant(), any::<u32>()).prop_map(
            |(attempt, asked, since, absences)| State::InDoubt { attempt, asked, since, absences }
        ),
        (number(), run_id(), instant()).prop_map(|(attempt, issued, since)| State::Watching {
            attempt,
            issued,
            since
        }),
        (number(), reason()).prop_map(|(attempt, why)| State::Held { attempt, why }),
        reason().prop_map(|why| State::Recovered { why }),
        reason().prop_map(|why| State::GivenUp { why }),
        text().prop_map(|why| State::Dismissed { why }),
    ]
}

fn attempts() -> impl Strategy<Value = Vec<Attempt>> {
    let attempt = (run_id(), run_id(), etag(), instant());
    proptest::collection::vec(attempt, 0..4).prop_map(|attempts| {
        (1..)
            .zip(attempts)
            .map(|(number, (asked, issued, etag, accepted_at))| Attempt {
                number,
                asked,
                issued,
                etag,
                accepted_at,
            })
            .collect()
    })
}

prop_compose! {
    fn recovery()(
        (root_run_id, sandbox, flow_id, flow_name) in (run_id(), text(), text(), text()),
        (failed_at, updated_at) in (instant(), instant()),
        state in state(),
        attempts in attempts(),
        refusals in any::<u32>(),
        (ask_root, ordered) in any::<(bool, bool)>(),
        contested in any::<bool>(),
        (excused, excused_since) in (0..1_000_000_000_u64, option::of(instant())),
        failure in failure(),
        revision in 1..1_000_000_000_u64,
    ) -> Recovery {
        let excused = Duration::from_millis(excused);
        let (sandbox, flow_id) = (SandboxName::new(sandbox), FlowId::new(flow_id));
        Recovery {
            root_run_id, sandbox, flow_id, flow_name, failed_at, state, attempts, refusals,
            ask_root, ordered, revision, updated_at, failure, contested, excused, excused_since,
        }
    }
}

prop_compose! {
    fn entry()(
        (sandbox, flow_id, flow_name) in (text(), text(), text()),
        (run_id, root_run_id, new_run_id) in
            (run_id(), option::of(run_id()), option::of(run_id())),
        event in select(Event::ALL),
        reason in reason(),
        (attempt, max_attempts) in (option::of(number()), option::of(number())),
        etag in etag(),
        (at, due) in (instant(), option::of(instant())),
        (detail, rule) in (option::of(text()), option::of(text())),
        failure in option::of(failure()),
    ) -> Entry {
        let (sandbox, flow_id) = (SandboxName::new(sandbox), FlowId::new(flow_id));
        Entry {
            at, sandbox, flow_id, flow_name, run_id, root_run_id, event, reason, attempt,
            max_attempts, new_run_id, etag, due, detail, rule, failure,
        }
    }
}
