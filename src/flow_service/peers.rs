//! The runs of several dataflows, whatever their status: many dataflows in one request where the platform
//! accepts that, else one by one.

use super::client::FlowService;
use super::listing::{Harvest, Listing};
use super::query::Filter;
use super::reader::Reader;
use super::shapes::{Feature, IDS_PER_REQUEST, concerns_form};
use super::wire;
use crate::domain::model::ids::{FlowId, SandboxName};
use crate::domain::model::run::Run;
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use std::collections::HashMap;

impl FlowService {
    /// The runs of each of `wanted` made since its time, as [`FlowService::runs_of_flow`] gives them.
    pub async fn runs_of_flows(
        &self,
        sandbox: &SandboxName,
        wanted: &[(FlowId, Timestamp)],
    ) -> Vec<(FlowId, Listing<Run>)> {
        let reader = &self.0.reader;
        let mut listings = Vec::new();
        for chunk in wanted.chunks(IDS_PER_REQUEST) {
            let begun_at = reader.gateway.clock.now();
            let harvest = reader.runs_together(sandbox, chunk).await;
            let refusal =
                harvest.fault.as_ref().filter(|error| harvest.pages == 0 && concerns_form(error));
            let mut found: HashMap<&FlowId, Vec<Run>> = HashMap::new();
            for run in harvest.items().filter(|_| harvest.fault.is_none()) {
                let of = chunk.iter().find(|(flow, _)| *flow == run.flow_id);
                let made = |since| run.created_at.is_none_or(|made| made >= since);
                if let Some((flow, _)) = of.filter(|(_, since)| made(*since)) {
                    found.entry(flow).or_default().push(run.clone());
                }
            }
            // A list may be misread as one strange id, so what it shows nothing of is asked for alone.
            let alone = chunk.iter().filter(|(flow, _)| !found.contains_key(flow));
            let alone = stream::iter(alone).map(|(flow, since)| async move {
                (flow.clone(), self.runs_of_flow(sandbox, flow, *since).await)
            });
            let alone: Vec<_> = alone.buffered(reader.max_concurrent).collect().await;
            let accepted = alone.iter().any(|(_, listing)| listing.fault.is_none());
            if let Some(error) = refusal.filter(|_| accepted) {
                reader.shapes.refuse(Feature::FlowList, error);
            }
            listings.extend(alone);
            listings.extend(found.into_iter().map(|(flow, items)| {
                (flow.clone(), Listing { items, begun_at, fault: None, until: None })
            }));
        }
        listings
    }
}

impl Reader {
    /// One request for all of them; nothing at all where that is not accepted, or not worth it.
    async fn runs_together(
        &self,
        sandbox: &SandboxName,
        flows: &[(FlowId, Timestamp)],
    ) -> Harvest<Run> {
        let may = |feature| self.shapes.allows(feature);
        let since = flows.iter().map(|(_, since)| *since).min();
        let (Some(since), true) = (since.filter(|_| flows.len() > 1), may(Feature::FlowList))
        else {
            return Harvest::default();
        };
        if !may(Feature::CreatedAt) {
            return Harvest::default();
        }
        let ids = Filter::one_of("flowId", flows.iter().map(|(flow, _)| flow.as_str()));
        let made = Filter::since("createdAt", since);
        let mut harvest = self.pages("runs", sandbox, &[ids, made], wire::run).await;
        harvest.insist_on_names();
        harvest
    }
}
