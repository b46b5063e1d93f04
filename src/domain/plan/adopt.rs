//! Step 2 of a plan: failed runs without a recovery are adopted or skipped.

use crate::domain::model::ids::RunId;
use crate::domain::model::journal::{Entry, Event};
use crate::domain::model::reason::Reason;
use crate::domain::model::run::{Run, RunStatus};
use crate::domain::plan::snapshot::Snapshot;
use crate::domain::policy::rule::Action;
use crate::domain::recovery::{Recovery, State, Whose};
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::notices::note;
use crate::domain::plan::steps::Plan;

/// Step 2: adopts failed runs without a recovery, the oldest failure first.
pub(super) fn adopt_all(snapshot: &Snapshot, plan: &mut Plan) {
    let mut owned: HashSet<&RunId> = snapshot.known.iter().collect();
    let latest: Vec<RunId> =
        plan.changes.iter().map(|change| change.recovery.latest_run().clone()).collect();
    owned.extend(&latest);
    let mut fresh: Vec<&Run> = snapshot
        .listed
        .iter()
        .map(Arc::as_ref)
        .filter(|run| snapshot.flows.contains_key(&run.flow_id) && owned.insert(&run.id))
        .collect();
    fresh.sort_by(|a, b| (a.failed_at(), &a.id).cmp(&(b.failed_at(), &b.id)));

    let doubtful = still_in_doubt(snapshot, plan);
    let mut adopted = 0;
    for run in fresh {
        match triage(snapshot, run, &doubtful) {
            Triage::Ignore => {}
            Triage::Skip(reason) => plan.skipped.push(skip(snapshot, run, reason)),
            Triage::Later => {
                plan.deferred.push(run.id.clone());
                let why = Reason::BehindDoubt;
                plan.postponed.push(note(snapshot, Event::Postponed, why, &run.flow_id, &run.id));
            }
            Triage::Adopt(..) if adopted == snapshot.max_adopted => {
                plan.more_to_adopt = true;
                plan.deferred.push(run.id.clone());
            }
            Triage::Adopt(reason, failed_at) => {
                adopted += 1;
                let name = &snapshot.flows[&run.flow_id].flow.name;
                let failure = snapshot.failure_of(run);
                let terms = snapshot.terms_for(&run.flow_id, name, &failure);
                let sandbox = &snapshot.sandbox;
                let change =
                    Recovery::adopt(run, failed_at, failure.clone(), sandbox, name, reason, terms);
                plan.changes.push(change);
            }
        }
    }
}

/// The recoveries that are in doubt once the steps so far are stored.
fn still_in_doubt(snapshot: &Snapshot, plan: &Plan) -> Vec<Recovery> {
    let moved: HashMap<&RunId, &Recovery> =
        plan.changes.iter().map(|it| (&it.recovery.root_run_id, &it.recovery)).collect();
    let in_doubt = |recovery: &&Recovery| matches!(recovery.state, State::InDoubt { .. });
    let now =
        snapshot.recoveries.iter().map(|it| moved.get(&it.root_run_id).copied().unwrap_or(it));
    now.filter(in_doubt).cloned().collect()
}

/// What to do with a listed run that has no recovery.
enum Triage {
    /// Nothing: it did not fail.
    Ignore,
    /// Skip it for good.
    Skip(Reason),
    /// Decide later: not enough is known.
    Later,
    /// Adopt it; it failed at this instant.
    Adopt(Reason, Timestamp),
}

fn triage(snapshot: &Snapshot, run: &Run, doubtful: &[Recovery]) -> Triage {
    let Some(dataflow) = snapshot.flows.get(&run.flow_id) else { return Triage::Ignore };
    let failure = snapshot.failure_of(run);
    let terms = snapshot.terms_for(&run.flow_id, &dataflow.flow.name, &failure);
    let empty = run.succeeded_empty() && terms.policy.retry_empty_success;
    let reason = match run.status {
        RunStatus::Failed => Reason::RunFailed,
        RunStatus::Succeeded if empty => Reason::EmptySuccess,
        _ => return Triage::Ignore,
    };
    let hold = || snapshot.holds.why(&run.flow_id);
    if let Some(block_reason) = snapshot.block_reason(&run.flow_id).or_else(hold) {
        return Triage::Skip(block_reason);
    }
    let (Some(aged_from), Some(failed_at)) = (run.aged_from(), run.failed_at()) else {
        return Triage::Skip(Reason::NoDate);
    };
    if aged_from < snapshot.adopt_since {
        return Triage::Skip(Reason::TooOld);
    }
    if terms.action() == Action::Ignore {
        return Triage::Skip(Reason::IgnoredByRule);
    }
    if let Some(since) = snapshot.first_since {
        if aged_from < since {
            return Triage::Skip(Reason::TooOldAtFirst);
        }
        if snapshot.succeeded_since(run) {
            return Triage::Skip(Reason::SucceededSince);
        }
    }
    if doubtful.iter().any(|recovery| may_have_issued(snapshot, recovery, run)) {
        return Triage::Later;
    }
    Triage::Adopt(reason, failed_at.min(snapshot.now))
}

/// True if `run` could be the new run of the recovery's call in doubt. Then it must not be adopted
/// before the doubt is resolved.
fn may_have_issued(snapshot: &Snapshot, doubtful: &Recovery, run: &Run) -> bool {
    let is_theirs = || matches!(snapshot.whose(doubtful, run), None | Some(Whose::Theirs));
    doubtful.flow_id == run.flow_id && (run.made_at().is_none() || !is_theirs())
}

fn skip(snapshot: &Snapshot, run: &Run, reason: Reason) -> Entry {
    let failure = snapshot.failure_of(run);
    let entry = note(snapshot, Event::Skipped, reason, &run.flow_id, &run.id);
    let rule = snapshot.terms_for(&run.flow_id, &entry.flow_name, &failure).rule;
    let rule = rule.filter(|_| reason == Reason::IgnoredByRule).map(|rule| rule.name.clone());
    Entry { rule, detail: failure.codes(), failure: Some(failure), ..entry }
}
