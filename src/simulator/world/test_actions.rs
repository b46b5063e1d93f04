//! What happens to this world from outside, for rehearsals and tests.

use jiff::Timestamp;

use super::World;
use super::run::RunStatus;

impl World {
    /// When a run ended; `None` if it has not, or if there is no such run.
    pub fn run_ended_at(&self, run_id: &str) -> Option<Timestamp> {
        let run = self.runs.key_of(run_id).and_then(|key| self.runs.get(key))?;
        run.ended_at.and_then(|at| Timestamp::from_millisecond(at).ok())
    }

    /// Gives a run another status, as if something outside this world had; does nothing if there
    /// is no such run.
    pub fn set_run_status(&mut self, run_id: &str, status: RunStatus) {
        let now = self.now_ms();
        if let Some(run) = self.runs.key_of(run_id).and_then(|key| self.runs.get_mut(key)) {
            run.status = status;
            run.updated_at = now;
        }
    }

    /// Moves a flow and its runs out of sight, into another sandbox, as a changed access label
    /// does; does nothing if there is no such flow.
    pub fn move_flow(&mut self, flow_id: &str, sandbox: &str) {
        self.add_sandbox(sandbox);
        if let Some(flow) = self.flow_key(flow_id).and_then(|key| self.flows.get_mut(key)) {
            sandbox.clone_into(&mut flow.sandbox);
        }
    }
}
