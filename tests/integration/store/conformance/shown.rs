//! What is shown to people: the holder and its vital signs, what needs a person, what is retried.

use super::Place;
use super::world::{
    World, accept, adopt, at, failure, prod, recovered, run, skip, step, triggering, waiting,
    watching,
};
use flowmend::domain::model::ids::{FlowId, RunId, SandboxName};
use flowmend::domain::model::journal::Event;
use flowmend::domain::model::reason::Reason;
use flowmend::domain::model::trouble::{Cause, Trouble};
use flowmend::domain::recovery::{Change, State};
use flowmend::store::{Filter, KnownFlow, Needs, Owner, PausedFlow, ReportedSigns};
use jiff::Timestamp;

fn signs(owner: &Owner, second: i64) -> ReportedSigns {
    ReportedSigns {
        sandbox: prod(),
        owner: owner.clone(),
        reported_at: at(second),
        stopped_at: None,
        pass_ended: Some(at(second)),
        last_complete: Some(at(second)),
        next_pass: Some(at(second + 60)),
        throttled_until: Some(at(second + 5)),
        trouble: None,
    }
}

pub(crate) async fn the_newest_signs_of_each_sandbox_read_back<P: Place>() {
    let world = World::<P>::new().await;
    assert_eq!(world.store.signs().await.unwrap(), []);
    for &cause in Cause::ALL {
        let trouble = Trouble { cause, since: at(1), error: "it's \"gone\"".into(), passes: 7 };
        let failing = ReportedSigns { trouble: Some(trouble), ..signs(&world.owner, 2) };
        world.store.report_signs(&failing).await.unwrap();
        assert_eq!(world.store.signs().await.unwrap(), [failing]);
    }
    let fine = signs(&world.owner, 3);
    let elsewhere = ReportedSigns { sandbox: SandboxName::new("dev"), ..signs(&world.owner, 4) };
    world.store.report_signs(&fine).await.unwrap();
    world.store.report_signs(&elsewhere).await.unwrap();
    assert_eq!(world.store.signs().await.unwrap(), [elsewhere, fine]);
}

pub(crate) async fn the_last_complete_pass_is_kept_until_a_later_one<P: Place>() {
    let world = World::<P>::new().await;
    world.store.report_signs(&signs(&world.owner, 3)).await.unwrap();
    let restarted = ReportedSigns { last_complete: None, ..signs(&world.owner, 9) };
    world.store.report_signs(&restarted).await.unwrap();
    let kept = ReportedSigns { last_complete: Some(at(3)), ..restarted };
    assert_eq!(world.store.signs().await.unwrap(), [kept]);
}

pub(crate) async fn only_the_holder_reports_signs<P: Place>() {
    let world = World::<P>::new().await;
    world.store.report_signs(&signs(&Owner::new("another"), 1)).await.unwrap();
    assert_eq!(world.store.signs().await.unwrap(), []);
}

pub(crate) async fn a_release_is_noted_in_the_signs_of_its_owner<P: Place>() {
    let world = World::<P>::new().await;
    let reported = signs(&world.owner, 3);
    world.store.report_signs(&reported).await.unwrap();
    world.store.release(&Owner::new("another"), at(5)).await.unwrap();
    assert_eq!(world.store.signs().await.unwrap(), std::slice::from_ref(&reported));
    world.store.release(&world.owner, at(9)).await.unwrap();
    let stopped = ReportedSigns {
        stopped_at: Some(at(9)),
        next_pass: None,
        throttled_until: None,
        ..reported
    };
    assert_eq!(world.store.signs().await.unwrap(), std::slice::from_ref(&stopped));
    world.store.release(&world.owner, at(20)).await.unwrap();
    assert_eq!(world.store.signs().await.unwrap(), [stopped]);
}

pub(crate) async fn the_holder_is_shown_until_it_releases_the_lease<P: Place>() {
    let world = World::<P>::new().await;
    let holder = world.store.holder().await.unwrap().unwrap();
    assert_eq!((&holder.owner, holder.renewed_at, holder.until), (&world.owner, at(0), at(60)));
    assert!(!holder.is_gone);
    world.store.release(&world.owner, at(1)).await.unwrap();
    assert_eq!(world.store.holder().await.unwrap(), None);
}

/// A new recovery of `flow` with this first error code, that failed and changed at `second`.
fn stuck(root: &str, flow: &str, code: &str, state: State, second: i64) -> Change {
    let mut change = adopt(root);
    change.recovery.flow_id = FlowId::new(flow);
    change.recovery.failure = failure(&[code]);
    change.recovery.failed_at = at(second);
    change.recovery.updated_at = at(second);
    change.recovery.state = state;
    change
}

fn held(why: Reason) -> State {
    State::Held { attempt: 1, why }
}

fn given_up(why: Reason) -> State {
    State::GivenUp { why }
}

/// Dataflow, first code, reason, count, first and newest of each group.
fn shown(needs: &Needs) -> Vec<(String, String, Reason, u64, Timestamp, String)> {
    let row = |it: &flowmend::store::NeedGroup| {
        let code = it.failure.errors[0].code.clone();
        (it.flow_id.to_string(), code, it.why, it.count, it.since, it.newest.to_string())
    };
    needs.groups.iter().map(row).collect()
}

pub(crate) async fn what_needs_a_person_is_grouped_by_dataflow_and_cause<P: Place>() {
    let world = World::<P>::new().await;
    let by_rule = || held(Reason::HeldByRule);
    world
        .change([
            stuck("a", "f-1", "X-1", by_rule(), 1),
            stuck("b", "f-1", "X-1", by_rule(), 3),
            stuck("c", "f-1", "X-2", by_rule(), 2),
            stuck("d", "f-2", "X-1", held(Reason::FlowDisabled), 4),
            stuck("paused", "f-3", "X-1", held(Reason::Paused), 5),
            stuck("waits", "f-3", "X-1", waiting(1), 5),
            stuck("ignored", "f-4", "X-1", given_up(Reason::IgnoredByRule), 5),
            stuck("old", "f-4", "X-1", given_up(Reason::TimeSpent), -9),
            stuck("recent", "f-5", "X-1", given_up(Reason::TimeSpent), 0),
        ])
        .await;
    let needs = world.store.needs(&Filter::default(), at(0)).await.unwrap();
    assert_eq!((needs.recoveries, needs.dataflows, needs.causes), (5, 3, 4));
    let row = |flow: &str, code: &str, why, count, since, newest: &str| {
        (flow.to_owned(), code.to_owned(), why, count, at(since), newest.to_owned())
    };
    let expected = [
        row("f-2", "X-1", Reason::FlowDisabled, 1, 4, "d"),
        row("f-1", "X-1", Reason::HeldByRule, 2, 1, "b"),
        row("f-1", "X-2", Reason::HeldByRule, 1, 2, "c"),
        row("f-5", "X-1", Reason::TimeSpent, 1, 0, "recent"),
    ];
    assert_eq!(shown(&needs), expected);
    assert!(needs.groups[0].is_held && !needs.groups[3].is_held);

    let page = Filter { limit: Some(1), ..Filter::default() };
    let page = world.store.needs(&page, at(0)).await.unwrap();
    assert_eq!((page.recoveries, page.causes), (5, 4));
    assert_eq!(shown(&page), expected[..1]);
    let one = Filter { flows: vec![FlowId::new("f-1")], ..Filter::default() };
    assert_eq!(shown(&world.store.needs(&one, at(0)).await.unwrap()), expected[1..3]);
    let dev = Filter { sandbox: Some(SandboxName::new("dev")), ..Filter::default() };
    assert_eq!(world.store.needs(&dev, at(0)).await.unwrap(), Needs::default());

    let paused = world.store.paused(&Filter::default()).await.unwrap();
    let flow = PausedFlow {
        sandbox: prod(),
        flow_id: FlowId::new("f-3"),
        flow_name: "CRM accounts".to_owned(),
        count: 1,
    };
    assert_eq!(paused, [flow]);
}

pub(crate) async fn what_was_given_up_needs_a_person_until_its_dataflow_succeeds<P: Place>() {
    let world = World::<P>::new().await;
    // One was given up after an attempt, the other before one.
    let tried = world.put("tried", triggering(1, "tried")).await;
    let watched = world.put_change(accept(&tried, "issued")).await;
    let mut ended = step(&watched, given_up(Reason::AttemptsSpent));
    ended.entry.event = Event::GivenUp;
    ended.entry.reason = Reason::AttemptsSpent;
    ended.entry.new_run_id = Some(run("issued"));
    world.put_change(ended).await;
    world.change([stuck("untried", "flow-1", "X-1", given_up(Reason::TimeSpent), 1)]).await;
    let count = async || world.store.needs(&Filter::default(), at(-100)).await.unwrap().recoveries;
    assert_eq!(count().await, 2);

    let later = world.put("later", waiting(1)).await;
    let mut success = step(&later, recovered());
    success.entry.event = Event::Recovered;
    success.recovery.updated_at = at(100);
    world.put_change(success).await;
    assert_eq!(count().await, 0);
}

pub(crate) async fn what_is_retried_is_read_soonest_first<P: Place>() {
    let world = World::<P>::new().await;
    let due = |attempt, second| State::Waiting { attempt, due: at(second) };
    world
        .change([
            stuck("late", "f-1", "X", due(1, 90), 0),
            stuck("soon", "f-2", "X", due(2, 30), 1),
            stuck("watched", "f-3", "X", watching(1, "new"), 2),
            stuck("held", "f-3", "X", held(Reason::HeldByRule), 3),
            stuck("done", "f-3", "X", recovered(), 4),
        ])
        .await;
    let healing = async |filter: &Filter| {
        let found = world.store.healing(filter).await.unwrap();
        found.iter().map(|it| it.root_run_id.to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(healing(&Filter::default()).await, "watched soon late");
    let two = Filter { limit: Some(2), ..Filter::default() };
    assert_eq!(healing(&two).await, "watched soon");
    let waits = Filter { states: vec!["waiting".to_owned()], ..Filter::default() };
    assert_eq!(healing(&waits).await, "soon late");
    let one = Filter { flows: vec![FlowId::new("f-3")], ..Filter::default() };
    assert_eq!(healing(&one).await, "watched");
}

pub(crate) async fn dataflows_are_known_by_each_of_their_names<P: Place>() {
    let world = World::<P>::new().await;
    let mut renamed = adopt("b");
    renamed.recovery.flow_name = "Accounts".to_owned();
    renamed.entry.flow_name = "Accounts".to_owned();
    world.change([adopt("a"), renamed]).await;
    let flow =
        |name: &str| KnownFlow { flow_id: FlowId::new("flow-1"), flow_name: name.to_owned() };
    assert_eq!(world.store.known_flows().await.unwrap(), [flow("Accounts"), flow("CRM accounts")]);
}

pub(crate) async fn a_run_is_found_and_shown_by_a_prefix_of_its_id<P: Place>() {
    let world = World::<P>::new().await;
    let ids = ["abcdefgh-1", "abcdefgh-22", "abcdefgh-23", "b", "grün-ü-12345"].map(run);
    world.note(ids.iter().map(|id| skip(id.as_str(), Reason::TooOld))).await;

    let like = async |prefix: &str, limit| world.store.runs_like(prefix, limit).await.unwrap();
    assert_eq!(like("abcdefgh-2", 9).await, ids[1..3]);
    assert_eq!(like("abcdefgh", 2).await, ids[..2]);
    assert_eq!(like("grün-ü", 9).await, ids[4..]);
    assert_eq!(like("b", 9).await, ids[3..4]);
    assert!(like("unknown", 9).await.is_empty());
    assert!(like("%", 9).await.is_empty());

    let short = world.store.short_ids(&ids).await.unwrap();
    assert_eq!(short, ["abcdefgh-1", "abcdefgh-22", "abcdefgh-23", "b", "grün-ü-1"]);
    let new: [RunId; 3] = ["zzzzzzzz-1", "zzzzzzzz-2", "abcdefgh-24"].map(run);
    assert_eq!(
        world.store.short_ids(&new).await.unwrap(),
        ["zzzzzzzz-1", "zzzzzzzz-2", "abcdefgh-24"]
    );
    assert!(world.store.short_ids(&[]).await.unwrap().is_empty());
}
