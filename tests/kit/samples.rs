//! Sample values.

use flowmend::domain::model::ids::{FlowId, RunId};
use flowmend::domain::model::run::{Run, RunStatus};

/// A run of which only this is known.
pub fn run(id: &str, flow: &str, status: RunStatus) -> Run {
    Run {
        id: RunId::new(id),
        flow_id: FlowId::new(flow),
        status,
        created_at: None,
        updated_at: None,
        started_at: None,
        completed_at: None,
        created_client: None,
        window: None,
        provider_ref: None,
        etag: None,
        input_records: None,
        errors: Vec::new(),
    }
}
