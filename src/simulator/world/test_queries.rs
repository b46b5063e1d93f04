//! What a judge of the world wants to know, and no client can.

use std::collections::BTreeSet;

use super::World;
use super::failure::Failure;
use super::flow::FlowState;
use super::run::{Run, RunStatus};

impl World {
    /// How far a run has come; `None` if there is no such run in any sandbox.
    pub fn run_status(&self, run_id: &str) -> Option<RunStatus> {
        let key = self.runs.key_of(run_id)?;
        self.runs.get(key).map(|run| run.status)
    }

    /// The ids of all runs of a flow, newest first.
    pub fn runs_of(&self, flow_id: &str) -> Vec<String> {
        let flow = self.flow_key(flow_id).into_iter();
        flow.flat_map(|flow| self.runs.of_flow(flow)).map(|run| run.id.clone()).collect()
    }

    /// The failed runs that somebody could heal and nobody has: root runs of enabled batch source
    /// flows, of a failure that re-triggers cure, without a successful heir. Newest first.
    pub fn unhealed(&self) -> Vec<String> {
        let successful = |run: &&Run| run.status == RunStatus::Success;
        let heirs =
            self.runs.newest_first().filter(successful).filter_map(|run| run.lineage.as_ref());
        let healed: BTreeSet<&str> = heirs.map(|lineage| lineage.root_id.as_str()).collect();
        self.runs
            .newest_first()
            .filter(|run| self.is_curable_root(run) && !healed.contains(run.id.as_str()))
            .map(|run| run.id.clone())
            .collect()
    }

    fn is_curable_root(&self, run: &Run) -> bool {
        let flow = &self.flows[run.flow];
        run.status == RunStatus::Failed
            && run.lineage.is_none()
            && flow.state == FlowState::Enabled
            && flow.setup.spec.is_batch_source()
            && run.failure.as_ref().is_some_and(|failure| failure.heals_after != Failure::NEVER)
    }
}
