//! The log messages about whole dataflows and about the sandbox.

use crate::domain::model::ids::{FlowId, RunId};
use crate::domain::model::journal::{Entry, Event};
use crate::domain::model::reason::Reason;
use crate::domain::plan::admission::Admission;
use crate::domain::plan::snapshot::Snapshot;
use crate::domain::policy::breaker::Outcome;
use crate::domain::policy::long_failure::Failing;
use crate::domain::policy::outage::Extent;

/// What to log about whole dataflows and the sandbox, once each; the store knows what was logged.
pub(super) fn notices(snapshot: &Snapshot, admission: &Admission<'_>) -> Vec<Entry> {
    let told = |event, reason, flow: &FlowId, run: &RunId, detail: Option<String>| Entry {
        detail,
        ..note(snapshot, event, reason, flow, run)
    };
    let held = snapshot.holds.holds.iter().filter_map(|(flow, hold)| {
        let notice = hold.notice.as_ref()?;
        Some(told(Event::FlowHeld, hold.why, flow, &notice.run, Some(notice.text.clone())))
    });
    let warned = snapshot.holds.warnings.iter().map(|(flow, notice)| {
        let said = Some(notice.text.clone());
        told(Event::FlowWarned, Reason::KeepsFailing, flow, &notice.run, said)
    });
    let healed = snapshot.holds.healed.iter();
    let healed =
        healed.map(|(flow, run)| told(Event::FlowHealed, Reason::RunSucceeded, flow, run, None));
    let turn = |event, extent: &Extent, outcome: &Outcome| {
        told(event, extent.reason(), &outcome.flow_id, &outcome.run_id, extent.detail())
    };
    let outages = admission.outages();
    let began = outages.lasting.iter().map(|it| turn(Event::OutageBegan, &it.extent, &it.began));
    let ended = outages.ended.iter().map(|(extent, it)| turn(Event::OutageEnded, extent, it));
    let failing = snapshot.failing.iter().filter_map(|it| of_failing(snapshot, it));
    let mut notice: Vec<Entry> =
        held.chain(warned).chain(healed).chain(began).chain(ended).chain(failing).collect();
    notice.sort_by(|a, b| (&a.flow_id, &a.run_id).cmp(&(&b.flow_id, &b.run_id)));
    notice
}

/// What is to be said of a dataflow that has only failed, as far as the journal says: that its last run
/// succeeded, or that Adobe may soon disable it.
fn of_failing(snapshot: &Snapshot, failing: &Failing) -> Option<Entry> {
    let dataflow = snapshot.flows.get(&failing.flow_id)?;
    let last = dataflow.flow.last_run.as_ref();
    if let Some(last) = last.filter(|last| last.status.is_success()) {
        let (event, why) = (Event::FlowSucceeded, Reason::RunSucceeded);
        return Some(note(snapshot, event, why, &failing.flow_id, &last.id));
    }
    let warns = dataflow.block_reason().is_none() && failing.is_warning_due(snapshot.now);
    warns.then(|| {
        let (event, why) = (Event::FlowWarned, Reason::SoonDisabled);
        let entry = note(snapshot, event, why, &failing.flow_id, &failing.run_id);
        Entry { detail: Some(failing.text()), ..entry }
    })
}

/// An entry that belongs to no recovery.
pub(super) fn note(
    snapshot: &Snapshot,
    event: Event,
    reason: Reason,
    flow: &FlowId,
    run: &RunId,
) -> Entry {
    Entry {
        at: snapshot.now,
        sandbox: snapshot.sandbox.clone(),
        flow_id: flow.clone(),
        flow_name: snapshot.flows.get(flow).map_or("", |it| it.flow.name.as_str()).to_owned(),
        run_id: run.clone(),
        root_run_id: None,
        event,
        reason,
        rule: None,
        attempt: None,
        max_attempts: None,
        new_run_id: None,
        etag: None,
        due: None,
        detail: None,
        failure: None,
    }
}
