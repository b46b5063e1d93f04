//! Reading things by id, and the runs of dataflows in doubt.

use super::catalog::Catalog;
use super::error::PassError;
use super::gather::Gatherer;
use super::memory::{Carried, Memory};
use crate::domain::model::ids::{FlowId, RunId};
use crate::domain::model::run::Run;
use crate::domain::plan::snapshot::FlowListing;
use crate::flow_service::ApiError;
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};

impl Gatherer<'_> {
    /// Reads dataflows again that something may be sent for, and those not known yet; gives those
    /// that were read.
    pub(super) async fn read_flows(
        &self,
        memory: &mut Memory,
        wanted: Vec<FlowId>,
        fault: &mut Option<PassError>,
    ) -> HashSet<FlowId> {
        if wanted.is_empty() {
            return HashSet::new();
        }
        let listing = self.service.flows_by_id(&self.sandbox.name, &wanted).await;
        let seen: HashSet<FlowId> = listing.items.iter().map(|flow| flow.id.clone()).collect();
        let catalog: &mut Catalog = &mut memory.catalog;
        catalog.update(self.service, self.settings, self.sandbox, listing.items).await;
        match listing.fault {
            None => {
                wanted.iter().filter(|id| !seen.contains(*id)).for_each(|id| catalog.remove(id))
            }
            Some(source) => {
                *fault = Some(PassError::Platform { doing: "read the dataflows", source });
            }
        }
        seen
    }

    /// Those of the runs read so far that belong to a recovery; where it matters, the last runs that
    /// the dataflows name are among them.
    pub(super) async fn owned(
        &self,
        reading: &Reading,
        memory: &Memory,
        first_pass: bool,
    ) -> Result<HashSet<RunId>, PassError> {
        let mut ids: Vec<RunId> = reading.runs.keys().cloned().collect();
        ids.extend(reading.listed.iter().map(|run| run.id.clone()));
        let dataflows = memory.catalog.flows().values();
        let rules = &self.settings.rules;
        let by_rule = first_pass
            || rules.iter().any(|it| it.retry.skip_when_later_run_succeeded == Some(true));
        let superseding =
            dataflows.filter(|dataflow| by_rule || dataflow.retry.skip_when_later_run_succeeded);
        ids.extend(
            superseding.filter_map(|dataflow| Some(dataflow.flow.last_run.as_ref()?.id.clone())),
        );
        Ok(self.store.known_runs(&ids).await?)
    }

    pub(super) async fn read_runs(
        &self,
        wanted: Vec<RunId>,
        reading: &mut Reading,
        fault: &mut Option<PassError>,
    ) {
        let wanted: Vec<RunId> =
            wanted.into_iter().filter(|id| !reading.runs.contains_key(id)).collect();
        if wanted.is_empty() {
            return;
        }
        let listing = self.service.runs_by_id(&self.sandbox.name, &wanted).await;
        listing.items.into_iter().for_each(|run| reading.take(run));
        match listing.fault {
            None => {
                let unseen = wanted.into_iter().filter(|id| !reading.runs.contains_key(id));
                reading.missing = unseen.collect();
            }
            Some(source) => {
                *fault = Some(PassError::Platform { doing: "read runs by id", source });
            }
        }
    }

    pub(super) async fn list_doubtful(
        &self,
        wanted: Vec<(FlowId, Timestamp)>,
        reading: &mut Reading,
    ) -> HashMap<FlowId, FlowListing> {
        let mut listings = HashMap::new();
        for (flow, since) in wanted {
            let listing = self.service.runs_of_flow(&self.sandbox.name, &flow, since).await;
            listing.items.iter().for_each(|run| reading.take(run.clone()));
            let complete = listing.fault.is_none();
            let begun_at = listing.begun_at;
            listings.insert(flow, FlowListing { runs: listing.items, complete, begun_at });
            // A dataflow that cannot be read any more must not hold up the others: its call stays in
            // doubt, and the failed runs of the sandbox were read all the same.
            if let Some(error) = listing.fault {
                tracing::debug!(%error, "runs of a dataflow in doubt not listed");
            }
        }
        listings
    }

    /// Lists the runs of dataflows that something may be sent for: no call is made while another run
    /// is under way. A dataflow that cannot be read waits.
    pub(super) async fn list_peers(
        &self,
        wanted: Vec<(FlowId, Timestamp)>,
        listings: &mut HashMap<FlowId, FlowListing>,
        reading: &mut Reading,
    ) {
        let unlisted = wanted.into_iter().filter(|(flow, _)| !listings.contains_key(flow));
        let unlisted: Vec<_> = unlisted.collect();
        for (flow, listing) in self.service.runs_of_flows(&self.sandbox.name, &unlisted).await {
            listing.items.iter().for_each(|run| reading.take(run.clone()));
            // Runs come newest first: what is under way is not on the pages that were left out.
            let is_long = matches!(listing.fault, Some(ApiError::TooManyPages { .. }));
            let complete = listing.fault.is_none() || is_long;
            let begun_at = listing.begun_at;
            listings.insert(flow, FlowListing { runs: listing.items, complete, begun_at });
            if let Some(error) = listing.fault {
                tracing::debug!(%error, "runs of a dataflow not listed; it waits");
            }
        }
    }
}

/// What was read so far.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) runs: HashMap<RunId, Run>,
    pub(super) listed: Vec<Run>,
    pub(super) missing: HashSet<RunId>,
    pub(super) fresh: HashSet<FlowId>,
    /// When the pass before began to read what is taken over from it.
    pub(super) carried_at: Option<Timestamp>,
}

impl Reading {
    /// From what the pass before has just read, and what is still to be decided on.
    pub(super) fn of<'a>(
        carried: Option<Carried>,
        deferred: impl Iterator<Item = &'a Run>,
    ) -> Self {
        let mut reading = Self::default();
        if let Some(carried) = carried {
            reading.runs = carried.runs;
            reading.fresh = carried.fresh;
            reading.carried_at = Some(carried.read_at);
        }
        // Not among `runs`: these were read some time ago.
        reading.listed.extend(deferred.cloned());
        reading
    }

    /// Takes in the listing of failed runs.
    pub(super) fn list(&mut self, items: Vec<Run>) {
        for run in items {
            self.listed.push(run.clone());
            self.take(run);
        }
    }

    /// A later reading replaces an earlier one.
    pub(super) fn take(&mut self, run: Run) {
        self.runs.insert(run.id.clone(), run);
    }
}
