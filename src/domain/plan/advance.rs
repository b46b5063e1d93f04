//! Step 1 of a plan: recoveries advance by what was read about their runs.

use crate::domain::model::ids::RunId;
use crate::domain::model::journal::Event;
use crate::domain::model::reason::Reason;
use crate::domain::model::run::RunStatus;
use crate::domain::plan::snapshot::Snapshot;
use crate::domain::policy::rule::Action;
use crate::domain::recovery::Terms;
use crate::domain::recovery::{Change, Recovery, State};
use std::collections::HashSet;

use crate::domain::plan::steps::Plan;

/// Step 1: advances each recovery by what was read about its runs. Returns those without a step.
pub(super) fn advance_all<'a>(snapshot: &'a Snapshot, plan: &mut Plan) -> Vec<&'a Recovery> {
    let mut claimed = snapshot.known.clone();
    let mut standing = Vec::new();
    for recovery in &snapshot.recoveries {
        match advance(snapshot, recovery, &claimed) {
            Some(change) => {
                claimed.insert(change.recovery.latest_run().clone());
                plan.changes.push(change);
            }
            None => standing.push(recovery),
        }
    }
    standing
}

fn advance(snapshot: &Snapshot, recovery: &Recovery, claimed: &HashSet<RunId>) -> Option<Change> {
    let terms = snapshot.terms(recovery);
    match &recovery.state {
        State::Triggering { .. } => recovery.interrupted(terms),
        State::InDoubt { .. } => {
            recovery.reconcile(&snapshot.listing_evidence(recovery, claimed)?, terms)
        }
        State::Watching { issued, .. } => {
            let run = snapshot.run(issued);
            // A run that could not be read may have ended long ago, so nothing is concluded from
            // it.
            let looked = run.is_some() || snapshot.missing.contains(issued);
            let facing = recovery.with_latest_failure(run);
            let mut change =
                looked.then(|| facing.follow(run, snapshot.terms(&facing))).flatten()?;
            if change.entry.event == Event::Recovered {
                change.entry.detail = snapshot.seen(issued);
            }
            Some(change)
        }
        State::Waiting { .. } => advance_waiting(snapshot, recovery, claimed, terms),
        State::Held { why, .. } => advance_held(snapshot, recovery, *why, terms),
        _ => None,
    }
}

fn advance_waiting(
    snapshot: &Snapshot,
    recovery: &Recovery,
    claimed: &HashSet<RunId>,
    terms: Terms<'_>,
) -> Option<Change> {
    let target = recovery.target(&terms.policy);
    let run = snapshot.run(target);
    let last = recovery.unwatched(&terms.policy).and_then(|id| snapshot.run(id));
    let mut read = run.into_iter().chain(last);
    if let Some(change) = read.find_map(|run| recovery.healed_elsewhere(run, terms)) {
        return Some(change);
    }
    if let Some(change) = recovery.run_out(terms).or_else(|| recovery.overruled(terms)) {
        return Some(change);
    }
    let own_hold = snapshot.own_hold(recovery);
    if let Some(block_reason) = snapshot.block_reason(&recovery.flow_id).or(own_hold) {
        return recovery.hold(block_reason, terms);
    }
    if snapshot.missing.contains(target) {
        return recovery.hold(Reason::NotFound, terms);
    }
    if terms.policy.skip_when_later_run_succeeded && snapshot.later_run_succeeded(recovery) {
        return recovery.superseded(terms);
    }
    let run = run.filter(|_| recovery.due().is_some_and(|due| due <= snapshot.now))?;
    let mut read = std::iter::once(run).chain(last);
    if let Some(at_work) = read.find(|run| run.status.is_under_way()) {
        return recovery.watch_again(at_work, terms);
    }
    let elsewhere = snapshot.retriggered_elsewhere(recovery, run, claimed)?;
    recovery.watch_elsewhere(&elsewhere, terms)
}

/// A hold ends when its cause is gone: the run has recovered, the dataflow is enabled again, or the
/// run is visible again. Other causes wait for a person.
fn advance_held(
    snapshot: &Snapshot,
    recovery: &Recovery,
    why: Reason,
    terms: Terms<'_>,
) -> Option<Change> {
    let run = snapshot.run(recovery.target(&terms.policy));
    if let Some(change) = run.and_then(|run| recovery.healed_elsewhere(run, terms)) {
        return Some(change);
    }
    if terms.policy.skip_when_later_run_succeeded && snapshot.later_run_succeeded(recovery) {
        return recovery.superseded(terms);
    }
    if let Some(change) = recovery.run_out(terms).or_else(|| recovery.ignored(terms)) {
        return Some(change);
    }
    let fresh = snapshot.fresh.contains(&recovery.flow_id);
    let gone = match why {
        why if why.is_of_dataflow() => fresh && snapshot.block_reason(&recovery.flow_id).is_none(),
        // Causes of flowmend's own are gone when no hold lists them any more.
        Reason::HeldByRule => terms.action() == Action::Retry,
        Reason::KeepsFailing | Reason::Paused | Reason::ActionUnsupported => {
            snapshot.holds.why(&recovery.flow_id).is_none()
        }
        Reason::NotFound => run.is_some_and(|run| run.status == RunStatus::Failed),
        _ => false,
    };
    if gone { recovery.resume(terms) } else { None }
}
