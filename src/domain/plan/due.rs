//! The part of a due recovery that decides about its turn.

use crate::domain::model::ids::{FlowId, RunId};
use jiff::Timestamp;

/// A recovery whose re-trigger is due, with only the fields that decide about its turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueRecovery {
    /// Its key.
    pub root_run_id: RunId,
    /// Its dataflow.
    pub flow_id: FlowId,
    /// When the root run failed.
    pub failed_at: Timestamp,
    /// Accepted re-triggers so far.
    pub attempts: u32,
    /// True if an operator requested it.
    pub ordered: bool,
}
