//! The steps of a plan.

use crate::domain::model::ids::RunId;
use crate::domain::model::journal::Entry;
use crate::domain::plan::admission::Admission;
use crate::domain::plan::snapshot::Snapshot;
use crate::domain::policy::breaker::Outcome;
use crate::domain::recovery::{Change, Recovery};
use jiff::Timestamp;
use std::collections::HashMap;

/// What to do, each with its reason.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// Steps of recoveries that send nothing.
    pub changes: Vec<Change>,
    /// Intents to re-trigger, for other recoveries; only stored ones are sent.
    pub intents: Vec<Change>,
    /// Runs that are skipped, each with its reason.
    pub skipped: Vec<Entry>,
    /// Due recoveries that were read and must wait, each with its reason.
    pub postponed: Vec<Entry>,
    /// What to log about whole dataflows and the sandbox.
    pub notices: Vec<Entry>,
    /// Listed runs that are neither adopted nor skipped yet; later passes look at them again.
    pub deferred: Vec<RunId>,
    /// True if there are more failed runs than one pass may adopt.
    pub more_to_adopt: bool,
    /// When the next pass has something to do, if that is known.
    pub next_due: Option<Timestamp>,
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
        // After a failed canary, the next one must not follow at once.
        let seen: Vec<Outcome> =
            self.changes.iter().filter_map(|change| Outcome::of(&change.entry)).collect();
        let stay = snapshot.recoveries.iter().filter(|it| !moved.contains_key(&it.root_run_id));
        Admission::new(
            &snapshot.admission,
            &snapshot.flows,
            snapshot.policies.default.per_dataflow,
            snapshot.now,
            stay.chain(moved.values().copied()),
            &seen,
        )
    }
}
