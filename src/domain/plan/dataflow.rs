//! A selected dataflow.

use crate::domain::model::flow::{Flow, FlowKind, FlowState};
use crate::domain::model::reason::Reason;

/// A selected dataflow and its limit.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataflow {
    /// The dataflow as last read.
    pub flow: Flow,
    /// Its kind.
    pub kind: FlowKind,
    /// How many of its re-triggered runs may be in progress at a time.
    pub per_dataflow: u32,
}

impl Dataflow {
    /// Why its runs cannot be re-triggered, if that is known.
    pub fn block_reason(&self) -> Option<Reason> {
        match self.kind {
            FlowKind::Streaming => Some(Reason::StreamingSource),
            FlowKind::Destination => Some(Reason::Destination),
            FlowKind::Internal => Some(Reason::InternalFlow),
            FlowKind::Unknown => Some(Reason::UnknownKind),
            FlowKind::Batch if self.flow.state != FlowState::Enabled => Some(Reason::FlowDisabled),
            FlowKind::Batch => None,
        }
    }
}
