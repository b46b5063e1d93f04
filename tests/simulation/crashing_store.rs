//! A store in which a process can die, or fall asleep, at any step, and operators can act beside it.

use crate::kit::clock::ManualClock;
use crate::operators::Operators;
use async_trait::async_trait;
use fastrand::Rng;
use flowmend::domain::model::ids::{FlowId, RunId, SandboxName};
use flowmend::domain::model::journal::{Entry, Event};
use flowmend::domain::plan::due::DueRecovery;
use flowmend::domain::policy::breaker::{Outcome, Unsuccessful};
use flowmend::domain::policy::long_failure::Failing;
use flowmend::domain::policy::pause_order::Order;
use flowmend::domain::recovery::{Change, Recovery, State};
use flowmend::store::{
    Batch, CallCount, Committed, Filter, Holder, KnownFlow, Lease, Needs, Owner, PausedFlow,
    Progress, ReportedSigns, SqliteStore, Store, StoreError,
};
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;

/// Which of the store's operations are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// All of them.
    Any,
    /// Every write but that of the lease.
    Commit,
    /// The write of intents: what comes right after it is a call.
    Begin,
    /// The write of outcomes: what came right before it was a call.
    Outcome,
}

/// Where a process stops or an operator acts: at the `count`-th step of a kind, before or after it
/// was really done.
#[derive(Debug, Clone, Copy)]
pub struct Point {
    pub step: Step,
    pub count: u32,
    pub after: bool,
}

impl Point {
    /// Counts a step; gives the point once it is there.
    pub fn count(planned: &mut Option<Self>, fits: impl Fn(Step) -> bool) -> Option<Self> {
        let point = planned.as_mut().filter(|point| fits(point.step))?;
        point.count -= 1;
        if point.count > 0 { None } else { planned.take() }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let when = if self.after { "after" } else { "before" };
        write!(f, "{when} {:?} step {}", self.step, self.count)
    }
}

/// The real store; one that stops its caller and lets operators act where it was told to, and that takes a moment of the
/// clock in hand for each operation.
#[derive(Debug)]
pub struct CrashingStore {
    real: Arc<SqliteStore>,
    operators: Arc<Operators>,
    /// The clock of the process.
    pub clock: Arc<ManualClock>,
    point: Mutex<Option<Point>>,
    moments: Mutex<Moments>,
    leased_until: Mutex<Option<Timestamp>>,
    /// Roots whose intent is stored and whose outcome is not.
    open_intents: Mutex<HashSet<RunId>>,
    stopped_amid_calls: AtomicBool,
    reached: Notify,
    leased: Notify,
    go_on: Notify,
}

/// How long an operation takes: up to `longest`.
#[derive(Debug)]
struct Moments {
    rng: Rng,
    longest: Duration,
}

impl CrashingStore {
    pub fn new(
        real: SqliteStore,
        clock: Arc<ManualClock>,
        seed: u64,
        operators: Arc<Operators>,
    ) -> Self {
        let moments = Moments { rng: Rng::with_seed(seed), longest: Duration::from_millis(250) };
        Self {
            real: Arc::new(real),
            operators,
            clock,
            point: Mutex::default(),
            moments: Mutex::new(moments),
            leased_until: Mutex::default(),
            open_intents: Mutex::default(),
            stopped_amid_calls: AtomicBool::new(false),
            reached: Notify::new(),
            leased: Notify::new(),
            go_on: Notify::new(),
        }
    }

    /// The store itself, in which nobody dies.
    pub fn real(&self) -> &SqliteStore {
        &self.real
    }

    /// True if calls may have been on their way when the caller was stopped.
    pub fn stopped_amid_calls(&self) -> bool {
        self.stopped_amid_calls.load(Ordering::Relaxed)
    }

    /// Until when the caller holds the lease.
    pub fn leased_until(&self) -> Option<Timestamp> {
        *self.leased_until.lock().unwrap()
    }

    /// From now on operations take up to `longest` on the clock in hand.
    pub fn take_up_to(&self, longest: Duration) {
        self.moments.lock().unwrap().longest = longest;
    }

    /// Stops the caller at `point`, counted from now.
    pub fn arm(&self, point: Point) {
        *self.point.lock().unwrap() = Some(point);
    }

    pub fn disarm(&self) {
        *self.point.lock().unwrap() = None;
    }

    pub fn is_armed(&self) -> bool {
        self.point.lock().unwrap().is_some()
    }

    /// Waits until the caller is stopped.
    pub async fn reached(&self) {
        self.reached.notified().await;
    }

    /// Waits until the lease was asked for once more.
    pub async fn leased(&self) {
        self.leased.notified().await;
    }

    /// Lets a stopped caller go on.
    pub fn go_on(&self) {
        self.go_on.notify_one();
    }

    /// True if the caller is to be stopped at this operation.
    fn count(&self, fits: impl Fn(Step) -> bool) -> Option<Point> {
        let point = Point::count(&mut self.point.lock().unwrap(), fits)?;
        let open = !self.open_intents.lock().unwrap().is_empty();
        self.stopped_amid_calls.store(open, Ordering::Relaxed);
        Some(point)
    }

    fn keep_intents(&self, batch: &Batch, committed: &Committed) {
        let mut open = self.open_intents.lock().unwrap();
        for (change, _) in batch.changes.iter().zip(&committed.applied).filter(|(_, it)| **it) {
            let root = &change.recovery.root_run_id;
            match change.recovery.state {
                State::Triggering { .. } => open.insert(root.clone()),
                _ => open.remove(root),
            };
        }
    }

    async fn stand(&self) {
        self.reached.notify_one();
        self.go_on.notified().await;
    }

    /// In a task of its own: what an operator has begun ends, though the process may die meanwhile.
    async fn operators_act(&self) {
        let act = self.operators.clone().act(self.real.clone());
        tokio::spawn(act).await.unwrap();
    }

    fn pass_time(&self) {
        let mut moments = self.moments.lock().unwrap();
        let longest = u64::try_from(moments.longest.as_millis()).unwrap();
        let took = moments.rng.u64(0..=longest);
        self.clock.advance(Duration::from_millis(took));
    }

    async fn step<T>(&self, fits: impl Fn(Step) -> bool, work: impl Future<Output = T>) -> T {
        let point = self.count(&fits);
        let visit = self.operators.come(fits);
        if point.is_some_and(|point| !point.after) {
            self.stand().await;
        }
        if visit.is_some_and(|point| !point.after) {
            self.operators_act().await;
        }
        let result = work.await;
        if visit.is_some_and(|point| point.after) {
            self.operators_act().await;
        }
        self.pass_time();
        if point.is_some_and(|point| point.after) {
            self.stand().await;
        }
        result
    }

    async fn read<T>(&self, work: impl Future<Output = T>) -> T {
        self.step(|step| step == Step::Any, work).await
    }
}

/// What kind of write this is.
fn kind_of(batch: &Batch) -> Step {
    let begins = |change: &Change| matches!(change.recovery.state, State::Triggering { .. });
    if batch.changes.iter().any(begins) {
        Step::Begin
    } else if batch.progress.is_none() && batch.notes.is_empty() && !batch.changes.is_empty() {
        Step::Outcome
    } else {
        Step::Commit
    }
}

#[async_trait]
impl Store for CrashingStore {
    async fn lease(
        &self,
        owner: &Owner,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Lease, StoreError> {
        let take = async {
            let lease = self.real.lease(owner, now, ttl).await;
            *self.leased_until.lock().unwrap() =
                matches!(lease, Ok(Lease::Granted | Lease::Renewed)).then(|| now + ttl);
            self.leased.notify_waiters();
            lease
        };
        self.read(take).await
    }

    async fn release(&self, owner: &Owner, now: Timestamp) -> Result<(), StoreError> {
        self.read(self.real.release(owner, now)).await
    }

    async fn holder(&self) -> Result<Option<Holder>, StoreError> {
        self.real.holder().await
    }

    async fn report_signs(&self, signs: &ReportedSigns) -> Result<(), StoreError> {
        self.real.report_signs(signs).await
    }

    async fn signs(&self) -> Result<Vec<ReportedSigns>, StoreError> {
        self.real.signs().await
    }

    async fn needs(&self, filter: &Filter, since: Timestamp) -> Result<Needs, StoreError> {
        self.real.needs(filter, since).await
    }

    async fn paused(&self, filter: &Filter) -> Result<Vec<PausedFlow>, StoreError> {
        self.real.paused(filter).await
    }

    async fn healing(&self, filter: &Filter) -> Result<Vec<Recovery>, StoreError> {
        self.real.healing(filter).await
    }

    async fn known_flows(&self) -> Result<Vec<KnownFlow>, StoreError> {
        self.real.known_flows().await
    }

    async fn runs_like(&self, prefix: &str, limit: u32) -> Result<Vec<RunId>, StoreError> {
        self.real.runs_like(prefix, limit).await
    }

    async fn short_ids(&self, runs: &[RunId]) -> Result<Vec<String>, StoreError> {
        self.real.short_ids(runs).await
    }

    async fn commit(&self, owner: &Owner, batch: &Batch) -> Result<Committed, StoreError> {
        let kind = kind_of(batch);
        let fits = |step| step == kind || matches!(step, Step::Any | Step::Commit);
        let commit = async {
            let committed = self.real.commit(owner, batch).await;
            if let Ok(committed) = &committed {
                self.keep_intents(batch, committed);
            }
            committed
        };
        self.step(fits, commit).await
    }

    async fn amend(&self, batch: &Batch) -> Result<Committed, StoreError> {
        self.read(self.real.amend(batch)).await
    }

    async fn open_recoveries(&self, sandbox: &SandboxName) -> Result<Vec<Recovery>, StoreError> {
        self.read(self.real.open_recoveries(sandbox)).await
    }

    async fn under_way(&self, sandbox: &SandboxName) -> Result<Vec<Recovery>, StoreError> {
        self.read(self.real.under_way(sandbox)).await
    }

    async fn due(
        &self,
        sandbox: &SandboxName,
        now: Timestamp,
    ) -> Result<Vec<DueRecovery>, StoreError> {
        self.read(self.real.due(sandbox, now)).await
    }

    async fn next_due(
        &self,
        sandbox: &SandboxName,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        self.read(self.real.next_due(sandbox, now)).await
    }

    async fn recoveries_of(&self, roots: &[RunId]) -> Result<Vec<Recovery>, StoreError> {
        self.read(self.real.recoveries_of(roots)).await
    }

    async fn held(
        &self,
        sandbox: &SandboxName,
        after: Option<&RunId>,
        limit: u32,
    ) -> Result<Vec<Recovery>, StoreError> {
        self.read(self.real.held(sandbox, after, limit)).await
    }

    async fn unsupported_flows(
        &self,
        sandbox: &SandboxName,
    ) -> Result<Vec<(FlowId, Timestamp)>, StoreError> {
        self.read(self.real.unsupported_flows(sandbox)).await
    }

    async fn calls_since(
        &self,
        sandbox: &SandboxName,
        since: Timestamp,
    ) -> Result<CallCount, StoreError> {
        self.read(self.real.calls_since(sandbox, since)).await
    }

    async fn unsuccessful(
        &self,
        sandbox: &SandboxName,
        since: Timestamp,
    ) -> Result<Vec<Unsuccessful>, StoreError> {
        self.read(self.real.unsuccessful(sandbox, since)).await
    }

    async fn outcomes(
        &self,
        sandbox: &SandboxName,
        since: Timestamp,
    ) -> Result<Vec<Outcome>, StoreError> {
        self.read(self.real.outcomes(sandbox, since)).await
    }

    async fn failing(
        &self,
        sandbox: &SandboxName,
        since: Timestamp,
        begun_by: Timestamp,
    ) -> Result<Vec<Failing>, StoreError> {
        self.read(self.real.failing(sandbox, since, begun_by)).await
    }

    async fn recoveries(&self, filter: &Filter) -> Result<Vec<Recovery>, StoreError> {
        self.read(self.real.recoveries(filter)).await
    }

    async fn count_by_state(&self, filter: &Filter) -> Result<Vec<(String, u64)>, StoreError> {
        self.read(self.real.count_by_state(filter)).await
    }

    async fn count_open(&self, sandbox: &SandboxName) -> Result<Vec<(String, u64)>, StoreError> {
        self.read(self.real.count_open(sandbox)).await
    }

    async fn recovery_of(&self, run: &RunId) -> Result<Option<Recovery>, StoreError> {
        self.read(self.real.recovery_of(run)).await
    }

    async fn known_runs(&self, runs: &[RunId]) -> Result<HashSet<RunId>, StoreError> {
        self.read(self.real.known_runs(runs)).await
    }

    async fn progress(&self, sandbox: &SandboxName) -> Result<Option<Progress>, StoreError> {
        self.read(self.real.progress(sandbox)).await
    }

    async fn flow_names(&self) -> Result<HashMap<FlowId, String>, StoreError> {
        self.read(self.real.flow_names()).await
    }

    async fn journal(&self, run: &RunId) -> Result<Vec<Entry>, StoreError> {
        self.read(self.real.journal(run)).await
    }

    async fn history(
        &self,
        sandbox: Option<&SandboxName>,
        since: Timestamp,
        events: &[Event],
    ) -> Result<Vec<Entry>, StoreError> {
        self.read(self.real.history(sandbox, since, events)).await
    }

    async fn order(&self, order: &Order) -> Result<(), StoreError> {
        self.read(self.real.order(order)).await
    }

    async fn orders(&self) -> Result<Vec<Order>, StoreError> {
        self.read(self.real.orders()).await
    }

    async fn prune(&self, owner: &Owner, before: Timestamp) -> Result<u64, StoreError> {
        self.read(self.real.prune(owner, before)).await
    }

    async fn close(&self) {
        self.real.close().await;
    }
}
