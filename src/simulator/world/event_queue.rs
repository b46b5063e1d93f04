//! What is going to happen, in order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::flow::FlowKey;
use super::run::RunKey;

/// Something with an appointed time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    /// A flow runs by its schedule, if that is still of this version.
    FlowDue(FlowKey, u32),
    /// A scheduled run starts.
    RunStarts(RunKey),
    /// A run ends.
    RunEnds(RunKey),
}

/// Appointments, the earliest first; of the same time, the one made first.
#[derive(Debug, Default)]
pub(crate) struct EventQueue {
    heap: BinaryHeap<Reverse<(i64, u64, Event)>>,
    made: u64,
}

impl EventQueue {
    /// `at` is in epoch milliseconds.
    pub(crate) fn add(&mut self, at: i64, event: Event) {
        self.made += 1;
        self.heap.push(Reverse((at, self.made, event)));
    }

    /// The next event that is due at `now`, with its time.
    pub(crate) fn next_due(&mut self, now: i64) -> Option<(i64, Event)> {
        let Reverse((at, ..)) = self.heap.peek()?;
        if *at > now {
            return None;
        }
        self.heap.pop().map(|Reverse((at, _, event))| (at, event))
    }
}
