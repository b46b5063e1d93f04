//! A selected dataflow.

use crate::domain::model::flow::{Flow, FlowKind};
use crate::domain::policy::retry::RetryPolicy;

/// A selected dataflow and what is in force for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataflow {
    /// The dataflow as it was read last.
    pub flow: Flow,
    /// Its kind.
    pub kind: FlowKind,
    /// How hard to try.
    pub retry: RetryPolicy,
    /// How many of its re-triggered runs may be under way at a time.
    pub per_dataflow: u32,
}
