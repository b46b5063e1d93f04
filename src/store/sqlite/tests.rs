//! No statement reads the whole history, and every column is written.

use super::tables::{ATTEMPT, ENTRY, RECOVERY};
use super::{SqliteStore, commit, history, prune, queue, read, short_id};
use sqlx::{AssertSqlSafe, Row};

/// Asserts that each statement uses this index and scans no table.
async fn assert_found_by_index(statements: &[(&str, &str)]) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&directory.path().join("flowmend.db")).await.unwrap();
    for (statement, index) in statements {
        let rows = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}")))
            .fetch_all(&store.0.writer)
            .await
            .unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        // `failed` is a result of the statement itself.
        let scan = |step: &&String| {
            step.starts_with("SCAN") && !step.contains("VIRTUAL TABLE") && *step != "SCAN failed"
        };
        assert_eq!(plan.iter().find(scan), None, "{statement}: {plan:#?}");
        assert!(plan.iter().any(|step| step.contains(index)), "{statement}: {plan:#?}");
    }
}

#[tokio::test]
async fn what_a_pass_asks_is_found_by_an_index() {
    assert_found_by_index(&[
        (queue::UNDER_WAY, "recovery_under_way"),
        (queue::DUE, "recovery_waiting"),
        (queue::NEXT_DUE, "recovery_waiting"),
        (queue::COUNT_OPEN, "recovery_held"),
        (queue::HELD, "recovery_held"),
        (queue::UNSUPPORTED_FLOWS, "recovery_held"),
        (queue::RECOVERIES_OF, "sqlite_autoindex_runs_1"),
        (history::CALLS_SINCE, "entry_by_event"),
        (history::OUTCOMES, "entry_outcomes"),
        (history::FAILING, "entry_outcomes"),
        (history::UNSUCCESSFUL, "unsuccessful_by_flow"),
        (read::OPEN_RECOVERIES, "recovery_open"),
        (read::RECOVERY_OF, "attempt_by_issued"),
        (read::KNOWN_RUNS, "attempt_by_issued"),
        (read::JOURNAL, "entry_by_run"),
        (read::ATTEMPTS, "sqlite_autoindex_runs_1"),
        (short_id::NEIGHBORS, "sqlite_autoindex_runs_1"),
    ])
    .await;
}

#[tokio::test]
async fn what_is_written_or_removed_is_found_by_an_index() {
    let [runs, flows, failures] = prune::UNUSED.map(|(delete, _)| delete);
    assert_found_by_index(&[
        (&commit::INSERT, "attempt_by_issued"),
        (&commit::UPDATE, "SEARCH recovery USING INTEGER PRIMARY KEY"),
        (&commit::APPEND, "sqlite_autoindex_runs_1"),
        (&commit::WRITE, "sqlite_autoindex_runs_1"),
        (&commit::NOTE, "entry_by_run"),
        (commit::EXCUSE, "recovery_waiting"),
        (prune::OLD_RECOVERIES, "recovery_by_change"),
        (prune::OLD_ENTRIES, "entry_by_time"),
        (runs, "attempt_by_asked"),
        (flows, "entry_by_flow"),
        (failures, "entry_by_failure"),
    ])
    .await;
}

#[tokio::test]
async fn every_column_of_a_table_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&directory.path().join("flowmend.db")).await.unwrap();
    for (table, written, assigned) in
        [("recovery", RECOVERY, 0), ("attempt", ATTEMPT, 0), ("entry", ENTRY, 1)]
    {
        let columns: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_info(?1)")
            .bind(table)
            .fetch_all(&store.0.readers)
            .await
            .unwrap();
        assert_eq!(columns[assigned..], *written, "{table}");
    }
}
