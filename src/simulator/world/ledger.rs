//! The simulator's own record of requests and re-triggers.
//!
//! It knows what no client can: which original failed run each accepted re-trigger served, and
//! whether the client got the answer.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::simulator::faults::rule::Endpoint;

/// The most unexpected requests that are recorded.
const UNEXPECTED_KEPT: usize = 100;

/// The record of one simulator.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Ledger {
    /// Requests received per endpoint, whether answered or not.
    pub requests: BTreeMap<Endpoint, u64>,
    /// Every re-trigger call that was processed, in order.
    pub retriggers: Vec<Retrigger>,
    /// Requests to anything this service does not have, such as `GET /flow`; the first hundred.
    pub unexpected: Vec<String>,
}

/// A re-trigger call that was processed.
#[derive(Clone, Debug, Serialize)]
pub struct Retrigger {
    /// When, in epoch milliseconds.
    pub at_ms: i64,
    /// In which sandbox.
    pub sandbox: String,
    /// `createdClient` of the caller; `exc_app` is a person.
    pub by: String,
    /// The flow of the run; absent if there is no such run.
    pub flow_id: Option<String>,
    /// The run that was to be re-triggered.
    pub asked_run: String,
    /// The original failed run: `asked_run` itself, or the one that it descends from.
    pub root_run: String,
    /// Accepted or refused.
    pub outcome: Outcome,
    /// Whether the answer was sent, as far as the simulator can see.
    pub answered: bool,
}

/// Whether a re-trigger was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A new run was created.
    Accepted {
        /// Its id.
        new_run_id: String,
        /// Its etag, with the inner double quotes.
        etag: String,
        /// Its number among the accepted re-triggers of the original failed run, from 1; those of
        /// people count.
        ordinal: u32,
    },
    /// No new run was created.
    Refused {
        /// The code, such as `1387-400`.
        code: String,
    },
}

impl Retrigger {
    /// The id of the new run.
    pub fn new_run_id(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Accepted { new_run_id, .. } => Some(new_run_id),
            Outcome::Refused { .. } => None,
        }
    }
}

impl Ledger {
    /// How many requests an endpoint received; [`Endpoint::Any`] is the sum.
    pub fn requests(&self, endpoint: Endpoint) -> u64 {
        if endpoint == Endpoint::Any {
            return self.requests.values().sum();
        }
        self.requests.get(&endpoint).copied().unwrap_or(0)
    }

    /// Every accepted re-trigger, those of people included.
    pub fn accepted(&self) -> impl Iterator<Item = &Retrigger> {
        self.retriggers.iter().filter(|call| call.new_run_id().is_some())
    }

    pub(crate) fn count(&mut self, endpoint: Endpoint) {
        *self.requests.entry(endpoint).or_default() += 1;
    }

    pub(crate) fn note_unexpected(&mut self, request: String) {
        if self.unexpected.len() < UNEXPECTED_KEPT {
            self.unexpected.push(request);
        }
    }

    /// Records a call and returns its number.
    pub(crate) fn write(&mut self, call: Retrigger) -> usize {
        self.retriggers.push(call);
        self.retriggers.len() - 1
    }

    pub(crate) fn mark_answered(&mut self, call: usize) {
        if let Some(call) = self.retriggers.get_mut(call) {
            call.answered = true;
        }
    }
}
