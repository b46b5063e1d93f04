//! What the next pass would do, line by line.

use super::error::PassError;
use super::memory::Memory;
use super::pass::Pass;
use crate::domain::model::ids::{FlowId, RunId};
use crate::domain::model::journal::{Entry, Event};
use crate::domain::model::reason::Reason;
use crate::domain::plan::snapshot::Snapshot;
use crate::domain::plan::{Plan, plan};
use crate::domain::recovery::{Change, Recovery, State};
use jiff::Timestamp;
use std::collections::HashMap;

/// What the next pass over one sandbox would do.
#[derive(Debug)]
pub struct Preview {
    /// When the sandbox was read, by Adobe's clock.
    pub read_at: Timestamp,
    /// One line per open recovery and per failed run that is skipped, most urgent first.
    pub lines: Vec<Line>,
    /// True if failed runs are left for a later pass.
    pub unfinished: bool,
    /// When the pass after that has work to do.
    pub next_due: Option<Timestamp>,
    /// Why the reading is incomplete, if it is.
    pub fault: Option<PassError>,
}

/// What would happen to one failed run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What would be done.
    pub action: Action,
    /// The dataflow.
    pub flow_id: FlowId,
    /// Its name.
    pub flow_name: String,
    /// The failed run: the root run of a recovery, or the run that is skipped.
    pub run_id: RunId,
    /// The run that would be re-triggered, or that is followed, if it is not the failed run.
    pub other_run_id: Option<RunId>,
    /// The number of the attempt.
    pub attempt: Option<u32>,
    /// The maximum number of attempts.
    pub max_attempts: Option<u32>,
    /// When the re-trigger is due; partly random if the run is newly scheduled.
    pub due: Option<Timestamp>,
    /// Why.
    pub reason: Option<Reason>,
    /// The rule that matches the failure.
    pub rule: Option<String>,
    /// The codes of the failure.
    pub detail: Option<String>,
}

macro_rules! actions {
    ($($(#[doc = $doc:literal])* $variant:ident = $word:literal;)*) => {
        /// What would be done, most urgent first.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action {
            $($(#[doc = $doc])* $variant,)*
        }

        impl Action {
            /// Its name.
            pub fn as_str(self) -> &'static str {
                match self { $(Action::$variant => $word,)* }
            }
        }
    };
}

actions! {
    /// The call would be made.
    Retrigger = "re-trigger";
    /// It is due, and delayed.
    Delay = "delay";
    /// The new run of a call in doubt would be looked for.
    Reconcile = "reconcile";
    /// It would be held until a person acts or the cause is gone.
    Hold = "hold";
    /// It would end without success.
    GiveUp = "give up";
    /// It would be adopted, with a due time for its first re-trigger.
    Adopt = "adopt";
    /// Its next re-trigger would be due at a known time.
    Schedule = "schedule";
    /// It would end without another re-trigger.
    Settle = "settle";
    /// A new run would be followed.
    Follow = "follow";
    /// It would keep waiting until it is due.
    Wait = "wait";
    /// It would stay held.
    StayHeld = "stay held";
    /// The failed run would be skipped.
    Skip = "skip";
}

impl Pass<'_> {
    /// Gathers and plans, and nothing else.
    pub(super) async fn preview(&self, memory: &mut Memory) -> Result<Preview, PassError> {
        let gathered = self.gather(memory).await?;
        let plan = plan(&gathered.snapshot);
        let open = self.reader.store.open_recoveries(&self.reader.sandbox.name).await?;
        Ok(Preview {
            read_at: gathered.snapshot.now,
            lines: lines(&gathered.snapshot, &open, &plan),
            unfinished: !plan.deferred.is_empty(),
            next_due: plan.next_due,
            fault: gathered.fault,
        })
    }
}

/// One line per open recovery, old or new, and per run that is skipped.
fn lines(snapshot: &Snapshot, open: &[Recovery], plan: &Plan) -> Vec<Line> {
    let (changes, intents) = (by_root(&plan.changes), by_root(&plan.intents));
    let read = plan.postponed.iter();
    let read = read.filter_map(|it| Some((it.root_run_id.as_ref()?, it.reason)));
    let admission = plan.admission(snapshot);
    let queued = snapshot.queue.iter().map(|it| {
        let why = admission.block_reason(&it.flow_id, it.ordered);
        (&it.root_run_id, why.unwrap_or(Reason::FlowBusy))
    });
    let postponed: HashMap<&RunId, Reason> = read.chain(queued).collect();
    let adopted = plan.changes.iter().filter(|change| change.from_revision.is_none());
    let recoveries = open.iter().chain(adopted.map(|change| &change.recovery));
    let mut lines: Vec<(Timestamp, Line)> = recoveries
        .map(|recovery| {
            let root = &recovery.root_run_id;
            let mut line = standing(snapshot, recovery, changes.get(root).copied());
            if let Some(intent) = intents.get(root) {
                line.action = Action::Retrigger;
                line.reason = line.reason.or(Some(intent.entry.reason));
                line.other_run_id = other_run(&intent.recovery);
            } else if let Some(&reason) = postponed.get(root) {
                line.action = Action::Delay;
                line.reason = Some(reason);
            }
            (recovery.failed_at, line)
        })
        .chain(plan.skipped.iter().map(|entry| (entry.at, skip(entry))))
        .collect();
    lines.sort_by(|(at, a), (bt, b)| {
        (a.action, at, &a.flow_name, &a.run_id).cmp(&(b.action, bt, &b.flow_name, &b.run_id))
    });
    lines.into_iter().map(|(_, line)| line).collect()
}

fn by_root(changes: &[Change]) -> HashMap<&RunId, &Change> {
    changes.iter().map(|change| (&change.recovery.root_run_id, change)).collect()
}

/// The state of a recovery after `change`, if there is one.
fn standing(snapshot: &Snapshot, before: &Recovery, change: Option<&Change>) -> Line {
    let recovery = change.map_or(before, |change| &change.recovery);
    let entry = change.map(|change| &change.entry);
    let terms = snapshot.terms(recovery);
    let (action, held) = match (&recovery.state, change) {
        (State::Waiting { .. }, Some(Change { from_revision: None, .. })) => (Action::Adopt, None),
        (State::Waiting { .. }, Some(Change { entry, .. })) if entry.event == Event::Postponed => {
            (Action::Delay, None)
        }
        (State::Waiting { .. }, Some(_)) => (Action::Schedule, None),
        (State::Waiting { .. }, None) => (Action::Wait, None),
        (State::Triggering { .. } | State::InDoubt { .. }, _) => (Action::Reconcile, None),
        (State::Watching { .. }, _) => (Action::Follow, None),
        (State::Held { .. }, Some(_)) => (Action::Hold, None),
        (State::Held { why, .. }, None) => (Action::StayHeld, Some(*why)),
        (State::Recovered { .. } | State::Dismissed { .. }, _) => (Action::Settle, None),
        (State::GivenUp { .. }, _) => (Action::GiveUp, None),
    };
    Line {
        action,
        flow_id: recovery.flow_id.clone(),
        flow_name: recovery.flow_name.clone(),
        run_id: recovery.root_run_id.clone(),
        other_run_id: other_run(recovery),
        attempt: Some(recovery.attempt()),
        max_attempts: Some(terms.policy.max_attempts),
        due: recovery.due(),
        reason: entry.map(|entry| entry.reason).or(held),
        rule: terms.rule.map(|rule| rule.name.clone()),
        detail: entry.and_then(|entry| entry.detail.clone()),
    }
}

/// The run to re-trigger or to follow, unless it is the root run.
fn other_run(recovery: &Recovery) -> Option<RunId> {
    let run = match &recovery.state {
        State::Triggering { asked, .. } | State::InDoubt { asked, .. } => asked,
        State::Watching { issued, .. } => issued,
        _ => return None,
    };
    (*run != recovery.root_run_id).then(|| run.clone())
}

fn skip(entry: &Entry) -> Line {
    Line {
        action: Action::Skip,
        flow_id: entry.flow_id.clone(),
        flow_name: entry.flow_name.clone(),
        run_id: entry.run_id.clone(),
        other_run_id: None,
        attempt: None,
        max_attempts: None,
        due: None,
        reason: Some(entry.reason),
        rule: entry.rule.clone(),
        detail: entry.detail.clone(),
    }
}
