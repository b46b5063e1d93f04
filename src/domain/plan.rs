//! The plan of one pass: from everything that is known, what to do next and why.
//!
//! [`plan`] is a pure function from a [`Snapshot`] to a [`Plan`]. It looks at every recovery and at
//! every failed run once, in three steps that a reader can follow from top to bottom:
//!
//! 1. **Advance** each recovery by what was read of its runs.
//! 2. **Adopt** failed runs that belong to no recovery yet, or say why not.
//! 3. **Choose** which of the due recoveries that did not move may re-trigger now.
//!
//! A recovery makes at most one step in a pass. What becomes due by a step of this pass goes in the
//! next one, which follows at once: a step that an operator overtook can lead to nothing.
//!
//! A listing that is not complete may lead to an adoption, but never to the conclusion that
//! something is missing.

use super::admission::Admission;
use super::breaker::Outcome;
use super::ids::{FlowId, RunId};
use super::journal::{Entry, Event};
use super::outage::Extent;
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

/// When a listing has not shown the run of a doubtful call, the next one follows after this.
const SECOND_LOOK: Duration = Duration::from_secs(30);

/// What to do, each with its reason.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// Steps of recoveries that send nothing.
    pub changes: Vec<Change>,
    /// Intents to re-trigger, of other recoveries; only those that were stored are sent.
    pub intents: Vec<Change>,
    /// Runs that are left alone, each with its reason.
    pub skipped: Vec<Entry>,
    /// Due recoveries that were read and have to wait, each with its reason.
    pub postponed: Vec<Entry>,
    /// What is to be told of whole dataflows and of the sandbox.
    pub news: Vec<Entry>,
    /// Listed runs that are neither adopted nor skipped yet: the next passes look at them again.
    pub deferred: Vec<RunId>,
    /// True if one pass may not take on so many.
    pub more_to_adopt: bool,
    /// When the next pass has something to do, if that is known.
    pub next_due: Option<Timestamp>,
}

/// Plans one pass. Equal snapshots give equal plans.
pub fn plan(snapshot: &Snapshot) -> Plan {
    let mut plan = Plan::default();
    let standing = advance_all(snapshot, &mut plan);
    adopt_all(snapshot, &mut plan);
    let mut admission = plan.admission(snapshot);
    choose(snapshot, standing, &mut admission, &mut plan);
    plan.news = news(snapshot, &admission);
    plan.next_due = match plan.more_to_adopt {
        false => next_due(snapshot, &admission, &plan),
        true => Some(snapshot.now),
    };
    plan
}

impl Plan {
    /// Who may call once the steps of this plan are stored.
    pub fn admission<'a>(&self, snapshot: &'a Snapshot) -> Admission<'a> {
        let moved: HashMap<&RunId, &Recovery> = self
            .changes
            .iter()
            .chain(&self.intents)
            .map(|change| (&change.recovery.root_run_id, &change.recovery))
            .collect();
        // A canary that has just failed must not be followed by another one at once.
        let seen: Vec<Outcome> =
            self.changes.iter().filter_map(|change| Outcome::of(&change.entry)).collect();
        let stay = snapshot.recoveries.iter().filter(|it| !moved.contains_key(&it.root_run_id));
        Admission::new(
            &snapshot.admission,
            &snapshot.flows,
            snapshot.per_dataflow,
            snapshot.now,
            stay.chain(moved.values().copied()),
            &seen,
        )
    }
}

/// Step 1: what was read of each recovery's runs moves it on. Gives those that did not move.
fn advance_all<'a>(snapshot: &'a Snapshot, plan: &mut Plan) -> Vec<&'a Recovery> {
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
    let last = recovery.unwatched(&terms.policy).and_then(|id| snapshot.runs.get(id));
    let mut read = run.into_iter().chain(last);
    if let Some(change) = read.find_map(|run| recovery.healed_elsewhere(run, terms)) {
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
    let mut read = std::iter::once(run).chain(last);
    if let Some(at_work) = read.find(|run| run.status.is_under_way()) {
        return recovery.watch_elsewhere(at_work, Reason::SameRunAtWork, terms);
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
        why if why.is_of_dataflow() => fresh && snapshot.obstacle(&recovery.flow_id).is_none(),
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
fn adopt_all(snapshot: &Snapshot, plan: &mut Plan) {
    let mut owned: HashSet<&RunId> = snapshot.known.iter().collect();
    let latest: Vec<RunId> =
        plan.changes.iter().map(|change| change.recovery.latest_run().clone()).collect();
    owned.extend(&latest);
    let mut fresh: Vec<&Run> = snapshot
        .listed
        .iter()
        .filter(|run| snapshot.flows.contains_key(&run.flow_id) && owned.insert(&run.id))
        .collect();
    fresh.sort_by(|a, b| (a.failed_at(), &a.id).cmp(&(b.failed_at(), &b.id)));

    let doubtful = still_in_doubt(snapshot, plan);
    let mut adopted = 0;
    for run in fresh {
        match fate(snapshot, run, &doubtful) {
            Fate::Ignore => {}
            Fate::Skip(reason) => plan.skipped.push(skip(snapshot, run, reason)),
            Fate::Later => plan.deferred.push(run.id.clone()),
            Fate::Adopt(..) if adopted == snapshot.max_adopted => {
                plan.more_to_adopt = true;
                plan.deferred.push(run.id.clone());
            }
            Fate::Adopt(reason, failed_at) => {
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
    if let Some(since) = snapshot.first_since {
        if aged_from < since {
            return Fate::Skip(Reason::TooOldAtFirst);
        }
        if snapshot.succeeded_since(run) {
            return Fate::Skip(Reason::SucceededSince);
        }
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

/// Step 3: which of the due recoveries that did not move may re-trigger in this pass.
fn choose(
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
        let obstacle = || admission.obstacle(&recovery.flow_id, recovery.ordered);
        let not_ready =
            || (!snapshot.is_ready(recovery, &terms.policy)).then_some(Reason::NotReread);
        let waits_for = match (snapshot.forbids(recovery, terms), quiet) {
            (Some(held), _) => Some(held),
            (None, Some(pause)) => {
                plan.changes.extend(recovery.put_off(pause, terms));
                continue;
            }
            (None, None) => obstacle().or_else(not_ready),
        };
        if let Some(reason) = waits_for {
            plan.postponed.push(recovery.postponed(reason, terms));
            plan.changes.extend(recovery.wait_for(reason, terms));
        } else if let Some(intent) = recovery.begin(terms) {
            admission.begin(&recovery.flow_id);
            plan.intents.push(intent);
        }
    }
}

/// When the next pass has something to do.
fn next_due(snapshot: &Snapshot, admission: &Admission<'_>, plan: &Plan) -> Option<Timestamp> {
    let scheduled = plan.changes.iter().filter(|change| change.entry.event == Event::Scheduled);
    let just_due = scheduled.filter_map(|it| it.recovery.due()).any(|due| due <= snapshot.now);
    let roomy = |flow: &FlowId| admission.obstacle(flow, false).is_none();
    let made_room = snapshot.queue.iter().any(|it| roomy(&it.flow_id));
    if just_due || snapshot.more_due || made_room {
        return Some(snapshot.now);
    }
    let confirmed = snapshot.recoveries.iter().filter_map(|recovery| match &recovery.state {
        State::InDoubt { since, .. } => {
            Some(after(*since, snapshot.terms(recovery).policy.confirm_window))
        }
        _ => None,
    });
    // A second look soon after the first one that found nothing.
    let looked = plan.changes.iter().any(|change| change.entry.event == Event::Unlisted);
    let look_again = looked.then(|| after(snapshot.now, SECOND_LOOK));
    let limited = [Reason::RateLimited, Reason::Throttled];
    let waits = plan.postponed.iter().any(|entry| limited.contains(&entry.reason));
    let freed = admission.free_at().filter(|_| waits || !snapshot.queue.is_empty());
    let moved = plan.changes.iter().filter_map(|change| change.recovery.due());
    let all = confirmed.chain(look_again).chain(moved).chain(freed).chain(snapshot.next_due);
    all.filter(|&due| due > snapshot.now).min()
}

/// What is to be told of whole dataflows and of the sandbox, once each; the store knows what was.
fn news(snapshot: &Snapshot, admission: &Admission<'_>) -> Vec<Entry> {
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
    let turn = |event, extent: &Extent, outcome: &Outcome| {
        told(event, extent.reason(), &outcome.flow_id, &outcome.run_id, extent.detail())
    };
    let outages = admission.outages();
    let began = outages.lasting.iter().map(|it| turn(Event::OutageBegan, &it.extent, &it.began));
    let ended = outages.ended.iter().map(|(extent, it)| turn(Event::OutageEnded, extent, it));
    let mut news: Vec<Entry> = held.chain(warned).chain(healed).chain(began).chain(ended).collect();
    news.sort_by(|a, b| (&a.flow_id, &a.run_id).cmp(&(&b.flow_id, &b.run_id)));
    news
}
