//! No question of a pass reads the whole history.

use super::{SqliteStore, past, read, turns};
use sqlx::{AssertSqlSafe, Row};

#[tokio::test]
async fn what_a_pass_asks_is_found_by_an_index() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&directory.path().join("flowmend.db")).await.unwrap();
    for (statement, index) in [
        (turns::UNDER_WAY, "recovery_under_way"),
        (turns::DUE, "recovery_waiting"),
        (turns::NEXT_DUE, "recovery_waiting"),
        (turns::HELD, "recovery_held"),
        (turns::UNSUPPORTED_FLOWS, "recovery_held"),
        (turns::RECOVERIES_OF, "sqlite_autoindex_runs_1"),
        (past::CALLS_SINCE, "entry_by_event"),
        (past::OUTCOMES, "entry_outcomes"),
        (past::UNSUCCESSFUL, "unsuccessful_by_flow"),
        (read::OPEN_RECOVERIES, "recovery_open"),
        (read::RECOVERY_OF, "attempt_by_issued"),
        (read::KNOWN_RUNS, "attempt_by_issued"),
        (read::JOURNAL, "entry_by_run"),
        (read::ATTEMPTS, "sqlite_autoindex_runs_1"),
    ] {
        let rows = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}")))
            .fetch_all(&store.readers)
            .await
            .unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        let scan = |step: &&String| step.starts_with("SCAN") && !step.contains("VIRTUAL TABLE");
        assert_eq!(plan.iter().find(scan), None, "{statement}: {plan:#?}");
        assert!(plan.iter().any(|step| step.contains(index)), "{statement}: {plan:#?}");
    }
}
