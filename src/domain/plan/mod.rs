//! The plan of one pass: what to do next and why, from everything that is known.
//!
//! [`plan`] is a pure function from a [`Snapshot`] to a [`Plan`]. It looks at every recovery and at
//! every failed run once, in three steps:
//!
//! 1. **Advance** each recovery by what was read about its runs.
//! 2. **Adopt** failed runs without a recovery, or skip them with a reason.
//! 3. **Choose** which of the due recoveries without a step may re-trigger now.
//!
//! A recovery has at most one step in a pass. If a step makes it due, the next pass handles it, and
//! follows at once. So a step that an operator's command overtook cannot lead to a call.
//!
//! An incomplete listing may lead to an adoption, but never to the conclusion that something is
//! missing.

pub mod admission;
mod adopt;
mod advance;
mod choose;
pub mod dataflow;
pub mod due;
mod evidence;
mod notices;
pub mod read_plan;
pub mod snapshot;
mod steps;

use crate::domain::model::ids::FlowId;
use crate::domain::model::journal::Event;
use crate::domain::model::reason::Reason;
use crate::domain::model::time::after;
use crate::domain::plan::admission::Admission;
use crate::domain::plan::snapshot::Snapshot;
use crate::domain::recovery::State;
use jiff::Timestamp;
use std::time::Duration;

use adopt::adopt_all;
use advance::advance_all;
use choose::choose;
use notices::notices;
pub use steps::Plan;

/// If a listing does not show the new run of a call in doubt, the next listing follows after this
/// time.
const SECOND_LOOK: Duration = Duration::from_secs(30);

/// Plans one pass. Equal snapshots give equal plans.
pub fn plan(snapshot: &Snapshot) -> Plan {
    let mut plan = Plan::default();
    let standing = advance_all(snapshot, &mut plan);
    adopt_all(snapshot, &mut plan);
    let mut admission = plan.admission(snapshot);
    choose(snapshot, standing, &mut admission, &mut plan);
    plan.notices = notices(snapshot, &admission);
    plan.next_due = match plan.more_to_adopt {
        false => next_due(snapshot, &admission, &plan),
        true => Some(snapshot.now),
    };
    plan
}

/// When the next pass has something to do.
fn next_due(snapshot: &Snapshot, admission: &Admission<'_>, plan: &Plan) -> Option<Timestamp> {
    let scheduled = plan.changes.iter().filter(|change| change.entry.event == Event::Scheduled);
    let just_due = scheduled.filter_map(|it| it.recovery.due()).any(|due| due <= snapshot.now);
    let roomy = |flow: &FlowId| admission.block_reason(flow, false).is_none();
    let made_room = snapshot.queue.iter().any(|it| roomy(&it.flow_id));
    if just_due || snapshot.more_due || made_room {
        return Some(snapshot.now);
    }
    let confirmed = snapshot.recoveries.iter().filter_map(|recovery| match &recovery.state {
        State::InDoubt { since, .. } => {
            Some(after(*since, recovery.confirmed_after(&snapshot.terms(recovery).policy)))
        }
        _ => None,
    });
    // The second listing follows soon after the first one that showed no new run.
    let looked = plan.changes.iter().any(|change| change.entry.event == Event::Unlisted);
    let look_again = looked.then(|| after(snapshot.now, SECOND_LOOK));
    let limited = [Reason::RateLimited, Reason::Throttled];
    let waits = plan.postponed.iter().any(|entry| limited.contains(&entry.reason));
    let freed = admission.free_at().filter(|_| waits || !snapshot.queue.is_empty());
    let moved = plan.changes.iter().filter_map(|change| change.recovery.due());
    let all = confirmed.chain(look_again).chain(moved).chain(freed).chain(snapshot.next_due);
    all.filter(|&due| due > snapshot.now).min()
}
