//! What is remembered about a sandbox between passes; all of it can be read again.

use super::catalog::Catalog;
use super::refusal_log::RefusalLog;
use crate::domain::model::ids::{FlowId, RunId};
use crate::domain::model::run::Run;
use crate::domain::model::time::after;
use crate::domain::policy::pause_order::Order;
use crate::flow_service::IDS_PER_REQUEST;
use crate::store::Progress;
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// What was read this recently is reused by a pass that follows at once.
const JUST_READ: Duration = Duration::from_secs(20);
/// How often the causes of holds are checked.
const CHECK_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// What is remembered about a sandbox between passes.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) catalog: Catalog,
    /// New runs whose `createdClient` was not checked yet.
    pub(super) issued: HashSet<RunId>,
    /// The dataflows that were held as a whole.
    pub(super) held: HashSet<FlowId>,
    /// The operators' pauses and resumes; `None` before they were read.
    pub(super) orders: Option<Vec<Order>>,
    /// Listed failed runs that are neither adopted nor skipped yet.
    pub(super) deferred: HashMap<RunId, Arc<Run>>,
    /// Failed runs that were skipped because their dataflow was not enabled, or of unknown kind.
    pub(super) parked: HashMap<RunId, Arc<Run>>,
    /// What a pass that follows at once need not read again.
    pub(super) carried: Option<Carried>,
    pub(super) check: Check,
    /// The refusals that were logged.
    pub(super) logged: RefusalLog,
    /// How far the first pass has read, until everything in it is decided on.
    pub(super) withheld: Option<Progress>,
}

impl Memory {
    /// The parked runs that a pass at `now` looks at again: all if one request reads their
    /// dataflows, otherwise only now and then.
    pub(super) fn parked_to_check(&self, now: Timestamp) -> impl Iterator<Item = &Arc<Run>> {
        let flows: HashSet<&FlowId> = self.parked.values().map(|run| &run.flow_id).collect();
        let all = flows.len() <= IDS_PER_REQUEST || self.check.is_due(now);
        self.parked.values().filter(move |_| all)
    }
}

/// What was just read.
#[derive(Debug)]
pub(super) struct Carried {
    pub(super) runs: HashMap<RunId, Arc<Run>>,
    /// The dataflows that were read.
    pub(super) fresh: HashSet<FlowId>,
    pub(super) read_at: Timestamp,
}

impl Carried {
    pub(super) fn is_young(&self, now: Timestamp) -> bool {
        self.read_at <= now && now < after(self.read_at, JUST_READ)
    }
}

/// The round over the held recoveries: some in each pass, until all were checked.
#[derive(Debug, Default)]
pub(super) enum Check {
    /// The next round is due.
    #[default]
    Due,
    /// A round is in progress and continues after this recovery.
    After(RunId),
    /// The next round begins then.
    Idle(Timestamp),
}

impl Check {
    /// Whether a pass at `now` checks held recoveries, and after which one it continues.
    pub(super) fn next(&self, now: Timestamp) -> Option<Option<RunId>> {
        match self {
            Self::Due => Some(None),
            Self::After(root) => Some(Some(root.clone())),
            // A date that far ahead comes from a clock that was wrong.
            Self::Idle(at) => (*at <= now || *at > after(now, CHECK_INTERVAL)).then_some(None),
        }
    }

    /// True if a round begins in a pass at `now`.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.next(now) == Some(None)
    }

    /// The recovery `last` was the last one checked; `None` if that was the end of the round.
    pub(super) fn looked_at(&mut self, last: Option<RunId>, now: Timestamp) {
        *self = match last {
            Some(root) => Self::After(root),
            None => Self::Idle(after(now, CHECK_INTERVAL)),
        };
    }

    /// True while a round is in progress.
    pub(super) fn is_under_way(&self) -> bool {
        matches!(self, Self::After(_))
    }
}
