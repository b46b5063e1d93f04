//! Future events, in order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::flow::FlowKey;
use super::run::RunKey;

/// What happens at a given time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    /// A flow runs by its schedule, unless the schedule has another version by then.
    FlowDue(FlowKey, u32),
    /// A scheduled run starts.
    RunStarts(RunKey),
    /// A run ends.
    RunEnds(RunKey),
}

/// Events, the earliest first; of the same time, the one added first.
#[derive(Debug, Default)]
pub(crate) struct EventQueue {
    heap: BinaryHeap<Reverse<(i64, u64, Event)>>,
    added: u64,
}

impl EventQueue {
    /// `at` is in epoch milliseconds.
    pub(crate) fn add(&mut self, at: i64, event: Event) {
        self.added += 1;
        self.heap.push(Reverse((at, self.added, event)));
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
