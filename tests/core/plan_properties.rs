//! Properties of the pure core: a tiny world of dataflows and runs is stepped through random
//! histories, the plan is applied to it, and what must always hold is checked at every step.

use crate::kit::samples;
use flowmend::domain::model::flow::{Flow, FlowKind, FlowState};
use flowmend::domain::model::ids::{FlowId, RunId, SandboxName};
use flowmend::domain::model::reason::Reason;
use flowmend::domain::model::run::{DataWindow, Run, RunError, RunStatus};
use flowmend::domain::model::time::{after, before};
use flowmend::domain::model::verdict::{Refusal, Remedy, Verdict};
use flowmend::domain::plan::admission::{Admission, Allowance, Facts};
use flowmend::domain::plan::dataflow::Dataflow;
use flowmend::domain::plan::due::DueRecovery;
use flowmend::domain::plan::read_plan::ReadPlan;
use flowmend::domain::plan::snapshot::{ClientIdTrust, FlowListing, Snapshot};
use flowmend::domain::plan::{Plan, plan};
use flowmend::domain::policy::breaker::Breaker;
use flowmend::domain::policy::hold::{Hold, HoldInputs, Holds, Notice};
use flowmend::domain::policy::in_force::{DataflowPolicy, Policies};
use flowmend::domain::policy::outage::OutageRecord;
use flowmend::domain::policy::pause_order::Order;
use flowmend::domain::policy::quiet::{self, Quiet};
use flowmend::domain::policy::retry::{Limits, RetryPolicy};
use flowmend::domain::policy::rule::{Action, Matcher, Rule, Scope};
use flowmend::domain::policy::schedule::Jitter;
use flowmend::domain::recovery::Terms;
use flowmend::domain::recovery::{Change, Recovery, State};
use jiff::Timestamp;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use proptest::prelude::*;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

const FLOWS: u8 = 3;

/// What may happen to the world between two passes.
#[derive(Debug, Clone)]
enum Step {
    /// Time passes.
    Wait(u16),
    /// A scheduled run of a dataflow fails, perhaps with an error that a rule holds.
    Fail(u8, bool),
    /// An operator pauses everything, or lets it go on.
    Pause(bool),
    /// A scheduled run of a dataflow is made, by the platform itself.
    Scheduled(u8),
    /// Every run under way ends, well or badly.
    End(bool),
    /// A dataflow is switched on or off.
    Enable(u8, bool),
    /// A pass runs while the platform answers its calls like this, and an operator may act meanwhile.
    Pass { answer: Answer, complete: bool, operator: Option<(Moment, Act)> },
}

/// How the platform answers a call.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Answer {
    Accept,
    Throttle,
    Conflict,
    /// No answer; the call was accepted.
    LostAccepted,
    /// No answer; the call never arrived.
    LostIgnored,
    /// The daemon dies after the intent was stored; the call was made.
    CrashAfterCall,
    /// The daemon dies after the intent was stored, before the call.
    CrashBeforeCall,
}

/// When an operator acts.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Moment {
    /// After the pass has read, before it records.
    WhileReading,
    /// After it has recorded, before it begins its intents.
    BeforeBeginning,
}

/// What an operator does.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Act {
    /// Dismisses every recovery that can be dismissed.
    Dismiss,
    /// Orders a re-trigger of each that can be re-triggered.
    Retry,
    /// Pauses everything.
    Pause,
}

struct World {
    now: Timestamp,
    runs: BTreeMap<RunId, Run>,
    /// The root of each run that was issued: the truth, which the daemon cannot see.
    root_of: HashMap<RunId, RunId>,
    enabled: [bool; FLOWS as usize],
    store: BTreeMap<RunId, Recovery>,
    policy: RetryPolicy,
    next_id: u32,
    /// Every pass reads every dataflow again.
    sweeping: bool,
    conduct: Conduct,
    orders: Vec<Order>,
    /// When each call was accepted: the truth.
    accepted: Vec<Timestamp>,
    /// When each intent was begun.
    begun: Vec<Timestamp>,
    /// What operators dismissed, and have not taken back.
    dismissed: HashSet<RunId>,
}

/// What is in force besides the policy of retries.
#[derive(Debug, Clone)]
struct Conduct {
    limits: Limits,
    rules: Arc<[Rule]>,
    quiet: Arc<[Quiet]>,
}

impl Conduct {
    fn plain() -> Self {
        let limits = Limits { retriggers_per_minute: 0, ..Limits::default() };
        Self { limits, rules: Arc::new([]), quiet: Arc::new([]) }
    }
}

/// An error that a person has to mend.
const BAD: &str = "MAPPER-3700-400";

fn hold_bad() -> Arc<[Rule]> {
    let bad = Matcher::new(BAD, |code| code == BAD);
    Arc::new([Rule { codes: vec![bad], action: Action::Hold, ..Rule::default() }])
}

/// Quiet from three to nine every day.
fn quiet_mornings() -> Arc<[Quiet]> {
    Arc::new([Quiet {
        scope: Scope::default(),
        days: vec![
            Weekday::Monday,
            Weekday::Tuesday,
            Weekday::Wednesday,
            Weekday::Thursday,
            Weekday::Friday,
            Weekday::Saturday,
            Weekday::Sunday,
        ],
        from: Time::constant(3, 0, 0, 0),
        to: Time::constant(9, 0, 0, 0),
        time_zone: TimeZone::UTC,
        spread: Duration::from_secs(600),
        extends_budget: true,
    }])
}

impl World {
    fn new(policy: RetryPolicy, conduct: Conduct) -> Self {
        Self {
            conduct,
            orders: Vec::new(),
            accepted: Vec::new(),
            begun: Vec::new(),
            dismissed: HashSet::new(),
            now: "2026-01-01T00:00:00Z".parse().unwrap(),
            runs: BTreeMap::new(),
            root_of: HashMap::new(),
            enabled: [true; FLOWS as usize],
            store: BTreeMap::new(),
            policy,
            next_id: 0,
            sweeping: false,
        }
    }

    fn make_run(&mut self, flow: u8, status: RunStatus, client: &str) -> RunId {
        self.next_id += 1;
        let id = RunId::new(format!("run-{:04}", self.next_id));
        let failed = status == RunStatus::Failed;
        let length = Duration::from_secs(u64::from(self.next_id));
        let run = Run {
            created_at: Some(self.now),
            updated_at: Some(self.now),
            started_at: Some(self.now),
            completed_at: failed.then_some(self.now),
            created_client: Some(client.to_owned()),
            // A window of its own.
            window: Some(DataWindow { start: self.now, end: after(self.now, length) }),
            ..samples::run(id.as_str(), flow_id(flow).as_str(), status)
        };
        self.runs.insert(id.clone(), run);
        id
    }

    fn end_runs(&mut self, well: bool) {
        for run in self.runs.values_mut().filter(|run| run.status.is_under_way()) {
            run.status = if well { RunStatus::Succeeded } else { RunStatus::Failed };
            run.completed_at = Some(self.now);
            run.updated_at = Some(self.now);
        }
    }

    fn snapshot(&self, complete: bool) -> Snapshot {
        let open: Vec<Recovery> =
            self.store.values().filter(|r| !r.state.is_final()).cloned().collect();
        let facts = self.facts();
        let flows: HashMap<FlowId, Dataflow> =
            (0..FLOWS).map(|n| (flow_id(n), self.dataflow(n))).collect();
        let holds = self.holds();
        let admission = Admission::new(&facts, &flows, 1, self.now, open.iter(), &[]);
        let turns = admission.turns(self.due(&open), |it| {
            let quiet = quiet::pause(&self.conduct.quiet, &prod(), &it.flow_id, "", self.now);
            !it.ordered && (holds.why(&it.flow_id).is_some() || quiet.is_some())
        });
        let looked_at = |it: &Recovery| {
            let root = &it.root_run_id;
            let waiting = matches!(it.state, State::Waiting { .. });
            !waiting || turns.calls.contains(root) || turns.moves.contains(root)
        };
        let next_due = open.iter().filter_map(Recovery::due).filter(|due| *due > self.now).min();
        let recoveries: Vec<Recovery> = open.into_iter().filter(looked_at).collect();
        let calls = turns.calls.iter().cloned().collect();
        let of: Vec<&Recovery> = recoveries.iter().collect();
        let mut wanted = ReadPlan::of(&of, &calls, Some(self.now), |_| self.policy);
        let fresh = match self.sweeping {
            true => (0..FLOWS).map(flow_id).collect(),
            false => wanted.flows.drain(..).collect(),
        };
        // An incomplete listing lacks every other run.
        let seen: Vec<Arc<Run>> = self
            .runs
            .values()
            .enumerate()
            .filter(|(index, _)| complete || index % 2 == 0)
            .map(|(_, run)| Arc::new(run.clone()))
            .collect();
        let listings = recoveries
            .iter()
            .filter(|r| !matches!(r.state, State::Held { .. } | State::Watching { .. }))
            .map(|r| {
                let runs = seen.iter().filter(|run| run.flow_id == r.flow_id).cloned().collect();
                (r.flow_id.clone(), FlowListing { runs, complete, begun_at: self.now })
            })
            .collect();
        Snapshot {
            now: self.now,
            sandbox: SandboxName::new("prod"),
            flows: Arc::new(flows),
            fresh,
            holds,
            recoveries,
            queue: turns.queued,
            more_due: turns.more,
            next_due,
            listed: seen.iter().filter(|run| run.status == RunStatus::Failed).cloned().collect(),
            known: self.known(),
            runs: seen.into_iter().map(|run| (run.id.clone(), run)).collect(),
            missing: HashSet::new(),
            listings,
            client_trust: ClientIdTrust::Proven {
                client: "flowmend".into(),
                since: Timestamp::MIN,
            },
            adopt_since: before(self.now, Duration::from_secs(86_400)),
            max_adopted: 100,
            first_since: None,
            admission: facts,
            jitter: Jitter::new(7),
            policies: Policies {
                dataflows: Arc::new([]),
                default: DataflowPolicy {
                    retry: self.policy,
                    per_dataflow: 1,
                    ..DataflowPolicy::default()
                },
                rules: self.conduct.rules.clone(),
            },
            quiet: self.conduct.quiet.clone(),
            failing: Vec::new(),
        }
    }

    fn facts(&self) -> Facts {
        let minute = Duration::from_secs(60);
        let recent: Vec<&Timestamp> =
            self.begun.iter().filter(|at| **at > before(self.now, minute)).collect();
        let limit = self.conduct.limits.retriggers_per_minute;
        let oldest = recent.iter().min().map(|at| **at);
        let per_minute = Allowance::of(limit, minute, recent.len() as u64, oldest);
        Facts {
            allowances: [per_minute, Allowance::UNLIMITED],
            throttled_until: None,
            outages: OutageRecord::default(),
            breaker: Breaker { failures: 0, ..Breaker::default() },
            most_read: 500,
        }
    }

    /// What the store says is due, in its order.
    fn due(&self, open: &[Recovery]) -> Vec<DueRecovery> {
        let is_due = |it: &&Recovery| it.due().is_some_and(|due| due <= self.now);
        let mut due: Vec<DueRecovery> = open
            .iter()
            .filter(is_due)
            .map(|it| DueRecovery {
                root_run_id: it.root_run_id.clone(),
                flow_id: it.flow_id.clone(),
                failed_at: it.failed_at,
                attempts: u32::try_from(it.attempts.len()).unwrap(),
                ordered: it.ordered,
            })
            .collect();
        due.sort_by_key(|it| (!it.ordered, it.failed_at, it.root_run_id.clone()));
        due
    }

    fn dataflow(&self, n: u8) -> Dataflow {
        let state = match self.enabled[n as usize] {
            true => FlowState::Enabled,
            false => FlowState::Other("disabled".into()),
        };
        let flow = Flow {
            id: flow_id(n),
            name: format!("flow {n}"),
            state,
            spec_id: None,
            is_source: Some(true),
            is_destination: false,
            is_internal: false,
            source_spec: None,
            schedule: None,
            last_run: None,
        };
        Dataflow { flow, kind: FlowKind::Batch, per_dataflow: 1 }
    }

    fn holds(&self) -> Holds {
        let flows: Vec<Flow> = (0..FLOWS).map(|n| self.dataflow(n).flow).collect();
        let grounds = HoldInputs {
            sandbox: &SandboxName::new("prod"),
            unsupported: &[],
            streaks: &HashMap::new(),
            orders: &self.orders,
            breaker: &Breaker::default(),
        };
        Holds::of(flows.iter(), grounds)
    }

    fn known(&self) -> HashSet<RunId> {
        let issued = |r: &Recovery| r.attempts.iter().map(|a| a.issued.clone()).collect::<Vec<_>>();
        self.store
            .values()
            .flat_map(|r| issued(r).into_iter().chain([r.root_run_id.clone()]))
            .collect()
    }

    /// The one conditional write; whether it took effect.
    fn apply(&mut self, change: &Change) -> bool {
        let root = &change.recovery.root_run_id;
        let stored = self.store.get(root).map(|recovery| recovery.revision);
        let fits = stored == change.from_revision;
        if fits {
            self.store.insert(root.clone(), change.recovery.clone());
        }
        fits
    }

    /// What the due recoveries go through that have to wait for others.
    fn queue(&mut self, snapshot: &Snapshot) {
        for waiting in &snapshot.queue {
            let recovery = self.store.get_mut(&waiting.root_run_id).unwrap();
            let waits = matches!(recovery.state, State::Waiting { .. });
            if waits && !recovery.ordered && recovery.excused_since.is_none() {
                recovery.excused_since = Some(snapshot.now);
                recovery.revision += 1;
            }
        }
    }

    fn pass(&mut self, answer: Answer, complete: bool, operator: Option<(Moment, Act)>) {
        let snapshot = self.snapshot(complete);
        let decided = plan(&snapshot);
        // Rebuilt, so that the order of its maps differs.
        assert_eq!(decided, plan(&self.snapshot(complete)), "equal snapshots give equal plans");
        self.check(&snapshot, &decided);
        let orders_seen = self.orders.len();
        let acts = |world: &mut Self, moment| {
            if let Some((_, act)) = operator.filter(|(at, _)| *at == moment) {
                world.act(act);
            }
        };
        acts(self, Moment::WhileReading);
        for change in &decided.changes {
            let applied = self.apply(change);
            assert!(applied || operator.is_some(), "a change starts from what is stored");
        }
        self.queue(&snapshot);
        acts(self, Moment::BeforeBeginning);
        for intent in &decided.intents {
            let root = &intent.recovery.root_run_id;
            if orders_seen == self.orders.len() && self.apply(intent) {
                assert!(!self.dismissed.contains(root), "nothing is sent for what is dismissed");
                self.begun.push(self.now);
                self.call(&intent.recovery, answer);
            }
        }
        for root in &self.dismissed {
            let kept = matches!(self.store[root].state, State::Dismissed { .. });
            assert!(kept, "a dismissal was overwritten: {:?}", self.store[root]);
        }
        self.check_truth();
    }

    fn act(&mut self, act: Act) {
        if act == Act::Pause {
            return self.order(true);
        }
        let terms =
            Terms { policy: self.policy, rule: None, jitter: Jitter::new(7), now: self.now };
        for recovery in self.store.values().cloned().collect::<Vec<_>>() {
            let change = match act {
                Act::Dismiss => recovery.dismiss("by hand", terms),
                _ if recovery.state.is_final() => None,
                _ => recovery.retry(terms),
            };
            if change.is_some_and(|change| self.apply(&change)) && act == Act::Dismiss {
                self.dismissed.insert(recovery.root_run_id);
            }
        }
    }

    fn call(&mut self, recovery: &Recovery, answer: Answer) {
        let State::Triggering { asked, .. } = &recovery.state else {
            panic!("an intent is triggering");
        };
        let accepted =
            matches!(answer, Answer::Accept | Answer::LostAccepted | Answer::CrashAfterCall);
        let issued = accepted.then(|| {
            let flow = self.runs[asked].flow_id.clone();
            let number = flow.as_str().trim_start_matches("flow-").parse().unwrap();
            let issued = self.make_run(number, RunStatus::InProgress, "flowmend");
            self.runs.get_mut(&issued).unwrap().window = self.runs[asked].window;
            self.root_of.insert(issued.clone(), recovery.root_run_id.clone());
            self.accepted.push(self.now);
            issued
        });
        let refused =
            |remedy, reason| Verdict::Refused(Refusal { remedy, reason, detail: String::new() });
        let verdict = match (answer, issued) {
            (Answer::Accept, Some(run)) => Verdict::Accepted { run, etag: None },
            (Answer::Throttle, _) => refused(Remedy::Later(None), Reason::Throttled),
            (Answer::Conflict, _) => refused(Remedy::Reread, Reason::StateConflict),
            (Answer::CrashAfterCall | Answer::CrashBeforeCall, _) => return,
            _ => Verdict::InDoubt { reason: Reason::Timeout, detail: String::new() },
        };
        let terms =
            Terms { policy: self.policy, rule: None, jitter: Jitter::new(7), now: self.now };
        let change = recovery.settle(&verdict, terms).expect("a begun recovery can be settled");
        assert!(self.apply(&change), "nobody touches what is under way");
    }

    /// What must hold of every plan.
    fn check(&self, snapshot: &Snapshot, plan: &Plan) {
        let mut roots = HashSet::new();
        for change in plan.changes.iter().chain(&plan.intents) {
            assert!(roots.insert(&change.recovery.root_run_id), "one step for each recovery");
        }
        let mut flows = HashSet::new();
        for intent in &plan.intents {
            let recovery = &intent.recovery;
            assert!(flows.insert(&recovery.flow_id), "one call per dataflow at a time");
            let budgeted = recovery.attempt() <= self.policy.max_attempts || recovery.ordered;
            assert!(budgeted, "attempts stay within budget");
            let State::Triggering { asked, .. } = &recovery.state else { panic!() };
            assert_eq!(
                self.runs[asked].status,
                RunStatus::Failed,
                "only failed runs are asked for"
            );
            let number: usize =
                recovery.flow_id.as_str().trim_start_matches("flow-").parse().unwrap();
            assert!(self.enabled[number], "nothing is sent for a disabled dataflow");
            assert!(snapshot.fresh.contains(&recovery.flow_id), "nor for one not read again");
            let bad = recovery.failure.errors.iter().any(|error| error.code == BAD);
            if recovery.ordered {
                continue;
            }
            assert!(!bad || self.conduct.rules.is_empty(), "nor for what a rule holds");
            assert!(!self.orders.last().is_some_and(|order| order.paused), "nor in a pause");
            let quiet = quiet::pause(
                &self.conduct.quiet,
                &snapshot.sandbox,
                &recovery.flow_id,
                "",
                self.now,
            );
            assert_eq!(quiet, None, "nor in a quiet window");
        }
        for change in &plan.changes {
            if let Some(due) = change.recovery.due() {
                let latest = after(self.now, self.policy.max_interval);
                let put_off = change.entry.reason == Reason::Quiet;
                assert!(due <= latest || put_off, "no delay is longer than max_interval");
                assert!(due >= change.recovery.failed_at, "nothing is due before it failed");
            }
            if !snapshot.listings.values().all(|listing| listing.complete) {
                assert_ne!(change.entry.reason, Reason::NotListed, "incomplete proves nothing");
                assert_ne!(change.entry.reason, Reason::NotListedOnce);
            }
        }
    }

    /// What must hold of the world itself: the daemon's ledger against the truth.
    fn check_truth(&self) {
        let mut issued: HashMap<&RunId, Vec<&Run>> = HashMap::new();
        for (run, root) in &self.root_of {
            issued.entry(root).or_default().push(&self.runs[run]);
        }
        for (root, runs) in issued {
            let under_way = runs.iter().filter(|run| run.status.is_under_way()).count();
            assert!(under_way <= 1, "never two attempts in flight for {root}");
            assert!(runs.len() <= self.policy.max_attempts as usize, "attempts exceed the budget");
        }
        let limit = self.conduct.limits.retriggers_per_minute as usize;
        let minute = Duration::from_secs(60);
        let within = |at: Timestamp| {
            self.accepted.iter().filter(|it| **it <= at && **it > before(at, minute)).count()
        };
        for &at in &self.accepted {
            assert!(limit == 0 || within(at) <= limit, "more than {limit} in the minute to {at}");
        }
        for root in self.store.keys() {
            assert!(!self.root_of.contains_key(root), "an issued run never starts a recovery");
        }
    }

    /// The platform has become well again: runs succeed, calls are accepted, everything is enabled.
    /// The operator goes on, and takes the rules back.
    fn heal(&mut self) {
        self.conduct.rules = Arc::new([]);
        self.order(false);
        self.enabled = [true; FLOWS as usize];
        self.sweeping = true;
        for _ in 0..400 {
            self.now = after(self.now, Duration::from_secs(120));
            self.end_runs(true);
            self.pass(Answer::Accept, true, None);
            if self.store.values().all(|recovery| recovery.state.is_final()) {
                return;
            }
        }
        panic!("recoveries stay open: {:#?}", self.store);
    }
}

impl World {
    fn order(&mut self, paused: bool) {
        let (sandbox, flow, at) = (None, None, self.now);
        self.orders.push(Order { sandbox, flow, paused, at, reason: String::new() });
    }
}

fn prod() -> SandboxName {
    SandboxName::new("prod")
}

fn flow_id(n: u8) -> FlowId {
    FlowId::new(format!("flow-{n}"))
}

fn answers() -> impl Strategy<Value = Answer> {
    prop_oneof![
        4 => Just(Answer::Accept),
        1 => Just(Answer::Throttle),
        1 => Just(Answer::Conflict),
        1 => Just(Answer::LostAccepted),
        1 => Just(Answer::LostIgnored),
        1 => Just(Answer::CrashAfterCall),
        1 => Just(Answer::CrashBeforeCall),
    ]
}

fn moments() -> impl Strategy<Value = Moment> {
    prop_oneof![Just(Moment::WhileReading), Just(Moment::BeforeBeginning)]
}

fn acts() -> impl Strategy<Value = Act> {
    prop_oneof![2 => Just(Act::Dismiss), 2 => Just(Act::Retry), 1 => Just(Act::Pause)]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (1_u16..900).prop_map(Step::Wait),
        2 => (0..FLOWS, any::<bool>()).prop_map(|(flow, bad)| Step::Fail(flow, bad)),
        1 => prop::bool::weighted(0.3).prop_map(Step::Pause),
        1 => (0..FLOWS).prop_map(Step::Scheduled),
        2 => any::<bool>().prop_map(Step::End),
        1 => (0..FLOWS, any::<bool>()).prop_map(|(flow, on)| Step::Enable(flow, on)),
        5 => (answers(), prop::bool::weighted(0.8))
            .prop_map(|(answer, complete)| Step::Pass { answer, complete, operator: None }),
        2 => (answers(), moments(), acts()).prop_map(|(answer, moment, act)| Step::Pass {
            answer,
            complete: true,
            operator: Some((moment, act)),
        }),
    ];
    prop::collection::vec(step, 1..80)
}

fn take(world: &mut World, step: Step) {
    match step {
        Step::Wait(seconds) => {
            world.now = after(world.now, Duration::from_secs(u64::from(seconds)));
        }
        Step::Fail(flow, bad) => {
            let run = world.make_run(flow, RunStatus::Failed, "scheduler");
            let error = RunError::new(BAD, "");
            world.runs.get_mut(&run).unwrap().errors.extend(bad.then_some(error));
        }
        Step::Pause(paused) => world.order(paused),
        Step::Scheduled(flow) => drop(world.make_run(flow, RunStatus::InProgress, "scheduler")),
        Step::End(well) => world.end_runs(well),
        Step::Enable(flow, on) => world.enabled[flow as usize] = on,
        Step::Pass { answer, complete, operator } => world.pass(answer, complete, operator),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_nothing_is_doubled_lost_or_over_budget(
        steps in steps(), max_attempts in 1_u32..5, per_minute in 0_u32..3,
        ruled in any::<bool>(), quiet in any::<bool>(),
    ) {
        let mut conduct = Conduct::plain();
        conduct.limits.retriggers_per_minute = per_minute;
        if ruled {
            conduct.rules = hold_bad();
        }
        if quiet {
            conduct.quiet = quiet_mornings();
        }
        let policy = RetryPolicy {
            max_attempts,
            max_elapsed_time: Duration::from_secs(7 * 86_400),
            ..RetryPolicy::default()
        };
        let mut world = World::new(policy, conduct);
        for step in steps {
            take(&mut world, step);
        }
        world.heal();
        for (root, recovery) in &world.store {
            let spent = world.root_of.values().filter(|r| *r == root).count();
            match &recovery.state {
                State::Recovered { .. } => {}
                State::GivenUp { why: Reason::AttemptsSpent } => {
                    // An operator may have ordered more.
                    prop_assert!(spent >= max_attempts as usize);
                }
                State::Dismissed { .. } => prop_assert!(world.dismissed.contains(root)),
                State::GivenUp { why: Reason::WatchTimeout | Reason::NotRetriggerable } => {}
                other => prop_assert!(false, "{root} ended as {other:?}"),
            }
        }
        let owned = world.known();
        let lost = world.runs.values().filter(|run| {
            run.status == RunStatus::Failed && !owned.contains(&run.id)
                && run.begun_at().is_some_and(|at| at >= before(world.now, Duration::from_secs(86_400)))
        });
        prop_assert_eq!(lost.count(), 0, "every failed run in the window has an owner");
    }

    #[test]
    fn a_plan_that_was_applied_leaves_nothing_more_to_decide(steps in steps()) {
        let conduct = Conduct { rules: hold_bad(), quiet: quiet_mornings(), ..Conduct::plain() };
        let mut world = World::new(RetryPolicy::default(), conduct);
        for step in steps {
            take(&mut world, step);
        }
        // One of each dataflow moves in a pass, and there may be as many as there were steps.
        for _ in 0..200 {
            let decided = plan(&world.snapshot(true));
            decided.changes.iter().for_each(|change| assert!(world.apply(change)));
            if decided.changes.is_empty() {
                return Ok(());
            }
        }
        prop_assert!(false, "the plan never settles");
    }
}

#[test]
fn the_order_of_maps_does_not_show_in_a_plan() {
    let mut world = World::new(RetryPolicy::default(), Conduct::plain());
    for flow in 0..FLOWS {
        world.make_run(flow, RunStatus::Failed, "scheduler");
    }
    let first = noticed_plan(&world);
    assert_eq!((first.changes.len(), first.notices.len()), (FLOWS.into(), 60));
    // Each map has an order of its own, even with equal content.
    for _ in 0..20 {
        assert_eq!(noticed_plan(&world), first);
    }
}

/// The plan of a pass that has something to log about each of many dataflows.
fn noticed_plan(world: &World) -> Plan {
    let mut snapshot = world.snapshot(true);
    let flows = (FLOWS..FLOWS + 60).map(flow_id);
    let notice =
        |flow: &FlowId| Notice { run: RunId::new(format!("of {flow}")), text: String::new() };
    let hold = |flow: &FlowId| Hold {
        why: Reason::KeepsFailing,
        notice: Some(notice(flow)),
        paused_at: None,
    };
    snapshot.holds.holds = flows.map(|flow| (flow.clone(), hold(&flow))).collect();
    plan(&snapshot)
}
