//! Short ids: a run is shown, and may be named, by a prefix that no other run has.

use super::fault::cannot;
use super::read::json_array;
use crate::domain::model::ids::RunId;
use crate::store::StoreError;
use sqlx::sqlite::SqlitePool;

/// The shortest prefix that is shown.
const SHORTEST: usize = 8;

/// At most `limit` known runs whose id starts with `prefix`, in order.
pub(super) async fn runs_like(
    readers: &SqlitePool,
    prefix: &str,
    limit: u32,
) -> Result<Vec<RunId>, StoreError> {
    let ids: Vec<String> = sqlx::query_scalar(
        "SELECT run_id FROM runs WHERE run_id >= ?1 AND run_id < ?2 ORDER BY run_id LIMIT ?3",
    )
    .bind(prefix)
    .bind(format!("{prefix}{}", char::MAX))
    .bind(limit)
    .fetch_all(readers)
    .await
    .map_err(cannot("look up runs"))?;
    Ok(ids.into_iter().map(RunId::new).collect())
}

pub(super) const NEIGHBORS: &str =
    "SELECT (SELECT max(run_id) FROM runs WHERE run_id < asked.value),
                (SELECT min(run_id) FROM runs WHERE run_id > asked.value)
         FROM json_each(?1) AS asked ORDER BY asked.key";

/// The shortest prefix of each of `runs` that no other known run has.
pub(super) async fn short_ids(
    readers: &SqlitePool,
    runs: &[RunId],
) -> Result<Vec<String>, StoreError> {
    // In the order of ids, the run that shares the longest prefix is a neighbor.
    let neighbors: Vec<(Option<String>, Option<String>)> = sqlx::query_as(NEIGHBORS)
        .bind(json_array(runs.iter().map(RunId::as_str)))
        .fetch_all(readers)
        .await
        .map_err(cannot("look up runs"))?;
    let mut sorted: Vec<&str> = runs.iter().map(RunId::as_str).collect();
    sorted.sort_unstable();
    sorted.dedup();
    let short = |(run, (before, after)): (&RunId, (Option<String>, Option<String>))| {
        let id = run.as_str();
        let place = sorted.partition_point(|it| *it < id);
        let asked_before = place.checked_sub(1).map(|it| sorted[it]);
        let asked_after = sorted.get(place + 1).copied();
        let others = [before.as_deref(), after.as_deref(), asked_before, asked_after];
        let shared = others.into_iter().flatten().map(|other| shared_chars(id, other)).max();
        id.chars().take(SHORTEST.max(shared.unwrap_or(0) + 1)).collect()
    };
    Ok(runs.iter().zip(neighbors).map(short).collect())
}

/// The length of the longest common prefix, in characters.
fn shared_chars(one: &str, other: &str) -> usize {
    one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count()
}
