//! What a reading found that should be logged. The pass logs it.

use crate::domain::model::ids::{FlowId, FlowSpecId, RunId};
use crate::domain::policy::pause_order::Order;
use crate::flow_service::ApiError;

/// What a reading found that should be logged.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// The dataflows were read for the first time.
    pub(super) first_catalog: bool,
    /// Pauses and resumes that were not known before.
    pub(super) new_orders: Vec<Order>,
    /// The first run that a re-trigger created and that names another client.
    pub(super) foreign_run: Option<RunId>,
    /// Flow specs that could not be read.
    pub(super) unread_specs: Vec<(FlowSpecId, ApiError)>,
    /// Dataflows that have lost their name, and the last known one.
    pub(super) lost_names: Vec<(FlowId, Option<String>)>,
    /// Dataflows with a call in doubt whose runs could not be listed.
    pub(super) unlisted: Vec<(FlowId, ApiError)>,
    /// Dataflows with a due re-trigger whose runs could not be listed.
    pub(super) unlisted_peers: Vec<(FlowId, ApiError)>,
}
