//! Rows of `recoveries`.

use super::{AttemptRow, RowRef, failure_column, revision_column};
use crate::domain::model::ids::{FlowId, RunId, SandboxName};
use crate::domain::recovery::{Attempt, Recovery, State};
use crate::store::StoreError;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::HashMap;
use std::time::Duration;

/// A row of `recoveries`.
#[derive(Debug, Serialize, sqlx::FromRow)]
pub(in crate::store::sqlite) struct RecoveryRow {
    pub(in crate::store::sqlite) root_run_id: String,
    sandbox: String,
    flow_id: String,
    flow_name: String,
    failed_at: i64,
    state: String,
    attempt: Option<i64>,
    due: Option<i64>,
    asked: Option<String>,
    since: Option<i64>,
    absences: Option<i64>,
    issued: Option<String>,
    why: Option<String>,
    refusals: i64,
    ask_root: bool,
    ordered: bool,
    revision: i64,
    updated_at: i64,
    failure: String,
    contested: bool,
    excused: i64,
    excused_since: Option<i64>,
}

/// The columns of a state; each state sets its own.
#[derive(Debug, Default)]
struct StateColumns<'a> {
    attempt: Option<u32>,
    due: Option<Timestamp>,
    asked: Option<&'a RunId>,
    since: Option<Timestamp>,
    absences: Option<u32>,
    issued: Option<&'a RunId>,
    why: Option<&'a str>,
}

impl<'a> From<&'a State> for StateColumns<'a> {
    fn from(state: &'a State) -> Self {
        let none = Self::default();
        match state {
            State::Waiting { attempt, due } => {
                Self { attempt: Some(*attempt), due: Some(*due), ..none }
            }
            State::Triggering { attempt, asked, since } => {
                Self { attempt: Some(*attempt), asked: Some(asked), since: Some(*since), ..none }
            }
            State::InDoubt { attempt, asked, since, absences } => Self {
                attempt: Some(*attempt),
                asked: Some(asked),
                since: Some(*since),
                absences: Some(*absences),
                ..none
            },
            State::Watching { attempt, issued, since } => {
                Self { attempt: Some(*attempt), issued: Some(issued), since: Some(*since), ..none }
            }
            State::Held { attempt, why } => {
                Self { attempt: Some(*attempt), why: Some(why.as_str()), ..none }
            }
            State::Recovered { why } | State::GivenUp { why } => {
                Self { why: Some(why.as_str()), ..none }
            }
            State::Dismissed { why } => Self { why: Some(why), ..none },
        }
    }
}

impl From<&Recovery> for RecoveryRow {
    fn from(recovery: &Recovery) -> Self {
        let state = StateColumns::from(&recovery.state);
        Self {
            root_run_id: recovery.root_run_id.to_string(),
            sandbox: recovery.sandbox.to_string(),
            flow_id: recovery.flow_id.to_string(),
            flow_name: recovery.flow_name.clone(),
            failed_at: recovery.failed_at.as_millisecond(),
            state: recovery.state.name().to_owned(),
            attempt: state.attempt.map(i64::from),
            due: state.due.map(Timestamp::as_millisecond),
            asked: state.asked.map(RunId::to_string),
            since: state.since.map(Timestamp::as_millisecond),
            absences: state.absences.map(i64::from),
            issued: state.issued.map(RunId::to_string),
            why: state.why.map(str::to_owned),
            refusals: i64::from(recovery.refusals),
            ask_root: recovery.ask_root,
            ordered: recovery.ordered,
            revision: revision_column(recovery.revision),
            updated_at: recovery.updated_at.as_millisecond(),
            failure: failure_column(&recovery.failure),
            contested: recovery.contested,
            excused: i64::try_from(recovery.excused.as_millis()).unwrap_or(i64::MAX),
            excused_since: recovery.excused_since.map(Timestamp::as_millisecond),
        }
    }
}

/// Recoveries in the order of `rows`, each with its own attempts in the order of `attempts`.
pub(in crate::store::sqlite) fn assemble(
    rows: Vec<RecoveryRow>,
    attempts: Vec<AttemptRow>,
) -> Result<Vec<Recovery>, StoreError> {
    let mut by_root: HashMap<String, Vec<Attempt>> = HashMap::new();
    for attempt in attempts {
        let (root, attempt) = attempt.read()?;
        by_root.entry(root).or_default().push(attempt);
    }
    rows.into_iter()
        .map(|row| {
            let attempts = by_root.remove(&row.root_run_id).unwrap_or_default();
            row.read(attempts)
        })
        .collect()
}

impl RecoveryRow {
    fn read(self, attempts: Vec<Attempt>) -> Result<Recovery, StoreError> {
        let row = RowRef { table: "recoveries", row: &self.root_run_id };
        Ok(Recovery {
            state: self.read_state(row)?,
            failed_at: row.instant("failed_at", self.failed_at)?,
            refusals: row.number("refusals", self.refusals)?,
            revision: row.number("revision", self.revision)?,
            updated_at: row.instant("updated_at", self.updated_at)?,
            ask_root: self.ask_root,
            ordered: self.ordered,
            failure: row.failure(&self.failure)?,
            contested: self.contested,
            excused: Duration::from_millis(row.number("excused", self.excused)?),
            excused_since: self
                .excused_since
                .map(|at| row.instant("excused_since", at))
                .transpose()?,
            sandbox: SandboxName::new(self.sandbox),
            flow_id: FlowId::new(self.flow_id),
            flow_name: self.flow_name,
            root_run_id: RunId::new(self.root_run_id),
            attempts,
        })
    }

    fn read_state(&self, row: RowRef<'_>) -> Result<State, StoreError> {
        let attempt = || row.number("attempt", row.required("attempt", self.attempt)?);
        let since = || row.instant("since", row.required("since", self.since)?);
        let asked = || row.required("asked", self.asked.as_deref()).map(RunId::new);
        let text = || row.required("why", self.why.as_deref());
        let why = || text().and_then(|word| row.reason("why", word));
        Ok(match self.state.as_str() {
            "waiting" => State::Waiting {
                attempt: attempt()?,
                due: row.instant("due", row.required("due", self.due)?)?,
            },
            "triggering" => {
                State::Triggering { attempt: attempt()?, asked: asked()?, since: since()? }
            }
            "in_doubt" => State::InDoubt {
                attempt: attempt()?,
                asked: asked()?,
                since: since()?,
                absences: row.number("absences", row.required("absences", self.absences)?)?,
            },
            "watching" => State::Watching {
                attempt: attempt()?,
                issued: row.required("issued", self.issued.as_deref()).map(RunId::new)?,
                since: since()?,
            },
            "held" => State::Held { attempt: attempt()?, why: why()? },
            "recovered" => State::Recovered { why: why()? },
            "given_up" => State::GivenUp { why: why()? },
            "dismissed" => State::Dismissed { why: text()?.to_owned() },
            unknown => return Err(row.invalid("state", unknown)),
        })
    }
}
