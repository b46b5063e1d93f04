//! A dataflow of the simulated world.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::failure::Cause;
use super::spec::Spec;

/// Index of a flow in its world; flows are never removed.
pub(crate) type FlowKey = usize;

/// A dataflow. Times are epoch milliseconds.
#[derive(Clone, Debug)]
pub struct Flow {
    pub(crate) id: String,
    pub(crate) created_at: i64,
    /// When it was last changed.
    pub updated_at: i64,
    /// Part of the etag; differs between two changes in the same second.
    pub stamp: u32,
    /// Goes up when the schedule changes, so that events of the old schedule are ignored.
    pub(crate) schedule_version: u32,
    /// When its first scheduled run is due.
    pub(crate) first_slot: Option<i64>,
    /// Its current settings.
    pub setup: FlowSetup,
}

/// The state of a flow; `enabled` is the only one in which it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowState {
    /// Runs by its schedule.
    Enabled,
    /// Switched off.
    Disabled,
    /// Not published yet.
    Draft,
    /// Being created.
    Initializing,
}

impl FlowState {
    /// As Adobe spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Draft => "draft",
            Self::Initializing => "initializing",
        }
    }
}

/// The settings of a flow.
#[derive(Clone, Debug)]
pub struct FlowSetup {
    /// Its id; random if absent.
    pub id: Option<String>,
    /// Its name.
    pub name: String,
    /// Its sandbox; created if it does not exist.
    pub sandbox: String,
    /// Its kind.
    pub spec: Spec,
    /// Its state.
    pub state: FlowState,
    /// When it was created; now if absent.
    pub created_at: Option<Timestamp>,
    /// Time from one scheduled run to the next; without it, the flow has no scheduled runs.
    pub every: Option<Duration>,
    /// How long a run takes. A re-triggered run waits for a fifth of it before it starts.
    pub run_time: Duration,
    /// The share of scheduled runs that fail, 0 to 1.
    pub failure_rate: f64,
    /// Whether its source supports re-triggers. Adobe publishes no list of those that do.
    pub retriggerable: bool,
    /// Why they fail; each failure draws one.
    pub causes: Vec<Cause>,
}

impl FlowSetup {
    /// An enabled flow of `spec` in sandbox `prod`, without a schedule, whose runs take a minute
    /// and succeed.
    pub fn new(name: &str, spec: Spec) -> Self {
        Self {
            id: None,
            name: name.to_owned(),
            sandbox: "prod".to_owned(),
            spec,
            state: FlowState::Enabled,
            created_at: None,
            every: None,
            run_time: Duration::from_secs(60),
            failure_rate: 0.0,
            retriggerable: true,
            causes: vec![Cause::SourceTimeout],
        }
    }

    /// [`FlowSetup::new`] with the spec of a batch source.
    pub fn batch(name: &str) -> Self {
        Self::new(name, Spec::CloudStorage)
    }
}
