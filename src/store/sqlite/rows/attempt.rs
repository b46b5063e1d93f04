//! Rows of `attempts`.

use super::RowRef;
use crate::domain::model::ids::{Etag, RunId};
use crate::domain::recovery::{Attempt, Recovery};
use crate::store::StoreError;
use serde::Serialize;

/// A row of `attempts`.
#[derive(Debug, Serialize, sqlx::FromRow)]
pub(in crate::store::sqlite) struct AttemptRow {
    root_run_id: String,
    number: i64,
    asked: String,
    issued: String,
    etag: Option<String>,
    accepted_at: i64,
}

impl AttemptRow {
    /// The rows of the attempts of `recovery`.
    pub(in crate::store::sqlite) fn of(recovery: &Recovery) -> impl Iterator<Item = Self> + '_ {
        recovery.attempts.iter().map(|attempt| Self {
            root_run_id: recovery.root_run_id.to_string(),
            number: i64::from(attempt.number),
            asked: attempt.asked.to_string(),
            issued: attempt.issued.to_string(),
            etag: attempt.etag.as_ref().map(Etag::to_string),
            accepted_at: attempt.accepted_at.as_millisecond(),
        })
    }

    /// The attempt, and the root run of the recovery it belongs to.
    pub(super) fn read(self) -> Result<(String, Attempt), StoreError> {
        let row = RowRef { table: "attempts", row: &self.root_run_id };
        let attempt = Attempt {
            number: row.number("number", self.number)?,
            asked: RunId::new(self.asked),
            issued: RunId::new(self.issued),
            etag: self.etag.map(Etag::new),
            accepted_at: row.instant("accepted_at", self.accepted_at)?,
        };
        Ok((self.root_run_id, attempt))
    }
}
