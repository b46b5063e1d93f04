use super::*;
use crate::domain::model::ids::{RunId, SandboxName};
use proptest::prelude::*;

const MINUTE: i64 = 60;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn outcome(second: i64, flow: &str, succeeded: bool) -> Outcome {
    let run_id = RunId::new(format!("run-{second}-{flow}"));
    Outcome { at: at(second), flow_id: FlowId::new(flow), run_id, succeeded }
}

/// `a-1` is a dataflow of source `a`; `x` is one of unknown source.
fn source_of(flow: &FlowId) -> Option<&'static str> {
    let known = ["a", "b", "c"];
    known.into_iter().find(|source| flow.as_str().starts_with(&format!("{source}-")))
}

/// Every source has many dataflows.
fn many(_: Option<&str>) -> usize {
    usize::MAX / 2
}

fn breaker(failures: u32, window: i64) -> Breaker {
    let window = Duration::from_secs(window.unsigned_abs());
    Breaker { failures, window, ..Breaker::default() }
}

fn at_end(record: Vec<(Extent, Outcome)>, outcomes: &[Outcome], breaker: &Breaker) -> Outages {
    let now = outcomes.last().map_or(Timestamp::UNIX_EPOCH, |outcome| outcome.at);
    outages(record, outcomes, source_of, many, breaker, now)
}

type History<'a> = &'a [(i64, &'a str, bool)];
type Expected = &'static [(Option<&'static str>, u32)];

fn read(history: History<'_>) -> Vec<Outcome> {
    history.iter().map(|(second, flow, succeeded)| outcome(*second, flow, *succeeded)).collect()
}

/// The extents of the outages that last, each with how many may be under way.
fn lasting(found: &Outages) -> Vec<(Option<&str>, u32)> {
    found.lasting.iter().map(|outage| (outage.extent.source(), outage.allowed)).collect()
}

fn source(id: &str) -> Extent {
    Extent::Source(id.to_owned())
}

#[test]
fn failures_of_several_dataflows_within_the_window_are_an_outage() {
    const SANDBOX: Expected = &[(None, 1)];
    const A: Expected = &[(Some("a"), 1)];
    let table: [(History<'_>, Expected); 13] = [
        (&[], &[]),
        (&[(0, "x", false), (1, "y", false), (2, "x", false)], &[]),
        (&[(0, "x", false), (1, "y", false), (2, "x", false), (3, "y", false)], SANDBOX),
        // One dataflow that fails on its own is not an outage.
        (&[(0, "x", false), (1, "x", false), (2, "x", false), (3, "x", false)], &[]),
        (&[(0, "a-1", false), (1, "a-1", false), (2, "a-1", false), (3, "a-1", false)], &[]),
        // Nor are failures with a success among them …
        (
            &[(0, "x", false), (1, "y", true), (2, "x", false), (3, "y", false), (4, "z", false)],
            &[],
        ),
        // … or far apart.
        (&[(0, "x", false), (60, "y", false), (120, "x", false), (180, "y", false)], &[]),
        // A source of its own, whatever succeeds elsewhere meanwhile.
        (
            &[
                (0, "a-1", false),
                (1, "b-1", true),
                (2, "a-2", false),
                (3, "b-2", true),
                (4, "a-1", false),
                (5, "b-1", true),
                (6, "a-2", false),
                (7, "x", true),
            ],
            A,
        ),
        // A success of the source itself counts.
        (
            &[
                (0, "a-1", false),
                (1, "a-2", false),
                (2, "a-3", true),
                (3, "a-1", false),
                (4, "a-2", false),
            ],
            &[],
        ),
        // Two sources are the sandbox …
        (&[(0, "a-1", false), (1, "b-1", false), (2, "a-2", false), (3, "b-2", false)], SANDBOX),
        // … a source and a single failure elsewhere are not.
        (&[(0, "a-1", false), (1, "b-1", false), (2, "a-2", false), (3, "a-2", false)], &[]),
        (
            &[
                (0, "a-1", false),
                (1, "b-1", false),
                (2, "a-2", false),
                (3, "a-2", false),
                (4, "a-1", false),
            ],
            A,
        ),
        // What an outage of the sandbox explains is not another one of a source.
        (
            &[
                (0, "a-1", false),
                (1, "b-1", false),
                (2, "a-2", false),
                (3, "b-2", false),
                (4, "a-1", false),
                (5, "a-2", false),
                (6, "a-3", false),
                (7, "a-4", false),
            ],
            SANDBOX,
        ),
    ];
    for (history, expected) in table {
        let found = at_end(vec![], &read(history), &breaker(4, 100));
        assert_eq!(lasting(&found), expected, "{history:?}");
    }
}

#[test]
fn six_dataflows_of_one_source_have_an_outage_with_most_of_their_attempts_left() {
    // Each dataflow fails every two minutes, while the others of the sandbox succeed.
    let mut outcomes = Vec::new();
    for round in 0..2 {
        for flow in 0..6 {
            outcomes.push(outcome(round * 120 + flow, &format!("a-{flow}"), false));
            outcomes.push(outcome(round * 120 + flow, "b-1", true));
        }
    }
    let found = at_end(vec![], &outcomes, &Breaker::default());
    assert_eq!(lasting(&found), [(Some("a"), 1)]);
    assert_eq!(found.lasting[0].began.at, at(123), "two attempts each at most");
    assert_eq!(found.covering(Some("a")).count(), 1);
    assert_eq!(found.covering(Some("b")).chain(found.covering(None)).count(), 0);
}

#[test]
fn a_few_dataflows_have_an_outage_before_they_have_used_up_their_attempts() {
    for (dataflows, needed) in [(1, 4), (2, 4), (3, 6), (4, 8), (5, 10), (500, 10)] {
        let failures: Vec<_> =
            (0..needed).map(|n| outcome(n, &format!("a-{}", n % 2), false)).collect();
        let of = |failures: &[Outcome]| {
            let size = |source: Option<&str>| if source.is_some() { dataflows } else { 1_000 };
            let found = outages(vec![], failures, source_of, size, &Breaker::default(), at(100));
            found.lasting.len()
        };
        assert_eq!((of(&failures[1..]), of(&failures)), (0, 1), "{dataflows}");
    }
}

#[test]
fn canaries_come_further_and_further_apart_and_a_day_costs_few() {
    let began = || vec![(source("a"), outcome(0, "a-1", false))];
    let (mut outcomes, mut sent) = (Vec::new(), Vec::new());
    loop {
        let found = at_end(began(), &outcomes, &Breaker::default());
        let next = found.lasting[0].next_canary.as_second();
        if next >= 24 * 60 * MINUTE {
            break;
        }
        assert_eq!(found.lasting[0].allowed, 1);
        sent.push(next / MINUTE);
        outcomes.push(outcome(next, &format!("a-{}", sent.len()), false));
    }
    assert_eq!(sent[..9], [1, 3, 7, 15, 31, 63, 123, 183, 243]);
    assert_eq!(sent.len(), 28, "the module's documentation names this number");
    assert_eq!(sent.iter().filter(|&&minute| minute < 60).count(), 5);
}

#[test]
fn what_was_under_way_when_the_outage_began_is_not_a_canary() {
    let began = || vec![(Extent::Sandbox, outcome(0, "x", false))];
    let stragglers: Vec<_> =
        (0..MINUTE).map(|second| outcome(second, &format!("f-{second}"), false)).collect();
    let found = at_end(began(), &stragglers, &Breaker::default());
    assert_eq!(found.lasting[0].next_canary, at(MINUTE));
    // Of later ones, too, no more count than canaries could have run.
    let slow: Vec<_> = (0..600).map(|second| outcome(second, "x", false)).collect();
    let found = at_end(began(), &slow, &Breaker::default());
    assert_eq!(found.lasting[0].next_canary, at((1 + 2 + 4 + 8) * MINUTE));
}

#[test]
fn after_the_first_success_failures_are_counted_anew() {
    let mut history = read(&[(0, "x", false), (1, "y", false), (2, "x", false), (3, "y", false)]);
    let steps = [
        (false, 1),
        (true, 2),
        // Three failures are not four, as in normal times.
        (false, 2),
        (false, 2),
        (false, 2),
        (true, 4),
        (false, 4),
        (false, 4),
        (false, 4),
        (false, 1), // a relapse
        (false, 1),
        (true, 2),
        (true, 4),
        (true, 8),
        (true, 16),
        (true, 32),
    ];
    for (second, (succeeded, allowed)) in (100..).zip(steps) {
        history.push(outcome(second, if second % 2 == 0 { "x" } else { "y" }, succeeded));
        let found = at_end(vec![], &history, &breaker(4, 100));
        assert_eq!(lasting(&found), [(None, allowed)], "second {second}");
        assert_eq!(found.lasting[0].began, history[3], "the same outage");
    }
    history.push(outcome(116, "x", true));
    let found = at_end(vec![], &history, &breaker(4, 100));
    assert_eq!(found.lasting, [], "over");
}

#[test]
fn a_relapse_begins_with_short_gaps_again() {
    let record = vec![(Extent::Sandbox, outcome(0, "x", false))];
    let history: Vec<(i64, &str, bool)> =
        [1, 3, 7, 15, 31, 63].map(|it| (it * MINUTE, "x", false)).to_vec();
    let mut outcomes = read(&history);
    outcomes.push(outcome(123 * MINUTE, "x", true));
    let found = at_end(record.clone(), &outcomes, &breaker(2, 100));
    assert_eq!(found.lasting[0].next_canary, at(123 * MINUTE), "at once");
    outcomes.extend(read(&[(124 * MINUTE, "x", false), (124 * MINUTE + 1, "y", false)]));
    let found = at_end(record, &outcomes, &breaker(2, 100));
    assert_eq!(found.lasting[0].next_canary, at(125 * MINUTE + 1));
}

#[test]
fn an_outage_that_shows_no_more_failures_for_the_window_is_over_without_many_successes() {
    let record = vec![(source("a"), outcome(0, "a-1", false))];
    let outcomes = read(&[(60, "a-2", true), (70, "a-1", false), (80, "a-1", true)]);
    let breaker = breaker(4, 100);
    let seen_at =
        |second| outages(record.clone(), &outcomes, source_of, many, &breaker, at(second));
    assert_eq!(lasting(&seen_at(180)), [(Some("a"), 4)]);
    assert_eq!(seen_at(181).lasting, []);
    assert_eq!(seen_at(181).ended, [(source("a"), outcomes[2].clone())]);
    // What fails a night later is another outage, with another run.
    let night = 24 * 60 * MINUTE;
    let mut later = outcomes.clone();
    later.extend((0..4).map(|n| outcome(night + n, &format!("a-{n}"), false)));
    let found = at_end(record.clone(), &later, &breaker);
    assert_eq!(found.lasting[0].began, later[6]);
    assert_eq!(found.ended, [(source("a"), outcomes[2].clone())]);
}

#[test]
fn an_outage_on_record_lasts_until_a_success_however_long_ago_it_began() {
    let record = || vec![(Extent::Sandbox, outcome(100, "x", false))];
    let seen = |history| {
        let found = at_end(record(), &read(history), &breaker(3, 100));
        found
            .lasting
            .into_iter()
            .map(|it| (it.allowed, it.began.at.as_second()))
            .collect::<Vec<_>>()
    };
    assert_eq!(seen(&[]), [(1, 100)]);
    assert_eq!(seen(&[(1_000_000, "x", false)]), [(1, 100)]);
    assert_eq!(seen(&[(1_000_000, "x", true)]), [(2, 100)]);
    assert_eq!(seen(&[(99, "x", true)]), [(1, 100)], "a success before it began");
}

#[test]
fn what_the_record_says_is_over_is_not_found_again() {
    let outcomes = read(&[(0, "x", false), (1, "y", false), (2, "x", false)]);
    let began = at_end(vec![], &outcomes, &breaker(3, 100));
    assert_eq!(lasting(&began), [(None, 1)]);
    let over = vec![(Extent::Sandbox, outcome(3, "x", true))];
    assert_eq!(at_end(over, &outcomes, &breaker(3, 100)), Outages::default());
    // The end of an outage whose begin is not on record is not reported.
    let mut all = outcomes;
    all.extend((3..20).map(|second| outcome(second, "x", true)));
    assert_eq!(at_end(vec![], &all, &breaker(3, 100)), Outages::default());
}

#[test]
fn outages_of_the_sandbox_and_of_a_source_overlap() {
    let mut outcomes: Vec<_> = (0..4).map(|n| outcome(n, &format!("a-{n}"), false)).collect();
    let breaker = breaker(4, 100);
    // What the outage of the source adds does not count for the sandbox.
    outcomes.extend((4..40).map(|n| outcome(n, &format!("a-{n}"), false)));
    outcomes.extend([outcome(40, "b-1", false), outcome(41, "c-1", false)]);
    assert_eq!(lasting(&at_end(vec![], &outcomes, &breaker)), [(Some("a"), 1)]);
    outcomes.extend([outcome(42, "b-1", false), outcome(43, "c-1", false)]);
    let found = at_end(vec![], &outcomes, &breaker);
    assert_eq!(lasting(&found), [(None, 1), (Some("a"), 1)]);
    assert_eq!((found.covering(Some("a")).count(), found.covering(Some("b")).count()), (2, 1));

    // Both have to allow a canary.
    let (idle, busy) = (|_: &Extent| 0, |extent: &Extent| u32::from(*extent == Extent::Sandbox));
    let closed = |source, now, under_way: &dyn Fn(&Extent) -> u32| {
        found.closed(Some(source), at(now), under_way).map(|outage| outage.extent.reason())
    };
    assert_eq!(closed("a", 63, &idle), Some(Reason::Outage), "the source's canary could run");
    assert_eq!(closed("a", 103, &idle), None);
    assert_eq!(closed("a", 103, &busy), Some(Reason::Outage));
    assert_eq!(closed("b", 103, &idle), None);

    // A success elsewhere concerns the sandbox alone.
    outcomes.push(outcome(103, "b-1", true));
    assert_eq!(lasting(&at_end(vec![], &outcomes, &breaker)), [(None, 2), (Some("a"), 1)]);
}

#[test]
fn an_entry_names_the_extent() {
    for extent in [Extent::Sandbox, source("a")] {
        for event in [Event::OutageBegan, Event::OutageEnded, Event::Postponed] {
            let run = outcome(0, "a-1", false);
            let entry = Entry {
                at: run.at,
                sandbox: SandboxName::new("prod"),
                flow_id: run.flow_id,
                flow_name: "a".into(),
                run_id: run.run_id,
                root_run_id: None,
                event,
                reason: extent.reason(),
                rule: None,
                attempt: None,
                max_attempts: None,
                new_run_id: None,
                etag: None,
                due: None,
                detail: extent.detail(),
                failure: None,
            };
            let named = (event != Event::Postponed).then(|| extent.clone());
            assert_eq!(Extent::of(&entry), named);
        }
    }
}

#[test]
fn without_a_number_there_is_no_breaker() {
    let outcomes: Vec<_> = (0..100).map(|n| outcome(n, &format!("f-{n}"), false)).collect();
    assert_eq!(at_end(vec![], &outcomes, &breaker(0, 100)), Outages::default());
    assert_eq!(lasting(&at_end(vec![], &outcomes, &Breaker::default())), [(None, 1)]);
}

/// What the record holds after passes over `outcomes`, one pass for each: the begins and ends.
fn by_passes(outcomes: &[Outcome], breaker: &Breaker) -> Vec<(Extent, Outcome)> {
    let mut turns: Vec<(Extent, Outcome)> = Vec::new();
    for end in 1..=outcomes.len() {
        let seen = &outcomes[..end];
        let mut newest: BTreeMap<Extent, Outcome> = BTreeMap::new();
        newest.extend(turns.iter().cloned());
        let found = at_end(newest.into_iter().collect(), seen, breaker);
        let began = found.lasting.into_iter().map(|it| (it.extent, it.began));
        for (extent, turn) in found.ended.into_iter().chain(began) {
            let same = |it: &(Extent, Outcome)| it.0 == extent && it.1.run_id == turn.run_id;
            if !turns.iter().any(same) {
                turns.push((extent, Outcome { at: seen[end - 1].at, ..turn }));
            }
        }
    }
    turns
}

fn histories() -> impl Strategy<Value = Vec<Outcome>> {
    let step = (0_usize..6, any::<bool>(), prop_oneof![4 => 1_i64..120, 1 => 1_i64..9000]);
    prop::collection::vec(step, 0..150).prop_map(|steps| {
        let mut second = 0;
        let outcome = |(flow, succeeded, wait)| {
            second += wait;
            outcome(second, ["a-1", "a-2", "b-1", "b-2", "x", "y"][flow], succeeded)
        };
        steps.into_iter().map(outcome).collect()
    })
}

#[test]
fn a_sandbox_in_which_every_second_retrigger_fails_gets_out() {
    let breaker = Breaker::default();
    let record = || vec![(Extent::Sandbox, outcome(0, "x", false))];
    let outcomes: Vec<_> =
        (1..13).map(|n| outcome(n * MINUTE, &format!("f-{n}"), n % 2 == 0)).collect();
    let found = at_end(record(), &outcomes, &breaker);
    assert_eq!((found.lasting.len(), found.ended.len()), (0, 1));
}

#[test]
fn a_sandbox_in_which_half_of_all_retriggers_fail_by_chance_gets_out() {
    for seed in 0_u64..200 {
        let mut random = fastrand::Rng::with_seed(seed);
        let record = || vec![(Extent::Sandbox, outcome(0, "x", false))];
        let outcomes: Vec<_> =
            (1..60).map(|n| outcome(n * MINUTE, &format!("f-{n}"), random.bool())).collect();
        let found = at_end(record(), &outcomes, &Breaker::default());
        assert_eq!(found.ended.len(), 1, "seed {seed}");
        // By chance ten in a row may fail later on, which is another outage.
        for another in found.lasting {
            let last = outcomes.iter().position(|it| *it == another.began).unwrap();
            assert!(outcomes[last - 9..=last].iter().all(|it| !it.succeeded), "seed {seed}");
        }
    }
}

proptest! {
    #[test]
    fn successes_always_end_every_outage(history in histories()) {
        let mut outcomes = history;
        let start = outcomes.last().map_or(0, |last| last.at.as_second());
        for n in 0..6 {
            outcomes.extend(["a-1", "b-1", "x"].map(|flow| outcome(start + n, flow, true)));
        }
        prop_assert_eq!(at_end(vec![], &outcomes, &breaker(3, 1800)).lasting, []);
    }

    #[test]
    fn there_is_always_a_canary_within_the_hour(history in histories()) {
        let now = history.last().map_or(Timestamp::UNIX_EPOCH, |last| last.at);
        for outage in at_end(vec![], &history, &breaker(3, 1800)).lasting {
            prop_assert!((1..RELEASED).contains(&outage.allowed));
            prop_assert!(outage.next_canary <= after(now, GAP_MAX));
        }
    }

    #[test]
    fn begins_and_ends_of_an_extent_alternate_on_the_record(history in histories()) {
        let mut open: HashMap<Extent, bool> = HashMap::new();
        for (extent, turn) in by_passes(&history, &breaker(3, 1800)) {
            let was_open = open.insert(extent, !turn.succeeded).unwrap_or(false);
            prop_assert_eq!(was_open, turn.succeeded);
        }
    }
}
