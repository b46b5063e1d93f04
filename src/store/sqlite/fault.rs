//! Translates SQLite's errors to what the operator must do.

use crate::store::StoreError;

/// SQLite's primary result codes (<https://www.sqlite.org/rescode.html>) that need different actions.
mod code {
    pub(super) const ERROR: i32 = 1;
    pub(super) const PERM: i32 = 3;
    pub(super) const BUSY: i32 = 5;
    pub(super) const LOCKED: i32 = 6;
    pub(super) const READONLY: i32 = 8;
    pub(super) const IOERR: i32 = 10;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const FULL: i32 = 13;
    pub(super) const CANTOPEN: i32 = 14;
    pub(super) const CONSTRAINT: i32 = 19;
    pub(super) const NOTADB: i32 = 26;
}

/// What to do about a damaged file.
pub(super) const DAMAGED: &str = "the file is damaged; stop flowmend and restore a backup, or recover \
    what is left with sqlite3's `.recover`";

/// Turns a database error into "the store cannot `what`".
pub(super) fn cannot(what: &'static str) -> impl Fn(sqlx::Error) -> StoreError + Copy {
    move |error| match error {
        sqlx::Error::ColumnDecode { index, source } => {
            StoreError::Corrupt { what: format!("an invalid value in column {index}: {source}") }
        }
        source => StoreError::Io { what, hint: hint(&source).to_owned(), source },
    }
}

/// True if the file is not an SQLite database, or its structure is destroyed.
pub(super) fn is_not_a_database(error: &sqlx::Error) -> bool {
    matches!(primary_code(error), Some(code::NOTADB | code::CORRUPT))
}

/// True if a table is missing or not as expected.
pub(super) fn is_unknown_schema(error: &sqlx::Error) -> bool {
    primary_code(error) == Some(code::ERROR)
}

/// True if another process holds the file's lock.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    matches!(primary_code(error), Some(code::BUSY | code::LOCKED))
}

/// What to do about `error`.
pub(super) fn hint(error: &sqlx::Error) -> &'static str {
    if matches!(error, sqlx::Error::PoolTimedOut) {
        return "all of its connections were busy for too long; the disk may be very slow";
    }
    match primary_code(error) {
        Some(code::BUSY | code::LOCKED) => {
            "another program keeps the file locked; stop it (an open sqlite3 shell, a backup)"
        }
        Some(code::FULL) => "the disk is full; free some space, or shorten store.retention",
        Some(code::READONLY) => {
            "it is read-only; allow this user to write the file and its directory, \
             and check that the file system is not mounted read-only"
        }
        Some(code::CANTOPEN | code::PERM) => {
            "this user has no access to the file or its directory; check owner and permissions \
             (SQLite keeps two more files next to it)"
        }
        Some(code::IOERR) => "the disk reports an error; see the system log",
        Some(code::CORRUPT | code::NOTADB) => DAMAGED,
        Some(code::CONSTRAINT) => {
            "a constraint of its schema rejects the value; nothing was stored; please report this"
        }
        _ => "see the cause",
    }
}

fn primary_code(error: &sqlx::Error) -> Option<i32> {
    // The lowest byte of the extended code is the primary one.
    let extended: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(extended & 0xff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
    use sqlx::{Connection, Executor};
    use std::time::Duration;

    fn message(error: sqlx::Error) -> String {
        cannot("take notes")(error).to_string()
    }

    #[tokio::test]
    async fn a_full_disk_is_named() {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        connection.execute("PRAGMA max_page_count = 2; CREATE TABLE t (x)").await.unwrap();
        let error =
            connection.execute("INSERT INTO t VALUES (zeroblob(100000))").await.unwrap_err();
        assert_eq!(
            message(error),
            "the store cannot take notes: the disk is full; free some space, or shorten store.retention"
        );
    }

    #[tokio::test]
    async fn a_lock_held_by_another_program_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let options = SqliteConnectOptions::new()
            .filename(directory.path().join("x.db"))
            .create_if_missing(true)
            .busy_timeout(Duration::ZERO);
        let mut one = SqliteConnection::connect_with(&options).await.unwrap();
        let mut other = SqliteConnection::connect_with(&options).await.unwrap();
        one.execute("BEGIN IMMEDIATE").await.unwrap();
        let error = other.execute("BEGIN IMMEDIATE").await.unwrap_err();
        assert!(is_busy(&error));
        assert!(message(error).contains("another program keeps the file locked"));
    }
}
