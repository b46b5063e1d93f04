//! What a replay says of histories written down by hand.

use super::*;
use crate::domain::model::ids::{FlowId, SandboxName};
use crate::domain::model::run::RunError;
use crate::domain::policy::in_force::{DataflowPolicy, Policies};
use crate::domain::policy::retry::RetryOverride;
use crate::domain::policy::rule::{Matcher, Rule};

fn at(minute: u64) -> Timestamp {
    let start: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
    after(start, minutes(minute))
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

fn failure(code: &str) -> Failure {
    let error = RunError::new(code, "");
    Failure { errors: vec![error], source: None }
}

/// A run that failed at minute 0 and was re-triggered at these minutes; each issued run took ten,
/// failed with its number for a code, and the last ended like `end`.
fn history(attempts: &[u64], end: End, why: Reason, ended: u64) -> History {
    let healed = why == Reason::IssuedRunSucceeded;
    let made = |(index, minute): (usize, &u64)| {
        let seen_at = at(minute + 10);
        let failed = AttemptResult::Failed { seen_at, failure: failure(&index.to_string()) };
        let succeeded = AttemptResult::Succeeded { seen_at };
        let last = index + 1 == attempts.len();
        let outcome = Some(if last && healed { succeeded } else { failed });
        RecordedAttempt { due: None, at: at(*minute), outcome }
    };
    History {
        sandbox: SandboxName::new("prod"),
        flow_id: FlowId::new("f-1"),
        flow_name: "crm".to_owned(),
        failed_at: at(0),
        noticed_at: at(0),
        failure: failure("root"),
        empty: false,
        excused: Duration::ZERO,
        attempts: attempts.iter().enumerate().map(made).collect(),
        due: None,
        end,
        why,
        ended_at: at(ended),
    }
}

/// Up to `max_attempts`, each `interval` minutes after the last failure.
fn every(interval: u64, max_attempts: u32) -> RetryPolicy {
    RetryPolicy {
        max_attempts,
        initial_interval: minutes(interval),
        multiplier: 1.0,
        max_interval: minutes(interval),
        randomization_factor: 0.0,
        ..RetryPolicy::default()
    }
}

/// The result under `retry` and `rules`, as outcome, re-triggers, wasted, and minutes to recovery.
fn result(history: &History, retry: RetryPolicy, rules: &[Rule]) -> (ReplayOutcome, u32, u32, u64) {
    let bounds = Bounds { poll: minutes(1), until: at(1000) };
    let default = DataflowPolicy { retry, ..DataflowPolicy::default() };
    let policies = Policies { default, rules: rules.into(), ..Policies::default() };
    let History { sandbox, flow_id, flow_name, .. } = history;
    let in_force =
        |failure: &Failure| Some(policies.in_force(sandbox, flow_id, flow_name, failure));
    let result = ReplayResult::replayed(history, bounds, in_force);
    let took = result.took.unwrap_or_default().as_secs() / 60;
    (result.outcome, result.retriggers, result.wasted, took)
}

fn rule(code: &'static str, action: Action) -> Rule {
    let codes = vec![Matcher::new(code, move |it| it == code)];
    Rule { name: code.to_owned(), codes, action, ..Rule::default() }
}

#[test]
fn a_retrigger_at_another_time_meets_what_the_record_tells_or_nobody_knows() {
    use ReplayOutcome::{Known, Unknown};
    // Failed at 5 and 20, succeeded at 60.
    let healed = history(&[5, 20, 60], End::Recovered, Reason::IssuedRunSucceeded, 70);
    let hopeless = history(&[5, 20, 60], End::GivenUp, Reason::AttemptsSpent, 70);
    let untried = history(&[], End::LeftAlone, Reason::IgnoredByRule, 0);
    let elsewhere = history(&[5], End::Recovered, Reason::HealedElsewhere, 100);
    let dismissed = history(&[], End::Dismissed, Reason::OperatorDismissed, 30);
    let (recovered, given_up) = (Known(End::Recovered), Known(End::GivenUp));
    let table = [
        (&healed, every(20, 5), Unknown, 2, 1, 0), // at 20, and 50 in between
        (&healed, every(60, 5), recovered, 1, 0, 70), // not before 60
        (&healed, every(90, 5), recovered, 1, 0, 100), // long after
        (&healed, every(8, 2), Unknown, 2, 1, 0),  // at 8, and at 26
        (&healed, every(8, 1), given_up, 1, 1, 0),
        (&healed, every(1441, 5), given_up, 0, 0, 0), // max_elapsed_time
        (&healed, every(1001, 5), Known(End::Open), 0, 0, 0), // after the record
        (&hopeless, every(50, 5), Unknown, 2, 1, 0),  // at 50, and 110 after the last
        (&hopeless, every(2, 9), Unknown, 6, 5, 0),   // 2, 14, 26, 38, 50, 62
        (&untried, every(1, 5), Unknown, 1, 0, 0),
        (&elsewhere, every(3, 5), Unknown, 2, 1, 0), // at 3, and 16 before it was healed
        (&elsewhere, every(100, 5), recovered, 0, 0, 100),
        (&dismissed, every(29, 5), Unknown, 1, 0, 0),
        (&dismissed, every(30, 5), Known(End::Dismissed), 0, 0, 0),
    ];
    for (history, retry, outcome, retriggers, wasted, took) in table {
        let retry = RetryPolicy { max_elapsed_time: minutes(1440), ..retry };
        let expected = (outcome, retriggers, wasted, took);
        assert_eq!(result(history, retry, &[]), expected, "{retry:?} {history:?}");
    }
}

#[test]
fn rules_are_asked_anew_for_each_failure() {
    use ReplayOutcome::{Known, Unknown};
    let healed = history(&[5, 20, 60], End::Recovered, Reason::IssuedRunSucceeded, 70);
    let impatient = RetryOverride { max_attempts: Some(1), ..RetryOverride::default() };
    let once = Rule { retry: impatient, ..rule("0", Action::Retry) };
    let table = [
        (rule("root", Action::Hold), Known(End::Held), 0, 0),
        (rule("root", Action::Ignore), Known(End::LeftAlone), 0, 0),
        // The re-trigger of minute 6 fails like the recorded one of minute 5.
        (rule("0", Action::Hold), Known(End::Held), 1, 1),
        (once, Known(End::GivenUp), 1, 1),
        (rule("1", Action::Ignore), Unknown, 2, 1),
    ];
    for (rule, outcome, retriggers, wasted) in table {
        let told = result(&healed, every(6, 5), std::slice::from_ref(&rule));
        assert_eq!(told, (outcome, retriggers, wasted, 0), "{rule:?}");
    }
}

#[test]
fn a_hold_ends_where_the_run_was_healed_otherwise_and_else_lasts() {
    let hold = [rule("root", Action::Hold)];
    let table = [
        (End::Recovered, Reason::HealedElsewhere, End::Recovered),
        (End::Recovered, Reason::LaterRunSucceeded, End::Held),
        (End::Dismissed, Reason::OperatorDismissed, End::Dismissed),
        (End::GivenUp, Reason::TimeSpent, End::Held),
    ];
    for (end, why, expected) in table {
        let (outcome, ..) = result(&history(&[], end, why, 30), every(1, 5), &hold);
        assert_eq!(outcome, ReplayOutcome::Known(expected), "{why}");
    }
}

#[test]
fn what_is_not_wanted_any_more_is_left_alone() {
    let empty = History { empty: true, ..history(&[], End::Open, Reason::EmptySuccess, 0) };
    let left_alone = (ReplayOutcome::Known(End::LeftAlone), 0, 0, 0);
    assert_eq!(result(&empty, every(1, 5), &[]), left_alone);
    let wanted = RetryPolicy { retry_empty_success: true, ..every(1, 5) };
    assert_eq!(result(&empty, wanted, &[]), (ReplayOutcome::Unknown, 1, 0, 0));

    let open = history(&[], End::Open, Reason::RunFailed, 0);
    let bounds = Bounds { poll: minutes(1), until: at(1000) };
    let result = ReplayResult::replayed(&open, bounds, |_| None);
    assert_eq!(result.outcome, ReplayOutcome::Known(End::LeftAlone));
}

#[test]
fn what_kept_a_due_retrigger_from_being_made_keeps_it_again() {
    use ReplayOutcome::{Known, Unknown};
    let table = [
        (End::Open, Reason::RunFailed, Known(End::Open)),
        (End::Held, Reason::FlowDisabled, Known(End::Held)),
        (End::Held, Reason::KeepsFailing, Known(End::Held)),
        (End::GivenUp, Reason::StillInDoubt, Known(End::GivenUp)),
        // These are what the policy itself decides.
        (End::Held, Reason::HeldByRule, Unknown),
        (End::LeftAlone, Reason::IgnoredByRule, Unknown),
        (End::GivenUp, Reason::TimeSpent, Unknown),
        (End::Recovered, Reason::LaterRunSucceeded, Unknown),
    ];
    for (end, why, expected) in table {
        let stopped = History { due: Some(at(5)), ..history(&[], end, why, 30) };
        let (outcome, retriggers, ..) = result(&stopped, every(5, 5), &[]);
        assert_eq!(outcome, expected, "{why}");
        assert_eq!(retriggers, u32::from(expected == Unknown), "{why}");
        // At another time it is not known what would have kept it.
        let (outcome, ..) = result(&stopped, every(6, 5), &[]);
        assert_eq!(outcome, Unknown, "{why}");
    }
}

#[test]
fn what_was_due_before_it_was_noticed_was_due_at_once() {
    let late = |due| {
        let mut late = history(&[90], End::Recovered, Reason::IssuedRunSucceeded, 100);
        late.noticed_at = at(80);
        late.attempts[0].due = Some(at(due));
        late
    };
    let recovered = (ReplayOutcome::Known(End::Recovered), 1, 0, 100);
    assert_eq!(result(&late(5), every(7, 5), &[]), recovered);
    assert_eq!(result(&late(85), every(7, 5), &[]), (ReplayOutcome::Unknown, 1, 0, 0));
    assert_eq!(result(&late(85), every(85, 5), &[]), recovered, "though it was put off");
}
