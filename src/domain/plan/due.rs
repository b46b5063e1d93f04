//! What deciding on a turn needs to know of a recovery.

use crate::domain::model::ids::{FlowId, RunId};
use jiff::Timestamp;

/// A recovery whose re-trigger is due: as little of it as deciding on its turn needs.
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
    /// An operator asked for it.
    pub ordered: bool,
}
