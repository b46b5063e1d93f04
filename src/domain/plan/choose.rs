//! Step 3 of a plan: which due recoveries may re-trigger now.

use crate::domain::model::reason::Reason;
use crate::domain::plan::admission::Admission;
use crate::domain::plan::snapshot::Snapshot;
use crate::domain::recovery::Recovery;

use crate::domain::plan::steps::Plan;

/// Step 3: which of the due recoveries without a step may re-trigger in this pass.
pub(super) fn choose(
    snapshot: &Snapshot,
    standing: Vec<&Recovery>,
    admission: &mut Admission<'_>,
    plan: &mut Plan,
) {
    let is_due = |recovery: &&Recovery| recovery.due().is_some_and(|due| due <= snapshot.now);
    let mut due: Vec<&Recovery> = standing.into_iter().filter(is_due).collect();
    let tried = |it: &Recovery| {
        admission.tried(&it.flow_id, u32::try_from(it.attempts.len()).unwrap_or(u32::MAX))
    };
    due.sort_by_key(|it| (!it.ordered, tried(it), it.failed_at, it.root_run_id.clone()));

    for recovery in due {
        let terms = snapshot.terms(recovery);
        let quiet = snapshot.pause(recovery).filter(|_| !recovery.ordered);
        let block_reason = || admission.block_reason(&recovery.flow_id, recovery.ordered);
        let not_ready =
            || (!snapshot.is_ready(recovery, &terms.policy)).then_some(Reason::NotReread);
        let other_run = || snapshot.another_is_at_work(recovery).then_some(Reason::OtherRun);
        let waits_for = match (snapshot.own_block_reason(recovery, terms), quiet) {
            (Some(held), _) => Some(held),
            (None, Some(pause)) => {
                plan.changes.extend(recovery.postpone_for_quiet(pause, terms));
                continue;
            }
            (None, None) => block_reason().or_else(not_ready).or_else(other_run),
        };
        if let Some(reason) = waits_for {
            plan.postponed.push(recovery.postponed(reason, terms));
            plan.changes.extend(recovery.wait_for(reason, terms));
        } else if let Some(mut intent) = recovery.begin(terms) {
            intent.entry.detail = snapshot.seen(recovery.target(&terms.policy));
            admission.begin(&recovery.flow_id);
            plan.intents.push(intent);
        }
    }
}
