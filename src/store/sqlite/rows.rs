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
use sqlx::Sqlite;
use sqlx::sqlite::SqliteArguments;
use std::collections::HashMap;
use std::time::Duration;

type Query<'q> = sqlx::query::Query<'q, Sqlite, SqliteArguments>;

/// A row of `recoveries`.
#[derive(Debug, sqlx::FromRow)]
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
#[derive(Debug, sqlx::FromRow)]
pub(super) struct AttemptRow {
    root_run_id: String,
    number: i64,
    asked: String,
    issued: String,
    etag: Option<String>,
    accepted_at: i64,
}

/// A row of `journal`.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct EntryRow {
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

/// Binds the columns of `recoveries` in the order of the statements: 22 values.
pub(super) fn bind_recovery<'q>(query: Query<'q>, recovery: &'q Recovery) -> Query<'q> {
    let state = StateColumns::from(&recovery.state);
    query
        .bind(recovery.root_run_id.as_str())
        .bind(recovery.sandbox.as_str())
        .bind(recovery.flow_id.as_str())
        .bind(&recovery.flow_name)
        .bind(recovery.failed_at.as_millisecond())
        .bind(recovery.state.name())
        .bind(state.attempt)
        .bind(state.due.map(Timestamp::as_millisecond))
        .bind(state.asked.map(RunId::as_str))
        .bind(state.since.map(Timestamp::as_millisecond))
        .bind(state.absences)
        .bind(state.issued.map(RunId::as_str))
        .bind(state.why)
        .bind(recovery.refusals)
        .bind(recovery.ask_root)
        .bind(revision_column(recovery.revision))
        .bind(recovery.updated_at.as_millisecond())
        .bind(recovery.ordered)
        .bind(failure_column(&recovery.failure))
        .bind(recovery.contested)
        .bind(i64::try_from(recovery.excused.as_millis()).unwrap_or(i64::MAX))
        .bind(recovery.excused_since.map(Timestamp::as_millisecond))
}

/// Binds the columns of `attempts` in the order of the table: 6 values.
pub(super) fn bind_attempt<'q>(
    query: Query<'q>,
    root: &'q RunId,
    attempt: &'q Attempt,
) -> Query<'q> {
    query
        .bind(root.as_str())
        .bind(attempt.number)
        .bind(attempt.asked.as_str())
        .bind(attempt.issued.as_str())
        .bind(attempt.etag.as_ref().map(Etag::as_str))
        .bind(attempt.accepted_at.as_millisecond())
}

/// Binds the columns of `journal` after its id, in the order of the table: 16 values.
pub(super) fn bind_entry<'q>(query: Query<'q>, entry: &'q Entry) -> Query<'q> {
    query
        .bind(entry.at.as_millisecond())
        .bind(entry.sandbox.as_str())
        .bind(entry.flow_id.as_str())
        .bind(&entry.flow_name)
        .bind(entry.run_id.as_str())
        .bind(entry.root_run_id.as_ref().map(RunId::as_str))
        .bind(entry.event.as_str())
        .bind(entry.reason.as_str())
        .bind(entry.attempt)
        .bind(entry.max_attempts)
        .bind(entry.new_run_id.as_ref().map(RunId::as_str))
        .bind(entry.etag.as_ref().map(Etag::as_str))
        .bind(entry.due.map(Timestamp::as_millisecond))
        .bind(entry.detail.as_deref())
        .bind(entry.rule.as_deref())
        .bind(entry.failure.as_ref().map(failure_column))
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
