//! What a pass, or a round of passes, did.

use super::error::PassError;
use super::refusal_log::RefusalLog;
use crate::domain::model::ids::{RunId, SandboxName};
use crate::domain::model::journal::{Entry, Event};
use crate::domain::model::reason::Reason;
use crate::domain::recovery::Change;
use crate::metrics::Metrics;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;

/// What a pass did.
#[derive(Debug)]
pub struct Report {
    /// How many journal entries of each kind were written.
    pub events: HashMap<Event, u32>,
    /// New runs that our re-triggers created, from answers or from listings.
    pub issued: Vec<RunId>,
    /// Due recoveries that are delayed, each with its reason.
    pub delayed: Vec<Entry>,
    /// When the next thing is due.
    pub next_due: Option<Timestamp>,
    /// Why the reading is incomplete, if it is; the pass used what was read.
    pub fault: Option<PassError>,
    /// The refusals that were logged, in this pass and before.
    pub(super) logged: RefusalLog,
    metrics: Arc<Metrics>,
}

impl Report {
    /// Nothing was done yet.
    pub(super) fn new(logged: RefusalLog, metrics: Arc<Metrics>) -> Self {
        Self {
            events: HashMap::new(),
            issued: Vec::new(),
            delayed: Vec::new(),
            next_due: None,
            fault: None,
            logged,
            metrics,
        }
    }

    /// True if the next pass has work to do at once.
    pub fn is_more_to_do(&self, now: Timestamp) -> bool {
        self.next_due.is_some_and(|due| due <= now)
    }

    /// Adds what a later pass did.
    pub(super) fn merge(&mut self, later: Self) {
        for (event, count) in later.events {
            *self.events.entry(event).or_default() += count;
        }
        self.issued.extend(later.issued);
        let Self { delayed, next_due, fault, .. } = later;
        (self.delayed, self.next_due, self.fault) = (delayed, next_due, fault);
    }

    /// How many entries of this kind were written.
    pub fn count(&self, event: Event) -> u32 {
        self.events.get(&event).copied().unwrap_or(0)
    }

    /// Counts a stored change.
    pub(super) fn changed(&mut self, change: &Change) {
        self.metrics.changed(change);
        self.add(&change.entry);
    }

    /// Counts a stored entry that changed no recovery.
    pub(super) fn noted(&mut self, entry: &Entry) {
        self.metrics.noted(entry);
        self.add(entry);
    }

    fn add(&mut self, entry: &Entry) {
        *self.events.entry(entry.event).or_default() += 1;
        // Not an existing run that runs again.
        if entry.event == Event::Retriggered && entry.reason != Reason::SameRunAtWork {
            self.issued.extend(entry.new_run_id.clone());
        }
    }
}

/// The results of one pass over every sandbox.
#[derive(Debug, Default)]
pub struct Round {
    /// Each sandbox in the order of the configuration.
    pub reports: Vec<(SandboxName, Result<Report, PassError>)>,
}

impl Round {
    /// Adds the results of a later round over the same sandboxes.
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
