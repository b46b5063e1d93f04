//! What was asked and what became of it: the simulator's own record.
//!
//! Tests judge a client by these books, because they know the truth: which root run every accepted
//! re-trigger served, and whether the client ever got the answer.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::simulator::faults::rule::Endpoint;

/// How many unexpected requests are written down.
const UNEXPECTED_KEPT: usize = 100;

/// The record of one simulator.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Books {
    /// Requests received per endpoint, whatever became of them.
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
    /// `createdClient` of who asked; `exc_app` is a person.
    pub by: String,
    /// The flow of the run; absent if there is no such run.
    pub flow_id: Option<String>,
    /// The run that was to be re-triggered.
    pub asked_run: String,
    /// The run that failed first, of which `asked_run` is a descendant or which it is itself.
    pub root_run: String,
    /// What was decided.
    pub outcome: Outcome,
    /// Whether the client got the answer, as far as the simulator can tell.
    pub answered: bool,
}

/// What was decided about a re-trigger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A run was issued.
    Accepted {
        /// Its id.
        new_run_id: String,
        /// Its etag, with the inner double quotes.
        etag: String,
        /// Which accepted re-trigger of the root run this is, from 1, those of people included.
        ordinal: u32,
    },
    /// Refused.
    Refused {
        /// Such as `1387-400`.
        code: String,
    },
}

impl Retrigger {
    /// The id of the run that was issued.
    pub fn new_run_id(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Accepted { new_run_id, .. } => Some(new_run_id),
            Outcome::Refused { .. } => None,
        }
    }
}

impl Books {
    /// How many requests an endpoint received; [`Endpoint::Any`] is the sum.
    pub fn requests(&self, endpoint: Endpoint) -> u64 {
        if endpoint == Endpoint::Any {
            return self.requests.values().sum();
        }
        self.requests.get(&endpoint).copied().unwrap_or(0)
    }

    /// Every re-trigger that was accepted, by whomever.
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

    /// Writes a call down and returns its number.
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
