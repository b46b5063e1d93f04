//! The vital signs of the daemon, for people.

use super::fault::cannot;
use super::rows::RowRef;
use crate::domain::model::ids::SandboxName;
use crate::domain::model::trouble::{Cause, Trouble};
use crate::store::{Owner, ReportedSigns, StoreError};
use sqlx::sqlite::SqlitePool;

/// Notes that the daemon stopped, if it holds the lease.
pub(super) const STOP: &str = "UPDATE signs
         SET stopped_at = ?2, next_pass = NULL, throttled_until = NULL
         WHERE owner = ?1 AND owner IN (SELECT owner FROM lease)";

/// A row of `signs`.
#[derive(Debug, sqlx::FromRow)]
struct Row {
    sandbox: String,
    owner: String,
    reported_at: i64,
    stopped_at: Option<i64>,
    pass_ended: Option<i64>,
    last_complete: Option<i64>,
    next_pass: Option<i64>,
    throttled_until: Option<i64>,
    cause: Option<String>,
    since: Option<i64>,
    error: Option<String>,
    passes: Option<i64>,
}

/// Replaces the signs of a sandbox, if their owner holds the lease.
pub(super) async fn report(writer: &SqlitePool, signs: &ReportedSigns) -> Result<(), StoreError> {
    let trouble = signs.trouble.as_ref();
    let [stopped, ended, complete, next, throttled] = [
        signs.stopped_at,
        signs.pass_ended,
        signs.last_complete,
        signs.next_pass,
        signs.throttled_until,
    ]
    .map(|at| at.map(|at| at.as_millisecond()));
    sqlx::query(
        "INSERT OR REPLACE INTO signs
         SELECT ?1, owner, ?3, ?4, ?5,
                coalesce(?6, (SELECT last_complete FROM signs WHERE sandbox = ?1)),
                ?7, ?8, ?9, ?10, ?11, ?12
         FROM lease WHERE owner = ?2",
    )
    .bind(signs.sandbox.as_str())
    .bind(signs.owner.as_str())
    .bind(signs.reported_at.as_millisecond())
    .bind(stopped)
    .bind(ended)
    .bind(complete)
    .bind(next)
    .bind(throttled)
    .bind(trouble.map(|it| it.cause.as_str()))
    .bind(trouble.map(|it| it.since.as_millisecond()))
    .bind(trouble.map(|it| it.error.as_str()))
    .bind(trouble.map(|it| i64::try_from(it.passes).unwrap_or(i64::MAX)))
    .execute(writer)
    .await
    .map_err(cannot("store the vital signs"))?;
    Ok(())
}

/// The signs of all sandboxes.
pub(super) async fn read(readers: &SqlitePool) -> Result<Vec<ReportedSigns>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as("SELECT * FROM signs ORDER BY sandbox")
        .fetch_all(readers)
        .await
        .map_err(cannot("read the vital signs"))?;
    rows.into_iter().map(Row::read).collect()
}

impl Row {
    fn read(self) -> Result<ReportedSigns, StoreError> {
        let row = RowRef { table: "signs", row: &self.sandbox };
        let instant = |column, at: Option<i64>| at.map(|at| row.instant(column, at)).transpose();
        let trouble = match (self.cause, self.since, self.error, self.passes) {
            (Some(cause), Some(since), Some(error), Some(passes)) => Some(Trouble {
                cause: Cause::parse(&cause).ok_or_else(|| row.invalid("cause", &cause))?,
                since: row.instant("since", since)?,
                error,
                passes: row.number("passes", passes)?,
            }),
            _ => None,
        };
        Ok(ReportedSigns {
            reported_at: row.instant("reported_at", self.reported_at)?,
            stopped_at: instant("stopped_at", self.stopped_at)?,
            pass_ended: instant("pass_ended", self.pass_ended)?,
            last_complete: instant("last_complete", self.last_complete)?,
            next_pass: instant("next_pass", self.next_pass)?,
            throttled_until: instant("throttled_until", self.throttled_until)?,
            trouble,
            owner: Owner::new(self.owner),
            sandbox: SandboxName::new(&self.sandbox),
        })
    }
}
