//! The selected dataflows of a sandbox, and what is in force for each.
//!
//! Listing every dataflow is the dearest read there is (a page per hundred), so the catalog is kept
//! between passes and read again only with a sweep. What a re-trigger depends on, whether the
//! dataflow is enabled, is read again just before.

use super::pass::PassError;
use crate::domain::flow::{Flow, FlowKind, FlowSpec, classify};
use crate::domain::ids::{FlowId, FlowSpecId, SandboxName};
use crate::domain::snapshot::Dataflow;
use crate::flow_service::FlowService;
use crate::settings::{SandboxSettings, Settings};
use std::collections::HashMap;

/// The dataflows that one sandbox's settings select.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    specs: HashMap<FlowSpecId, FlowSpec>,
    flows: HashMap<FlowId, Dataflow>,
    is_read: bool,
}

impl Catalog {
    /// The selected dataflows, of every kind and state.
    pub fn flows(&self) -> &HashMap<FlowId, Dataflow> {
        &self.flows
    }

    /// True once the whole sandbox was read.
    pub(super) fn is_read(&self) -> bool {
        self.is_read
    }

    /// Reads every dataflow of `sandbox` again, and the flow specs not known yet.
    ///
    /// # Errors
    /// If the listing is incomplete or a flow spec cannot be read; then the catalog is as before.
    pub async fn refresh(
        &mut self,
        service: &FlowService,
        settings: &Settings,
        sandbox: &SandboxSettings,
    ) -> Result<(), PassError> {
        let listing = service.flows(&sandbox.name).await;
        if let Some(fault) = listing.fault {
            return Err(PassError::Platform { doing: "list the dataflows", source: fault });
        }
        let selected: Vec<Flow> = listing
            .items
            .into_iter()
            .filter(|flow| sandbox.selects(flow.id.as_str(), &flow.name))
            .collect();
        self.read_specs(service, &sandbox.name, &selected).await?;
        self.flows = selected
            .into_iter()
            .map(|flow| (flow.id.clone(), self.dataflow(settings, &sandbox.name, flow)))
            .collect();
        self.is_read = true;
        Ok(())
    }

    /// Takes over what was just read of dataflows that are in the catalog already.
    pub(super) fn update(&mut self, settings: &Settings, sandbox: &SandboxName, flows: Vec<Flow>) {
        for flow in flows {
            if !self.flows.contains_key(&flow.id) {
                continue;
            }
            self.flows.insert(flow.id.clone(), self.dataflow(settings, sandbox, flow));
        }
    }

    /// Dataflows that the platform does not show any more.
    pub(super) fn remove(&mut self, flow: &FlowId) {
        self.flows.remove(flow);
    }

    /// How many selected dataflows there are of `kind`.
    pub fn count(&self, kind: FlowKind) -> usize {
        self.flows.values().filter(|dataflow| dataflow.kind == kind).count()
    }

    async fn read_specs(
        &mut self,
        service: &FlowService,
        sandbox: &SandboxName,
        flows: &[Flow],
    ) -> Result<(), PassError> {
        for flow in flows.iter().filter(|flow| !flow.is_destination) {
            let Some(id) = &flow.spec_id else { continue };
            if self.specs.contains_key(id) {
                continue;
            }
            let spec = service
                .flow_spec(sandbox, id)
                .await
                .map_err(|source| PassError::Platform { doing: "read a flow spec", source })?;
            let unknown = || FlowSpec { id: id.clone(), is_source: None, frequency: None };
            self.specs.insert(id.clone(), spec.unwrap_or_else(unknown));
        }
        Ok(())
    }

    fn dataflow(&self, settings: &Settings, sandbox: &SandboxName, flow: Flow) -> Dataflow {
        let policy = settings.policy_for(sandbox, &flow.id, &flow.name);
        let spec = flow.spec_id.as_ref().and_then(|id| self.specs.get(id));
        Dataflow {
            kind: classify(&flow, spec, policy.kind),
            retry: policy.retry,
            per_dataflow: policy.per_dataflow,
            flow,
        }
    }
}
