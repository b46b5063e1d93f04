//! A file and a write-ahead log that do not belong together, as after a restore that went wrong: SQLite
//! itself would mix them without an error.

use flowmend::domain::model::ids::SandboxName;
use flowmend::store::{Batch, Lease, Owner, Progress, SqliteStore, Store, StoreError};
use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection, Executor};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

const TTL: Duration = Duration::from_secs(60);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A store at work, and copies of its files.
struct Site {
    directory: TempDir,
    store: SqliteStore,
    second: i64,
}

impl Site {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&directory.path().join("flowmend.db")).await.unwrap();
        let mut site = Self { directory, store, second: 0 };
        site.work().await;
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn owner(&self) -> Owner {
        Owner::new("the daemon")
    }

    /// The lease is renewed and something is stored.
    async fn work(&mut self) {
        self.second += 20;
        self.store.lease(&self.owner(), at(self.second), TTL).await.unwrap();
        let progress =
            Progress { watermark: at(self.second), swept_at: at(self.second), client: None };
        let progress = Some((SandboxName::new("prod"), progress));
        self.store.commit(&self.owner(), &Batch { progress, ..Batch::default() }).await.unwrap();
    }

    /// Everything goes from the log to the file, and the log begins again.
    async fn checkpoint(&self) {
        by_hand(&self.path("flowmend.db"), "PRAGMA wal_checkpoint(TRUNCATE)").await;
    }

    /// A copy of the file `flowmend.db` with this suffix, under another name.
    fn copy(&self, suffix: &str, to: &str) -> PathBuf {
        let to = self.path(&format!("{to}{suffix}"));
        fs::copy(self.path(&format!("flowmend.db{suffix}")), &to).unwrap();
        to
    }

    /// What `copy.db` remembers; it can be used like any store.
    async fn remembered(&self, copy: &Path) -> Timestamp {
        let store = SqliteStore::open(copy).await.unwrap();
        let lease = store.lease(&self.owner(), at(self.second), TTL).await.unwrap();
        assert!(matches!(lease, Lease::Renewed | Lease::Granted), "{lease:?}");
        let progress = store.progress(&SandboxName::new("prod")).await.unwrap().unwrap();
        store.close().await;
        progress.watermark
    }
}

async fn by_hand(path: &Path, sql: &str) {
    let options = SqliteConnectOptions::new().filename(path);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
    connection.close().await.unwrap();
}

/// Both ways of opening refuse the file for this reason, and change neither it nor its log.
async fn assert_refused(path: &Path, because: &str) {
    let log = path.with_extension("db-wal");
    let content = || (fs::read(path).ok(), fs::read(&log).ok());
    let before = content();
    for result in [SqliteStore::open(path).await, SqliteStore::open_existing(path).await] {
        let error = result.unwrap_err();
        assert!(matches!(error, StoreError::Unusable { .. }), "{error:?}");
        assert!(error.to_string().contains(because), "{error}");
    }
    assert_eq!(content(), before, "it was changed");
}

#[tokio::test]
async fn an_older_file_beside_a_newer_log_is_refused() {
    let mut site = Site::new().await;
    site.checkpoint().await;
    let yesterday = site.copy("", "copy.db");
    for _ in 0..3 {
        site.work().await;
        site.checkpoint().await;
    }
    site.work().await;
    site.copy("-wal", "copy.db");
    assert_refused(&yesterday, "copy.db-wal is the write-ahead log of another file").await;
    // As the message says.
    fs::remove_file(site.path("copy.db-wal")).unwrap();
    assert_refused(&yesterday, "touch").await;
    fs::write(site.path("copy.db-wal"), "").unwrap();
    assert_eq!(site.remembered(&yesterday).await, at(20));
}

#[tokio::test]
async fn a_newer_file_beside_an_older_log_is_refused() {
    let mut site = Site::new().await;
    site.work().await;
    site.copy("-wal", "copy.db");
    for _ in 0..3 {
        site.work().await;
    }
    site.checkpoint().await;
    let today = site.copy("", "copy.db");
    assert_refused(&today, "copy.db-wal is the write-ahead log of another file").await;
}

#[tokio::test]
async fn a_backup_beside_the_log_of_the_lost_file_is_refused_until_the_log_is_removed() {
    let mut site = Site::new().await;
    let backup = site.path("copy.db");
    by_hand(&site.path("flowmend.db"), &format!("VACUUM INTO '{}'", backup.display())).await;
    site.work().await;
    site.copy("-wal", "copy.db");
    assert_refused(&backup, "rm -f").await;
    fs::remove_file(site.path("copy.db-wal")).unwrap();
    assert_eq!(site.remembered(&backup).await, at(20));
}

#[tokio::test]
async fn a_file_in_use_without_its_log_is_refused_and_one_that_was_closed_is_not() {
    let mut site = Site::new().await;
    let crashed = site.copy("", "copy.db");
    assert_refused(&crashed, "copy.db-wal is missing").await;
    site.work().await;
    site.store.release(&site.owner(), at(1_000)).await.unwrap();
    site.store.close().await;
    let closed = site.copy("", "closed.db");
    assert_eq!(site.remembered(&closed).await, at(40));
}

#[tokio::test]
async fn an_empty_or_missing_file_beside_a_log_is_refused_and_the_log_kept() {
    let site = Site::new().await;
    let log = site.copy("-wal", "copy.db");
    let lost = site.path("copy.db");
    assert_refused(&lost, "put the file back").await;
    fs::write(&lost, "").unwrap();
    assert_refused(&lost, "put the file back").await;
    assert!(fs::metadata(log).unwrap().len() > 0);
}

#[tokio::test]
async fn a_file_that_lost_its_end_is_refused() {
    let site = Site::new().await;
    site.store.release(&site.owner(), at(1_000)).await.unwrap();
    site.store.close().await;
    let whole = fs::read(site.path("flowmend.db")).unwrap();
    for lost in [1, 100, 4_096, 8_192] {
        let cut = site.path("cut.db");
        fs::write(&cut, &whole[..whole.len() - lost]).unwrap();
        assert_refused(&cut, "the file is damaged").await;
    }
}

#[tokio::test]
async fn every_crash_leaves_a_file_and_a_log_that_belong_together() {
    let mut site = Site::new().await;
    for turn in 0..12 {
        site.work().await;
        if turn % 3 == 1 {
            by_hand(&site.path("flowmend.db"), "PRAGMA wal_checkpoint(PASSIVE)").await;
        }
        if turn % 5 == 4 {
            site.checkpoint().await;
        }
        // What is on the disk now is what a crash leaves behind.
        let crashed = site.copy("", "copy.db");
        site.copy("-wal", "copy.db");
        assert_eq!(site.remembered(&crashed).await, at(site.second), "turn {turn}");
        // A command of an operator opens and closes it too, also before the daemon is back.
        let crashed = site.copy("", "copy.db");
        site.copy("-wal", "copy.db");
        SqliteStore::open(&crashed).await.unwrap().close().await;
        assert_eq!(site.remembered(&crashed).await, at(site.second), "turn {turn}");
    }
}
