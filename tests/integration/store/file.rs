//! What only the SQLite store must do: never damage a file, and explain what to do about one that it
//! cannot use.

use flowmend::domain::model::failure::Failure;
use flowmend::domain::model::ids::{RunId, SandboxName};
use flowmend::store::{Batch, Filter, Lease, Owner, Progress, SqliteStore, Store, StoreError};
use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection, Executor};
use std::error::Error as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// A directory, and the path of a file that does not exist yet.
fn nowhere() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("flowmend.db");
    (directory, path)
}

/// Runs SQL on the file.
async fn by_hand(path: &Path, sql: &str) {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
    connection.close().await.unwrap();
}

async fn make(path: &Path) {
    SqliteStore::open(path).await.unwrap().close().await;
}

/// The errors of both ways of opening; both must leave the file unchanged.
async fn refusals(path: &Path) -> [String; 2] {
    let before = fs::read(path).unwrap();
    let open = SqliteStore::open(path).await.unwrap_err();
    let existing = SqliteStore::open_existing(path).await.unwrap_err();
    assert_eq!(fs::read(path).unwrap(), before, "the file was changed");
    for error in [&open, &existing] {
        assert!(matches!(error, StoreError::Unusable { .. }), "{error:?}");
    }
    [open.to_string(), existing.to_string()]
}

async fn assert_refused(path: &Path, because: &str) {
    for message in refusals(path).await {
        assert!(message.contains(because), "{message}");
        assert!(message.contains(&path.display().to_string()), "{message}");
    }
}

#[tokio::test]
async fn a_store_of_a_newer_flowmend_is_refused() {
    let (_directory, path) = nowhere();
    make(&path).await;
    by_hand(
        &path,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9000, 'of a newer one', TRUE, x'00', 0)",
    )
    .await;
    assert_refused(&path, "a newer flowmend wrote it (schema 9000, this one knows 7)").await;
}

#[tokio::test]
async fn an_edited_schema_is_refused() {
    let (_directory, path) = nowhere();
    make(&path).await;
    by_hand(&path, "UPDATE _sqlx_migrations SET checksum = x'00'").await;
    let before = fs::read(&path).unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert!(matches!(error, StoreError::Unusable { .. }), "{error:?}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn an_older_store_is_not_read_before_a_daemon_has_migrated_it() {
    let (_directory, path) = nowhere();
    make(&path).await;
    by_hand(&path, "DELETE FROM _sqlx_migrations").await;
    let error = SqliteStore::open_existing(&path).await.unwrap_err();
    assert!(error.to_string().contains("an older flowmend wrote it"), "{error}");
}

#[tokio::test]
async fn a_file_of_garbage_is_refused() {
    for garbage in [b"not a database".to_vec(), vec![0; 8_192], vec![b'x'; 100_000]] {
        let (_directory, path) = nowhere();
        fs::write(&path, garbage).unwrap();
        assert_refused(&path, "it is not an SQLite database").await;
    }
}

#[tokio::test]
async fn a_store_with_a_destroyed_header_is_refused_and_kept() {
    let (_directory, path) = nowhere();
    make(&path).await;
    let mut bytes = fs::read(&path).unwrap();
    bytes[..16].fill(b'?');
    fs::write(&path, bytes).unwrap();
    assert_refused(&path, "restore a backup").await;
}

#[tokio::test]
async fn the_database_of_another_program_is_refused() {
    for journal in ["DELETE", "WAL"] {
        let (directory, path) = nowhere();
        let sql = format!(
            "PRAGMA journal_mode = {journal}; CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)"
        );
        by_hand(&path, &sql).await;
        assert_refused(&path, "it is the SQLite database of another program").await;
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "{journal}");
    }
}

#[tokio::test]
async fn a_database_that_another_program_marked_as_its_own_is_refused() {
    let (_directory, path) = nowhere();
    by_hand(&path, "PRAGMA application_id = 42").await;
    assert_refused(&path, "it is the SQLite database of another program").await;
}

#[tokio::test]
async fn an_empty_file_becomes_a_store() {
    let (_directory, path) = nowhere();
    fs::write(&path, "").unwrap();
    make(&path).await;
    assert!(fs::metadata(&path).unwrap().len() > 0);
}

#[tokio::test]
async fn a_directory_that_is_missing_is_named() {
    let (directory, _path) = nowhere();
    let missing = directory.path().join("missing");
    let error = SqliteStore::open(&missing.join("flowmend.db")).await.unwrap_err();
    let expected = format!("the directory {} does not exist; create it", missing.display());
    assert!(error.to_string().ends_with(&expected), "{error}");
    assert!(error.source().is_some());
    assert!(!missing.exists());
}

#[tokio::test]
async fn a_directory_is_not_a_store() {
    let (directory, _path) = nowhere();
    let error = SqliteStore::open(directory.path()).await.unwrap_err();
    assert!(error.to_string().contains("it is a directory"), "{error}");
}

#[tokio::test]
async fn a_name_that_means_something_to_sqlite_is_a_file_like_any_other() {
    let (directory, _path) = nowhere();
    for name in [":memory:", "file:x?mode=memory", "odd name%20#?.db"] {
        let path = directory.path().join(name);
        make(&path).await;
        assert!(path.is_file(), "{name}");
    }
}

#[tokio::test]
async fn a_missing_store_is_not_read() {
    let (_directory, path) = nowhere();
    let error = SqliteStore::open_existing(&path).await.unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("there is no store yet; the daemon creates it when it first runs"),
        "{error}"
    );
    assert!(!path.exists());
}

#[tokio::test]
async fn a_store_is_read_beside_a_running_daemon_and_not_written() {
    let (_directory, path) = nowhere();
    let (daemon, now) = (Owner::new("the daemon"), Timestamp::UNIX_EPOCH);
    let writing = SqliteStore::open(&path).await.unwrap();
    let reading = SqliteStore::open_existing(&path).await.unwrap();
    let granted = writing.lease(&daemon, now, Duration::from_secs(60)).await.unwrap();
    assert_eq!(granted, Lease::Granted);
    assert_eq!(reading.recoveries(&Filter::default()).await.unwrap(), []);

    let error = reading.release(&daemon, at(1)).await.unwrap_err();
    assert!(error.to_string().contains("it is read-only"), "{error}");
    let error = reading.lease(&daemon, now, Duration::from_secs(60)).await.unwrap_err();
    assert!(error.to_string().contains("it is read-only"), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_may_read_a_store() {
    use std::os::unix::fs::PermissionsExt;
    let (directory, path) = nowhere();
    let store = SqliteStore::open(&path).await.unwrap();
    let granted = store.lease(&Owner::new("x"), Timestamp::UNIX_EPOCH, Duration::ZERO).await;
    assert_eq!(granted.unwrap(), Lease::Granted);
    for file in fs::read_dir(directory.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.path().display());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_group_that_may_write_to_the_directory_shares_the_store() {
    use std::os::unix::fs::PermissionsExt;
    let (directory, path) = nowhere();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o770)).unwrap();
    let store = SqliteStore::open(&path).await.unwrap();
    let granted = store.lease(&Owner::new("x"), Timestamp::UNIX_EPOCH, Duration::ZERO).await;
    assert_eq!(granted.unwrap(), Lease::Granted);
    for file in fs::read_dir(directory.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode();
        // The umask of the tests may take the right to write away.
        assert_eq!(mode & 0o757, 0o640, "{}", file.path().display());
    }
}

/// Root may write despite the permissions, so the test skips itself for root.
#[cfg(unix)]
#[tokio::test]
async fn a_read_only_file_is_an_error_that_says_so() {
    use std::os::unix::fs::PermissionsExt;
    let (directory, path) = nowhere();
    make(&path).await;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    if fs::OpenOptions::new().write(true).open(&path).is_err() {
        let error = SqliteStore::open(&path).await.unwrap_err();
        assert!(error.to_string().contains("it is read-only"), "{error}");
        SqliteStore::open_existing(&path).await.unwrap().close().await;

        let unwritable = directory.path().join("unwritable");
        fs::create_dir(&unwritable).unwrap();
        fs::set_permissions(&unwritable, fs::Permissions::from_mode(0o500)).unwrap();
        let error = SqliteStore::open(&unwritable.join("flowmend.db")).await.unwrap_err();
        assert!(error.to_string().contains("this user has no write access to"), "{error}");
    }
}

/// Root may write despite the permissions; `tests/process/commands.rs` tries it as another user.
#[cfg(unix)]
#[tokio::test]
async fn a_store_in_a_read_only_directory_is_read_and_left_as_it_is() {
    use std::os::unix::fs::PermissionsExt;
    let (directory, path) = nowhere();
    make(&path).await;
    let permit = |mode| {
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(mode)).unwrap();
    };
    permit(0o500);
    let store = SqliteStore::open_existing(&path).await.unwrap();
    assert_eq!(store.recoveries(&Filter::default()).await.unwrap(), []);
    store.close().await;
    permit(0o700);
}

#[tokio::test]
async fn two_daemons_may_create_the_same_file() {
    for _ in 0..10 {
        let (_directory, path) = nowhere();
        let (one, two) = tokio::join!(SqliteStore::open(&path), SqliteStore::open(&path));
        one.unwrap().close().await;
        two.unwrap().close().await;
    }
}

#[tokio::test]
async fn closing_leaves_one_file_with_everything_in_it() {
    let (directory, path) = nowhere();
    make(&path).await;
    let files: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
    assert_eq!(files.len(), 1, "{files:?}");
}

#[tokio::test]
async fn what_was_committed_survives_a_crash() {
    let (directory, path) = nowhere();
    let (daemon, now) = (Owner::new("the daemon"), Timestamp::UNIX_EPOCH);
    let store = SqliteStore::open(&path).await.unwrap();
    store.lease(&daemon, now, Duration::from_secs(60)).await.unwrap();

    // The files as they are on the disk while the daemon runs are what a crash leaves behind.
    let crashed = directory.path().join("crashed.db");
    fs::copy(&path, &crashed).unwrap();
    fs::copy(directory.path().join("flowmend.db-wal"), directory.path().join("crashed.db-wal"))
        .unwrap();
    let reading = SqliteStore::open_existing(&crashed).await.unwrap();
    assert_eq!(reading.recoveries(&Filter::default()).await.unwrap(), []);
    let restarted = SqliteStore::open(&crashed).await.unwrap();
    let answer = restarted.lease(&Owner::new("another"), now, Duration::ZERO).await.unwrap();
    assert!(matches!(answer, Lease::HeldBy { owner, .. } if owner == daemon));
}

#[tokio::test]
async fn a_copy_is_independent() {
    let (directory, path) = nowhere();
    let (daemon, now) = (Owner::new("the daemon"), Timestamp::UNIX_EPOCH);
    let ttl = Duration::from_secs(60);
    let store = SqliteStore::open(&path).await.unwrap();
    store.lease(&daemon, now, ttl).await.unwrap();
    store.commit(&daemon, &progress(1)).await.unwrap();

    let trial = Owner::new("a dry run");
    let copy = SqliteStore::copy(&path, &directory.path().join("copy.db")).await.unwrap();
    assert_eq!(copy.progress(&prod()).await.unwrap(), store.progress(&prod()).await.unwrap());
    assert_eq!(copy.lease(&trial, now, ttl).await.unwrap(), Lease::Granted);
    copy.commit(&trial, &progress(2)).await.unwrap();
    assert_eq!(store.progress(&prod()).await.unwrap(), progress(1).progress.map(|(_, of)| of));
    store.commit(&daemon, &Batch::default()).await.unwrap();
}

fn prod() -> SandboxName {
    SandboxName::new("prod")
}

fn progress(second: i64) -> Batch {
    let at = Timestamp::from_second(second).unwrap();
    let progress = Progress { watermark: at, swept_at: at, client: None };
    Batch { progress: Some((prod(), progress)), ..Batch::default() }
}

/// A row that only lacks what its keys stand for.
const A_RECOVERY: &str =
    "INSERT INTO recovery VALUES (1, 'prod', 1, 1, 'waiting', 1, 2, NULL, NULL,
    NULL, NULL, NULL, 0, 0, 0, 1, 3, 1, 0, 0, NULL)";

/// A store with one recovery and one entry, each changed by hand as told; what reading says.
async fn corrupted(change: &str) -> (SqliteStore, TempDir) {
    let (directory, path) = nowhere();
    make(&path).await;
    let sql = format!(
        "INSERT INTO runs VALUES (1, 'root'), (2, 'issued');
         INSERT INTO flows VALUES (1, 'flow', 'name');
         INSERT INTO failures VALUES (1, '{{\"errors\":[],\"source\":null}}');
         {A_RECOVERY};
         INSERT INTO attempt VALUES (1, 1, 1, 2, NULL, 4);
         INSERT INTO entry (at, sandbox, flow, run, event, reason)
             VALUES (1, 'prod', 1, 1, 'skipped', 'too_old');
         PRAGMA ignore_check_constraints = ON;
         {change}"
    );
    by_hand(&path, &sql).await;
    (SqliteStore::open(&path).await.unwrap(), directory)
}

#[tokio::test]
async fn an_invalid_recovery_is_named() {
    for (change, expected) in [
        ("UPDATE recovery SET state = 'paused'", "state \"paused\" in row \"root\""),
        ("UPDATE recovery SET state = 'held', why = 'boredom'", "why \"boredom\" in row \"root\""),
        ("UPDATE recovery SET due = NULL", "no due in row \"root\""),
        ("UPDATE recovery SET due = 9000000000000000000", "due 9000000000000000000 in"),
        ("UPDATE recovery SET refusals = -1", "refusals -1 in row \"root\""),
        ("UPDATE recovery SET attempt = 5000000000", "attempt 5000000000 in"),
        ("UPDATE attempt SET number = -1", "number -1 in row \"root\" of attempts"),
    ] {
        let (store, _directory) = corrupted(change).await;
        let error = store.recoveries(&Filter::default()).await.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{change}: {error:?}");
        assert!(error.to_string().contains(expected), "{change}: {error}");
        store.close().await;
    }
}

#[tokio::test]
async fn an_invalid_entry_is_named() {
    for (change, expected) in [
        ("UPDATE entry SET event = 'yawned'", "event \"yawned\" in row \"1\" of journal"),
        ("UPDATE entry SET reason = 'boredom'", "reason \"boredom\" in row \"1\" of journal"),
        ("UPDATE entry SET attempt = -1", "attempt -1 in row \"1\" of journal"),
    ] {
        let (store, _directory) = corrupted(change).await;
        let error = store.journal(&RunId::new("root")).await.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{change}: {error:?}");
        assert!(error.to_string().contains(expected), "{change}: {error}");
        store.close().await;
    }
}

#[tokio::test]
async fn the_columns_of_a_state_are_guarded_by_the_schema() {
    let (_directory, path) = nowhere();
    make(&path).await;
    let options = SqliteConnectOptions::new().filename(&path).foreign_keys(false);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    connection.execute(A_RECOVERY).await.unwrap();
    let error = connection.execute("UPDATE recovery SET due = NULL").await.unwrap_err();
    assert!(error.to_string().contains("CHECK constraint failed"), "{error}");
}

#[tokio::test]
async fn a_store_of_the_first_schema_is_migrated_with_its_content() {
    let (directory, path) = nowhere();
    let steps = directory.path().join("steps");
    fs::create_dir(&steps).unwrap();
    let first = "0001_recoveries.sql";
    let shipped = Path::new("src/store/migrations/sqlite").join(first);
    fs::copy(shipped, steps.join(first)).unwrap();
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::migrate::Migrator::new(steps).await.unwrap().run(&mut connection).await.unwrap();
    let old = "INSERT INTO recoveries VALUES ('root', 'prod', 'flow', 'name', 1, 'waiting', 1, 2,
                   NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 1, 3);
               INSERT INTO attempts VALUES ('root', 1, 'root', 'issued', NULL, 4);
               INSERT INTO journal (at, sandbox, flow_id, flow_name, run_id, event, reason)
                   VALUES (1, 'prod', 'flow', 'name', 'root', 'skipped', 'too_old')";
    connection.execute(old).await.unwrap();
    connection.close().await.unwrap();

    let error = SqliteStore::open_existing(&path).await.unwrap_err();
    assert!(error.to_string().contains("an older flowmend wrote it"), "{error}");
    let store = SqliteStore::open(&path).await.unwrap();
    let recovery = store.recovery_of(&RunId::new("issued")).await.unwrap().unwrap();
    assert_eq!((recovery.failure, recovery.excused), (Failure::default(), Duration::ZERO));
    let entry = store.journal(&RunId::new("root")).await.unwrap().pop().unwrap();
    assert_eq!((entry.rule, entry.failure), (None, None));
}

const TTL: Duration = Duration::from_secs(60);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

async fn ask(store: &SqliteStore, owner: &str, second: i64) -> Lease {
    store.lease(&Owner::new(owner), at(second), TTL).await.unwrap()
}

fn is_held_by(lease: Lease, name: &str) -> bool {
    matches!(lease, Lease::HeldBy { owner, .. } if owner.as_str() == name)
}

#[tokio::test]
async fn the_lease_of_a_handle_that_is_gone_is_free_at_once_and_that_of_a_living_one_is_not() {
    let (_directory, path) = nowhere();
    let first = SqliteStore::open(&path).await.unwrap();
    let second = SqliteStore::open(&path).await.unwrap();
    assert_eq!(ask(&first, "a", 0).await, Lease::Granted);
    assert!(is_held_by(ask(&second, "b", 1).await, "a"));
    // Nor does another owner at the same handle take the holder for dead.
    assert!(is_held_by(ask(&first, "b", 1).await, "a"));
    drop(first);
    assert_eq!(ask(&second, "b", 2).await, Lease::Granted);
}

#[tokio::test]
async fn a_reader_sees_whether_the_holder_is_gone() {
    let (_directory, path) = nowhere();
    let daemon = SqliteStore::open(&path).await.unwrap();
    let reader = SqliteStore::open_existing(&path).await.unwrap();
    assert_eq!(reader.holder().await.unwrap(), None);
    ask(&daemon, "a", 0).await;
    let is_gone = async || reader.holder().await.unwrap().unwrap().is_gone;
    assert!(!is_gone().await);
    drop(daemon);
    assert!(is_gone().await);
}

#[tokio::test]
async fn a_holder_without_the_lock_never_counts_as_dead() {
    let (_directory, path) = nowhere();
    let stopped = SqliteStore::open(&path).await.unwrap();
    let holder = SqliteStore::open(&path).await.unwrap();
    let third = SqliteStore::open(&path).await.unwrap();
    assert_eq!(ask(&stopped, "a", 0).await, Lease::Granted);
    assert_eq!(ask(&holder, "b", 60).await, Lease::Granted, "it ran out");
    drop(stopped);
    // The lock is free now, and the holder of the lease lives.
    assert!(is_held_by(ask(&third, "c", 61).await, "b"));
    assert_eq!(ask(&holder, "b", 80).await, Lease::Renewed);
    assert!(is_held_by(ask(&third, "c", 81).await, "b"));
    drop(holder);
    assert_eq!(ask(&third, "c", 82).await, Lease::Granted, "it had the lock since it renewed");
}

#[tokio::test]
async fn a_daemon_that_lost_the_lease_leaves_the_lock_to_its_new_holder() {
    let (_directory, path) = nowhere();
    let first = SqliteStore::open(&path).await.unwrap();
    let second = SqliteStore::open(&path).await.unwrap();
    let third = SqliteStore::open(&path).await.unwrap();
    assert_eq!(ask(&first, "a", 0).await, Lease::Granted);
    assert_eq!(ask(&second, "b", 60).await, Lease::Granted);
    assert!(is_held_by(ask(&first, "a", 61).await, "b"));
    assert_eq!(ask(&second, "b", 80).await, Lease::Renewed);
    drop(second);
    assert_eq!(ask(&third, "c", 81).await, Lease::Granted);
}

#[tokio::test]
async fn a_removed_lock_file_proves_nothing() {
    let (directory, path) = nowhere();
    let first = SqliteStore::open(&path).await.unwrap();
    let second = SqliteStore::open(&path).await.unwrap();
    assert_eq!(ask(&first, "a", 0).await, Lease::Granted);
    fs::remove_file(directory.path().join("flowmend.db-lock")).unwrap();
    assert!(is_held_by(ask(&second, "b", 1).await, "a"));
}

#[tokio::test]
async fn without_a_lock_file_only_the_end_of_the_lease_counts() {
    let (directory, path) = nowhere();
    fs::create_dir(directory.path().join("flowmend.db-lock")).unwrap();
    let first = SqliteStore::open(&path).await.unwrap();
    let second = SqliteStore::open(&path).await.unwrap();
    assert_eq!(ask(&first, "a", 0).await, Lease::Granted);
    drop(first);
    assert!(is_held_by(ask(&second, "b", 59).await, "a"));
    assert_eq!(ask(&second, "b", 60).await, Lease::Granted);
}

#[tokio::test]
async fn a_lease_from_the_future_counts_as_none_unless_it_was_asked_for_so_long() {
    let (directory, path) = nowhere();
    // No lock, so that only the times speak.
    fs::create_dir(directory.path().join("flowmend.db-lock")).unwrap();
    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(ask(&store, "a", 1_000_000).await, Lease::Granted);
    assert_eq!(ask(&store, "b", 0).await, Lease::Granted, "its clock was ahead");

    let long = 10 * TTL;
    assert_eq!(store.lease(&Owner::new("b"), at(0), long).await.unwrap(), Lease::Renewed);
    assert!(is_held_by(ask(&store, "c", 0).await, "b"));
    assert_eq!(ask(&store, "c", 600).await, Lease::Granted);
}

#[tokio::test]
async fn a_clock_that_was_set_back_takes_no_lease_from_a_live_holder() {
    let (_directory, path) = nowhere();
    let first = SqliteStore::open(&path).await.unwrap();
    let second = SqliteStore::open(&path).await.unwrap();
    assert_eq!(ask(&first, "a", 1_000_000).await, Lease::Granted);
    assert!(is_held_by(ask(&second, "b", 0).await, "a"));
    assert_eq!(ask(&first, "a", 0).await, Lease::Renewed);
}

#[tokio::test]
async fn a_store_is_new_only_when_it_was_created_or_empty() {
    let (_directory, path) = nowhere();
    let store = SqliteStore::open(&path).await.unwrap();
    assert!(store.is_new());
    store.close().await;
    assert!(!SqliteStore::open(&path).await.unwrap().is_new());
    fs::write(&path, "").unwrap();
    assert!(SqliteStore::open(&path).await.unwrap().is_new());
}

#[tokio::test]
async fn a_store_that_is_damaged_in_the_middle_is_refused() {
    let (_directory, path) = nowhere();
    make(&path).await;
    let many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
        INSERT INTO runs (run_id) SELECT 'root ' || i FROM n";
    by_hand(&path, many).await;
    let mut bytes = fs::read(&path).unwrap();
    // Not the middle itself, which may be unused: the last pages have the rows.
    let page = (bytes.len() / 4096 - 3) * 4096;
    bytes[page..page + 4096].fill(0xff);
    fs::write(&path, &bytes).unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert!(matches!(error, StoreError::Unusable { .. }), "{error:?}");
    assert!(error.to_string().contains("stop flowmend and restore a backup"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), bytes, "it was changed");
}

#[tokio::test]
async fn a_backup_that_is_made_beside_the_daemon_is_restored() {
    let (directory, path) = nowhere();
    let daemon = Owner::new("the daemon");
    let store = SqliteStore::open(&path).await.unwrap();
    store.lease(&daemon, at(0), TTL).await.unwrap();
    store.commit(&daemon, &progress(1)).await.unwrap();
    let backup = directory.path().join("backup.db");
    by_hand(&path, &format!("VACUUM INTO '{}'", backup.display())).await;
    store.commit(&daemon, &progress(2)).await.unwrap();
    store.close().await;

    for log in ["flowmend.db-wal", "flowmend.db-shm"] {
        let _ = fs::remove_file(directory.path().join(log));
    }
    fs::copy(&backup, &path).unwrap();
    let restored = SqliteStore::open(&path).await.unwrap();
    assert!(!restored.is_new());
    assert_eq!(restored.progress(&prod()).await.unwrap(), progress(1).progress.map(|(_, it)| it));
    assert_eq!(ask(&restored, "restarted", 2).await, Lease::Granted);
}
