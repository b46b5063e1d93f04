//! A selected dataflow.

use crate::domain::model::flow::{Flow, FlowKind};

/// A selected dataflow and what is in force for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataflow {
    /// The dataflow as it was read last.
    pub flow: Flow,
    /// Its kind.
    pub kind: FlowKind,
    /// How many of its re-triggered runs may be under way at a time.
    pub per_dataflow: u32,
}
