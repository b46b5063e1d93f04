//! Rows to values and back.
//!
//! A state is spread over columns rather than put into one piece of JSON, so that people can ask
//! the file questions with `sqlite3`. A row that makes no sense is named and refused, never
//! guessed at: it may have been written by a newer flowmend, or by hand.

use crate::domain::failure::Failure;
use crate::domain::ids::{Etag, FlowId, RunId, SandboxName};
use crate::domain::journal::{Entry, Event};
use crate::domain::order::Order;
use crate::domain::reason::Reason;
use crate::domain::recovery::{Attempt, Recovery, State};
use crate::store::StoreError;
use jiff::Timestamp;
use serde::Serialize;
use sqlx::Sqlite;
use sqlx::sqlite::SqliteArguments;
use std::collections::HashMap;
use std::time::Duration;

type Query<'q> = sqlx::query::Query<'q, Sqlite, SqliteArguments>;

/// A row of `recoveries`.
#[derive(Debug, Serialize, sqlx::FromRow)]
pub(super) struct RecoveryRow {
    pub(super) root_run_id: String,
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

/// A row of `attempts`.
#[derive(Debug, Serialize, sqlx::FromRow)]
pub(super) struct AttemptRow {
    root_run_id: String,
    number: i64,
    asked: String,
    issued: String,
    etag: Option<String>,
    accepted_at: i64,
}

/// A row of `journal`; its key is not written but made.
#[derive(Debug, Serialize, sqlx::FromRow)]
pub(super) struct EntryRow {
    #[serde(skip)]
    id: i64,
    at: i64,
    sandbox: String,
    flow_id: String,
    flow_name: String,
    run_id: String,
    root_run_id: Option<String>,
    event: String,
    reason: String,
    attempt: Option<i64>,
    max_attempts: Option<i64>,
    new_run_id: Option<String>,
    etag: Option<String>,
    due: Option<i64>,
    detail: Option<String>,
    rule: Option<String>,
    failure: Option<String>,
}

/// A row of `orders`.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct OrderRow {
    sandbox: String,
    flow: String,
    paused: bool,
    at: i64,
    reason: String,
}

/// The columns that belong to a state; each state fills its own.
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

/// The columns of `recoveries`: the fields of [`RecoveryRow`].
pub(super) const RECOVERY: &[&str] = &[
    "root_run_id",
    "sandbox",
    "flow_id",
    "flow_name",
    "failed_at",
    "state",
    "attempt",
    "due",
    "asked",
    "since",
    "absences",
    "issued",
    "why",
    "refusals",
    "ask_root",
    "ordered",
    "revision",
    "updated_at",
    "failure",
    "contested",
    "excused",
    "excused_since",
];

/// The columns of `attempts`: the fields of [`AttemptRow`].
pub(super) const ATTEMPT: &[&str] =
    &["root_run_id", "number", "asked", "issued", "etag", "accepted_at"];

/// The columns of `journal` but its key: the fields of [`EntryRow`].
pub(super) const ENTRY: &[&str] = &[
    "at",
    "sandbox",
    "flow_id",
    "flow_name",
    "run_id",
    "root_run_id",
    "event",
    "reason",
    "attempt",
    "max_attempts",
    "new_run_id",
    "etag",
    "due",
    "detail",
    "rule",
    "failure",
];

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

impl AttemptRow {
    /// The rows of the attempts of `recovery`.
    pub(super) fn of(recovery: &Recovery) -> impl Iterator<Item = Self> + '_ {
        recovery.attempts.iter().map(|attempt| Self {
            root_run_id: recovery.root_run_id.to_string(),
            number: i64::from(attempt.number),
            asked: attempt.asked.to_string(),
            issued: attempt.issued.to_string(),
            etag: attempt.etag.as_ref().map(Etag::to_string),
            accepted_at: attempt.accepted_at.as_millisecond(),
        })
    }
}

impl From<&Entry> for EntryRow {
    fn from(entry: &Entry) -> Self {
        Self {
            id: 0,
            at: entry.at.as_millisecond(),
            sandbox: entry.sandbox.to_string(),
            flow_id: entry.flow_id.to_string(),
            flow_name: entry.flow_name.clone(),
            run_id: entry.run_id.to_string(),
            root_run_id: entry.root_run_id.as_ref().map(RunId::to_string),
            event: entry.event.as_str().to_owned(),
            reason: entry.reason.as_str().to_owned(),
            attempt: entry.attempt.map(i64::from),
            max_attempts: entry.max_attempts.map(i64::from),
            new_run_id: entry.new_run_id.as_ref().map(RunId::to_string),
            etag: entry.etag.as_ref().map(Etag::to_string),
            due: entry.due.map(Timestamp::as_millisecond),
            detail: entry.detail.clone(),
            rule: entry.rule.clone(),
            failure: entry.failure.as_ref().map(failure_column),
        }
    }
}

/// Binds the columns of `orders` in the order of the table: 5 values.
pub(super) fn bind_order<'q>(query: Query<'q>, order: &'q Order) -> Query<'q> {
    query
        .bind(order.sandbox.as_ref().map_or("", SandboxName::as_str))
        .bind(order.flow.as_ref().map_or("", FlowId::as_str))
        .bind(order.paused)
        .bind(order.at.as_millisecond())
        .bind(&order.reason)
}

/// A failure as JSON; it is made of texts only, so this cannot fail.
fn failure_column(failure: &Failure) -> String {
    serde_json::to_string(failure).unwrap_or_default()
}

/// A revision as the database counts: it grows by one from 1, so the upper bound is never met.
pub(super) fn revision_column(revision: u64) -> i64 {
    i64::try_from(revision).unwrap_or(i64::MAX)
}

/// Recoveries in the order of `rows`, each with those of `attempts` that are its own, in their order.
pub(super) fn assemble(
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
        let place = Place { table: "recoveries", row: &self.root_run_id };
        Ok(Recovery {
            state: self.read_state(place)?,
            failed_at: place.instant("failed_at", self.failed_at)?,
            refusals: place.number("refusals", self.refusals)?,
            revision: place.number("revision", self.revision)?,
            updated_at: place.instant("updated_at", self.updated_at)?,
            ask_root: self.ask_root,
            ordered: self.ordered,
            failure: place.failure(&self.failure)?,
            contested: self.contested,
            excused: Duration::from_millis(place.number("excused", self.excused)?),
            excused_since: self
                .excused_since
                .map(|at| place.instant("excused_since", at))
                .transpose()?,
            sandbox: SandboxName::new(self.sandbox),
            flow_id: FlowId::new(self.flow_id),
            flow_name: self.flow_name,
            root_run_id: RunId::new(self.root_run_id),
            attempts,
        })
    }

    fn read_state(&self, place: Place<'_>) -> Result<State, StoreError> {
        let attempt = || place.number("attempt", place.filled("attempt", self.attempt)?);
        let since = || place.instant("since", place.filled("since", self.since)?);
        let asked = || place.filled("asked", self.asked.as_deref()).map(RunId::new);
        let text = || place.filled("why", self.why.as_deref());
        let why = || text().and_then(|word| place.reason("why", word));
        Ok(match self.state.as_str() {
            "waiting" => State::Waiting {
                attempt: attempt()?,
                due: place.instant("due", place.filled("due", self.due)?)?,
            },
            "triggering" => {
                State::Triggering { attempt: attempt()?, asked: asked()?, since: since()? }
            }
            "in_doubt" => State::InDoubt {
                attempt: attempt()?,
                asked: asked()?,
                since: since()?,
                absences: place.number("absences", place.filled("absences", self.absences)?)?,
            },
            "watching" => State::Watching {
                attempt: attempt()?,
                issued: place.filled("issued", self.issued.as_deref()).map(RunId::new)?,
                since: since()?,
            },
            "held" => State::Held { attempt: attempt()?, why: why()? },
            "recovered" => State::Recovered { why: why()? },
            "given_up" => State::GivenUp { why: why()? },
            "dismissed" => State::Dismissed { why: text()?.to_owned() },
            unknown => return Err(place.odd("state", unknown)),
        })
    }
}

impl AttemptRow {
    /// The attempt, and the root run of the recovery it belongs to.
    fn read(self) -> Result<(String, Attempt), StoreError> {
        let place = Place { table: "attempts", row: &self.root_run_id };
        let attempt = Attempt {
            number: place.number("number", self.number)?,
            asked: RunId::new(self.asked),
            issued: RunId::new(self.issued),
            etag: self.etag.map(Etag::new),
            accepted_at: place.instant("accepted_at", self.accepted_at)?,
        };
        Ok((self.root_run_id, attempt))
    }
}

impl EntryRow {
    /// The entry.
    pub(super) fn read(self) -> Result<Entry, StoreError> {
        let id = self.id.to_string();
        let place = Place { table: "journal", row: &id };
        let number =
            |column, value: Option<i64>| value.map(|value| place.number(column, value)).transpose();
        Ok(Entry {
            at: place.instant("at", self.at)?,
            event: Event::parse(&self.event).ok_or_else(|| place.odd("event", &self.event))?,
            reason: place.reason("reason", &self.reason)?,
            attempt: number("attempt", self.attempt)?,
            max_attempts: number("max_attempts", self.max_attempts)?,
            due: self.due.map(|due| place.instant("due", due)).transpose()?,
            sandbox: SandboxName::new(self.sandbox),
            flow_id: FlowId::new(self.flow_id),
            flow_name: self.flow_name,
            run_id: RunId::new(self.run_id),
            root_run_id: self.root_run_id.map(RunId::new),
            new_run_id: self.new_run_id.map(RunId::new),
            etag: self.etag.map(Etag::new),
            failure: self.failure.map(|text| place.failure(&text)).transpose()?,
            detail: self.detail,
            rule: self.rule,
        })
    }
}

impl OrderRow {
    /// The order.
    pub(super) fn read(self) -> Result<Order, StoreError> {
        let place = Place { table: "orders", row: &format!("{} {}", self.sandbox, self.flow) };
        Ok(Order {
            sandbox: (!self.sandbox.is_empty()).then(|| SandboxName::new(&self.sandbox)),
            flow: (!self.flow.is_empty()).then(|| FlowId::new(&self.flow)),
            paused: self.paused,
            at: place.instant("at", self.at)?,
            reason: self.reason,
        })
    }
}

/// Where a value stands, for the error that names it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) table: &'static str,
    pub(super) row: &'a str,
}

impl Place<'_> {
    fn odd(self, column: &str, value: impl std::fmt::Debug) -> StoreError {
        let Self { table, row } = self;
        StoreError::Corrupt { what: format!("{column} {value:?} in row {row:?} of {table}") }
    }

    fn filled<T>(self, column: &str, value: Option<T>) -> Result<T, StoreError> {
        value.ok_or_else(|| {
            let Self { table, row } = self;
            StoreError::Corrupt { what: format!("no {column} in row {row:?} of {table}") }
        })
    }

    /// An instant from milliseconds.
    pub(super) fn instant(self, column: &str, value: i64) -> Result<Timestamp, StoreError> {
        Timestamp::from_millisecond(value).map_err(|_| self.odd(column, value))
    }

    fn number<T: TryFrom<i64>>(self, column: &str, value: i64) -> Result<T, StoreError> {
        T::try_from(value).map_err(|_| self.odd(column, value))
    }

    fn failure(self, json: &str) -> Result<Failure, StoreError> {
        serde_json::from_str(json).map_err(|_| self.odd("failure", json))
    }

    fn reason(self, column: &str, word: &str) -> Result<Reason, StoreError> {
        Reason::parse(word).ok_or_else(|| self.odd(column, word))
    }
}
