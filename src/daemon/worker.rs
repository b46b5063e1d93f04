//! The loop over one sandbox: a pass, a wait, the next pass. Each sandbox has its own loop, so a
//! slow or unreadable one delays no other.

use super::error::PassError;
use super::failure_log::FailureLog;
use super::lease::LeaseKeeper;
use super::memory::Memory;
use super::parts::{Mode, Parts};
use super::pass::Pass;
use super::preview::Preview;
use super::prune::Pruner;
use super::report::Report;
use super::sandbox_reader::SandboxReader;
use crate::domain::model::ids::SandboxName;
use crate::domain::model::time::after;
use crate::domain::recovery::Change;
use crate::metrics::PassOutcome;
use crate::settings::SandboxSettings;
use crate::store::ReportedSigns;
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Waiting is cut into slices of this length; each ends with a sign of life.
const SLICE: Duration = Duration::from_secs(10);
/// The longest wait between passes while nothing can be reached, unless the poll interval is longer.
const LONGEST_BACKOFF: Duration = Duration::from_secs(5 * 60);
/// The shortest wait after a pass that changed nothing.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);

/// Makes the passes over one sandbox.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) parts: Parts,
    pub(super) lease: Arc<LeaseKeeper>,
    pub(super) failures: Arc<FailureLog>,
    pub(super) pruner: Arc<Pruner>,
    pub(super) sandbox: SandboxSettings,
    pub(super) memory: Memory,
    /// Outcomes that are not stored yet.
    pub(super) unfinished: Vec<Change>,
}

impl Worker {
    pub(super) fn name(&self) -> &SandboxName {
        &self.sandbox.name
    }

    /// Makes passes until `stop`. Then it starts nothing new and waits for the calls in flight.
    pub(super) async fn run(&mut self, stop: &CancellationToken) {
        let mut failures = 0;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.lease.held() => {}
            }
            let result = self.caught_pass(stop).await;
            let complete = matches!(result, Some(Ok(Report { fault: None, .. })));
            let fault = match &result {
                Some(Ok(report)) => report.fault.as_ref(),
                Some(Err(fault)) => Some(fault),
                None => None,
            };
            let pause = self.parts.service.throttle_left();
            if let Some(pause) = pause.filter(|_| fault.is_some_and(PassError::is_of_platform)) {
                self.wait(pause, stop).await;
                continue;
            }
            failures = if complete { 0 } else { failures + 1 };
            if complete {
                // Removing is made of small transactions and can be left at any time.
                tokio::select! {
                    () = self.pruner.prune(&self.parts, &self.lease, &self.failures) => {}
                    () = stop.cancelled() => return,
                }
            }
            let report = result.and_then(Result::ok);
            let wait = self.next_wait(report.as_ref(), failures);
            self.wait(wait, stop).await;
        }
    }

    /// A pass whose panic does no harm: the store is as the last commit left it, and what is
    /// remembered between passes can be read again.
    async fn caught_pass(&mut self, stop: &CancellationToken) -> Option<Result<Report, PassError>> {
        let began = self.parts.clock.monotonic();
        let result = AssertUnwindSafe(self.pass(stop)).catch_unwind().await;
        if result.is_err() {
            self.memory = Memory::default();
            self.ended(None, began);
            tracing::error!("pass panicked; the next one starts afresh (please report this)");
        }
        result.ok()
    }

    /// One pass.
    pub(super) async fn pass(&mut self, stop: &CancellationToken) -> Result<Report, PassError> {
        let began = self.parts.clock.monotonic();
        self.parts.vitals.pass_began(self.name());
        let pass = pass_over(&self.parts, &self.lease, &self.sandbox, stop);
        let result = pass.run(&mut self.memory, &mut self.unfinished).await;
        self.ended(Some(&result), began);
        self.failures.pass_ended(&self.sandbox.name, &result);
        result
    }

    /// Leaves the signs of a pass; `None` if it panicked.
    fn ended(&self, result: Option<&Result<Report, PassError>>, began: Duration) {
        let Parts { clock, vitals, metrics, .. } = &self.parts;
        vitals.pass_ended(self.name(), result);
        let outcome = match result {
            Some(Err(PassError::Stopped)) => return,
            Some(Ok(Report { fault: None, .. })) => PassOutcome::Complete(clock.now()),
            Some(_) => PassOutcome::Incomplete,
            None => PassOutcome::Panicked,
        };
        metrics.pass_ended(self.name(), outcome, clock.monotonic().saturating_sub(began));
    }

    /// What the next pass would do.
    pub(super) async fn preview(&mut self, stop: &CancellationToken) -> Result<Preview, PassError> {
        let pass = pass_over(&self.parts, &self.lease, &self.sandbox, stop);
        pass.preview(&mut self.memory).await
    }

    fn next_wait(&self, report: Option<&Report>, failures: u32) -> Duration {
        let interval = self.parts.settings.poll.interval;
        if failures > 0 {
            let longest = LONGEST_BACKOFF.max(interval);
            return interval.saturating_mul(1 << failures.min(8)).min(longest);
        }
        let Some(report) = report else { return interval };
        let until_due = report.next_due.map(|due| {
            let wait = self.parts.service.now().duration_until(due);
            Duration::try_from(wait).unwrap_or_default()
        });
        let wait = until_due.unwrap_or(interval).min(interval);
        // Never a busy loop: after a pass that did nothing comes a short wait.
        if report.events.is_empty() { wait.max(SHORTEST_WAIT) } else { wait }
    }

    /// Stores the vital signs after a pass. They are for people, so a failure is not an error here.
    pub(super) async fn report_signs(&self) {
        let Parts { clock, metrics, mode, owner, service, store, vitals, .. } = &self.parts;
        let Some(signs) = vitals.of_sandbox(self.name()).filter(|_| *mode == Mode::Live) else {
            return;
        };
        let now = clock.now();
        let reported = ReportedSigns {
            sandbox: self.name().clone(),
            owner: owner.clone(),
            reported_at: now,
            stopped_at: None,
            pass_ended: signs.pass_ended,
            last_complete: signs.last_complete,
            next_pass: signs.next_pass,
            throttled_until: service.throttle_left().map(|left| after(now, left)),
            trouble: signs.trouble,
        };
        if let Ok(counts) = store.count_open(self.name()).await {
            metrics.open_recoveries(self.name(), &counts);
        }
        if let Err(error) = store.report_signs(&reported).await {
            tracing::debug!(sandbox = self.name().as_str(), error = %error, "vital signs not stored");
        }
    }

    async fn wait(&self, wait: Duration, stop: &CancellationToken) {
        let clock = &self.parts.clock;
        let end = clock.monotonic() + wait;
        self.parts.vitals.waits(self.name(), wait);
        self.report_signs().await;
        loop {
            let left = end.saturating_sub(clock.monotonic());
            if left.is_zero() || stop.is_cancelled() {
                return;
            }
            tokio::select! {
                () = clock.sleep(left.min(SLICE)) => self.parts.vitals.moved(self.name()),
                () = stop.cancelled() => return,
            }
        }
    }
}

fn pass_over<'a>(
    parts: &'a Parts,
    lease: &'a LeaseKeeper,
    sandbox: &'a SandboxSettings,
    stop: &'a CancellationToken,
) -> Pass<'a> {
    Pass {
        reader: SandboxReader {
            service: &parts.service,
            store: parts.store.as_ref(),
            settings: &parts.settings,
            sandbox,
            jitter: parts.jitter,
        },
        lease,
        stop,
        vitals: &parts.vitals,
        mode: parts.mode,
        metrics: parts.metrics.clone(),
    }
}
