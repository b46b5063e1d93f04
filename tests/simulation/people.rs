//! What people do on the platform between passes.

use crate::history::History;
use crate::kit::simulator::{TestActions, TestQueries};
use flowmend::simulator::{FlowState, RunSetup, RunStatus};

impl History {
    /// What people do meanwhile. While a process sleeps they are away: what it does when it wakes
    /// rests on what it read hours ago.
    pub fn intervene(&mut self) {
        if self.has_sleeper() {
            return;
        }
        let flow = self.cast.batch[self.rng.usize(0..self.cast.batch.len())].clone();
        if self.disabled.contains(&flow) {
            if self.rng.u8(0..8) == 0 {
                self.tell(format!("enabled {flow}"));
                self.disabled.remove(&flow);
                self.world(|world| world.set_flow_state(&flow, FlowState::Enabled));
            }
        } else if self.rng.u8(0..40) == 0 {
            self.tell(format!("disabled {flow}"));
            self.disabled.insert(flow.clone());
            self.world(|world| world.set_flow_state(&flow, FlowState::Disabled));
        }
        // A run off the schedule seems to be a re-trigger where no window is told.
        if self.rng.u8(0..12) == 0 && self.setting.shows_windows() {
            self.make_failure();
        }
        if self.setting.people && self.rng.u8(0..20) == 0 {
            self.press_retry(&flow);
        }
    }

    /// A run fails outside the schedule, at once or in a while.
    fn make_failure(&mut self) {
        let all: Vec<_> = self.cast.batch.iter().chain(&self.cast.foreign).cloned().collect();
        let flow = all[self.rng.usize(0..all.len())].clone();
        let heals_after = [1, 1, 2, 3, u32::MAX][self.rng.usize(0..5)];
        let mut setup = RunSetup::failed(&flow).heals_after(heals_after);
        if self.rng.bool() {
            setup.status = RunStatus::InProgress;
        }
        let run = self.world(|world| world.add_run(setup)).unwrap();
        self.tell(format!("made {run} of {flow}, healed by {heals_after}"));
        self.made.insert(run, heals_after);
    }

    fn press_retry(&mut self, flow: &str) {
        let recent = self.world(|world| {
            let mut runs = world.runs_of(flow);
            runs.retain(|run| world.run_status(run) == Some(RunStatus::Failed));
            runs.truncate(4);
            runs
        });
        if let Some(run) = self.rng.choice(&recent) {
            let answer = self.world(|world| world.person_retriggers(run));
            self.told.push(format!("{} a person re-triggers {run}: {answer:?}", self.now()));
        }
    }
}
