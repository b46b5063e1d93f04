//! What the runs that were read show about a recovery.

use crate::domain::model::ids::RunId;
use crate::domain::model::run::{Run, RunStatus};
use crate::domain::model::time::before;
use crate::domain::recovery::ListingEvidence;
use crate::domain::recovery::{Recovery, State};
use jiff::Timestamp;
use std::collections::{BTreeMap, HashSet};

use super::snapshot::{CLOCK_SKEW, ClientIdTrust, Snapshot};

/// `createdClient` of runs that people start in Adobe's user interface, as Adobe documents it.
const UI_CLIENT: &str = "exc_app";

impl Snapshot {
    /// True if a later run of the dataflow succeeded: it began after the root run failed, and
    /// flowmend did not cause it.
    pub(super) fn later_run_succeeded(&self, recovery: &Recovery) -> bool {
        let later = |id: &RunId, status: &RunStatus, begun_at: Option<Timestamp>| {
            status.is_success()
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

    /// True if the runs that were read show a success after `run` that flowmend did not cause.
    pub(super) fn succeeded_since(&self, run: &Run) -> bool {
        let later = |id: &RunId, status: &RunStatus, begun_at: Option<Timestamp>| {
            status.is_success() && begun_at > run.begun_at() && !self.known.contains(id)
        };
        let last = self.flows.get(&run.flow_id).and_then(|it| it.flow.last_run.as_ref());
        let listed = self.listings.get(&run.flow_id).map_or(&[][..], |listing| &listing.runs);
        last.is_some_and(|last| later(&last.id, &last.status, last.started_at))
            || listed.iter().any(|run| later(&run.id, &run.status, run.begun_at()))
    }

    /// The run that someone else's re-trigger of `asked` seems to have created: the newest run
    /// without a recovery that is younger than the failure and was created in the user interface,
    /// unless the failed run was created there too. Any other run could be a scheduled one.
    pub(super) fn retriggered_elsewhere(
        &self,
        asked: &Run,
        claimed: &HashSet<RunId>,
    ) -> Option<&Run> {
        let unanswered = |recovery: &Recovery| {
            recovery.flow_id == asked.flow_id && recovery.state.is_unanswered()
        };
        // The run may belong to a call of our own that is in doubt.
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

    /// What the listing of its dataflow shows about the call in doubt; `None` without a listing.
    pub(super) fn listing_evidence(
        &self,
        recovery: &Recovery,
        claimed: &HashSet<RunId>,
    ) -> Option<ListingEvidence> {
        let State::InDoubt { asked, since, .. } = &recovery.state else { return None };
        let listing = self.listings.get(&recovery.flow_id)?;
        let earliest = before(*since, CLOCK_SKEW);
        let younger = |run: &&Run| {
            run.id != *asked
                && !claimed.contains(&run.id)
                && run.created_at.is_some_and(|at| at >= earliest)
        };
        let names_another = |run: &Run| match (&self.client_trust, &run.created_client) {
            (
                ClientIdTrust::Supposed(ours) | ClientIdTrust::Proven { client: ours, .. },
                Some(theirs),
            ) => ours != theirs,
            _ => false,
        };
        let may_be_ours = match &self.client_trust {
            ClientIdTrust::Ignored => false,
            ClientIdTrust::Supposed(_) => true,
            ClientIdTrust::Proven { since: changed, .. } => since < changed,
        };
        let (foreign_candidates, candidates): (Vec<&Run>, Vec<&Run>) =
            listing.runs.iter().filter(younger).partition(|run| names_another(run));
        // BTreeMap: oldest first, and each run once even if the pages repeat it.
        let candidates: BTreeMap<_, _> =
            candidates.into_iter().map(|run| ((run.created_at, &run.id), &run.etag)).collect();
        let candidates = candidates.into_iter().map(|((_, id), etag)| (id.clone(), etag.clone()));
        Some(ListingEvidence {
            candidates: candidates.collect(),
            foreign_candidates: !foreign_candidates.is_empty() && may_be_ours,
            asked: self.runs.get(asked).cloned(),
            complete: listing.complete,
            listed_at: listing.begun_at,
        })
    }
}
