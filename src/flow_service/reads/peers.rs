//! Lists the runs of several dataflows, of any status: many dataflows in one request if Adobe accepts
//! that, else one by one.

use super::forms::{Feature, IDS_PER_REQUEST, concerns_form};
use super::listing::{Listing, NewestFirst, PageAccumulator};
use super::reader::Reader;
use crate::domain::model::ids::{FlowId, SandboxName};
use crate::domain::model::run::Run;
use crate::flow_service::query::PropertyFilter;
use crate::flow_service::wire;
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use std::collections::HashMap;

impl Reader {
    /// The runs of each of `wanted` created since its time, as [`Reader::runs_of_flow`] returns them.
    pub(crate) async fn runs_of_flows(
        &self,
        sandbox: &SandboxName,
        wanted: &[(FlowId, Timestamp)],
    ) -> Vec<(FlowId, Listing<Run>)> {
        let mut listings = Vec::new();
        for chunk in wanted.chunks(IDS_PER_REQUEST) {
            let begun = self.gateway.clock.local_now();
            let together = self.runs_together(sandbox, chunk).await;
            let refusal =
                together.fault.as_ref().filter(|error| together.pages == 0 && concerns_form(error));
            let mut found: HashMap<&FlowId, Vec<Run>> = HashMap::new();
            for run in together.items().filter(|_| together.fault.is_none()) {
                let of = chunk.iter().find(|(flow, _)| *flow == run.flow_id);
                let made = |since| run.created_at.is_none_or(|made| made >= since);
                if let Some((flow, _)) = of.filter(|(_, since)| made(*since)) {
                    found.entry(flow).or_default().push(run.clone());
                }
            }
            // Adobe could read a list as one strange id, so a dataflow without runs is listed alone.
            let alone = chunk.iter().filter(|(flow, _)| !found.contains_key(flow));
            let alone = stream::iter(alone).map(|(flow, since)| async move {
                (flow.clone(), self.runs_of_flow(sandbox, flow, *since).await)
            });
            let alone: Vec<_> = alone.buffered(self.max_concurrent).collect().await;
            let accepted = alone.iter().any(|(_, listing)| listing.fault.is_none());
            if let Some(error) = refusal.filter(|_| accepted) {
                self.forms.refuse(Feature::FlowList, error);
            }
            listings.extend(alone);
            let begun_at = self.gateway.clock.at(begun);
            listings.extend(found.into_iter().map(|(flow, items)| {
                (flow.clone(), Listing { items, begun_at, fault: None, until: None })
            }));
        }
        listings
    }

    /// One request for all of them. Empty if Adobe does not accept that, or for a single dataflow.
    async fn runs_together(
        &self,
        sandbox: &SandboxName,
        flows: &[(FlowId, Timestamp)],
    ) -> PageAccumulator<Run> {
        let may = |feature| self.forms.allows(feature);
        let since = flows.iter().map(|(_, since)| *since).min();
        let (Some(since), true) = (since.filter(|_| flows.len() > 1), may(Feature::FlowList))
        else {
            return PageAccumulator::default();
        };
        if !may(Feature::CreatedAt) {
            return PageAccumulator::default();
        }
        let ids = PropertyFilter::one_of("flowId", flows.iter().map(|(flow, _)| flow.as_str()));
        let created = PropertyFilter::since("createdAt", since);
        let mut found = self.pages("runs", sandbox, &[ids, created], wire::run).await;
        found.require_ids();
        found
    }

    /// The runs of `flow` created since `created_since`, of any status, and those without a date. A
    /// complete listing proves that there is no other run.
    pub(crate) async fn runs_of_flow(
        &self,
        sandbox: &SandboxName,
        flow: &FlowId,
        created_since: Timestamp,
    ) -> Listing<Run> {
        let begun = self.gateway.clock.local_now();
        let of_flow = PropertyFilter::one_of("flowId", [flow.as_str()]);
        let created = PropertyFilter::since("createdAt", created_since);
        let mut found = PageAccumulator::default();
        let filtered = self.forms.allows(Feature::CreatedAt);
        if filtered {
            found = self.pages("runs", sandbox, &[of_flow.clone(), created], wire::run).await;
        }
        let refusal = found.fault.clone().filter(|error| found.pages == 0 && concerns_form(error));
        if refusal.is_some() || !filtered {
            let mut order = NewestFirst::since(created_since);
            let has_passed = |page: &[Run]| order.has_passed(page.iter().map(|run| run.created_at));
            found = self.pages_until("runs", sandbox, &[of_flow], wire::run, has_passed).await;
            if let Some(error) = refusal.filter(|_| found.pages > 0) {
                self.forms.refuse(Feature::CreatedAt, &error);
            }
        }
        found.require_ids();
        found.finish(self.gateway.clock.at(begun), |run| {
            run.flow_id == *flow && run.created_at.is_none_or(|at| at >= created_since)
        })
    }
}
