//! Everything that one pass knows about one sandbox, and the questions that the plan asks about it.

use crate::domain::model::failure::Failure;
use crate::domain::model::ids::{FlowId, RunId, SandboxName};
use crate::domain::model::reason::Reason;
use crate::domain::model::run::{Run, RunStatus};
use crate::domain::plan::admission::Facts;
use crate::domain::plan::dataflow::Dataflow;
use crate::domain::plan::due::DueRecovery;
use crate::domain::policy::hold::Holds;
use crate::domain::policy::in_force::{InForce, Policies};
use crate::domain::policy::long_failure::Failing;
use crate::domain::policy::quiet::{self, Pause, Quiet};
use crate::domain::policy::retry::RetryPolicy;
use crate::domain::policy::rule::Action;
use crate::domain::policy::schedule::Jitter;
use crate::domain::recovery::Recovery;
use crate::domain::recovery::Terms;
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// How far Adobe's clock may seem to be behind ours when flowmend looks for the new run of a call
/// in doubt. `Date` headers have whole seconds, so an offset cannot be known much better.
pub const CLOCK_SKEW: Duration = Duration::from_secs(10);

/// Everything that one pass knows about one sandbox.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Now, by Adobe's clock.
    pub now: Timestamp,
    /// The sandbox.
    pub sandbox: SandboxName,
    /// The selected dataflows, of any kind and state.
    pub flows: Arc<HashMap<FlowId, Dataflow>>,
    /// The dataflows that were just read; nothing is sent for any other.
    pub fresh: HashSet<FlowId>,
    /// All recoveries in progress, the due ones that this pass looks at, and held ones to check.
    pub recoveries: Vec<Recovery>,
    /// The due recoveries that wait for others.
    pub queue: Vec<DueRecovery>,
    /// True if more recoveries could call now than one pass takes.
    pub more_due: bool,
    /// When the next recovery becomes due.
    pub next_due: Option<Timestamp>,
    /// The listed runs that may have to be adopted, in any order.
    pub listed: Vec<Arc<Run>>,
    /// The runs read in this pass that belong to a recovery, including final ones.
    pub known: HashSet<RunId>,
    /// Every run read in this pass.
    pub runs: HashMap<RunId, Arc<Run>>,
    /// Runs that were requested by id and are missing in a complete answer.
    pub missing: HashSet<RunId>,
    /// For each dataflow with a call in doubt, or with a run that may be re-triggered now: its runs
    /// since then.
    pub listings: HashMap<FlowId, FlowListing>,
    /// How far a run's client id can be trusted to identify our runs.
    pub client_trust: ClientIdTrust,
    /// Runs that began before this are skipped.
    pub adopt_since: Timestamp,
    /// Set until the sandbox has been read completely once, because earlier re-triggers are unknown
    /// until then. Runs that began before this are skipped for good, and so are runs whose dataflow
    /// has succeeded since.
    pub first_since: Option<Timestamp>,
    /// How many recoveries may be started.
    pub max_adopted: usize,
    /// The facts that decide who may call now.
    pub admission: Facts,
    /// The source of randomness.
    pub jitter: Jitter,
    /// The policies in force.
    pub policies: Policies,
    /// The windows without re-triggers.
    pub quiet: Arc<[Quiet]>,
    /// Dataflows that are held as a whole.
    pub holds: Holds,
    /// Dataflows that have only failed for some time; read in a full scan only.
    pub failing: Vec<Failing>,
}

/// What `createdClient` shows. Our client id proves that a run is ours; another one never proves that
/// it is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientIdTrust {
    /// The field is ignored.
    Ignored,
    /// This is our client id. It is unknown whether runs that flowmend causes name it, or they do not.
    Supposed(String),
    /// This is our client id; new runs have named it.
    Proven {
        /// Our client id.
        client: String,
        /// Since when; calls made earlier have another client id.
        since: Timestamp,
    },
}

/// The runs of one dataflow since some intent.
#[derive(Debug, Clone)]
pub struct FlowListing {
    /// The runs, with any status.
    pub runs: Vec<Arc<Run>>,
    /// Whether the list is complete.
    pub complete: bool,
    /// When the listing began, by Adobe's clock.
    pub begun_at: Timestamp,
}

impl Snapshot {
    /// The run with this id, if it was read.
    pub fn run(&self, id: &RunId) -> Option<&Run> {
        self.runs.get(id).map(Arc::as_ref)
    }

    /// The policy in force for a recovery now.
    pub fn terms(&self, recovery: &Recovery) -> Terms<'_> {
        self.terms_for(&recovery.flow_id, self.name_of(recovery), &recovery.failure)
    }

    /// The current name of its dataflow, or the last known one.
    fn name_of<'a>(&'a self, recovery: &'a Recovery) -> &'a str {
        let dataflow = self.flows.get(&recovery.flow_id);
        dataflow.map_or(&recovery.flow_name, |dataflow| &dataflow.flow.name)
    }

    /// The policy in force now for such a failure of this dataflow.
    pub(super) fn terms_for(&self, flow: &FlowId, name: &str, failure: &Failure) -> Terms<'_> {
        let InForce { rule, retry } = self.policies.in_force(&self.sandbox, flow, name, failure);
        Terms { policy: retry, rule, jitter: self.jitter, now: self.now }
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
        match self.flows.get(flow) {
            Some(dataflow) => dataflow.block_reason(),
            None => Some(Reason::NotSelected),
        }
    }

    /// True if the dataflow, its other runs and the run that this recovery would re-trigger were just
    /// read, and all still allow it.
    pub(super) fn is_ready(&self, recovery: &Recovery, policy: &RetryPolicy) -> bool {
        let calls_for_it = |run: &Run| {
            run.status == RunStatus::Failed || (policy.retry_empty_success && run.succeeded_empty())
        };
        let unseen = |id: &RunId| match self.run(id) {
            Some(run) => !calls_for_it(run),
            None => !self.missing.contains(id),
        };
        let listed = self.listings.get(&recovery.flow_id).is_some_and(|it| it.complete);
        self.run(recovery.target(policy)).is_some_and(calls_for_it)
            && listed
            && !recovery.unwatched(policy).is_some_and(unseen)
            && self.fresh.contains(&recovery.flow_id)
            && self.block_reason(&recovery.flow_id).is_none()
    }

    /// Why its dataflow is held as a whole. What an operator ordered goes on, unless the dataflow was
    /// paused after that.
    pub(super) fn own_hold(&self, recovery: &Recovery) -> Option<Reason> {
        let hold = self.holds.holds.get(&recovery.flow_id)?;
        let paused_since = hold.paused_at.is_some_and(|at| at > recovery.updated_at);
        (!recovery.ordered || paused_since).then_some(hold.why)
    }

    /// Why flowmend itself does not re-trigger this now: what was moved on in this pass is held in the
    /// next one.
    pub(super) fn own_block_reason(&self, recovery: &Recovery, terms: Terms<'_>) -> Option<Reason> {
        let ruled = terms.action() != Action::Retry && !recovery.ordered;
        self.own_hold(recovery).or(ruled.then_some(Reason::HeldByRule))
    }
}
