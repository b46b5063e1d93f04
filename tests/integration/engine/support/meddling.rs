//! A store beside which a person acts at chosen moments.

use async_trait::async_trait;
use flowmend::domain::model::ids::{FlowId, RunId, SandboxName};
use flowmend::domain::model::journal::{Entry, Event};
use flowmend::domain::plan::due::DueRecovery;
use flowmend::domain::policy::breaker::{Outcome, Unsuccessful};
use flowmend::domain::policy::long_failure::Failing;
use flowmend::domain::policy::pause_order::Order;
use flowmend::domain::policy::retry::RetryPolicy;
use flowmend::domain::policy::schedule::Jitter;
use flowmend::domain::recovery::Terms;
use flowmend::domain::recovery::{Change, Recovery, State};
use flowmend::store::{
    Batch, CallCount, Committed, Filter, Holder, KnownFlow, Lease, Needs, Owner, PausedFlow,
    Progress, ReportedSigns, Store, StoreError,
};
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A moment of a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The store is read; the platform is yet to be asked.
    Reading,
    /// The plan is about to be recorded.
    BeforeRecord,
    /// The plan is recorded.
    AfterRecord,
    /// The first intents are about to be stored.
    BeforeBegin,
    /// The first intents are stored, and their calls are yet to be made.
    AfterBegin,
}

/// What a person does.
#[derive(Debug, Clone)]
pub enum Deed {
    Dismiss(Vec<RunId>),
    Retry(Vec<RunId>),
    Pause,
}

/// The real store, and a person who acts once at a moment.
#[derive(Debug)]
pub struct MeddledStore {
    real: Arc<dyn Store>,
    plan: Mutex<Option<(Moment, Deed, Timestamp)>>,
    /// For each run that the deed was about, whether it took effect.
    done: Mutex<Vec<bool>>,
}

impl MeddledStore {
    pub fn new(real: Arc<dyn Store>) -> Self {
        Self { real, plan: Mutex::default(), done: Mutex::default() }
    }

    /// At the next such moment, which is at `at`, a person does this.
    pub fn at(&self, moment: Moment, deed: Deed, at: Timestamp) {
        *self.plan.lock().unwrap() = Some((moment, deed, at));
    }

    /// What took effect of the deed; empty if its moment has not come.
    pub fn done(&self) -> Vec<bool> {
        std::mem::take(&mut *self.done.lock().unwrap())
    }

    async fn come(&self, now: &[Moment]) {
        let planned = self.plan.lock().unwrap().take_if(|(moment, ..)| now.contains(moment));
        let Some((_, deed, at)) = planned else { return };
        let done = match deed {
            Deed::Pause => {
                let reason = "stop".to_owned();
                let order = Order { sandbox: None, flow: None, paused: true, at, reason };
                self.real.order(&order).await.unwrap();
                vec![true]
            }
            Deed::Dismiss(runs) => {
                self.amend(&runs, at, |it, terms| it.dismiss("mine", terms)).await
            }
            Deed::Retry(runs) => self.amend(&runs, at, |it, terms| it.retry(terms)).await,
        };
        *self.done.lock().unwrap() = done;
    }

    async fn amend(
        &self,
        runs: &[RunId],
        now: Timestamp,
        decide: impl Fn(&Recovery, Terms<'_>) -> Option<Change>,
    ) -> Vec<bool> {
        let policy = RetryPolicy::default();
        let mut done = Vec::new();
        for run in runs {
            let terms = Terms { policy, rule: None, jitter: Jitter::new(1), now };
            let recovery = self.real.recovery_of(run).await.unwrap().unwrap();
            let Some(change) = decide(&recovery, terms) else {
                done.push(false);
                continue;
            };
            let batch = Batch { changes: vec![change], ..Batch::default() };
            done.extend(self.real.amend(&batch).await.unwrap().applied);
        }
        done
    }
}

#[async_trait]
impl Store for MeddledStore {
    async fn lease(
        &self,
        owner: &Owner,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Lease, StoreError> {
        self.real.lease(owner, now, ttl).await
    }

    async fn release(&self, owner: &Owner, now: Timestamp) -> Result<(), StoreError> {
        self.real.release(owner, now).await
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
        let begins = |it: &Change| matches!(it.recovery.state, State::Triggering { .. });
        let (before, after) = match batch.changes.iter().any(begins) {
            true => (Moment::BeforeBegin, Moment::AfterBegin),
            false => (Moment::BeforeRecord, Moment::AfterRecord),
        };
        self.come(&[before]).await;
        let committed = self.real.commit(owner, batch).await;
        self.come(&[after]).await;
        committed
    }

    async fn amend(&self, batch: &Batch) -> Result<Committed, StoreError> {
        self.real.amend(batch).await
    }

    async fn open_recoveries(&self, sandbox: &SandboxName) -> Result<Vec<Recovery>, StoreError> {
        self.real.open_recoveries(sandbox).await
    }

    async fn under_way(&self, sandbox: &SandboxName) -> Result<Vec<Recovery>, StoreError> {
        self.real.under_way(sandbox).await
    }

    async fn due(
        &self,
        sandbox: &SandboxName,
        now: Timestamp,
    ) -> Result<Vec<DueRecovery>, StoreError> {
        self.real.due(sandbox, now).await
    }

    async fn next_due(
        &self,
        sandbox: &SandboxName,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        self.real.next_due(sandbox, now).await
    }

    async fn recoveries_of(&self, roots: &[RunId]) -> Result<Vec<Recovery>, StoreError> {
        let recoveries = self.real.recoveries_of(roots).await;
        self.come(&[Moment::Reading]).await;
        recoveries
    }

    async fn held(
        &self,
        sandbox: &SandboxName,
        after: Option<&RunId>,
        limit: u32,
    ) -> Result<Vec<Recovery>, StoreError> {
        self.real.held(sandbox, after, limit).await
    }

    async fn unsupported_flows(
        &self,
        sandbox: &SandboxName,
    ) -> Result<Vec<(FlowId, Timestamp)>, StoreError> {
        self.real.unsupported_flows(sandbox).await
    }

    async fn calls_since(
        &self,
        sandbox: &SandboxName,
        since: Timestamp,
    ) -> Result<CallCount, StoreError> {
        self.real.calls_since(sandbox, since).await
    }

    async fn unsuccessful(
        &self,
        sandbox: &SandboxName,
        since: Timestamp,
    ) -> Result<Vec<Unsuccessful>, StoreError> {
        self.real.unsuccessful(sandbox, since).await
    }

    async fn outcomes(
        &self,
        sandbox: &SandboxName,
        since: Timestamp,
    ) -> Result<Vec<Outcome>, StoreError> {
        self.real.outcomes(sandbox, since).await
    }

    async fn failing(
        &self,
        sandbox: &SandboxName,
        since: Timestamp,
        begun_by: Timestamp,
    ) -> Result<Vec<Failing>, StoreError> {
        self.real.failing(sandbox, since, begun_by).await
    }

    async fn recoveries(&self, filter: &Filter) -> Result<Vec<Recovery>, StoreError> {
        self.real.recoveries(filter).await
    }

    async fn count_by_state(&self, filter: &Filter) -> Result<Vec<(String, u64)>, StoreError> {
        self.real.count_by_state(filter).await
    }

    async fn count_open(&self, sandbox: &SandboxName) -> Result<Vec<(String, u64)>, StoreError> {
        self.real.count_open(sandbox).await
    }

    async fn recovery_of(&self, run: &RunId) -> Result<Option<Recovery>, StoreError> {
        self.real.recovery_of(run).await
    }

    async fn known_runs(&self, runs: &[RunId]) -> Result<HashSet<RunId>, StoreError> {
        self.real.known_runs(runs).await
    }

    async fn progress(&self, sandbox: &SandboxName) -> Result<Option<Progress>, StoreError> {
        self.real.progress(sandbox).await
    }

    async fn flow_names(&self) -> Result<HashMap<FlowId, String>, StoreError> {
        self.real.flow_names().await
    }

    async fn journal(&self, run: &RunId) -> Result<Vec<Entry>, StoreError> {
        self.real.journal(run).await
    }

    async fn history(
        &self,
        sandbox: Option<&SandboxName>,
        since: Timestamp,
        events: &[Event],
    ) -> Result<Vec<Entry>, StoreError> {
        self.real.history(sandbox, since, events).await
    }

    async fn order(&self, order: &Order) -> Result<(), StoreError> {
        self.real.order(order).await
    }

    async fn orders(&self) -> Result<Vec<Order>, StoreError> {
        self.real.orders().await
    }

    async fn prune(&self, owner: &Owner, before: Timestamp) -> Result<u64, StoreError> {
        self.real.prune(owner, before).await
    }

    async fn close(&self) {
        self.real.close().await;
    }
}
