//! The loop: hold the lease, run a pass over each sandbox, wait, until told to stop.
//!
//! Nothing wakes it but time and the stop signal, and each wake does the same thing: one
//! pass, in `pass.rs`, which a reader should open next. A pass that fails or panics is told of and
//! followed by the next one; while the platform or the store is unreachable the passes come less
//! often.

mod catalog;
mod gather;
mod lease;
mod pass;
mod preview;
mod record;
mod tell;
mod trouble;

pub use catalog::Catalog;
pub use pass::{Mode, PassError, Report};
pub use preview::{Action, Line, Preview};

use crate::clock::Clock;
use crate::domain::ids::SandboxName;
use crate::domain::recovery::Change;
use crate::domain::schedule::{Jitter, before};
use crate::flow_service::{FlowService, Observer};
use crate::settings::{SandboxSettings, Settings};
use crate::store::{Owner, Store, StoreError};
use futures_util::FutureExt;
use gather::{Gatherer, Memory};
use jiff::Timestamp;
use lease::{LeaseKeeper, Standing};
use pass::Pass;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use trouble::Troubles;

/// Waiting is cut into slices of this length, and each shows that the loop is alive.
const SLICE: Duration = Duration::from_secs(10);
/// The longest wait between passes while nothing can be reached, unless the poll interval is longer.
const LONGEST_BACKOFF: Duration = Duration::from_secs(5 * 60);
/// How often old history is removed.
const PRUNE_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// What a daemon is made of.
#[derive(Debug)]
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
    lease: LeaseKeeper,
    memories: HashMap<SandboxName, Memory>,
    unfinished: HashMap<SandboxName, Vec<Change>>,
    troubles: Troubles,
    pruned_at: Option<Duration>,
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
    /// True if every sandbox was read completely.
    pub fn is_complete(&self) -> bool {
        self.reports.iter().all(|(_, result)| matches!(result, Ok(Report { fault: None, .. })))
    }

    fn any_complete(&self) -> bool {
        self.reports.iter().any(|(_, result)| matches!(result, Ok(Report { fault: None, .. })))
    }

    fn next_due(&self) -> Option<Timestamp> {
        let reports = self.reports.iter().filter_map(|(_, result)| result.as_ref().ok());
        reports.filter_map(|report| report.next_due).min()
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
        let troubles = Troubles::new(parts.clock.clone());
        parts.service.observe(Arc::new(Pulse(parts.alive)));
        Self {
            parts,
            lease,
            memories: HashMap::new(),
            unfinished: HashMap::new(),
            troubles,
            pruned_at: None,
        }
    }

    /// Takes up another configuration, read and checked. What the platform was seen to be like is
    /// read again; outcomes that are yet to be stored are kept. Store and lease stay as they are.
    pub fn reload(&mut self, settings: Arc<Settings>, service: FlowService) {
        service.observe(Arc::new(Pulse(self.parts.alive)));
        self.parts.settings = settings;
        self.parts.service = service;
        self.memories.clear();
    }

    /// Runs until `stop`. A call under way is waited for; nothing new is begun.
    pub async fn run(&mut self, stop: &CancellationToken) {
        let mut failures = 0;
        while !stop.is_cancelled() {
            (self.parts.alive)();
            if !self.hold_lease().await {
                self.wait(self.lease.rhythm(), stop).await;
                continue;
            }
            let round = self.caught_round(stop).await;
            failures = match &round {
                // One sandbox in trouble does not slow the others down.
                Some(round) if round.any_complete() => 0,
                _ => failures + 1,
            };
            self.prune().await;
            let wait = self.next_wait(round.and_then(|round| round.next_due()), failures);
            self.wait(wait, stop).await;
        }
        self.lease.release().await;
    }

    /// One pass over every sandbox, for `flowmend once` and for tests.
    ///
    /// # Errors
    /// If the store cannot be used, or another daemon holds its lease; then nothing was read or sent.
    pub async fn once(&mut self, stop: &CancellationToken) -> Result<Round, OnceError> {
        match self.lease.renew().await? {
            Standing::Holder => Ok(self.round(stop).await),
            Standing::Waiting { owner, until } => Err(OnceError::Busy { owner, until }),
        }
    }

    /// What the next pass over each sandbox would do. It only reads, the platform and the store, and
    /// so needs no lease.
    pub async fn preview(
        &mut self,
        stop: &CancellationToken,
    ) -> Vec<(SandboxName, Result<Preview, PassError>)> {
        let mut previews = Vec::new();
        for sandbox in &self.parts.settings.sandboxes {
            let memory = self.memories.entry(sandbox.name.clone()).or_default();
            let pass = pass_over(sandbox, &self.parts, &self.lease, stop);
            previews.push((sandbox.name.clone(), pass.preview(memory).await));
        }
        previews
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
        self.memories.get(sandbox).map(|memory| &memory.catalog)
    }

    /// True while this daemon holds the lease; says once when it has to wait, and when it takes over.
    async fn hold_lease(&mut self) -> bool {
        match self.lease.renew().await {
            Ok(Standing::Holder) => {
                self.troubles.lease_held();
                true
            }
            Ok(Standing::Waiting { owner, until }) => {
                self.troubles.lease_held_by(&owner, until);
                false
            }
            Err(error) => {
                self.troubles.store_failed(&error);
                false
            }
        }
    }

    /// A round that survives its own panic: the store is as the last commit left it, and what is
    /// remembered between passes can be read again.
    async fn caught_round(&mut self, stop: &CancellationToken) -> Option<Round> {
        let round = AssertUnwindSafe(self.round(stop)).catch_unwind().await;
        if round.is_err() {
            self.memories.clear();
            tracing::error!("pass panicked; the next one starts afresh (please report this)");
        }
        round.ok()
    }

    async fn round(&mut self, stop: &CancellationToken) -> Round {
        let mut round = Round::default();
        for sandbox in &self.parts.settings.sandboxes {
            let memory = self.memories.entry(sandbox.name.clone()).or_default();
            let unfinished = self.unfinished.entry(sandbox.name.clone()).or_default();
            let pass = pass_over(sandbox, &self.parts, &self.lease, stop);
            let result = pass.run(memory, unfinished).await;
            (self.parts.alive)();
            self.troubles.pass_ended(&sandbox.name, &result);
            let lost = result.as_ref().is_err_and(PassError::is_lease_lost);
            round.reports.push((sandbox.name.clone(), result));
            if lost || stop.is_cancelled() {
                break;
            }
        }
        round
    }

    async fn prune(&mut self) {
        let now = self.parts.clock.monotonic();
        if self.pruned_at.is_some_and(|at| now < at + PRUNE_INTERVAL) {
            return;
        }
        let before = before(self.parts.service.now(), self.parts.settings.store.retention);
        match self.parts.store.prune(self.lease.owner(), before).await {
            Ok(0) => self.pruned_at = Some(now),
            Ok(count) => {
                self.pruned_at = Some(now);
                tracing::info!(count, "old recoveries removed");
            }
            Err(StoreError::LeaseLost) => {}
            Err(error) => self.troubles.store_failed(&error),
        }
    }

    fn next_wait(&self, due: Option<Timestamp>, failures: u32) -> Duration {
        let interval = self.parts.settings.poll.interval;
        if failures > 0 {
            let longest = LONGEST_BACKOFF.max(interval);
            return interval.saturating_mul(1 << failures.min(8)).min(longest);
        }
        let until_due = due.map(|due| {
            let wait = self.parts.service.now().duration_until(due);
            Duration::try_from(wait).unwrap_or_default()
        });
        // Never a busy loop, however much is due.
        until_due.unwrap_or(interval).min(interval).max(Duration::from_millis(100))
    }

    async fn wait(&self, wait: Duration, stop: &CancellationToken) {
        let clock = &self.parts.clock;
        let end = clock.monotonic() + wait;
        loop {
            let left = end.saturating_sub(clock.monotonic());
            if left.is_zero() || stop.is_cancelled() {
                return;
            }
            tokio::select! {
                () = self.lease.held_while(clock.sleep(left.min(SLICE))) => (self.parts.alive)(),
                () = stop.cancelled() => return,
            }
        }
    }
}

fn pass_over<'a>(
    sandbox: &'a SandboxSettings,
    parts: &'a Parts,
    lease: &'a LeaseKeeper,
    stop: &'a CancellationToken,
) -> Pass<'a> {
    Pass {
        gatherer: Gatherer {
            service: &parts.service,
            store: parts.store.as_ref(),
            settings: &parts.settings,
            sandbox,
            jitter: parts.jitter,
        },
        lease,
        stop,
        mode: parts.mode,
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
