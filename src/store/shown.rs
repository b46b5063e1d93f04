//! What the store shows people and nothing is decided by.

use super::Owner;
use crate::domain::model::failure::Failure;
use crate::domain::model::ids::{FlowId, RunId, SandboxName};
use crate::domain::model::reason::Reason;
use crate::domain::model::trouble::Trouble;
use jiff::Timestamp;

/// The holder of the lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its name.
    pub owner: Owner,
    /// When it took or renewed the lease.
    pub renewed_at: Timestamp,
    /// When the lease expires, unless it is renewed.
    pub until: Timestamp,
    /// True if its process is known to have ended.
    pub is_gone: bool,
}

/// The vital signs of a sandbox, as its daemon last reported them. Instants are those of the clock of
/// the daemon's machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedSigns {
    /// The sandbox.
    pub sandbox: SandboxName,
    /// The daemon.
    pub owner: Owner,
    /// When it reported them.
    pub reported_at: Timestamp,
    /// When it released the lease.
    pub stopped_at: Option<Timestamp>,
    /// When the latest pass ended.
    pub pass_ended: Option<Timestamp>,
    /// When the last complete pass ended, of this daemon or an earlier one.
    pub last_complete: Option<Timestamp>,
    /// When the next pass begins.
    pub next_pass: Option<Timestamp>,
    /// The end of a pause that Adobe asked for.
    pub throttled_until: Option<Timestamp>,
    /// What is wrong, if the latest pass was incomplete.
    pub trouble: Option<Trouble>,
}

/// What needs a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// The number of recoveries.
    pub recoveries: u64,
    /// The number of their dataflows.
    pub dataflows: u64,
    /// The number of groups.
    pub causes: u64,
    /// The groups, newest change first; perhaps not all.
    pub groups: Vec<NeedGroup>,
}

/// Recoveries of one dataflow that need a person for the same cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeedGroup {
    /// The sandbox.
    pub sandbox: SandboxName,
    /// The dataflow.
    pub flow_id: FlowId,
    /// Its name in the newest of them.
    pub flow_name: String,
    /// True if they are on hold, false if they were given up.
    pub is_held: bool,
    /// Why.
    pub why: Reason,
    /// How many there are.
    pub count: u64,
    /// When the first of their runs failed.
    pub since: Timestamp,
    /// The root run of the one that changed last.
    pub newest: RunId,
    /// When that one changed.
    pub updated_at: Timestamp,
    /// Its failure. The main errors of all of them have the same code.
    pub failure: Failure,
}

/// A dataflow with recoveries that a pause holds back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PausedFlow {
    /// The sandbox.
    pub sandbox: SandboxName,
    /// The dataflow.
    pub flow_id: FlowId,
    /// Its name.
    pub flow_name: String,
    /// How many of its recoveries are held back.
    pub count: u64,
}

/// A dataflow of which a failed run was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownFlow {
    /// Its id.
    pub flow_id: FlowId,
    /// A name that it has or had.
    pub flow_name: String,
}
