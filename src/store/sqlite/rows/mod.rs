//! Converts rows to values and back.
//!
//! A row has the columns of a view; the tables behind the views contain keys of repeated values. A
//! state has columns of its own instead of one JSON text, so that people can query the file with
//! `sqlite3`. An invalid row is an error that names it, never a guess: it may have been written by a
//! newer flowmend, or by hand.

mod attempt;
mod entry;
mod order;
mod recovery;

pub(super) use attempt::AttemptRow;
pub(super) use entry::EntryRow;
pub(super) use order::{OrderRow, bind_order};
pub(super) use recovery::{RecoveryRow, assemble};

use crate::domain::model::failure::Failure;
use crate::domain::model::reason::Reason;
use crate::store::StoreError;
use jiff::Timestamp;

/// A failure as JSON; it contains only texts, so this cannot fail.
pub(super) fn failure_column(failure: &Failure) -> String {
    serde_json::to_string(failure).unwrap_or_default()
}

/// A revision as an integer of the database: it starts at 1 and grows by one, so it never overflows.
pub(super) fn revision_column(revision: u64) -> i64 {
    i64::try_from(revision).unwrap_or(i64::MAX)
}

/// A row, for the error that names it.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowRef<'a> {
    pub(super) table: &'static str,
    pub(super) row: &'a str,
}

impl RowRef<'_> {
    pub(super) fn invalid(self, column: &str, value: impl std::fmt::Debug) -> StoreError {
        let Self { table, row } = self;
        StoreError::Corrupt { what: format!("{column} {value:?} in row {row:?} of {table}") }
    }

    fn required<T>(self, column: &str, value: Option<T>) -> Result<T, StoreError> {
        value.ok_or_else(|| {
            let Self { table, row } = self;
            StoreError::Corrupt { what: format!("no {column} in row {row:?} of {table}") }
        })
    }

    /// An instant from milliseconds.
    pub(super) fn instant(self, column: &str, value: i64) -> Result<Timestamp, StoreError> {
        Timestamp::from_millisecond(value).map_err(|_| self.invalid(column, value))
    }

    pub(super) fn number<T: TryFrom<i64>>(self, column: &str, value: i64) -> Result<T, StoreError> {
        T::try_from(value).map_err(|_| self.invalid(column, value))
    }

    pub(super) fn failure(self, json: &str) -> Result<Failure, StoreError> {
        serde_json::from_str(json).map_err(|_| self.invalid("failure", json))
    }

    pub(super) fn reason(self, column: &str, word: &str) -> Result<Reason, StoreError> {
        Reason::parse(word).ok_or_else(|| self.invalid(column, word))
    }
}
