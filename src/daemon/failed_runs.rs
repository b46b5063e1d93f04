//! Finds failed runs: lists what changed, and in a sweep also the whole look-back window, which is
//! compared with the last run of each dataflow.

use super::memory::Memory;
use super::sandbox_reader::SandboxReader;
use crate::domain::model::ids::{FlowId, RunId};
use crate::domain::model::run::{Run, RunStatus};
use crate::domain::model::time::before;
use crate::flow_service::{Listing, Window};
use jiff::Timestamp;
use std::collections::HashSet;

/// Since when failed runs are listed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Since {
    /// Those that changed since then.
    pub(super) changed: Timestamp,
    /// In a sweep also those that began since then.
    pub(super) begun: Option<Timestamp>,
}

impl SandboxReader<'_> {
    /// Lists failed runs. In a sweep, each dataflow has just reported its last run. If that failed
    /// in the window and is not in the listing, Adobe reads our filter differently. Then this form
    /// of the listing is not used any more, and the runs are listed in another form.
    pub(super) async fn list_failed(&self, memory: &Memory, since: Since) -> Listing<Run> {
        loop {
            let mut listing = self.list(memory, since).await;
            let Some(begun) = since.begun.filter(|_| listing.is_complete()) else {
                return listing;
            };
            let omitted = self.omitted(memory, begun, &listing).await;
            // A run that is listed a little late is not an omission.
            let settled = before(self.service.now(), 2 * self.settings.poll.overlap);
            let is_settled = |run: &Run| run.aged_from().is_some_and(|at| at <= settled);
            if !(omitted.iter().any(is_settled) && self.service.drop_least_trusted_form()) {
                listing.items.extend(omitted);
                return listing;
            }
        }
    }

    async fn list(&self, memory: &Memory, since: Since) -> Listing<Run> {
        let flows = memory.catalog.ids();
        // A failed run of a dataflow that was never read shows that there is a new one.
        let is_unknown = |flow: &FlowId| memory.catalog.is_unknown(flow);
        let known = memory.catalog.flows().values().map(|it| &it.flow);
        let known = known.map(|flow| (flow.id.as_str(), flow.name.as_str()));
        let others: Option<&dyn Fn(&FlowId) -> bool> =
            if self.sandbox.may_select_more(known) { Some(&is_unknown) } else { None };
        let list = |window| self.service.failed_runs(&self.sandbox.name, flows, others, window);
        // A listing that is too long is read in parts, to the end.
        let parts = async |since, window: fn(Timestamp) -> Window| {
            let mut all = list(window(since)).await;
            while let Some(rest) = all.until {
                let part = list(window(rest)).await;
                all.items.extend(part.items);
                (all.fault, all.until) = (part.fault, part.until);
            }
            all
        };
        let changed = parts(since.changed, Window::UpdatedSince);
        let Some(begun) = since.begun else { return changed.await };
        // The two do not depend on each other.
        let (mut changed, swept) = tokio::join!(changed, parts(begun, Window::CreatedSince));
        changed.items.extend(swept.items);
        changed.fault = changed.fault.or(swept.fault);
        changed
    }

    /// The failed last runs of dataflows that are missing in `listing`.
    async fn omitted(&self, memory: &Memory, since: Timestamp, listing: &Listing<Run>) -> Vec<Run> {
        let listed: HashSet<&RunId> = listing.items.iter().map(|run| &run.id).collect();
        let dataflows = memory.catalog.flows().values();
        let unlisted: Vec<RunId> = dataflows
            .filter_map(|dataflow| dataflow.flow.last_run.as_ref())
            .filter(|last| last.status == RunStatus::Failed && !listed.contains(&last.id))
            // One without a date may be a run that no filter on a date shows.
            .filter(|last| last.started_at.is_none_or(|at| at >= since))
            .map(|last| last.id.clone())
            .collect();
        if unlisted.is_empty() {
            return Vec::new();
        }
        let read = self.service.runs_by_id(&self.sandbox.name, &unlisted).await.items;
        let in_window = |run: &Run| run.begun_at().is_some_and(|at| at >= since);
        read.into_iter().filter(|run| run.status == RunStatus::Failed && in_window(run)).collect()
    }
}
