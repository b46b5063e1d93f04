//! Everything one pass knows about one sandbox, and the questions the plan asks of it.

use super::admission::Facts;
use super::due::DueRecovery;
use super::failure::Failure;
use super::flow::{Flow, FlowKind, FlowState};
use super::hold::Holds;
use super::ids::{FlowId, RunId, SandboxName};
use super::policy::RetryPolicy;
use super::quiet::{self, Pause, Quiet};
use super::reason::Reason;
use super::recovery::{Recovery, State};
use super::rule::{self, Action, Rule};
use super::run::{Run, RunStatus};
use super::schedule::{Jitter, before};
use super::transition::{Sighting, Terms};
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// How far the platform's clock may seem to run behind ours when the run of a doubtful call is
/// looked for. `Date` headers have whole seconds, so an offset cannot be known much better.
pub const CLOCK_SKEW: Duration = Duration::from_secs(10);

/// `createdClient` of what people make in Adobe's user interface, as Adobe documents it.
const UI_CLIENT: &str = "exc_app";

/// A selected dataflow and what is in force for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataflow {
    /// The dataflow as it was read last.
    pub flow: Flow,
    /// Its kind.
    pub kind: FlowKind,
    /// How hard to try.
    pub retry: RetryPolicy,
    /// How many of its re-triggered runs may be under way at a time.
    pub per_dataflow: u32,
}

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
    /// For each dataflow with a call in doubt: its runs since the intent.
    pub listings: HashMap<FlowId, FlowListing>,
    /// How far the client id that a run names can be trusted to tell whose it is.
    pub mark: Mark,
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

/// Whether `createdClient` tells the runs we caused from others. Adobe describes the field, but not
/// for runs that a re-trigger issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// It is not looked at.
    Ignored,
    /// Ours would be this; no issued run has shown yet whether it is.
    Supposed(String),
    /// Ours is this: an issued run has shown it.
    Proven(String),
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
    pub(super) fn obstacle(&self, flow: &FlowId) -> Option<Reason> {
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

    /// True if the dataflow and the run that this recovery would ask for were just read, and both
    /// still call for it.
    pub(super) fn is_ready(&self, recovery: &Recovery, policy: &RetryPolicy) -> bool {
        let calls_for_it = |run: &Run| {
            run.status == RunStatus::Failed || (policy.retry_empty_success && run.succeeded_empty())
        };
        let unseen = |id: &RunId| match self.runs.get(id) {
            Some(run) => !calls_for_it(run),
            None => !self.missing.contains(id),
        };
        self.runs.get(recovery.target(policy)).is_some_and(calls_for_it)
            && !recovery.unwatched(policy).is_some_and(unseen)
            && self.fresh.contains(&recovery.flow_id)
            && self.obstacle(&recovery.flow_id).is_none()
    }

    /// Why flowmend itself does not re-trigger this now: what was moved on in this pass is held in the
    /// next one.
    pub(super) fn forbids(&self, recovery: &Recovery, terms: Terms<'_>) -> Option<Reason> {
        if recovery.ordered {
            return None;
        }
        let ruled = (terms.action() != Action::Retry).then_some(Reason::HeldByRule);
        self.holds.why(&recovery.flow_id).or(ruled)
    }

    /// True if a run of the dataflow that began after the root run failed, and is none of our own,
    /// succeeded.
    pub(super) fn later_run_succeeded(&self, recovery: &Recovery) -> bool {
        let later = |id: &RunId, status: &RunStatus, begun_at: Option<Timestamp>| {
            *status == RunStatus::Succeeded
                && begun_at.is_some_and(|at| at > recovery.failed_at)
                && !self.known.contains(id)
        };
        let last = self.flows.get(&recovery.flow_id).and_then(|d| d.flow.last_run.as_ref());
        let listed = self.listings.get(&recovery.flow_id);
        last.is_some_and(|last| later(&last.id, &last.status, last.started_at))
            || listed.is_some_and(|listing| {
                listing.runs.iter().any(|run| later(&run.id, &run.status, run.begun_at()))
            })
    }

    /// True if a run of the dataflow that began after `run`, and is none of our own, is seen to have
    /// succeeded.
    pub(super) fn succeeded_since(&self, run: &Run) -> bool {
        let later = |id: &RunId, status: &RunStatus, begun_at: Option<Timestamp>| {
            *status == RunStatus::Succeeded && begun_at > run.begun_at() && !self.known.contains(id)
        };
        let last = self.flows.get(&run.flow_id).and_then(|it| it.flow.last_run.as_ref());
        let listed = self.listings.get(&run.flow_id).map_or(&[][..], |listing| &listing.runs);
        last.is_some_and(|last| later(&last.id, &last.status, last.started_at))
            || listed.iter().any(|run| later(&run.id, &run.status, run.begun_at()))
    }

    /// The run that somebody else's re-trigger of `asked` made, if there seems to be one: the newest
    /// that belongs to nobody, is younger than the failure, and was made in the user interface, which
    /// the failed run was not. Otherwise nobody can tell it from a run of the schedule.
    pub(super) fn retriggered_elsewhere(
        &self,
        asked: &Run,
        claimed: &HashSet<RunId>,
    ) -> Option<&Run> {
        let unanswered = |recovery: &Recovery| {
            recovery.flow_id == asked.flow_id && recovery.state.is_unanswered()
        };
        // The run may be that of a call of ours in doubt.
        if self.recoveries.iter().any(unanswered) {
            return None;
        }
        let listing = self.listings.get(&asked.flow_id)?;
        let failed_at = asked.failed_at()?;
        let is_theirs = |run: &Run| run.created_client.as_deref() == Some(UI_CLIENT);
        let foreign = listing.runs.iter().filter(|run| {
            run.id != asked.id
                && !claimed.contains(&run.id)
                && run.created_at.is_some_and(|at| at >= failed_at)
                && is_theirs(run)
                && asked.created_client.is_some()
                && !is_theirs(asked)
        });
        foreign.max_by_key(|run| (run.created_at, &run.id))
    }

    /// What the listing of its dataflow says about the call in doubt; `None` where none was taken.
    pub(super) fn sighting(
        &self,
        recovery: &Recovery,
        claimed: &HashSet<RunId>,
    ) -> Option<Sighting> {
        let State::InDoubt { asked, since, .. } = &recovery.state else { return None };
        let listing = self.listings.get(&recovery.flow_id)?;
        let earliest = before(*since, CLOCK_SKEW);
        let younger = |run: &&Run| {
            run.id != *asked
                && !claimed.contains(&run.id)
                && run.created_at.is_some_and(|at| at >= earliest)
        };
        let names_another = |run: &Run| match (&self.mark, &run.created_client) {
            (Mark::Supposed(ours) | Mark::Proven(ours), Some(theirs)) => ours != theirs,
            _ => false,
        };
        let (strangers, candidates): (Vec<&Run>, Vec<&Run>) =
            listing.runs.iter().filter(younger).partition(|run| names_another(run));
        // BTreeMap: oldest first, and each run once however often the pages repeat it.
        let candidates: BTreeMap<_, _> =
            candidates.into_iter().map(|run| ((run.created_at, &run.id), &run.etag)).collect();
        let candidates = candidates.into_iter().map(|((_, id), etag)| (id.clone(), etag.clone()));
        Some(Sighting {
            candidates: candidates.collect(),
            strangers: !strangers.is_empty() && matches!(self.mark, Mark::Supposed(_)),
            asked: self.runs.get(asked).cloned(),
            complete: listing.complete,
            listed_at: listing.begun_at,
        })
    }
}
