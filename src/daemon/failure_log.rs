//! Logs lasting failures without noise: when they start, every ten minutes while they last, and
//! when they are over.

use super::error::PassError;
use super::report::Report;
use super::vitals::{Standing, Vitals};
use crate::clock::Clock;
use crate::domain::model::ids::SandboxName;
use crate::domain::model::journal::Event;
use crate::store::{Owner, StoreError};
use crate::telemetry::chain;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const REPEAT: Duration = Duration::from_secs(10 * 60);

/// Logs failures of passes, of the store and of the lease when they change.
#[derive(Debug)]
pub(super) struct FailureLog {
    clock: Arc<dyn Clock>,
    vitals: Arc<Vitals>,
    lasting: Mutex<Lasting>,
}

#[derive(Debug, Default)]
struct Lasting {
    sandboxes: HashMap<SandboxName, Failure>,
    store: Option<Failure>,
    holder: Option<Owner>,
}

#[derive(Debug)]
struct Failure {
    /// The outermost error; its causes may contain request ids that differ each time.
    kind: String,
    logged_at: Duration,
    passes: u64,
}

impl FailureLog {
    pub(super) fn new(clock: Arc<dyn Clock>, vitals: Arc<Vitals>) -> Self {
        Self { clock, vitals, lasting: Mutex::default() }
    }

    /// Logs the result of a pass when it changes.
    pub(super) fn pass_ended(&self, name: &SandboxName, result: &Result<Report, PassError>) {
        let fault = match result {
            Err(PassError::Stopped) => return,
            Err(fault) => Some(fault),
            Ok(report) => {
                log_pass(name, report);
                report.fault.as_ref()
            }
        };
        let sandbox = name.as_str();
        let Some(fault) = fault else {
            if let Some(failure) = self.lasting().sandboxes.remove(name) {
                tracing::info!(sandbox, failed_passes = failure.passes, "sandbox readable again");
            }
            return;
        };
        let (kind, error) = (fault.to_string(), chain(fault));
        let now = self.clock.monotonic();
        let mut lasting = self.lasting();
        let failure = lasting.sandboxes.entry(name.clone()).or_insert_with(Failure::new);
        match failure.is_due(&kind, now) {
            true => {
                tracing::warn!(sandbox, error, failed_passes = failure.passes, "pass incomplete")
            }
            false => tracing::debug!(sandbox, error, "pass incomplete"),
        }
    }

    /// Logs that the store cannot be used.
    pub(super) fn store_failed(&self, error: &StoreError) {
        self.vitals.store_failed(error);
        let (kind, error) = (error.to_string(), chain(error));
        let now = self.clock.monotonic();
        if self.lasting().store.get_or_insert_with(Failure::new).is_due(&kind, now) {
            tracing::error!(error, "store not usable; waiting for it");
        }
    }

    /// Logs once that another daemon holds the store.
    pub(super) fn lease_held_by(&self, owner: &Owner, until: Timestamp) {
        self.vitals.stands(Standing::Standby { holder: owner.clone() });
        let mut lasting = self.lasting();
        lasting.store = None;
        if lasting.holder.as_ref() != Some(owner) {
            let (owner, lease_expires) = (owner.as_str(), until.to_string());
            tracing::info!(owner, lease_expires, "standby: another flowmend holds this store");
        }
        lasting.holder = Some(owner.clone());
    }

    /// Logs that this daemon holds the store again, if it did not before.
    pub(super) fn lease_held(&self) {
        self.vitals.stands(Standing::Holder);
        let mut lasting = self.lasting();
        if lasting.store.take().is_some() {
            tracing::info!("store usable again");
        }
        if let Some(owner) = lasting.holder.take() {
            tracing::info!(previous_owner = owner.as_str(), "taking over the store");
        }
    }

    fn lasting(&self) -> MutexGuard<'_, Lasting> {
        self.lasting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Failure {
    fn new() -> Self {
        Self { kind: String::new(), logged_at: Duration::ZERO, passes: 0 }
    }

    /// Counts one more failed pass; true if it must be logged.
    fn is_due(&mut self, kind: &str, now: Duration) -> bool {
        self.passes += 1;
        let due = self.kind != kind || now >= self.logged_at + REPEAT;
        if due {
            self.kind = kind.to_owned();
            self.logged_at = now;
        }
        due
    }
}

fn log_pass(sandbox: &SandboxName, report: &Report) {
    tracing::debug!(
        sandbox = sandbox.as_str(),
        scheduled = report.count(Event::Scheduled),
        retriggered = report.count(Event::Retriggered),
        refused = report.count(Event::Refused),
        in_doubt = report.count(Event::InDoubt),
        recovered = report.count(Event::Recovered),
        held = report.count(Event::Held),
        given_up = report.count(Event::GivenUp),
        skipped = report.count(Event::Skipped),
        delayed = report.delayed.len(),
        next_due = report.next_due.map(|due| due.to_string()),
        "pass complete"
    );
}
