//! How tests change a simulated world and query it, in ways that no client can.

use flowmend::simulator::{Failure, FlowState, Ledger, Retrigger, Run, RunStatus, World};
use jiff::Timestamp;

/// Changes from outside. An unknown id is a mistake in the test, and panics.
pub trait TestActions {
    /// Switches a dataflow on or off.
    fn set_flow_state(&mut self, flow_id: &str, state: FlowState);
    /// Hides a dataflow and its runs in another sandbox, as a changed access label does.
    fn move_flow(&mut self, flow_id: &str, sandbox: &str);
    /// Gives a run another status.
    fn set_run_status(&mut self, run_id: &str, status: RunStatus);
    /// Ends a run now.
    fn end_run(&mut self, run_id: &str, failure: Option<Failure>);
}

/// Queries of the true state.
pub trait TestQueries {
    /// `None` if there is no such run in any sandbox.
    fn run_status(&self, run_id: &str) -> Option<RunStatus>;
    /// `None` for a run that has not ended or does not exist.
    fn run_ended_at(&self, run_id: &str) -> Option<Timestamp>;
    /// The ids of all runs of a dataflow, newest first.
    fn runs_of(&self, flow_id: &str) -> Vec<String>;
}

/// Queries of the simulator's record.
pub trait LedgerQueries {
    /// The accepted re-triggers for an original failed run, in order, those of people included.
    fn accepted_for_root(&self, root_run: &str) -> Vec<&Retrigger>;
}

impl TestActions for World {
    fn set_flow_state(&mut self, flow_id: &str, state: FlowState) {
        let (now, key) = (self.now_ms(), self.flow_key(flow_id).unwrap());
        let flow = &mut self.flows[key];
        flow.setup.state = state;
        flow.updated_at = now;
        flow.stamp = flow.stamp.wrapping_add(1);
    }

    fn move_flow(&mut self, flow_id: &str, sandbox: &str) {
        self.add_sandbox(sandbox);
        let key = self.flow_key(flow_id).unwrap();
        sandbox.clone_into(&mut self.flows[key].setup.sandbox);
    }

    fn set_run_status(&mut self, run_id: &str, status: RunStatus) {
        let now = self.now_ms();
        let run = run_mut(self, run_id);
        run.status = status;
        run.updated_at = now;
    }

    fn end_run(&mut self, run_id: &str, failure: Option<Failure>) {
        let now = self.now_ms();
        let run = run_mut(self, run_id);
        run.status = if failure.is_some() { RunStatus::Failed } else { RunStatus::Success };
        run.failure = failure;
        run.ended_at = Some(now);
        run.updated_at = now;
        run.stamp = run.stamp.wrapping_add(1);
    }
}

fn run_mut<'w>(world: &'w mut World, run_id: &str) -> &'w mut Run {
    let key = world.runs.key_of(run_id).unwrap();
    world.runs.get_mut(key).unwrap()
}

fn run<'w>(world: &'w World, run_id: &str) -> Option<&'w Run> {
    world.runs.get(world.runs.key_of(run_id)?)
}

impl TestQueries for World {
    fn run_status(&self, run_id: &str) -> Option<RunStatus> {
        run(self, run_id).map(|run| run.status)
    }

    fn run_ended_at(&self, run_id: &str) -> Option<Timestamp> {
        let at = run(self, run_id)?.ended_at?;
        Timestamp::from_millisecond(at).ok()
    }

    fn runs_of(&self, flow_id: &str) -> Vec<String> {
        let key = self.flow_key(flow_id).into_iter();
        key.flat_map(|key| self.runs.of_flow(key)).map(|run| run.id.clone()).collect()
    }
}

impl LedgerQueries for Ledger {
    fn accepted_for_root(&self, root_run: &str) -> Vec<&Retrigger> {
        self.accepted().filter(|call| call.root_run == root_run).collect()
    }
}
