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
use crate::domain::policy::in_force::Policies;
use crate::flow_service::{ApiError, FlowService};
use crate::settings::{SandboxSettings, Settings};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The dataflows that one sandbox's settings select.
#[derive(Debug, Default)]
pub struct Catalog {
    specs: HashMap<FlowSpecId, FlowSpec>,
    flows: Arc<HashMap<FlowId, Dataflow>>,
    /// The keys of `flows`, sorted: every pass needs them.
    ids: Vec<FlowId>,
    /// Dataflows that were read and are not selected; their runs are ignored.
    others: HashSet<FlowId>,
    /// The last known name of each dataflow, selected or not.
    names: HashMap<FlowId, String>,
    /// The dataflows that Adobe shows without a name.
    nameless: HashSet<FlowId>,
    is_read: bool,
    /// Flow specs that could not be read; the next pass takes and logs them.
    pub(super) unread_specs: Vec<(FlowSpecId, ApiError)>,
    /// Dataflows that have lost their name, and the last known one; the next pass takes and logs them.
    pub(super) lost_names: Vec<(FlowId, Option<String>)>,
}

impl Catalog {
    /// The selected dataflows, of every kind and state.
    pub fn flows(&self) -> &Arc<HashMap<FlowId, Dataflow>> {
        &self.flows
    }

    /// The ids of the selected dataflows, sorted.
    pub(super) fn ids(&self) -> &[FlowId] {
        &self.ids
    }

    /// True once the whole sandbox has been read.
    pub(super) fn is_read(&self) -> bool {
        self.is_read
    }

    /// True for a dataflow that was never read.
    pub(super) fn is_unknown(&self, flow: &FlowId) -> bool {
        !self.flows.contains_key(flow) && !self.others.contains(flow)
    }

    /// Names from before this process, for dataflows that Adobe shows without one.
    pub(super) fn remember(&mut self, names: HashMap<FlowId, String>) {
        self.names = names;
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
        let flows: Vec<Flow> = listing.items.into_iter().map(|it| self.completed(it)).collect();
        let (selected, others): (Vec<Flow>, Vec<Flow>) =
            flows.into_iter().partition(|flow| sandbox.selects(flow.id.as_str(), &flow.name));
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
        let policies = settings.policies();
        let flows = selected
            .into_iter()
            .map(|flow| (flow.id.clone(), self.dataflow(&policies, &sandbox.name, flow)))
            .collect();
        self.flows = Arc::new(flows);
        self.sort_ids();
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
        let flows: Vec<Flow> = flows.into_iter().map(|it| self.completed(it)).collect();
        self.read_specs(service, &sandbox.name, &flows).await;
        let policies = settings.policies();
        for flow in flows {
            let known = self.flows.contains_key(&flow.id);
            if known || sandbox.selects(flow.id.as_str(), &flow.name) {
                let dataflow = self.dataflow(&policies, &sandbox.name, flow);
                self.others.remove(&dataflow.flow.id);
                Arc::make_mut(&mut self.flows).insert(dataflow.flow.id.clone(), dataflow);
            } else {
                self.others.insert(flow.id);
            }
        }
        self.sort_ids();
    }

    fn sort_ids(&mut self) {
        self.ids = self.flows.keys().cloned().collect();
        self.ids.sort_unstable();
    }

    /// Removes a dataflow that Adobe does not list any more.
    pub(super) fn remove(&mut self, flow: &FlowId) {
        if self.flows.contains_key(flow) {
            Arc::make_mut(&mut self.flows).remove(flow);
            self.sort_ids();
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

    /// Adds to `flow` what Adobe showed of it before and does not show now.
    fn completed(&mut self, mut flow: Flow) -> Flow {
        if !flow.name.is_empty() {
            self.nameless.remove(&flow.id);
            self.names.insert(flow.id.clone(), flow.name.clone());
        } else {
            let name = self.names.get(&flow.id);
            if self.nameless.insert(flow.id.clone()) {
                self.lost_names.push((flow.id.clone(), name.cloned()));
            }
            flow.name = name.cloned().unwrap_or_default();
        }
        match self.flows.get(&flow.id) {
            Some(known) => flow.completed_by(&known.flow),
            None => flow,
        }
    }

    fn dataflow(&self, policies: &Policies, sandbox: &SandboxName, flow: Flow) -> Dataflow {
        let policy = policies.of(sandbox, &flow.id, &flow.name);
        let spec = flow.spec_id.as_ref().and_then(|id| self.specs.get(id));
        Dataflow {
            kind: classify(&flow, spec, policy.kind),
            per_dataflow: policy.per_dataflow,
            flow,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::model::flow::FlowState;

    fn flow(name: &str, is_destination: bool) -> Flow {
        Flow {
            id: FlowId::new("f"),
            name: name.to_owned(),
            state: FlowState::Enabled,
            spec_id: None,
            is_source: None,
            is_destination,
            is_internal: false,
            source_spec: None,
            schedule: None,
            last_run: None,
        }
    }

    #[test]
    fn a_lost_name_is_remembered_and_reported_once_until_it_is_back() {
        let mut catalog = Catalog::default();
        let mut read = |name| {
            let name = catalog.completed(flow(name, false)).name;
            (name, std::mem::take(&mut catalog.lost_names))
        };
        let lost = |name: Option<&str>| vec![(FlowId::new("f"), name.map(str::to_owned))];
        assert_eq!(read(""), (String::new(), lost(None)));
        assert_eq!(read("crm"), ("crm".to_owned(), Vec::new()));
        assert_eq!(read(""), ("crm".to_owned(), lost(Some("crm"))));
        assert_eq!(read(""), ("crm".to_owned(), Vec::new()));
        assert_eq!(read("erp"), ("erp".to_owned(), Vec::new()));
        assert_eq!(read(""), ("erp".to_owned(), lost(Some("erp"))));
    }

    #[test]
    fn a_destination_stays_one() {
        let mut catalog = Catalog::default();
        let (policies, sandbox) = (Policies::default(), SandboxName::new("prod"));
        let known = catalog.dataflow(&policies, &sandbox, flow("crm", true));
        catalog.flows = Arc::new(HashMap::from([(known.flow.id.clone(), known)]));
        let again = catalog.completed(flow("crm", false));
        let kind = catalog.dataflow(&policies, &sandbox, again).kind;
        assert_eq!(kind, FlowKind::Destination);
    }
}
