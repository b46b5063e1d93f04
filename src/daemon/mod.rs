//! The daemon: it holds the lease, and has a worker make passes over each sandbox until told to stop.
//!
//! Nothing wakes a worker but time and the stop signal, and each wake does the same thing: one pass,
//! in `pass.rs`, which a reader should open next. A pass that fails or panics is logged and followed
//! by the next one; while the platform or the store is unreachable the passes come less often.

mod calls;
mod catalog;
mod client_mark;
mod error;
mod failed_runs;
mod gather;
mod lease;
mod memory;
mod pass;
mod preview;
mod prune;
mod reads;
mod record;
mod said;
mod tell;
mod trouble;
mod worker;

pub use catalog::Catalog;
pub use error::PassError;
pub use pass::{Mode, Report};
pub use preview::{Action, Line, Preview};

use crate::clock::Clock;
use crate::domain::model::ids::SandboxName;
use crate::domain::policy::schedule::Jitter;
use crate::flow_service::{FlowService, Observer};
use crate::settings::Settings;
use crate::store::{Owner, Store, StoreError};
use futures_util::future::join_all;
use jiff::Timestamp;
use lease::{LeaseKeeper, Standing};
use memory::Memory;
use prune::Pruner;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use trouble::Troubles;
use worker::Worker;

/// What a daemon is made of.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The configuration.
    pub settings: Arc<Settings>,
    /// Where recoveries live.
    pub store: Arc<dyn Store>,
    /// The platform.
    pub service: FlowService,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Who this daemon is, unique per process start.
    pub owner: Owner,
    /// Where the chance in due times comes from.
    pub jitter: Jitter,
    /// Whether calls are made.
    pub mode: Mode,
    /// Called whenever the loop shows that it is alive, and at every answer of the platform, because
    /// reading a large sandbox takes its time; feeds a watchdog.
    pub alive: fn(),
}

/// The daemon.
#[derive(Debug)]
pub struct Daemon {
    parts: Parts,
    lease: Arc<LeaseKeeper>,
    troubles: Arc<Troubles>,
    pruner: Arc<Pruner>,
    /// One for each sandbox, in the order of the configuration.
    workers: Vec<Worker>,
}

/// Every answer of the platform shows that a pass goes on.
#[derive(Debug)]
struct Pulse(fn());

impl Observer for Pulse {
    fn answered(&self, _endpoint: &'static str, _status: Option<u16>, _took: Duration) {
        (self.0)();
    }

    fn retried(&self, _endpoint: &'static str) {}
}

/// What became of one pass over every sandbox.
#[derive(Debug, Default)]
pub struct Round {
    /// Each sandbox in the order of the configuration.
    pub reports: Vec<(SandboxName, Result<Report, PassError>)>,
}

impl Round {
    /// Adds what came of a later round over the same sandboxes.
    pub fn add(&mut self, later: Self) {
        for ((_, before), (_, after)) in self.reports.iter_mut().zip(later.reports) {
            match (before, after) {
                (Ok(before), Ok(after)) => before.merge(after),
                (before, after) => *before = after,
            }
        }
    }

    /// True if every sandbox was read completely.
    pub fn is_complete(&self) -> bool {
        self.reports.iter().all(|(_, result)| matches!(result, Ok(Report { fault: None, .. })))
    }
}

impl Daemon {
    /// A daemon that has done nothing yet.
    pub fn new(parts: Parts) -> Self {
        let lease = LeaseKeeper::new(
            parts.store.clone(),
            parts.clock.clone(),
            parts.owner.clone(),
            parts.settings.store.lease,
        );
        let troubles = Arc::new(Troubles::new(parts.clock.clone()));
        let (lease, pruner) = (Arc::new(lease), Arc::default());
        let mut daemon = Self { parts, lease, troubles, pruner, workers: Vec::new() };
        daemon.employ();
        daemon
    }

    /// Takes up another configuration, read and checked. What the platform was seen to be like is
    /// read again; outcomes that are yet to be stored are kept. Store and lease stay as they are.
    pub fn reload(&mut self, settings: Arc<Settings>, service: FlowService) {
        self.parts.settings = settings;
        self.parts.service = service;
        self.employ();
    }

    /// A new worker for each sandbox of the configuration. Outcomes that the old ones could not
    /// store yet go to the first one: where they are stored from makes no difference.
    fn employ(&mut self) {
        self.parts.service.observe(Arc::new(Pulse(self.parts.alive)));
        let mut unfinished: Vec<_> =
            self.workers.drain(..).flat_map(|worker| worker.unfinished).collect();
        let sandboxes = self.parts.settings.sandboxes.iter();
        self.workers = sandboxes
            .map(|sandbox| Worker {
                parts: self.parts.clone(),
                lease: self.lease.clone(),
                troubles: self.troubles.clone(),
                pruner: self.pruner.clone(),
                sandbox: sandbox.clone(),
                memory: Memory::default(),
                unfinished: std::mem::take(&mut unfinished),
            })
            .collect();
    }

    /// Runs until `stop`, all sandboxes beside each other. A call under way is waited for; nothing new
    /// is begun. The lease is kept: [`release`](Self::release) gives it back.
    pub async fn run(&mut self, stop: &CancellationToken) {
        let work = join_all(self.workers.iter_mut().map(|worker| worker.run(stop)));
        tokio::select! {
            _ = work => {}
            never = self.lease.hold(&self.troubles) => match never {},
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
            (worker.name().clone(), result)
        });
        Ok(Round { reports: self.lease.held_while(join_all(passes)).await })
    }

    /// True if another pass has something to do at once.
    pub fn is_more_to_do(&self, round: &Round) -> bool {
        let now = self.parts.service.now();
        let reports = round.reports.iter().filter_map(|(_, result)| result.as_ref().ok());
        reports.into_iter().any(|report| report.is_more_to_do(now))
    }

    /// What the next pass over each sandbox would do. It only reads, the platform and the store, and
    /// so needs no lease.
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

    /// Gives the lease back without running on.
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
        "another flowmend ({}) works on this store until {until}; stop it first, or use `flowmend status`",
        .owner.as_str()
    )]
    Busy {
        /// Who.
        owner: Owner,
        /// Until when, unless it is renewed.
        until: Timestamp,
    },
}
