//! No question of a pass reads the whole history.

use super::{SqliteStore, past, read, turns};
use sqlx::{AssertSqlSafe, Row};

#[tokio::test]
async fn what_a_pass_asks_is_found_by_an_index() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&directory.path().join("flowmend.db")).await.unwrap();
    for (statement, index) in [
        (turns::UNDER_WAY, "recoveries_under_way"),
        (turns::DUE, "recoveries_waiting"),
        (turns::NEXT_DUE, "recoveries_waiting"),
        (turns::HELD, "recoveries_held"),
        (turns::UNSUPPORTED_FLOWS, "recoveries_held"),
        (turns::RECOVERIES_OF, "sqlite_autoindex_recoveries_1"),
        (past::CALLS_SINCE, "journal_by_event"),
        (past::OUTCOMES, "journal_outcomes"),
        (past::UNSUCCESSFUL, "unsuccessful_by_flow"),
        (read::OPEN_RECOVERIES, "recoveries_open"),
        (read::RECOVERY_OF, "attempts_by_issued"),
        (read::KNOWN_RUNS, "attempts_by_issued"),
        (read::JOURNAL, "journal_by_run"),
        (read::ATTEMPTS, "PRIMARY KEY"),
    ] {
        let rows = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}")))
            .fetch_all(&store.readers)
            .await
            .unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        let scan = |step: &&String| {
            ["recoveries", "attempts", "journal", "unsuccessful"]
                .iter()
                .any(|table| step.starts_with(&format!("SCAN {table}")))
        };
        assert_eq!(plan.iter().find(scan), None, "{statement}: {plan:#?}");
        assert!(plan.iter().any(|step| step.contains(index)), "{statement}: {plan:#?}");
    }
}
