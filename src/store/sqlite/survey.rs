//! Queries for an overview. Each returns counts and a bounded number of rows, however much is stored.

use super::fault::cannot;
use super::read::{Query, bind_filter, json_array, load};
use super::rows::RowRef;
use crate::domain::model::failure::UMBRELLAS;
use crate::domain::model::ids::{FlowId, RunId, SandboxName};
use crate::domain::recovery::Recovery;
use crate::store::{Filter, KnownFlow, NeedGroup, Needs, PausedFlow, StoreError};
use jiff::Timestamp;
use sqlx::sqlite::SqlitePool;

/// A group, and the totals of all of them.
#[derive(Debug, sqlx::FromRow)]
struct GroupRow {
    recoveries: i64,
    dataflows: i64,
    causes: i64,
    sandbox: String,
    flow_id: String,
    flow_name: String,
    state: String,
    why: String,
    members: i64,
    since: i64,
    root_run_id: String,
    updated_at: i64,
    failure: String,
}

// `unsuccessful` has the recoveries that were given up after an attempt, until their dataflow succeeds.
const NEEDS: &str = "WITH kept AS (
         SELECT root FROM recovery WHERE state = 'held' AND why <> 'paused'
         UNION ALL
         SELECT root FROM recovery AS ended
         WHERE state = 'given_up' AND why <> 'ignored_by_rule' AND updated_at >= ?4
           AND CASE
               WHEN why IN ('attempts_spent', 'time_spent', 'watch_timeout', 'not_retriggerable')
                AND EXISTS (SELECT 1 FROM attempt WHERE attempt.root = ended.root)
               THEN root IN (SELECT root FROM unsuccessful)
               ELSE NOT EXISTS (
                   SELECT 1 FROM recovery AS later
                   WHERE later.flow = ended.flow AND later.sandbox = ended.sandbox
                     AND later.state = 'recovered' AND later.updated_at > ended.updated_at
               ) END
     ), stuck AS (
         SELECT *, coalesce(
                    (SELECT value ->> '$.code' FROM json_each(failure, '$.errors')
                     WHERE value ->> '$.code' NOT IN (SELECT value FROM json_each(?6)) LIMIT 1),
                    failure ->> '$.errors[0].code'
                ) AS code
         FROM recoveries
         WHERE root IN (SELECT root FROM kept)
           AND (?1 = '[]' OR state IN (SELECT value FROM json_each(?1)))
           AND (?2 IS NULL OR sandbox = ?2)
           AND (?3 = '[]' OR flow_id IN (SELECT value FROM json_each(?3))
                          OR flow_name IN (SELECT value FROM json_each(?3)))
     ), ranked AS (
         SELECT *, count(*) OVER same AS members, min(failed_at) OVER same AS first_failed,
                row_number() OVER (
                    PARTITION BY sandbox, flow_id, state, why, code
                    ORDER BY updated_at DESC, root_run_id
                ) AS nth
         FROM stuck WINDOW same AS (PARTITION BY sandbox, flow_id, state, why, code)
     )
     SELECT (SELECT count(*) FROM stuck) AS recoveries,
            (SELECT count(*) FROM (SELECT DISTINCT sandbox, flow_id FROM stuck)) AS dataflows,
            count(*) OVER () AS causes,
            sandbox, flow_id, flow_name, state, why, members, first_failed AS since, root_run_id,
            updated_at, failure
     FROM ranked WHERE nth = 1
     ORDER BY updated_at DESC, root_run_id LIMIT ?5";

/// What needs a person.
pub(super) async fn needs(
    readers: &SqlitePool,
    filter: &Filter,
    since: Timestamp,
) -> Result<Needs, StoreError> {
    let rows: Vec<GroupRow> = bind_filter(sqlx::query_as(NEEDS), filter)
        .bind(since.as_millisecond())
        .bind(limit_of(filter))
        .bind(json_array(UMBRELLAS.into_iter()))
        .fetch_all(readers)
        .await
        .map_err(cannot("read what needs a person"))?;
    let total = |count: fn(&GroupRow) -> i64| rows.first().map_or(0, count).unsigned_abs();
    let (recoveries, dataflows) = (total(|it| it.recoveries), total(|it| it.dataflows));
    let causes = total(|it| it.causes);
    let groups = rows.into_iter().map(GroupRow::read).collect::<Result<_, _>>()?;
    Ok(Needs { recoveries, dataflows, causes, groups })
}

impl GroupRow {
    fn read(self) -> Result<NeedGroup, StoreError> {
        let row = RowRef { table: "recoveries", row: &self.root_run_id };
        Ok(NeedGroup {
            is_held: self.state == "held",
            why: row.reason("why", &self.why)?,
            count: self.members.unsigned_abs(),
            since: row.instant("failed_at", self.since)?,
            updated_at: row.instant("updated_at", self.updated_at)?,
            failure: row.failure(&self.failure)?,
            newest: RunId::new(&self.root_run_id),
            sandbox: SandboxName::new(self.sandbox),
            flow_id: FlowId::new(self.flow_id),
            flow_name: self.flow_name,
        })
    }
}

const PAUSED: &str = "SELECT sandbox, flow_id, max(flow_name), count(*) FROM recoveries
         WHERE root IN (SELECT root FROM recovery WHERE state = 'held' AND why = 'paused')
           AND (?1 = '[]' OR state IN (SELECT value FROM json_each(?1)))
           AND (?2 IS NULL OR sandbox = ?2)
           AND (?3 = '[]' OR flow_id IN (SELECT value FROM json_each(?3))
                          OR flow_name IN (SELECT value FROM json_each(?3)))
         GROUP BY sandbox, flow_id ORDER BY sandbox, flow_id";

/// The dataflows with recoveries that a pause holds back.
pub(super) async fn paused(
    readers: &SqlitePool,
    filter: &Filter,
) -> Result<Vec<PausedFlow>, StoreError> {
    let query = sqlx::query_as(PAUSED);
    let query: Query<'_, (String, String, String, i64)> = bind_filter(query, filter);
    let rows = query.fetch_all(readers).await.map_err(cannot("read what is paused"))?;
    let flow = |(sandbox, flow_id, flow_name, count): (String, String, String, i64)| PausedFlow {
        sandbox: SandboxName::new(sandbox),
        flow_id: FlowId::new(flow_id),
        flow_name,
        count: count.unsigned_abs(),
    };
    Ok(rows.into_iter().map(flow).collect())
}

const HEALING: &str = "SELECT * FROM recoveries WHERE root IN (
             SELECT root FROM recovery JOIN flows ON flows.id = flow
             WHERE state NOT IN ('recovered', 'given_up', 'dismissed') AND state <> 'held'
               AND (?1 = '[]' OR state IN (SELECT value FROM json_each(?1)))
               AND (?2 IS NULL OR sandbox = ?2)
               AND (?3 = '[]' OR flow_id IN (SELECT value FROM json_each(?3))
                              OR flow_name IN (SELECT value FROM json_each(?3)))
             ORDER BY due, failed_at, root LIMIT ?4
         )
         ORDER BY due, failed_at, root_run_id";

/// The recoveries with a call or a new run, then those that wait, soonest first.
pub(super) async fn healing(
    readers: &SqlitePool,
    filter: &Filter,
) -> Result<Vec<Recovery>, StoreError> {
    let query = sqlx::query_as(HEALING);
    load(readers, bind_filter(query, filter).bind(limit_of(filter))).await
}

/// Every dataflow of which a failed run was seen.
pub(super) async fn known_flows(readers: &SqlitePool) -> Result<Vec<KnownFlow>, StoreError> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT flow_id, flow_name FROM flows ORDER BY flow_name, flow_id")
            .fetch_all(readers)
            .await
            .map_err(cannot("read the dataflows"))?;
    let flow =
        |(id, flow_name): (String, String)| KnownFlow { flow_id: FlowId::new(id), flow_name };
    Ok(rows.into_iter().map(flow).collect())
}

/// In SQLite a negative limit means none.
fn limit_of(filter: &Filter) -> i64 {
    filter.limit.map_or(-1, i64::from)
}
