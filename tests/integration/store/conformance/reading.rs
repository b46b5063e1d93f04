//! Queries.

use super::Place;
use super::world::{
    World, accept, adopt, at, every_state, prod, recovered, run, skip, step, triggering, waiting,
};
use flowmend::domain::model::ids::{FlowId, RunId, SandboxName};
use flowmend::domain::model::journal::Event;
use flowmend::domain::model::reason::Reason;
use flowmend::domain::recovery::{Recovery, State};
use flowmend::store::Filter;
use std::collections::{HashMap, HashSet};

fn roots(recoveries: &[Recovery]) -> Vec<&str> {
    recoveries.iter().map(|recovery| recovery.root_run_id.as_str()).collect()
}

pub(crate) async fn open_recoveries_are_those_of_the_sandbox_that_are_not_final<P: Place>() {
    let world = World::<P>::new().await;
    let mut expected = Vec::new();
    for (age, state) in (1_i64..).zip(every_state()) {
        let mut change = adopt(state.name());
        change.recovery.failed_at = at(-age);
        change.recovery.state = state;
        let mut elsewhere = change.clone();
        elsewhere.recovery.root_run_id = run(&format!("{} in dev", change.recovery.root_run_id));
        elsewhere.recovery.sandbox = SandboxName::new("dev");
        world.put_change(elsewhere).await;
        let recovery = world.put_change(change).await;
        if !recovery.state.is_final() {
            expected.insert(0, recovery);
        }
    }
    assert_eq!(world.store.open_recoveries(&prod()).await.unwrap(), expected);
}

pub(crate) async fn recoveries_are_shown_newest_change_first_and_filtered<P: Place>() {
    let world = World::<P>::new().await;
    for (second, root, sandbox, flow, state) in [
        (1, "a", "prod", "flow-1", waiting(1)),
        (4, "b", "prod", "flow-2", recovered()),
        (2, "c", "dev", "flow-1", waiting(1)),
        (3, "d", "prod", "flow-1", recovered()),
    ] {
        let mut change = adopt(root);
        change.recovery.sandbox = SandboxName::new(sandbox);
        change.recovery.flow_id = FlowId::new(flow);
        change.recovery.updated_at = at(second);
        change.recovery.state = state;
        world.put_change(change).await;
    }
    let shown = async |filter: Filter| {
        let found = world.store.recoveries(&filter).await.unwrap();
        roots(&found).join(" ")
    };
    let state = |name: &str| vec![name.to_owned()];
    let flows = vec![FlowId::new("flow-1")];
    assert_eq!(shown(Filter::default()).await, "b d c a");
    assert_eq!(shown(Filter { limit: Some(2), ..Filter::default() }).await, "b d");
    assert_eq!(shown(Filter { limit: Some(0), ..Filter::default() }).await, "");
    assert_eq!(shown(Filter { states: state("waiting"), ..Filter::default() }).await, "c a");
    assert_eq!(shown(Filter { states: state("unheard"), ..Filter::default() }).await, "");
    assert_eq!(shown(Filter { sandbox: Some(prod()), ..Filter::default() }).await, "b d a");
    assert_eq!(shown(Filter { flows: flows.clone(), ..Filter::default() }).await, "d c a");
    let all_of_it = Filter {
        states: state("recovered"),
        sandbox: Some(prod()),
        flows,
        limit: Some(9),
        after: None,
    };
    assert_eq!(shown(all_of_it).await, "d");
}

pub(crate) async fn recoveries_are_counted_by_state<P: Place>() {
    let world = World::<P>::new().await;
    for state in every_state() {
        world.put(state.name(), state).await;
    }
    world.put("one more", waiting(1)).await;
    let mut elsewhere = adopt("elsewhere");
    elsewhere.recovery.sandbox = SandboxName::new("dev");
    elsewhere.recovery.flow_id = FlowId::new("flow-2");
    world.put_change(elsewhere).await;

    let counted = async |filter: Filter| world.store.count_by_state(&filter).await.unwrap();
    let waiting = |count| vec![("waiting".to_owned(), count)];
    let all = counted(Filter::default()).await;
    assert!(all.iter().map(|(state, _)| state.as_str()).eq(State::NAMES), "{all:?}");
    assert_eq!(all.iter().map(|(_, count)| count).sum::<u64>(), 10);
    assert_eq!(all[..1], waiting(3));
    let open = world.store.count_open(&prod()).await.unwrap();
    let open: HashMap<String, u64> = open.into_iter().collect();
    let expected = all.iter().take(5).map(|(state, count)| (state.clone(), *count));
    let of_prod = expected.map(|(state, count)| match state.as_str() {
        "waiting" => (state, count - 1),
        _ => (state, count),
    });
    assert_eq!(open, of_prod.collect());
    let filter = Filter { flows: vec![FlowId::new("flow-2")], ..Filter::default() };
    assert_eq!(counted(filter).await, waiting(1));
    let filter = Filter {
        states: vec!["waiting".to_owned()],
        sandbox: Some(prod()),
        limit: Some(1),
        ..Filter::default()
    };
    assert_eq!(counted(filter).await, waiting(2));
}

pub(crate) async fn a_recovery_is_found_by_its_root_run_and_by_every_issued_run<P: Place>() {
    let world = World::<P>::new().await;
    world.put("other", waiting(1)).await;
    let root = world.put("root", triggering(1, "root")).await;
    let once = world.put_change(accept(&root, "first")).await;
    let twice = world.put_change(accept(&once, "second")).await;
    for id in ["root", "first", "second"] {
        assert_eq!(world.get(id).await.as_ref(), Some(&twice), "{id}");
    }
    assert_eq!(world.get("etag of first").await, None);
}

pub(crate) async fn known_runs_are_found_among_a_thousand<P: Place>() {
    let world = World::<P>::new().await;
    let odd_ids = ["it's \"odd\"", "naïve \u{1F980}, [1]", "123", "null", ""];
    for root in odd_ids {
        let stored = world.put(root, triggering(1, root)).await;
        world.put_change(accept(&stored, &format!("issued for {root}"))).await;
    }
    world.note([skip("skipped", Reason::TooOld)]).await;
    let for_good = [Reason::SucceededSince, Reason::TooOldAtFirst];
    let for_good = for_good.map(|reason| skip(reason.as_str(), reason));
    let mut known: HashSet<RunId> = odd_ids.into_iter().map(run).collect();
    known.extend(for_good.iter().map(|note| note.run_id.clone()));
    world.note(for_good).await;
    known.extend(odd_ids.into_iter().map(|root| run(&format!("issued for {root}"))));

    let mut asked: Vec<RunId> = (0..1_000).map(|n| run(&format!("unknown-{n}"))).collect();
    asked.push(run("skipped"));
    asked.extend(known.iter().cloned());
    asked.extend(known.iter().cloned());
    assert_eq!(world.store.known_runs(&asked).await.unwrap(), known);
    assert_eq!(world.store.known_runs(&[]).await.unwrap(), HashSet::new());
    let one = [run("123")];
    assert_eq!(world.store.known_runs(&one).await.unwrap(), HashSet::from(one));
}

pub(crate) async fn the_journal_of_a_run_is_read_in_the_order_of_writing<P: Place>() {
    let world = World::<P>::new().await;
    world.note([skip("root", Reason::NoDate), skip("other", Reason::TooOld)]).await;
    let mut adopted = adopt("root");
    // A clock that was set back does not turn the story round.
    adopted.entry.at = at(-100);
    let begun = step(&adopted.recovery, triggering(1, "root"));
    let accepted = accept(&begun.recovery, "issued");
    let watched = accepted.recovery.clone();
    world.change([adopted, adopt("other")]).await;
    world.put_change(begun).await;
    world.put_change(accepted).await;
    let mut ended = step(&watched, recovered());
    ended.entry.reason = Reason::IssuedRunSucceeded;
    world.put_change(ended).await;

    let whole = [
        Reason::NoDate,
        Reason::RunFailed,
        Reason::Due,
        Reason::Accepted,
        Reason::IssuedRunSucceeded,
    ];
    assert_eq!(world.reasons("root").await, whole);
    assert_eq!(world.reasons("issued").await, whole[3..]);
    assert_eq!(world.reasons("other").await, [Reason::TooOld, Reason::RunFailed]);
}

pub(crate) async fn the_history_of_a_sandbox_is_read_by_event_and_since_a_moment<P: Place>() {
    let world = World::<P>::new().await;
    let mut old = skip("old", Reason::TooOld);
    old.at = at(-100);
    let mut elsewhere = skip("elsewhere", Reason::TooOld);
    elsewhere.sandbox = SandboxName::new("dev");
    world.note([old, skip("new", Reason::TooOld), elsewhere]).await;
    world.change([adopt("root")]).await;

    let told = async |sandbox: Option<&SandboxName>, since, events: &[Event]| {
        let entries = world.store.history(sandbox, at(since), events).await.unwrap();
        entries.iter().map(|entry| entry.run_id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(told(Some(&prod()), -100, &[Event::Skipped]).await, ["old", "new"]);
    assert_eq!(told(Some(&prod()), -99, &[Event::Skipped]).await, ["new"]);
    assert_eq!(told(None, -99, &[Event::Skipped]).await, ["new", "elsewhere"]);
    assert_eq!(told(None, -99, Event::ALL).await, ["new", "elsewhere", "root"]);
    assert!(told(None, -100, &[Event::Recovered]).await.is_empty());
    assert!(told(None, -100, &[]).await.is_empty());
}

pub(crate) async fn an_empty_store_returns_nothing<P: Place>() {
    let place = P::fresh().await;
    let store = place.open().await;
    assert_eq!(store.open_recoveries(&prod()).await.unwrap(), []);
    assert_eq!(store.recoveries(&Filter::default()).await.unwrap(), []);
    assert_eq!(store.count_by_state(&Filter::default()).await.unwrap(), []);
    assert_eq!(store.recovery_of(&run("root")).await.unwrap(), None);
    assert_eq!(store.known_runs(&[run("root")]).await.unwrap(), HashSet::new());
    assert_eq!(store.progress(&prod()).await.unwrap(), None);
    assert_eq!(store.journal(&run("root")).await.unwrap(), []);
}

pub(crate) async fn recoveries_are_read_in_pages_that_leave_none_out<P: Place>() {
    let world = World::<P>::new().await;
    for nth in 0..7 {
        world.put(&format!("root-{nth}"), waiting(1)).await;
    }
    let all = world.store.recoveries(&Filter::default()).await.unwrap();
    let (mut paged, mut filter) = (Vec::new(), Filter { limit: Some(2), ..Filter::default() });
    loop {
        let page = world.store.recoveries(&filter).await.unwrap();
        let Some(last) = page.last() else { break };
        filter.after = Some((last.updated_at, last.root_run_id.clone()));
        paged.extend(page);
    }
    assert_eq!(paged, all);
}
