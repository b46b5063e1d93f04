//! The parts of a daemon.

use super::vitals::Vitals;
use crate::clock::Clock;
use crate::domain::policy::schedule::Jitter;
use crate::flow_service::FlowService;
use crate::metrics::Metrics;
use crate::settings::Settings;
use crate::store::{Owner, Store};
use std::sync::Arc;

/// The parts of a daemon.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The configuration.
    pub settings: Arc<Settings>,
    /// The store of the recoveries.
    pub store: Arc<dyn Store>,
    /// Adobe's API.
    pub service: FlowService,
    /// This machine's clock.
    pub clock: Arc<dyn Clock>,
    /// The name of this daemon, unique per process start.
    pub owner: Owner,
    /// The source of randomness in due times.
    pub jitter: Jitter,
    /// Whether calls are made.
    pub mode: Mode,
    /// Where the loops leave their vital signs.
    pub vitals: Arc<Vitals>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// Whether calls are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Calls are made.
    Live,
    /// Calls are only logged.
    DryRun,
}
