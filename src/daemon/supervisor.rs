//! The daemon: it holds the lease and runs one worker per sandbox.

use super::catalog::Catalog;
use super::error::PassError;
use super::failure_log::FailureLog;
use super::hourly::Hourly;
use super::lease::{LeaseKeeper, Standing};
use super::memory::Memory;
use super::parts::Parts;
use super::preview::Preview;
use super::prune::Pruner;
use super::report::Round;
use super::vitals::{Limits, Vitals};
use super::worker::Worker;
use crate::domain::model::ids::SandboxName;
use crate::flow_service::{FlowService, Observer};
use crate::metrics::Metrics;
use crate::settings::Settings;
use crate::store::{Owner, StoreError};
use futures_util::future::join_all;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long a loop may work without a sign of life: planning for a large sandbox, or a slow store.
const WORK: Duration = Duration::from_secs(60);

/// The daemon.
#[derive(Debug)]
pub struct Daemon {
    parts: Parts,
    lease: Arc<LeaseKeeper>,
    failures: Arc<FailureLog>,
    pruner: Arc<Pruner>,
    hourly: Hourly,
    /// One per sandbox, in the order of the configuration.
    workers: Vec<Worker>,
}

/// Counts requests. Every answer from Adobe is a sign of life, because reading a large sandbox takes
/// long.
#[derive(Debug)]
struct RequestObserver {
    vitals: Arc<Vitals>,
    metrics: Arc<Metrics>,
}

impl Observer for RequestObserver {
    fn answered(&self, endpoint: &'static str, status: Option<u16>, took: Duration) {
        self.vitals.answered();
        self.metrics.requested(endpoint, status, took);
    }

    fn retried(&self, _endpoint: &'static str) {}
}

impl Daemon {
    /// A daemon that has not run yet.
    pub fn new(parts: Parts) -> Self {
        let lease = LeaseKeeper::new(
            parts.store.clone(),
            parts.clock.clone(),
            parts.owner.clone(),
            parts.settings.store.lease,
        );
        let failures = Arc::new(FailureLog::new(parts.clock.clone(), parts.vitals.clone()));
        let (lease, pruner) = (Arc::new(lease), Arc::default());
        let hourly = Hourly::new(&parts);
        let mut daemon = Self { parts, lease, failures, pruner, hourly, workers: Vec::new() };
        daemon.start_workers();
        daemon
    }

    /// Applies another configuration that is read and checked. What is remembered between passes is
    /// read again. Outcomes that are not stored yet, the store and the lease are kept.
    pub fn reload(&mut self, settings: Arc<Settings>, service: FlowService) {
        self.parts.settings = settings;
        self.parts.service = service;
        self.start_workers();
    }

    /// A new worker for each sandbox of the configuration. The first one takes over the outcomes
    /// that the old ones could not store yet: it does not matter which worker stores them.
    fn start_workers(&mut self) {
        let (vitals, metrics) = (self.parts.vitals.clone(), self.parts.metrics.clone());
        self.parts.service.observe(Arc::new(RequestObserver { vitals, metrics }));
        let settings = &self.parts.settings;
        let limits = Limits {
            rest: self.parts.service.longest_silence() + settings.store.lease + WORK,
            staleness: (3 * settings.poll.interval).max(WORK),
        };
        self.parts.vitals.watch(settings.sandboxes.iter().map(|it| &it.name), limits);
        let mut unfinished: Vec<_> =
            self.workers.drain(..).flat_map(|worker| worker.unfinished).collect();
        let sandboxes = self.parts.settings.sandboxes.iter();
        self.workers = sandboxes
            .inspect(|sandbox| self.parts.metrics.watch(&sandbox.name))
            .map(|sandbox| Worker {
                parts: self.parts.clone(),
                lease: self.lease.clone(),
                failures: self.failures.clone(),
                pruner: self.pruner.clone(),
                sandbox: sandbox.clone(),
                memory: Memory::default(),
                unfinished: std::mem::take(&mut unfinished),
            })
            .collect();
    }

    /// Runs all sandboxes at the same time until `stop`. Then it starts nothing new and waits for
    /// the calls in flight. The lease is kept; [`release`](Self::release) releases it.
    pub async fn run(&mut self, stop: &CancellationToken) {
        let work = join_all(self.workers.iter_mut().map(|worker| worker.run(stop)));
        tokio::select! {
            _ = work => {}
            never = self.lease.hold(&self.failures) => match never {},
            never = self.hourly.log(&self.parts) => match never {},
        }
    }

    /// One pass over every sandbox, for `flowmend once` and for tests.
    ///
    /// # Errors
    /// If the store cannot be used, or another daemon holds its lease; then nothing was read or sent.
    pub async fn once(&mut self, stop: &CancellationToken) -> Result<Round, OnceError> {
        if let Standing::Waiting { owner, until } = self.lease.renew().await? {
            return Err(OnceError::Busy { owner, until });
        }
        let passes = self.workers.iter_mut().map(async |worker| {
            let result = worker.pass(stop).await;
            worker.report_signs().await;
            (worker.name().clone(), result)
        });
        Ok(Round { reports: self.lease.held_while(join_all(passes)).await })
    }

    /// True if another pass has work to do at once.
    pub fn is_more_to_do(&self, round: &Round) -> bool {
        let now = self.parts.service.now();
        let reports = round.reports.iter().filter_map(|(_, result)| result.as_ref().ok());
        reports.into_iter().any(|report| report.is_more_to_do(now))
    }

    /// What the next pass over each sandbox would do. It only reads from Adobe and the store, so it
    /// needs no lease.
    pub async fn preview(
        &mut self,
        stop: &CancellationToken,
    ) -> Vec<(SandboxName, Result<Preview, PassError>)> {
        let previews = self.workers.iter_mut().map(async |worker| {
            let preview = worker.preview(stop).await;
            (worker.name().clone(), preview)
        });
        join_all(previews).await
    }

    /// Releases the lease.
    pub async fn release(&self) {
        self.lease.release().await;
    }

    /// The configuration in force.
    pub fn settings(&self) -> &Settings {
        &self.parts.settings
    }

    /// The selected dataflows of a sandbox, once a pass has read them.
    pub fn catalog(&self, sandbox: &SandboxName) -> Option<&Catalog> {
        let worker = self.workers.iter().find(|worker| worker.name() == sandbox)?;
        Some(&worker.memory.catalog)
    }
}

/// Why [`Daemon::once`] did nothing.
#[derive(Debug, thiserror::Error)]
pub enum OnceError {
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another daemon holds the lease.
    #[error(
        "another flowmend ({}) holds this store until {until}; stop it first, or use `flowmend status`",
        .owner.as_str()
    )]
    Busy {
        /// The holder.
        owner: Owner,
        /// Until when, unless it is renewed.
        until: Timestamp,
    },
}
