//! Reads runs and dataflows by id, and the runs of dataflows in doubt.

use super::catalog::Catalog;
use super::error::PassError;
use super::findings::Findings;
use super::memory::{Carried, Memory};
use super::sandbox_reader::SandboxReader;
use crate::domain::model::ids::{FlowId, RunId};
use crate::domain::model::run::Run;
use crate::domain::plan::snapshot::FlowListing;
use crate::flow_service::ApiError;
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

impl SandboxReader<'_> {
    /// Reads dataflows for which something may be sent, and unknown ones. Returns those that were
    /// read.
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
        listing.items.into_iter().for_each(|run| drop(reading.take(run)));
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
        findings: &mut Findings,
    ) -> HashMap<FlowId, FlowListing> {
        let mut listings = HashMap::new();
        for (flow, since) in wanted {
            let listing = self.service.runs_of_flow(&self.sandbox.name, &flow, since).await;
            let runs = listing.items.into_iter().map(|run| reading.take(run)).collect();
            let complete = listing.fault.is_none();
            let begun_at = listing.begun_at;
            let listed = FlowListing { runs, complete, begun_at };
            // A dataflow that cannot be read any more must not block the others. Its call stays in
            // doubt, and the failed runs of the sandbox were read anyway.
            findings.unlisted.extend(listing.fault.map(|error| (flow.clone(), error)));
            listings.insert(flow, listed);
        }
        listings
    }

    /// Lists the runs of dataflows with a due re-trigger: no call is made while another run is in
    /// progress. A dataflow that cannot be read waits.
    pub(super) async fn list_peers(
        &self,
        wanted: Vec<(FlowId, Timestamp)>,
        listings: &mut HashMap<FlowId, FlowListing>,
        reading: &mut Reading,
        findings: &mut Findings,
    ) {
        let unlisted = wanted.into_iter().filter(|(flow, _)| !listings.contains_key(flow));
        let unlisted: Vec<_> = unlisted.collect();
        for (flow, listing) in self.service.runs_of_flows(&self.sandbox.name, &unlisted).await {
            let runs = listing.items.into_iter().map(|run| reading.take(run)).collect();
            // The newest runs come first: those in progress are not on the pages that were not read.
            let is_long = matches!(listing.fault, Some(ApiError::TooManyPages { .. }));
            let complete = listing.fault.is_none() || is_long;
            let begun_at = listing.begun_at;
            let listed = FlowListing { runs, complete, begun_at };
            findings.unlisted_peers.extend(listing.fault.map(|error| (flow.clone(), error)));
            listings.insert(flow, listed);
        }
    }
}

/// What was read so far.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) runs: HashMap<RunId, Arc<Run>>,
    pub(super) listed: Vec<Arc<Run>>,
    pub(super) missing: HashSet<RunId>,
    pub(super) fresh: HashSet<FlowId>,
    /// Runs that belong to a recovery.
    pub(super) owned: HashSet<RunId>,
    /// Runs for which it is known whether they belong to a recovery.
    pub(super) looked_up: HashSet<RunId>,
    /// When the previous pass began to read what this pass reuses.
    pub(super) carried_at: Option<Timestamp>,
}

impl Reading {
    /// Starts with what the previous pass has just read, and with runs that are not decided on yet.
    pub(super) fn of<'a>(
        carried: Option<Carried>,
        deferred: impl Iterator<Item = &'a Arc<Run>>,
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

    /// Adds the listing of failed runs.
    pub(super) fn list(&mut self, items: Vec<Run>) {
        for run in items {
            let run = self.take(run);
            self.listed.push(run);
        }
    }

    /// A later reading replaces an earlier one.
    pub(super) fn take(&mut self, run: Run) -> Arc<Run> {
        let run = Arc::new(run);
        self.runs.insert(run.id.clone(), run.clone());
        run
    }
}
