//! The selected dataflows of a sandbox, each with the policy in force.
//!
//! Listing every dataflow is the most expensive read there is (one page per hundred). So the
//! catalog is kept between passes, and only a sweep reads all of it again. A single dataflow is
//! read again by id: when one of its runs may be re-triggered, because that requires an enabled
//! dataflow; when one of its failed runs has no recovery yet, because the dataflow may be new; and
//! when it is the cause of a hold.

use super::error::PassError;
use crate::domain::model::flow::{Flow, FlowKind, FlowSpec, classify};
use crate::domain::model::ids::{FlowId, FlowSpecId, SandboxName};
use crate::domain::plan::dataflow::Dataflow;
use crate::flow_service::{ApiError, FlowService};
use crate::settings::{SandboxSettings, Settings};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The dataflows that one sandbox's settings select.
#[derive(Debug, Default)]
pub struct Catalog {
    specs: HashMap<FlowSpecId, FlowSpec>,
    flows: Arc<HashMap<FlowId, Dataflow>>,
    /// Dataflows that were read and are not selected; their runs are ignored.
    others: HashSet<FlowId>,
    is_read: bool,
    /// Flow specs that could not be read; the next pass takes and logs them.
    pub(super) unread_specs: Vec<(FlowSpecId, ApiError)>,
}

impl Catalog {
    /// The selected dataflows, of every kind and state.
    pub fn flows(&self) -> &Arc<HashMap<FlowId, Dataflow>> {
        &self.flows
    }

    /// True once the whole sandbox has been read.
    pub(super) fn is_read(&self) -> bool {
        self.is_read
    }

    /// True for a dataflow that was never read.
    pub(super) fn is_unknown(&self, flow: &FlowId) -> bool {
        !self.flows.contains_key(flow) && !self.others.contains(flow)
    }

    /// Reads every dataflow of `sandbox` again, and the flow specs not known yet.
    ///
    /// # Errors
    /// If the listing is incomplete; then the catalog is unchanged.
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
        let (selected, others): (Vec<Flow>, Vec<Flow>) = listing
            .items
            .into_iter()
            .partition(|flow| sandbox.selects(flow.id.as_str(), &flow.name));
        self.fill(service, settings, sandbox, selected, &others).await;
        Ok(())
    }

    /// Replaces everything by the dataflows that were just listed, `selected` and others.
    pub async fn fill(
        &mut self,
        service: &FlowService,
        settings: &Settings,
        sandbox: &SandboxSettings,
        selected: Vec<Flow>,
        others: &[Flow],
    ) {
        self.read_specs(service, &sandbox.name, &selected).await;
        let flows = selected
            .into_iter()
            .map(|flow| (flow.id.clone(), self.dataflow(settings, &sandbox.name, flow)))
            .collect();
        self.flows = Arc::new(flows);
        self.others = others.iter().map(|flow| flow.id.clone()).collect();
        self.is_read = true;
    }

    /// Flow specs that could not be read, and why.
    pub fn unread_specs(&self) -> &[(FlowSpecId, ApiError)] {
        &self.unread_specs
    }

    /// Adds or replaces dataflows that were just read by id.
    pub(super) async fn update(
        &mut self,
        service: &FlowService,
        settings: &Settings,
        sandbox: &SandboxSettings,
        flows: Vec<Flow>,
    ) {
        self.read_specs(service, &sandbox.name, &flows).await;
        for flow in flows {
            let known = self.flows.contains_key(&flow.id);
            if known || sandbox.selects(flow.id.as_str(), &flow.name) {
                let dataflow = self.dataflow(settings, &sandbox.name, flow);
                self.others.remove(&dataflow.flow.id);
                Arc::make_mut(&mut self.flows).insert(dataflow.flow.id.clone(), dataflow);
            } else {
                self.others.insert(flow.id);
            }
        }
    }

    /// Removes a dataflow that Adobe does not list any more.
    pub(super) fn remove(&mut self, flow: &FlowId) {
        if self.flows.contains_key(flow) {
            Arc::make_mut(&mut self.flows).remove(flow);
        }
    }

    /// How many selected dataflows there are of `kind`.
    pub fn count(&self, kind: FlowKind) -> usize {
        self.flows.values().filter(|dataflow| dataflow.kind == kind).count()
    }

    /// Reads the unknown flow specs of `flows`. If one cannot be read, the kind of its dataflows is
    /// unknown, and the next pass tries again.
    async fn read_specs(&mut self, service: &FlowService, sandbox: &SandboxName, flows: &[Flow]) {
        let mut tried = HashSet::new();
        for flow in flows.iter().filter(|flow| !flow.is_destination) {
            let Some(id) = &flow.spec_id else { continue };
            if self.specs.contains_key(id) || !tried.insert(id) {
                continue;
            }
            match service.flow_spec(sandbox, id).await {
                Ok(Some(spec)) => drop(self.specs.insert(id.clone(), spec)),
                Ok(None) => {}
                Err(error) => self.unread_specs.push((id.clone(), error)),
            }
        }
    }

    fn dataflow(&self, settings: &Settings, sandbox: &SandboxName, flow: Flow) -> Dataflow {
        let policies = settings.policies();
        let policy = policies.of(sandbox, &flow.id, &flow.name);
        let spec = flow.spec_id.as_ref().and_then(|id| self.specs.get(id));
        Dataflow {
            kind: classify(&flow, spec, policy.kind),
            per_dataflow: policy.per_dataflow,
            flow,
        }
    }
}
