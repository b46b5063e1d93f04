//! A dataflow of the simulated world.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use super::failure::Cause;
use super::spec::Spec;

/// Position of a flow in its world; flows are never removed.
pub(super) type FlowKey = usize;

/// A dataflow. Times are epoch milliseconds.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    pub(super) id: String,
    pub(super) sandbox: String,
    pub(super) created_at: i64,
    pub(super) updated_at: i64,
    pub(super) state: FlowState,
    /// Distinguishes etags of the same second, and makes up the ids of connections.
    pub(super) stamp: u32,
    /// Goes up when the schedule changes, so that an older appointment can be told.
    pub(super) schedule_version: u32,
    /// When its first run by the schedule is due.
    pub(super) first_slot: Option<i64>,
    pub(super) setup: FlowSetup,
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

/// What a flow is to be like.
#[derive(Clone, Debug)]
pub struct FlowSetup {
    /// A random one if absent.
    pub id: Option<String>,
    /// For people.
    pub name: String,
    /// The sandbox it lives in; made if it does not exist.
    pub sandbox: String,
    /// Its kind.
    pub spec: Spec,
    /// Its state at first.
    pub state: FlowState,
    /// The time of the world if absent.
    pub created_at: Option<Timestamp>,
    /// Time from one scheduled run to the next; never runs by itself if absent.
    pub every: Option<Duration>,
    /// How long a run takes; an issued run waits for a fifth of it before it starts.
    pub run_time: Duration,
    /// The share of scheduled runs that fail, 0 to 1.
    pub failure_rate: f64,
    /// Whether its source supports the re-trigger. Adobe publishes no list of those that do.
    pub retriggerable: bool,
    /// Why they fail; one is drawn each time.
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

    /// [`FlowSetup::new`] with a spec that says it is a batch source.
    pub fn batch(name: &str) -> Self {
        Self::new(name, Spec::CloudStorage)
    }
}
