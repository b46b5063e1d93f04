//! Rows of `journal`.

use super::{RowRef, failure_column};
use crate::domain::model::ids::{Etag, FlowId, RunId, SandboxName};
use crate::domain::model::journal::{Entry, Event};
use crate::store::StoreError;
use jiff::Timestamp;
use serde::Serialize;

/// A row of `journal`; SQLite assigns its key.
#[derive(Debug, Serialize, sqlx::FromRow)]
pub(in crate::store::sqlite) struct EntryRow {
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

impl EntryRow {
    /// Its position in the journal.
    pub(in crate::store::sqlite) fn id(&self) -> i64 {
        self.id
    }

    /// The entry.
    pub(in crate::store::sqlite) fn read(self) -> Result<Entry, StoreError> {
        let id = self.id.to_string();
        let row = RowRef { table: "journal", row: &id };
        let number =
            |column, value: Option<i64>| value.map(|value| row.number(column, value)).transpose();
        Ok(Entry {
            at: row.instant("at", self.at)?,
            event: Event::parse(&self.event).ok_or_else(|| row.invalid("event", &self.event))?,
            reason: row.reason("reason", &self.reason)?,
            attempt: number("attempt", self.attempt)?,
            max_attempts: number("max_attempts", self.max_attempts)?,
            due: self.due.map(|due| row.instant("due", due)).transpose()?,
            sandbox: SandboxName::new(self.sandbox),
            flow_id: FlowId::new(self.flow_id),
            flow_name: self.flow_name,
            run_id: RunId::new(self.run_id),
            root_run_id: self.root_run_id.map(RunId::new),
            new_run_id: self.new_run_id.map(RunId::new),
            etag: self.etag.map(Etag::new),
            failure: self.failure.map(|text| row.failure(&text)).transpose()?,
            detail: self.detail,
            rule: self.rule,
        })
    }
}
