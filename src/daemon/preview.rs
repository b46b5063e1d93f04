//! What the next pass would do, line by line, for people who want to know it first.

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
    /// When the sandbox was read, by the platform's clock.
    pub read_at: Timestamp,
    /// One line for each open recovery and each failed run that is left alone, most pressing first.
    pub lines: Vec<Line>,
    /// True if failed runs are left over for a later pass.
    pub unfinished: bool,
    /// When the pass after that has something to do.
    pub next_due: Option<Timestamp>,
    /// Why the reading is incomplete, where it is.
    pub fault: Option<PassError>,
}

/// What would become of one failed run.
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
    /// The run that would be asked for, or that is followed, where that is another one.
    pub other_run_id: Option<RunId>,
    /// The attempt it is about.
    pub attempt: Option<u32>,
    /// The budget of attempts.
    pub max_attempts: Option<u32>,
    /// When the re-trigger is due; drawn by chance where the run is newly scheduled.
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
        /// What would be done, most pressing first.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action {
            $($(#[doc = $doc])* $variant,)*
        }

        impl Action {
            /// The word for it.
            pub fn as_str(self) -> &'static str {
                match self { $(Action::$variant => $word,)* }
            }
        }
    };
}

actions! {
    /// The call would be made.
    Retrigger = "re-trigger";
    /// It is due and has to wait.
    Postpone = "postpone";
    /// Whether a call was accepted would be asked of the platform.
    Reconcile = "reconcile";
    /// It would be held until a person acts or the cause is gone.
    Hold = "hold";
    /// It would end without success.
    GiveUp = "give up";
    /// It would be taken on, its first re-trigger due at a named time.
    Adopt = "adopt";
    /// Its next re-trigger would be due at a named time.
    Schedule = "schedule";
    /// It would end well.
    Settle = "settle";
    /// An issued run would be followed.
    Follow = "follow";
    /// It would go on waiting until it is due.
    Wait = "wait";
    /// It would stay held.
    Held = "stay held";
    /// The failed run would be left alone.
    Skip = "skip";
}

impl Pass<'_> {
    /// Gathers and plans, and does nothing else.
    pub(super) async fn preview(&self, memory: &mut Memory) -> Result<Preview, PassError> {
        let gathered = self.gather(memory).await?;
        let plan = plan(&gathered.snapshot);
        let open = self.gatherer.store.open_recoveries(&self.gatherer.sandbox.name).await?;
        Ok(Preview {
            read_at: gathered.snapshot.now,
            lines: lines(&gathered.snapshot, &open, &plan),
            unfinished: !plan.deferred.is_empty(),
            next_due: plan.next_due,
            fault: gathered.fault,
        })
    }
}

/// One line for each open recovery, old or new, and for each run that is skipped.
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
                line.action = Action::Postpone;
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

/// Where a recovery stands once `change`, if there is one, is stored.
fn standing(snapshot: &Snapshot, before: &Recovery, change: Option<&Change>) -> Line {
    let recovery = change.map_or(before, |change| &change.recovery);
    let entry = change.map(|change| &change.entry);
    let terms = snapshot.terms(recovery);
    let (action, held) = match (&recovery.state, change) {
        (State::Waiting { .. }, Some(Change { from_revision: None, .. })) => (Action::Adopt, None),
        (State::Waiting { .. }, Some(Change { entry, .. })) if entry.event == Event::Postponed => {
            (Action::Postpone, None)
        }
        (State::Waiting { .. }, Some(_)) => (Action::Schedule, None),
        (State::Waiting { .. }, None) => (Action::Wait, None),
        (State::Triggering { .. } | State::InDoubt { .. }, _) => (Action::Reconcile, None),
        (State::Watching { .. }, _) => (Action::Follow, None),
        (State::Held { .. }, Some(_)) => (Action::Hold, None),
        (State::Held { why, .. }, None) => (Action::Held, Some(*why)),
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

/// The run that is asked for or followed, unless it is the root run.
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
