//! Everything one pass knows about one sandbox, and the questions the plan asks of it.

use crate::domain::model::failure::Failure;
use crate::domain::model::flow::{FlowKind, FlowState};
use crate::domain::model::ids::{FlowId, RunId, SandboxName};
use crate::domain::model::reason::Reason;
use crate::domain::model::run::{Run, RunStatus};
use crate::domain::plan::admission::Facts;
use crate::domain::plan::dataflow::Dataflow;
use crate::domain::plan::due::DueRecovery;
use crate::domain::policy::hold::Holds;
use crate::domain::policy::quiet::{self, Pause, Quiet};
use crate::domain::policy::retry::RetryPolicy;
use crate::domain::policy::rule::{self, Action, Rule};
use crate::domain::policy::schedule::Jitter;
use crate::domain::recovery::Recovery;
use crate::domain::recovery::Terms;
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// How far the platform's clock may seem to run behind ours when the run of a doubtful call is
/// looked for. `Date` headers have whole seconds, so an offset cannot be known much better.
pub const CLOCK_SKEW: Duration = Duration::from_secs(10);

/// Everything one pass knows about one sandbox.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Now, by the platform's clock.
    pub now: Timestamp,
    /// The sandbox.
    pub sandbox: SandboxName,
    /// The selected dataflows, whatever their kind and state.
    pub flows: Arc<HashMap<FlowId, Dataflow>>,
    /// Those of them that were just read; nothing is sent for any other.
    pub fresh: HashSet<FlowId>,
    /// The policy of recoveries whose dataflow is selected no more.
    pub fallback: RetryPolicy,
    /// Every recovery under way, the due ones that this pass looks at, and held ones to be checked.
    pub recoveries: Vec<Recovery>,
    /// The due ones that wait for others.
    pub queue: Vec<DueRecovery>,
    /// True if more could go at once than one pass takes.
    pub more_due: bool,
    /// When the next recovery becomes due that is not due yet.
    pub next_due: Option<Timestamp>,
    /// The listed runs that may have to be adopted, in any order.
    pub listed: Vec<Run>,
    /// Those of all runs read in this pass that belong to a recovery, final ones included.
    pub known: HashSet<RunId>,
    /// Every run read in this pass.
    pub runs: HashMap<RunId, Run>,
    /// Runs that were asked for by id and that a complete answer did not hold.
    pub missing: HashSet<RunId>,
    /// For each dataflow with a call in doubt, or with a run that may be re-triggered now: its runs
    /// since then.
    pub listings: HashMap<FlowId, FlowListing>,
    /// How far the client id that a run names can be trusted to tell whose it is.
    pub client_trust: ClientIdTrust,
    /// Runs that began before this are left alone.
    pub adopt_since: Timestamp,
    /// Until the sandbox was read to its end once, nothing is known of what came before: runs that
    /// began before this are left alone for good, and so are those whose dataflow succeeded since.
    pub first_since: Option<Timestamp>,
    /// How many recoveries may be taken on.
    pub max_adopted: usize,
    /// How many runs of a dataflow may be under way that is not in `flows`.
    pub per_dataflow: u32,
    /// What decides who may call now.
    pub admission: Facts,
    /// Where chance comes from.
    pub jitter: Jitter,
    /// What to do with which failure, in order.
    pub rules: Arc<[Rule]>,
    /// When nothing is re-triggered.
    pub quiet: Arc<[Quiet]>,
    /// Dataflows that are held as a whole.
    pub holds: Holds,
}

/// What `createdClient` can tell. That it names us is proof; that it names another never is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientIdTrust {
    /// It is not looked at.
    Ignored,
    /// Ours is this. Whether the runs that we cause name it is not known, or they do not.
    Supposed(String),
    /// Ours is this, and runs that were issued for us named it.
    Proven {
        /// Our client id.
        client: String,
        /// Since when it is ours; calls made before bear another mark.
        since: Timestamp,
    },
}

/// The runs of one dataflow since some intent.
#[derive(Debug, Clone)]
pub struct FlowListing {
    /// The runs, whatever their status.
    pub runs: Vec<Run>,
    /// Whether these are all.
    pub complete: bool,
    /// When the listing was begun, by the platform's clock.
    pub begun_at: Timestamp,
}

impl Snapshot {
    /// What is in force for a recovery now.
    pub fn terms(&self, recovery: &Recovery) -> Terms<'_> {
        self.terms_for(&recovery.flow_id, self.name_of(recovery), &recovery.failure)
    }

    /// What its dataflow is called now, or was when it was last seen.
    fn name_of<'a>(&'a self, recovery: &'a Recovery) -> &'a str {
        let dataflow = self.flows.get(&recovery.flow_id);
        dataflow.map_or(&recovery.flow_name, |dataflow| &dataflow.flow.name)
    }

    /// What is in force for such a failure of this dataflow now.
    pub(super) fn terms_for(&self, flow: &FlowId, name: &str, failure: &Failure) -> Terms<'_> {
        let base = self.flows.get(flow).map_or(self.fallback, |dataflow| dataflow.retry);
        let (rule, policy) = rule::in_force(&self.rules, base, &self.sandbox, flow, name, failure);
        Terms { policy, rule, jitter: self.jitter, now: self.now }
    }

    /// The failure of a run that was just read.
    pub(super) fn failure_of(&self, run: &Run) -> Failure {
        let flow = self.flows.get(&run.flow_id);
        Failure::of(run, flow.and_then(|dataflow| dataflow.flow.source_spec.clone()))
    }

    /// The quiet window that covers the recovery's dataflow now.
    pub(super) fn pause(&self, recovery: &Recovery) -> Option<Pause> {
        let (flow, name) = (&recovery.flow_id, self.name_of(recovery));
        quiet::pause(&self.quiet, &self.sandbox, flow, name, self.now)
    }

    /// Why the runs of this dataflow cannot be re-triggered, if that is known.
    pub(super) fn block_reason(&self, flow: &FlowId) -> Option<Reason> {
        let Some(dataflow) = self.flows.get(flow) else { return Some(Reason::NotSelected) };
        match dataflow.kind {
            FlowKind::Streaming => Some(Reason::StreamingSource),
            FlowKind::Destination => Some(Reason::Destination),
            FlowKind::Unknown => Some(Reason::UnknownKind),
            FlowKind::Batch if dataflow.flow.state != FlowState::Enabled => {
                Some(Reason::FlowDisabled)
            }
            FlowKind::Batch => None,
        }
    }

    /// True if the dataflow, its other runs, and the run that this recovery would ask for were just
    /// read, and all still call for it.
    pub(super) fn is_ready(&self, recovery: &Recovery, policy: &RetryPolicy) -> bool {
        let calls_for_it = |run: &Run| {
            run.status == RunStatus::Failed || (policy.retry_empty_success && run.succeeded_empty())
        };
        let unseen = |id: &RunId| match self.runs.get(id) {
            Some(run) => !calls_for_it(run),
            None => !self.missing.contains(id),
        };
        let listed = self.listings.get(&recovery.flow_id).is_some_and(|it| it.complete);
        self.runs.get(recovery.target(policy)).is_some_and(calls_for_it)
            && listed
            && !recovery.unwatched(policy).is_some_and(unseen)
            && self.fresh.contains(&recovery.flow_id)
            && self.block_reason(&recovery.flow_id).is_none()
    }

    /// Why flowmend itself does not re-trigger this now: what was moved on in this pass is held in the
    /// next one.
    pub(super) fn own_block_reason(&self, recovery: &Recovery, terms: Terms<'_>) -> Option<Reason> {
        if recovery.ordered {
            return None;
        }
        let ruled = (terms.action() != Action::Retry).then_some(Reason::HeldByRule);
        self.holds.why(&recovery.flow_id).or(ruled)
    }
}
