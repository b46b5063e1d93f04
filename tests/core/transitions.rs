//! The arrows of the state machine that need more than one line to say, each on its own.
use crate::kit::samples;
use flowmend::domain::model::failure::Failure;
use flowmend::domain::model::ids::{Etag, RunId, SandboxName};
use flowmend::domain::model::journal::Event;
use flowmend::domain::model::reason::Reason;
use flowmend::domain::model::run::{Run, RunStatus};
use flowmend::domain::model::verdict::{Refusal, Remedy, Verdict};
use flowmend::domain::policy::quiet::Pause;
use flowmend::domain::policy::retry::RetryPolicy;
use flowmend::domain::policy::rule::{Action, Rule};
use flowmend::domain::policy::schedule::{Jitter, REFUSAL_MAX};
use flowmend::domain::recovery::{Candidate, ListingEvidence, Recovery, State, Terms, Whose};
use jiff::Timestamp;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// A recovery of a run that failed at midnight, and the policy it is under.
struct Bench {
    recovery: Recovery,
    policy: RetryPolicy,
    now: Timestamp,
}

impl Bench {
    fn new() -> Self {
        let policy = RetryPolicy { randomization_factor: 0.0, ..RetryPolicy::default() };
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let run = failed_run(now);
        let terms = Terms { policy, rule: None, jitter: Jitter::new(1), now };
        let sandbox = SandboxName::new("prod");
        let adopted = Recovery::adopt(
            &run,
            now,
            Failure::of(&run, None),
            &sandbox,
            "crm",
            Reason::RunFailed,
            terms,
        );
        Self { recovery: adopted.recovery, policy, now }
    }

    fn terms(&self) -> Terms<'_> {
        Terms { policy: self.policy, rule: None, jitter: Jitter::new(1), now: self.now }
    }

    fn wait(&mut self, wait: Duration) {
        self.now += wait;
    }

    /// Applies a step that must be possible.
    fn step(
        &mut self,
        step: impl Fn(&Recovery, Terms<'_>) -> Option<flowmend::domain::recovery::Change>,
    ) {
        let change = step(&self.recovery, self.terms()).expect("the step is possible");
        self.recovery = change.recovery;
    }

    fn call(&mut self, verdict: &Verdict) {
        self.step(|recovery, terms| recovery.begin(terms));
        self.step(|recovery, terms| recovery.settle(verdict, terms));
    }

    fn refuse(&mut self, remedy: Remedy, reason: Reason) {
        let detail = String::new();
        self.call(&Verdict::Refused(Refusal { remedy, reason, detail }));
    }

    fn doubt(&mut self) {
        let detail = String::new();
        self.call(&Verdict::InDoubt { reason: Reason::Timeout, detail });
    }

    fn listing_evidence(&self) -> ListingEvidence {
        ListingEvidence {
            candidates: Vec::new(),
            asked: Some(failed_run(self.now)),
            elsewhere: None,
            complete: true,
            listed_at: self.now,
        }
    }
}

fn failed_run(at: Timestamp) -> Run {
    Run {
        created_at: Some(at),
        updated_at: Some(at),
        started_at: Some(at),
        completed_at: Some(at),
        ..samples::run("root", "flow", RunStatus::Failed)
    }
}

fn candidate(whose: Whose) -> Candidate {
    Candidate { id: RunId::new("new"), etag: None, whose, seen: "run new".to_owned() }
}

#[test]
fn a_run_that_may_be_ours_is_left_to_a_person_once_the_confirm_window_is_over() {
    let mut bench = Bench::new();
    bench.doubt();
    let unclear = |bench: &Bench| ListingEvidence {
        candidates: vec![candidate(Whose::Unclear)],
        ..bench.listing_evidence()
    };
    bench.wait(4 * MINUTE);
    assert_eq!(bench.recovery.reconcile(&unclear(&bench), bench.terms()), None);
    bench.wait(MINUTE);
    let change = bench.recovery.reconcile(&unclear(&bench), bench.terms()).unwrap();
    assert_eq!(change.recovery.state, State::Held { attempt: 1, why: Reason::UnclearRun });
    assert_eq!(change.entry.detail.as_deref(), Some("run new"));
    assert_eq!(change.entry.new_run_id, None, "it is not called ours");
}

#[test]
fn a_run_of_somebody_else_settles_no_doubt_and_hides_no_absence() {
    let mut bench = Bench::new();
    bench.doubt();
    bench.wait(10 * MINUTE);
    let theirs =
        ListingEvidence { candidates: vec![candidate(Whose::Theirs)], ..bench.listing_evidence() };
    for _ in 0..2 {
        bench.step(|recovery, terms| recovery.reconcile(&theirs, terms));
    }
    assert!(matches!(bench.recovery.state, State::Waiting { attempt: 1, .. }));
}

#[test]
fn a_conflict_after_a_doubt_leads_back_to_looking_and_not_to_more_calls() {
    let mut bench = Bench::new();
    bench.doubt();
    bench.wait(10 * MINUTE);
    let nothing = |bench: &Bench| bench.listing_evidence();
    for _ in 0..2 {
        let evidence = nothing(&bench);
        bench.step(|recovery, terms| recovery.reconcile(&evidence, terms));
    }
    bench.refuse(Remedy::Reread, Reason::StateConflict);
    assert!(matches!(bench.recovery.state, State::InDoubt { attempt: 1, .. }));
    bench.wait(30 * MINUTE);
    assert_eq!(bench.recovery.reconcile(&nothing(&bench), bench.terms()), None, "it looks on");
    let listed =
        ListingEvidence { candidates: vec![candidate(Whose::Proven)], ..bench.listing_evidence() };
    bench.step(|recovery, terms| recovery.reconcile(&listed, terms));
    assert!(matches!(bench.recovery.state, State::Watching { attempt: 1, .. }));

    // A conflict by itself is only a reason to ask again, and the second one a reason to look.
    let mut bench = Bench::new();
    bench.refuse(Remedy::Reread, Reason::StateConflict);
    assert!(matches!(bench.recovery.state, State::Waiting { .. }));
    bench.refuse(Remedy::Reread, Reason::StateConflict);
    assert!(matches!(bench.recovery.state, State::InDoubt { .. }));
}

#[test]
fn a_doubt_that_nothing_can_settle_ends_with_the_budget_and_not_before() {
    let mut bench = Bench::new();
    bench.doubt();
    let blind = |bench: &Bench| ListingEvidence { complete: false, ..bench.listing_evidence() };
    bench.wait(23 * HOUR);
    assert_eq!(bench.recovery.reconcile(&blind(&bench), bench.terms()), None);
    bench.wait(2 * HOUR);
    bench.step(|recovery, terms| {
        let listing_evidence = ListingEvidence {
            candidates: Vec::new(),
            asked: None,
            elsewhere: None,
            complete: false,
            listed_at: terms.now,
        };
        recovery.reconcile(&listing_evidence, terms)
    });
    assert_eq!(bench.recovery.state, State::GivenUp { why: Reason::StillInDoubt });
}

#[test]
fn no_attempt_is_made_after_the_elapsed_budget_however_long_it_had_to_wait() {
    let mut bench = Bench::new();
    bench.wait(24 * HOUR);
    assert_eq!(bench.recovery.run_out(bench.terms()), None, "to the end of the budget");
    bench.wait(MINUTE);
    bench.step(|recovery, terms| recovery.run_out(terms));
    assert_eq!(bench.recovery.state, State::GivenUp { why: Reason::TimeSpent });
}

#[test]
fn what_an_operator_ordered_survives_refusals_and_doubts_and_counts_once() {
    let mut bench = Bench::new();
    bench.wait(30 * HOUR);
    bench.step(|recovery, terms| recovery.run_out(terms));
    bench.step(|recovery, terms| recovery.retry(terms));
    assert_eq!(bench.recovery.run_out(bench.terms()), None);
    bench.refuse(Remedy::Later(None), Reason::Throttled);
    assert!(matches!(bench.recovery.state, State::Waiting { .. }));
    bench.doubt();
    for _ in 0..2 {
        bench.wait(10 * MINUTE);
        bench.step(|recovery, terms| {
            let listing_evidence = ListingEvidence {
                candidates: Vec::new(),
                asked: None,
                elsewhere: None,
                complete: true,
                listed_at: terms.now,
            };
            recovery.reconcile(&listing_evidence, terms)
        });
    }
    assert!(matches!(bench.recovery.state, State::Waiting { .. }));
    bench.call(&Verdict::Accepted { run: RunId::new("new"), etag: None });
    let failed = Run { id: RunId::new("new"), ..failed_run(bench.now) };
    bench.step(|recovery, terms| recovery.follow(Some(&failed), terms));
    assert_eq!(bench.recovery.state, State::GivenUp { why: Reason::TimeSpent });
}

#[test]
fn a_hold_whose_cause_comes_and_goes_is_asked_about_ever_more_rarely() {
    let mut bench = Bench::new();
    let mut waits = Vec::new();
    for _ in 0..8 {
        bench.refuse(Remedy::Hold, Reason::FlowDisabled);
        bench.step(|recovery, terms| recovery.resume(terms));
        let due = bench.recovery.due().unwrap();
        waits.push(Duration::try_from(bench.now.duration_until(due)).unwrap());
        bench.now = due;
    }
    assert!(
        waits[0] >= Duration::from_secs(7) && waits[7] >= REFUSAL_MAX.mul_f64(0.7),
        "{waits:?}"
    );
}

#[test]
fn an_empty_success_that_calls_for_a_re_trigger_does_not_settle_its_own_doubt() {
    let mut bench = Bench::new();
    bench.policy.retry_empty_success = true;
    bench.doubt();
    let empty =
        Run { status: RunStatus::Succeeded, input_records: Some(0), ..failed_run(bench.now) };
    let listing_evidence = ListingEvidence { asked: Some(empty), ..bench.listing_evidence() };
    assert_eq!(bench.recovery.reconcile(&listing_evidence, bench.terms()), None);
    bench.policy.retry_empty_success = false;
    bench.step(|recovery, terms| recovery.reconcile(&listing_evidence, terms));
    assert_eq!(bench.recovery.state, State::Recovered { why: Reason::HealedElsewhere });
}

#[test]
fn the_clock_of_the_budget_stands_still_while_it_waits_behind_others_and_only_then() {
    let mut bench = Bench::new();
    let deadline = |bench: &Bench| bench.recovery.deadline(&bench.policy, bench.now);
    let usual = deadline(&bench);
    bench.wait(MINUTE);
    bench.step(|recovery, terms| recovery.wait_for(Reason::RateLimited, terms));
    assert_eq!(bench.recovery.wait_for(Reason::RateLimited, bench.terms()), None, "once");
    bench.wait(30 * HOUR);
    assert_eq!(deadline(&bench), usual + 30 * HOUR);
    assert_eq!(bench.recovery.run_out(bench.terms()), None, "delayed, not dropped");

    // So do another run of the dataflow, an outage and a pause; what could not be read is no excuse,
    // and the clock goes on.
    for others in [Reason::FlowBusy, Reason::Outage, Reason::SourceOutage, Reason::Throttled] {
        assert_eq!(bench.recovery.wait_for(others, bench.terms()), None, "{others}");
    }
    bench.step(|recovery, terms| recovery.wait_for(Reason::NotReread, terms));
    assert_eq!(bench.recovery.wait_for(Reason::NotReread, bench.terms()), None);
    bench.wait(25 * HOUR);
    assert_eq!(deadline(&bench), usual + 30 * HOUR);
    assert!(bench.recovery.run_out(bench.terms()).is_some());
}

#[test]
fn an_excused_wait_ends_with_the_call_and_never_excuses_more_than_a_week() {
    let mut bench = Bench::new();
    bench.wait(MINUTE);
    bench.step(|recovery, terms| recovery.wait_for(Reason::RateLimited, terms));
    bench.wait(HOUR);
    bench.step(|recovery, terms| recovery.begin(terms));
    assert_eq!((bench.recovery.excused, bench.recovery.excused_since), (HOUR, None));

    let mut bench = Bench::new();
    bench.step(|recovery, terms| recovery.wait_for(Reason::RateLimited, terms));
    bench.wait(10_000 * HOUR);
    let latest = bench.policy.max_elapsed_time + 7 * 24 * HOUR;
    let deadline = bench.recovery.deadline(&bench.policy, bench.now);
    assert_eq!(deadline, bench.recovery.failed_at + latest);
}

#[test]
fn a_quiet_window_moves_the_due_time_and_the_deadline_if_it_says_so() {
    for (extends_budget, hours, given_up) in
        [(true, 8, false), (false, 8, false), (true, 30, false), (false, 30, true)]
    {
        let mut bench = Bench::new();
        bench.wait(MINUTE);
        let until = bench.now + hours * HOUR;
        let pause = Pause { until, spread: 10 * MINUTE, extends_budget };
        bench.step(|recovery, terms| recovery.postpone_for_quiet(pause, terms));
        if given_up {
            assert_eq!(bench.recovery.state, State::GivenUp { why: Reason::TimeSpent });
            continue;
        }
        let due = bench.recovery.due().unwrap();
        assert!((until..until + 10 * MINUTE).contains(&due), "{due}");
        let moved = if extends_budget {
            Duration::try_from(due - bench.now).unwrap()
        } else {
            Duration::ZERO
        };
        assert_eq!(bench.recovery.excused, moved);
    }
}

#[test]
fn a_rule_decides_what_a_failure_leads_to() {
    let table = [
        (Action::Retry, "waiting", Reason::RunFailed),
        (Action::Hold, "held", Reason::HeldByRule),
        (Action::Ignore, "given_up", Reason::IgnoredByRule),
    ];
    for (action, state, reason) in table {
        let bench = Bench::new();
        let rule = Rule { name: "a rule".into(), action, ..Rule::default() };
        let terms = Terms { rule: Some(&rule), ..bench.terms() };
        let run = failed_run(bench.now);
        let failure = Failure::of(&run, Some("spec".into()));
        let sandbox = SandboxName::new("prod");
        let adopted = Recovery::adopt(
            &run,
            bench.now,
            failure.clone(),
            &sandbox,
            "crm",
            Reason::RunFailed,
            terms,
        );
        assert_eq!(adopted.recovery.state.name(), state);
        assert_eq!((adopted.entry.reason, adopted.entry.failure), (reason, Some(failure)));
        assert_eq!(adopted.entry.rule.as_deref(), Some("a rule"));

        // The same for a recovery that waits when the rule is new, but not for an operator's order.
        let overruled = bench.recovery.overruled(terms).map(|change| change.entry.reason);
        assert_eq!(overruled, (action != Action::Retry).then_some(reason));
        let ordered = bench.recovery.retry(bench.terms()).unwrap().recovery;
        assert_eq!(ordered.overruled(terms), None);
    }
}

#[test]
fn a_run_that_somebody_else_set_to_work_is_an_attempt_like_any_other() {
    let mut bench = Bench::new();
    let etag = Etag::new("\"theirs\"");
    let theirs = Candidate {
        id: RunId::new("theirs"),
        etag: Some(etag.clone()),
        ..candidate(Whose::Theirs)
    };
    bench.step(|recovery, terms| recovery.watch_elsewhere(&theirs, terms));
    assert_eq!(bench.recovery.attempts.len(), 1);
    assert_eq!(bench.recovery.latest_run(), &RunId::new("theirs"));
    assert_eq!(bench.recovery.attempts[0].etag, Some(etag), "the one that the listing showed");
    let mut failed = failed_run(bench.now);
    failed.id = RunId::new("theirs");
    bench.step(|recovery, terms| {
        recovery.with_latest_failure(Some(&failed)).follow(Some(&failed), terms)
    });
    assert!(matches!(bench.recovery.state, State::Waiting { attempt: 2, .. }));
}

#[test]
fn what_is_held_waits_a_week_for_a_person_and_a_hold_on_the_dataflow_excuses_the_wait() {
    let mut bench = Bench::new();
    bench.step(|recovery, terms| recovery.hold(Reason::Forbidden, terms));
    bench.wait(3 * 24 * HOUR);
    assert_eq!(bench.recovery.run_out(bench.terms()), None, "a long weekend");
    let resumed = bench.recovery.resume(bench.terms()).unwrap().recovery.state;
    assert_eq!(resumed, State::GivenUp { why: Reason::TimeSpent }, "the budget is what it was");
    bench.wait(5 * 24 * HOUR);
    assert!(bench.recovery.run_out(bench.terms()).is_some());

    for why in [Reason::Paused, Reason::KeepsFailing] {
        let mut bench = Bench::new();
        bench.step(|recovery, terms| recovery.hold(why, terms));
        bench.wait(3 * 24 * HOUR);
        bench.step(|recovery, terms| recovery.resume(terms));
        assert!(matches!(bench.recovery.state, State::Waiting { .. }), "{why}");
        assert_eq!((bench.recovery.excused, bench.recovery.excused_since), (72 * HOUR, None));
    }
}

#[test]
fn a_call_that_was_not_sent_stays_due_and_counts_no_refusal() {
    let mut bench = Bench::new();
    bench.wait(HOUR);
    bench.step(Recovery::begin);
    let begun = bench.now;
    bench.wait(MINUTE);
    let verdict = Verdict::NotSent { reason: Reason::Throttled, detail: "a pause".into() };
    let change = bench.recovery.settle(&verdict, bench.terms()).unwrap();
    assert_eq!(change.recovery.state, State::Waiting { attempt: 1, due: begun });
    assert_eq!((change.recovery.refusals, change.recovery.attempts.len()), (0, 0));
    assert_eq!((change.entry.event, change.entry.reason), (Event::Postponed, Reason::Throttled));
    assert_eq!(change.entry.detail.as_deref(), Some("a pause"));
}
