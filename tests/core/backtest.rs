//! Properties of a replay: failures are healed by the real state machine against a hidden truth, and
//! what a replay of the journal says is held against what the truth would have made of it.
use crate::kit::samples;
use flowmend::backtest::history::{End, History, read_journal};
use flowmend::backtest::replay::{Bounds, ReplayOutcome, ReplayResult};
use flowmend::domain::model::failure::Failure;
use flowmend::domain::model::ids::{RunId, SandboxName};
use flowmend::domain::model::journal::Entry;
use flowmend::domain::model::reason::Reason;
use flowmend::domain::model::run::{Run, RunStatus};
use flowmend::domain::model::time::after;
use flowmend::domain::model::verdict::Verdict;
use flowmend::domain::policy::in_force::InForce;
use flowmend::domain::policy::retry::RetryPolicy;
use flowmend::domain::policy::schedule::Jitter;
use flowmend::domain::recovery::Terms;
use flowmend::domain::recovery::{Change, Recovery, State};
use jiff::Timestamp;
use proptest::prelude::*;
use std::time::Duration;

const POLL: u64 = 60;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn start() -> Timestamp {
    "2026-03-01T00:00:00Z".parse().unwrap()
}

/// What the replay is not told.
#[derive(Debug, Clone)]
struct Truth {
    /// Re-triggers accepted from then on succeed; in seconds after the failure.
    heals_at: u64,
    /// How long an issued run takes.
    runtime: u64,
    /// How late the failure is noticed.
    noticed: u64,
    /// How late each pass comes, over and over.
    late: Vec<u64>,
    /// What happens instead of this re-trigger, counted from 0.
    stop: Option<(usize, Stop)>,
    /// What the jitter is drawn from.
    seed: u64,
    /// The record ends so long after the failure.
    until: u64,
}

#[derive(Debug, Clone, Copy)]
enum Stop {
    HealedElsewhere,
    Superseded,
    Disabled,
    Dismissed,
}

/// A life under one policy, up to the end of the record.
struct Life {
    truth: Truth,
    policy: RetryPolicy,
    now: Timestamp,
    looks: usize,
    recovery: Recovery,
    journal: Vec<Entry>,
}

impl Life {
    fn lived(truth: &Truth, policy: RetryPolicy) -> Self {
        let noticed = after(start(), seconds(truth.noticed));
        let terms = terms(policy, truth.seed, noticed);
        let change = Recovery::adopt(
            &run("root", RunStatus::Failed, start()),
            start(),
            Failure::default(),
            &SandboxName::new("prod"),
            "crm",
            Reason::RunFailed,
            terms,
        );
        let mut life = Self {
            truth: truth.clone(),
            policy,
            now: noticed,
            looks: 0,
            journal: vec![change.entry],
            recovery: change.recovery,
        };
        while life.step() {}
        life
    }

    /// False when it is over.
    fn step(&mut self) -> bool {
        let next = match &self.recovery.state {
            State::Waiting { due, .. } => (*due).max(self.now),
            State::Watching { since, .. } => after(*since, seconds(self.truth.runtime)),
            _ => return false,
        };
        let late = self.truth.late[self.looks % self.truth.late.len()];
        let now = after(next, seconds(late));
        if now > self.until() {
            return false;
        }
        self.looks += 1;
        self.now = now;
        match self.recovery.state.clone() {
            State::Waiting { .. } => self.wait(),
            State::Watching { issued, since, .. } => {
                let healed = since >= after(start(), seconds(self.truth.heals_at));
                let status = if healed { RunStatus::Succeeded } else { RunStatus::Failed };
                let run = run(issued.as_str(), status, next);
                let facing = self.recovery.with_latest_failure(Some(&run));
                self.apply(facing.follow(Some(&run), self.terms()).unwrap());
            }
            _ => {}
        }
        true
    }

    fn wait(&mut self) {
        let (terms, made) = (self.terms(), self.recovery.attempts.len());
        if let Some(change) = self.recovery.run_out(terms) {
            return self.apply(change);
        }
        if let Some((_, stop)) = self.truth.stop.filter(|(at, _)| *at == made) {
            let healed = run("root", RunStatus::Succeeded, self.now);
            let change = match stop {
                Stop::HealedElsewhere => self.recovery.healed_elsewhere(&healed, terms),
                Stop::Superseded => self.recovery.superseded(terms),
                Stop::Disabled => self.recovery.hold(Reason::FlowDisabled, terms),
                Stop::Dismissed => self.recovery.dismiss("by hand", terms),
            };
            return self.apply(change.unwrap());
        }
        self.apply(self.recovery.begin(terms).unwrap());
        let accepted = Verdict::Accepted { run: RunId::new(format!("issued-{made}")), etag: None };
        self.apply(self.recovery.settle(&accepted, terms).unwrap());
    }

    fn apply(&mut self, change: Change) {
        self.recovery = change.recovery;
        self.journal.push(change.entry);
    }

    fn terms(&self) -> Terms<'static> {
        terms(self.policy, self.truth.seed, self.now)
    }

    fn until(&self) -> Timestamp {
        after(start(), seconds(self.truth.until))
    }

    fn history(&self) -> History {
        let gathered = read_journal(self.journal.clone(), std::slice::from_ref(&self.recovery));
        assert_eq!((gathered.histories.len(), gathered.left_out), (1, 0));
        gathered.histories.into_iter().next().unwrap()
    }

    fn replayed(&self, policy: RetryPolicy, poll: u64) -> ReplayResult {
        let bounds = Bounds { poll: seconds(poll), until: self.until() };
        let in_force = |_: &Failure| Some(InForce { rule: None, retry: policy });
        ReplayResult::replayed(&self.history(), bounds, in_force)
    }
}

fn terms(policy: RetryPolicy, seed: u64, now: Timestamp) -> Terms<'static> {
    Terms { policy, rule: None, jitter: Jitter::new(seed), now }
}

fn run(id: &str, status: RunStatus, ended: Timestamp) -> Run {
    Run { completed_at: Some(ended), ..samples::run(id, "f-1", status) }
}

prop_compose! {
    fn policies()(
        max_attempts in 1_u32..9,
        initial in 1_u64..900,
        multiplier in 1.0_f64..4.0,
        cap in 1_u64..7200,
        factor in 0.0_f64..0.9,
        elapsed in prop_oneof![1 => 60_u64..3600, 3 => 3600_u64..200_000],
        skip: bool,
    ) -> RetryPolicy {
        RetryPolicy {
            max_attempts,
            initial_interval: seconds(initial),
            multiplier,
            max_interval: seconds(cap.max(initial)),
            randomization_factor: factor,
            max_elapsed_time: seconds(elapsed),
            skip_when_later_run_succeeded: skip,
            ..RetryPolicy::default()
        }
    }
}

prop_compose! {
    fn truths()(
        heals_at in prop_oneof![0_u64..600, 600_u64..20_000],
        runtime in prop_oneof![0_u64..300, 300_u64..4000],
        noticed in prop_oneof![0..=POLL, 0_u64..10_000],
        late in prop::collection::vec(0..=POLL, 1..6),
        stop in prop::option::of((0_usize..4, prop_oneof![
            Just(Stop::HealedElsewhere), Just(Stop::Superseded),
            Just(Stop::Disabled), Just(Stop::Dismissed),
        ])),
        seed: u64,
        until in 1000_u64..100_000,
    ) -> Truth {
        Truth { heals_at, runtime, noticed, late, stop, seed, until }
    }
}

/// As the platform itself would have it: no pass is late, nobody interferes, nothing is drawn.
fn plain(truth: Truth, policy: RetryPolicy) -> (Truth, RetryPolicy) {
    let truth = Truth { late: vec![0], stop: None, ..truth };
    (truth, RetryPolicy { randomization_factor: 0.0, ..policy })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn the_same_policy_does_what_was_done(truth in truths(), policy in policies()) {
        // A later success is looked for only by a policy that says so.
        let superseded = matches!(truth.stop, Some((_, Stop::Superseded)));
        let policy = RetryPolicy {
            skip_when_later_run_succeeded: superseded || policy.skip_when_later_run_succeeded,
            ..policy
        };
        let life = Life::lived(&truth, policy);
        prop_assert_eq!(life.replayed(policy, POLL), ReplayResult::recorded(&life.history()));
    }

    #[test]
    fn what_is_said_to_be_known_of_another_policy_is_true(
        truth in truths(), policy in policies(), other in policies(),
    ) {
        let (truth, policy) = plain(truth, policy);
        let (_, other) = plain(truth.clone(), other);
        let said = Life::lived(&truth, policy).replayed(other, 0);
        let real = ReplayResult::recorded(&Life::lived(&truth, other).history());
        match said.outcome {
            ReplayOutcome::Known(_) => prop_assert_eq!(said, real),
            ReplayOutcome::Unknown => {
                prop_assert!(said.retriggers <= real.retriggers, "{said:?} {real:?}");
                prop_assert!(said.wasted <= real.wasted, "{said:?} {real:?}");
            }
        }
    }

    #[test]
    fn fewer_attempts_never_make_more_retriggers(
        truth in truths(), policy in policies(), other in policies(), fewer in 1_u32..9,
    ) {
        let life = Life::lived(&truth, policy);
        let fewer = RetryPolicy { max_attempts: fewer.min(other.max_attempts), ..other };
        let (less, more) = (life.replayed(fewer, POLL), life.replayed(other, POLL));
        prop_assert!(less.retriggers <= more.retriggers, "{less:?} {more:?}");
        prop_assert!(less.wasted <= more.wasted, "{less:?} {more:?}");
        let recovered = |result: ReplayResult| result.outcome == ReplayOutcome::Known(End::Recovered);
        prop_assert!(recovered(more) || more.outcome == ReplayOutcome::Unknown || !recovered(less));
    }
}
