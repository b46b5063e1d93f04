//! The plan of one pass: from everything that is known, what to do next and why.
//!
//! [`plan`] is a pure function from a [`Snapshot`] to a [`Plan`]. It looks at every open recovery and
//! at every failed run once, in three steps that a reader can follow from top to bottom:
//!
//! 1. **Advance** each open recovery by what was read of its runs.
//! 2. **Adopt** failed runs that belong to no recovery yet, or say why not.
//! 3. **Choose** which of the due recoveries may re-trigger now, oldest failure first.
//!
//! A listing that is not complete may lead to an adoption, but never to the conclusion that
//! something is missing.

use super::breaker::Outcome;
use super::ids::{FlowId, RunId};
use super::journal::{Entry, Event};
use super::reason::Reason;
use super::recovery::{Change, Recovery, State};
use super::rule::Action;
use super::run::{Run, RunStatus};
use super::schedule::{after, before};
use super::snapshot::{CLOCK_SKEW, Snapshot};
use super::transition::Terms;
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// What to do, each with its reason.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// Steps of recoveries, to be stored before anything is sent.
    pub changes: Vec<Change>,
    /// Intents to re-trigger, to be stored after `changes`; only those that were stored are sent.
    pub intents: Vec<Change>,
    /// Runs that are left alone, each with its reason.
    pub skipped: Vec<Entry>,
    /// Due recoveries that have to wait, each with its reason.
    pub postponed: Vec<Entry>,
    /// What is to be told of whole dataflows and of the sandbox.
    pub news: Vec<Entry>,
    /// True if a failed run was neither adopted nor skipped for good: it has to be listed again.
    pub unfinished: bool,
    /// When the next pass has something to do, if that is known.
    pub next_due: Option<Timestamp>,
}

/// Plans one pass. Equal snapshots give equal plans.
pub fn plan(snapshot: &Snapshot) -> Plan {
    let mut plan = Plan::default();
    let mut recoveries = advance_all(snapshot, &mut plan);
    adopt_all(snapshot, &mut recoveries, &mut plan);
    choose(snapshot, &recoveries, &mut plan);
    plan.news = news(snapshot);
    plan.next_due = next_due(snapshot, &recoveries, &plan);
    plan
}

/// Step 1: what was read of each recovery's runs moves it on, by one step at most.
fn advance_all(snapshot: &Snapshot, plan: &mut Plan) -> Vec<Recovery> {
    let mut claimed = snapshot.known.clone();
    let mut recoveries = Vec::with_capacity(snapshot.recoveries.len());
    for recovery in &snapshot.recoveries {
        let Some(change) = advance(snapshot, recovery, &claimed) else {
            recoveries.push(recovery.clone());
            continue;
        };
        claimed.insert(change.recovery.latest_run().clone());
        recoveries.push(change.recovery.clone());
        plan.changes.push(change);
    }
    recoveries
}

fn advance(snapshot: &Snapshot, recovery: &Recovery, claimed: &HashSet<RunId>) -> Option<Change> {
    let terms = snapshot.terms(recovery);
    match &recovery.state {
        State::Triggering { .. } => recovery.interrupted(terms),
        State::InDoubt { .. } => recovery.reconcile(&snapshot.sighting(recovery, claimed)?, terms),
        State::Watching { issued, .. } => {
            let run = snapshot.runs.get(issued);
            // A run that could not be read may have ended long ago: nothing is concluded from it.
            let looked = run.is_some() || snapshot.missing.contains(issued);
            let facing = recovery.facing(run);
            looked.then(|| facing.follow(run, snapshot.terms(&facing))).flatten()
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
    let run = snapshot.runs.get(target);
    if let Some(change) = run.and_then(|run| recovery.healed_elsewhere(run, terms)) {
        return Some(change);
    }
    if let Some(change) = recovery.run_out(terms).or_else(|| recovery.overruled(terms)) {
        return Some(change);
    }
    let own_hold = snapshot.holds.why(&recovery.flow_id).filter(|_| !recovery.ordered);
    if let Some(obstacle) = snapshot.obstacle(&recovery.flow_id).or(own_hold) {
        return recovery.hold(obstacle, terms);
    }
    if snapshot.missing.contains(target) {
        return recovery.hold(Reason::NotFound, terms);
    }
    if terms.policy.skip_when_later_run_succeeded && snapshot.later_run_succeeded(recovery) {
        return recovery.superseded(terms);
    }
    let run = run.filter(|_| recovery.due().is_some_and(|due| due <= snapshot.now))?;
    if run.status.is_under_way() {
        return recovery.watch_elsewhere(&run.id, Reason::SameRunAtWork, terms);
    }
    if !recovery.contested {
        return None;
    }
    let elsewhere = snapshot.retriggered_elsewhere(run, claimed)?;
    recovery.watch_elsewhere(elsewhere, Reason::RetriedElsewhere, terms)
}

/// A hold ends when its cause is seen to be gone: the run is healed, the dataflow can be acted on
/// again, the run is visible again. Other causes wait for a person.
fn advance_held(
    snapshot: &Snapshot,
    recovery: &Recovery,
    why: Reason,
    terms: Terms<'_>,
) -> Option<Change> {
    let run = snapshot.runs.get(recovery.target(&terms.policy));
    if let Some(change) = run.and_then(|run| recovery.healed_elsewhere(run, terms)) {
        return Some(change);
    }
    if let Some(change) = recovery.run_out(terms).or_else(|| recovery.ignored(terms)) {
        return Some(change);
    }
    let fresh = snapshot.fresh.contains(&recovery.flow_id);
    let gone = match why {
        Reason::FlowDisabled
        | Reason::NotSelected
        | Reason::UnknownKind
        | Reason::StreamingSource
        | Reason::Destination => fresh && snapshot.obstacle(&recovery.flow_id).is_none(),
        // Causes of ours are gone when nothing names them any more.
        Reason::HeldByRule => terms.action() == Action::Retry,
        Reason::KeepsFailing | Reason::Paused | Reason::ActionUnsupported => {
            snapshot.holds.why(&recovery.flow_id).is_none()
        }
        Reason::NotFound => run.is_some_and(|run| run.status == RunStatus::Failed),
        _ => false,
    };
    if gone { recovery.resume(terms) } else { None }
}

/// Step 2: failed runs that no recovery owns become recoveries, oldest failure first.
fn adopt_all(snapshot: &Snapshot, recoveries: &mut Vec<Recovery>, plan: &mut Plan) {
    let mut owned = snapshot.known.clone();
    owned.extend(recoveries.iter().map(|recovery| recovery.latest_run().clone()));
    let mut fresh: Vec<&Run> = snapshot
        .listed
        .iter()
        .filter(|run| snapshot.flows.contains_key(&run.flow_id) && owned.insert(run.id.clone()))
        .collect();
    fresh.sort_by(|a, b| (a.failed_at(), &a.id).cmp(&(b.failed_at(), &b.id)));

    // After the first step nothing is `triggering` any more.
    let in_doubt = |recovery: &&Recovery| matches!(recovery.state, State::InDoubt { .. });
    let doubtful: Vec<Recovery> = recoveries.iter().filter(in_doubt).cloned().collect();
    let mut adopted = 0;
    for run in fresh {
        match fate(snapshot, run, &doubtful) {
            Fate::Ignore => {}
            Fate::Skip(reason) => plan.skipped.push(skip(snapshot, run, reason)),
            Fate::Later => plan.unfinished = true,
            Fate::Adopt(..) if adopted == snapshot.max_adopted => plan.unfinished = true,
            Fate::Adopt(reason, failed_at) => {
                adopted += 1;
                let name = &snapshot.flows[&run.flow_id].flow.name;
                let failure = snapshot.failure_of(run);
                let terms = snapshot.terms_for(&run.flow_id, name, &failure);
                let sandbox = &snapshot.sandbox;
                let change =
                    Recovery::adopt(run, failed_at, failure.clone(), sandbox, name, reason, terms);
                recoveries.push(change.recovery.clone());
                plan.changes.push(change);
            }
        }
    }
}

/// What to do with a listed run that no recovery owns.
enum Fate {
    /// It did not fail: nothing to say.
    Ignore,
    /// It is left alone for good.
    Skip(Reason),
    /// It cannot be told yet.
    Later,
    /// It is taken on; it failed at this instant.
    Adopt(Reason, Timestamp),
}

fn fate(snapshot: &Snapshot, run: &Run, doubtful: &[Recovery]) -> Fate {
    let Some(dataflow) = snapshot.flows.get(&run.flow_id) else { return Fate::Ignore };
    let failure = snapshot.failure_of(run);
    let terms = snapshot.terms_for(&run.flow_id, &dataflow.flow.name, &failure);
    let empty = run.succeeded_empty() && terms.policy.retry_empty_success;
    let reason = match run.status {
        RunStatus::Failed => Reason::RunFailed,
        RunStatus::Succeeded if empty => Reason::EmptySuccess,
        _ => return Fate::Ignore,
    };
    let hold = || snapshot.holds.why(&run.flow_id);
    if let Some(obstacle) = snapshot.obstacle(&run.flow_id).or_else(hold) {
        return Fate::Skip(obstacle);
    }
    let (Some(aged_from), Some(failed_at)) = (run.aged_from(), run.failed_at()) else {
        return Fate::Skip(Reason::NoDate);
    };
    if aged_from < snapshot.adopt_since {
        return Fate::Skip(Reason::TooOld);
    }
    if terms.action() == Action::Ignore {
        return Fate::Skip(Reason::IgnoredByRule);
    }
    if doubtful.iter().any(|recovery| may_have_issued(recovery, run)) {
        return Fate::Later;
    }
    Fate::Adopt(reason, failed_at.min(snapshot.now))
}

/// True if `run` could be the issued run of the recovery's doubtful call: it must not be taken for
/// a failure of its own before the doubt is settled.
fn may_have_issued(doubtful: &Recovery, run: &Run) -> bool {
    let State::InDoubt { since, .. } = doubtful.state else { return false };
    let earliest = before(since, CLOCK_SKEW);
    doubtful.flow_id == run.flow_id && run.created_at.is_none_or(|at| at >= earliest)
}

fn skip(snapshot: &Snapshot, run: &Run, reason: Reason) -> Entry {
    let failure = snapshot.failure_of(run);
    let entry = note(snapshot, Event::Skipped, reason, &run.flow_id, &run.id);
    let rule = snapshot.terms_for(&run.flow_id, &entry.flow_name, &failure).rule;
    let rule = rule.filter(|_| reason == Reason::IgnoredByRule).map(|rule| rule.name.clone());
    Entry { rule, detail: failure.codes(), failure: Some(failure), ..entry }
}

/// An entry that belongs to no recovery.
fn note(snapshot: &Snapshot, event: Event, reason: Reason, flow: &FlowId, run: &RunId) -> Entry {
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

/// Step 3: which due recoveries may re-trigger in this pass.
fn choose(snapshot: &Snapshot, recoveries: &[Recovery], plan: &mut Plan) {
    let mut load = Load::of(recoveries, snapshot);
    // What this very pass found to have been accepted is not in the store yet.
    let found =
        |change: &&Change| matches!(change.entry.event, Event::Retriggered | Event::Followed);
    let found = u32::try_from(plan.changes.iter().filter(found).count()).unwrap_or(u32::MAX);
    let mut allowance = snapshot.allowance(recoveries).saturating_sub(found);
    let mut due: Vec<&Recovery> = recoveries
        .iter()
        .filter(|recovery| recovery.due().is_some_and(|due| due <= snapshot.now))
        .collect();
    // In an outage whatever was tried least is the next canary: another dataflow may be well again.
    let tried = |recovery: &Recovery| match snapshot.weather.outage {
        Some(_) => recovery.attempts.len(),
        None => 0,
    };
    due.sort_by(|a, b| {
        (tried(a), a.failed_at, &a.root_run_id).cmp(&(tried(b), b.failed_at, &b.root_run_id))
    });

    for recovery in due {
        let terms = snapshot.terms(recovery);
        let quiet = snapshot.pause(recovery).filter(|_| !recovery.ordered);
        // What limits are for comes first: whatever has to wait anyway was perhaps not read at all.
        let postponed = if let Some(held) = snapshot.forbids(recovery, terms) {
            Some(held)
        } else if let Some(pause) = quiet {
            plan.changes.extend(recovery.put_off(pause, terms));
            continue;
        } else if !load.has_room(&recovery.flow_id, snapshot.per_dataflow(&recovery.flow_id)) {
            Some(Reason::FlowBusy)
        } else if load.is_stormy(snapshot) && !recovery.ordered {
            Some(Reason::Outage)
        } else if allowance == 0 {
            Some(Reason::RateLimited)
        } else if !snapshot.is_ready(recovery, &terms.policy) {
            Some(Reason::NotReread)
        } else {
            None
        };
        if let Some(reason) = postponed {
            plan.postponed.push(recovery.postponed(reason, terms));
            plan.changes.extend(recovery.wait_for(reason, terms));
        } else if let Some(intent) = recovery.begin(terms) {
            load.begin(&recovery.flow_id);
            allowance -= 1;
            plan.intents.push(intent);
        }
    }
}

/// Re-triggers under way, by dataflow.
struct Load<'a> {
    /// Begun or in doubt: at most one per dataflow, so that the run of a doubtful call can be told
    /// from the run of another call.
    unanswered: HashMap<&'a FlowId, u32>,
    /// Those and the issued runs that have not ended.
    under_way: HashMap<&'a FlowId, u32>,
    /// Those of all dataflows, without the ones that have taken too long to tell anything.
    canaries: u32,
}

impl<'a> Load<'a> {
    fn of(recoveries: &'a [Recovery], snapshot: &Snapshot) -> Self {
        let mut load = Self { unanswered: HashMap::new(), under_way: HashMap::new(), canaries: 0 };
        let recent = before(snapshot.now, snapshot.canary_patience);
        for recovery in recoveries {
            match recovery.state {
                State::Triggering { .. } | State::InDoubt { .. } => load.begin(&recovery.flow_id),
                State::Watching { since, .. } => {
                    *load.under_way.entry(&recovery.flow_id).or_default() += 1;
                    load.canaries += u32::from(since >= recent);
                }
                _ => {}
            }
        }
        load
    }

    fn begin(&mut self, flow: &'a FlowId) {
        *self.unanswered.entry(flow).or_default() += 1;
        *self.under_way.entry(flow).or_default() += 1;
        self.canaries += 1;
    }

    /// True while an outage allows no more to be under way.
    fn is_stormy(&self, snapshot: &Snapshot) -> bool {
        let outage = snapshot.weather.outage.as_ref();
        outage.is_some_and(|outage| self.canaries >= outage.allowed)
    }

    fn has_room(&self, flow: &FlowId, per_dataflow: u32) -> bool {
        !self.unanswered.contains_key(flow)
            && self.under_way.get(flow).copied().unwrap_or(0) < per_dataflow
    }
}

/// When the next pass has something to do.
fn next_due(snapshot: &Snapshot, recoveries: &[Recovery], plan: &Plan) -> Option<Timestamp> {
    // What became due only in this pass may not have been read again for it: the next one does.
    let unread = plan.postponed.iter().filter(|entry| entry.reason == Reason::NotReread);
    let unread: HashSet<Option<&RunId>> = unread.map(|entry| entry.root_run_id.as_ref()).collect();
    let just_due =
        plan.changes.iter().any(|change| unread.contains(&Some(&change.recovery.root_run_id)));
    if just_due {
        return Some(snapshot.now);
    }
    let minute = Duration::from_secs(60);
    let freed = snapshot.accepted.iter().map(|&at| after(at, minute));
    let own = recoveries.iter().filter_map(|recovery| match &recovery.state {
        State::Waiting { due, .. } => Some(*due),
        State::InDoubt { since, .. } => {
            Some(after(*since, snapshot.terms(recovery).policy.confirm_window))
        }
        _ => None,
    });
    let put_off = plan.changes.iter().filter_map(|change| change.recovery.due());
    own.chain(put_off).chain(freed).filter(|&due| due > snapshot.now).min()
}

/// What is to be told of whole dataflows and of the sandbox, once each; the store knows what was.
fn news(snapshot: &Snapshot) -> Vec<Entry> {
    let told = |event, reason, flow: &FlowId, run: &RunId, detail: Option<String>| Entry {
        detail,
        ..note(snapshot, event, reason, flow, run)
    };
    let held = snapshot.holds.holds.iter().filter_map(|(flow, hold)| {
        let news = hold.news.as_ref()?;
        Some(told(Event::FlowHeld, hold.why, flow, &news.run, Some(news.said.clone())))
    });
    let warned = snapshot.holds.warnings.iter().map(|(flow, news)| {
        let said = Some(news.said.clone());
        told(Event::FlowWarned, Reason::KeepsFailing, flow, &news.run, said)
    });
    let healed = snapshot.holds.healed.iter();
    let healed =
        healed.map(|(flow, run)| told(Event::FlowHealed, Reason::RunSucceeded, flow, run, None));
    let outcome = |event, outcome: &Outcome| {
        told(event, Reason::Outage, &outcome.flow_id, &outcome.run_id, None)
    };
    let weather = &snapshot.weather;
    let began = weather.outage.as_ref().map(|it| outcome(Event::OutageBegan, &it.began));
    let ended = weather.cleared.as_ref().map(|it| outcome(Event::OutageEnded, it));
    let mut news: Vec<Entry> = held.chain(warned).chain(healed).chain(began).chain(ended).collect();
    news.sort_by(|a, b| (&a.flow_id, &a.run_id).cmp(&(&b.flow_id, &b.run_id)));
    news
}
