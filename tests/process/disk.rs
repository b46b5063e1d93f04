//! Files that are not a store, and disks that are full.

use crate::support::Site;
use flowmend::simulator::Endpoint;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection, Executor};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Does something to a database by hand.
async fn by_hand(path: &Path, sql: &str) {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
    connection.close().await.unwrap();
}

/// Every command that opens the store refuses it for this reason, sends nothing and changes nothing.
async fn assert_refused(site: &Site, hint: &str) {
    let before = std::fs::read(site.store()).unwrap();
    for args in [&["run"][..], &["once"], &["once", "--dry-run"], &["status"]] {
        let ended = site.run(args).await;
        ended.exits(1).complains(hint).complains(site.store().to_str().unwrap());
        assert!(std::fs::read(site.store()).unwrap() == before, "{args:?} changed the file");
    }
    assert_eq!(site.ledger().requests(Endpoint::Any), 0, "the platform was asked");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_with_a_hint() {
    let site = Site::new().await;
    site.failure("crm");
    std::fs::write(site.store(), "some notes that somebody wants to keep\n".repeat(100)).unwrap();
    assert_refused(&site, "point store.url at another file").await;
}

#[tokio::test]
async fn the_database_of_another_program_is_refused_with_a_hint() {
    let site = Site::new().await;
    site.failure("crm");
    by_hand(&site.store(), "CREATE TABLE songs (title); INSERT INTO songs VALUES ('x')").await;
    assert_refused(&site, "another program").await;
}

#[tokio::test]
async fn the_store_of_a_newer_flowmend_is_refused_with_a_hint() {
    let site = Site::new().await;
    site.run(&["once"]).await.exits(0);
    site.world(|world| world.ledger.requests.clear());
    by_hand(
        &site.store(),
        "INSERT INTO _sqlx_migrations
         SELECT 999999, 'from the future', installed_on, success, checksum, execution_time
         FROM _sqlx_migrations LIMIT 1; PRAGMA wal_checkpoint(TRUNCATE)",
    )
    .await;
    assert_refused(&site, "a newer flowmend wrote it").await;
}

#[tokio::test]
async fn a_folder_that_does_not_exist_is_named() {
    let site = Site::new().await;
    let store = site.path("not/there/flowmend.db");
    site.configure(&format!("store.url = \"sqlite://{}\"", store.display()));
    let parent = store.parent().unwrap().to_str().unwrap();
    for command in ["run", "once"] {
        site.run(&[command]).await.exits(1).complains(parent).complains("does not exist");
    }
}

/// A file system of sixteen megabytes, for as long as this lives.
struct TinyDisk(PathBuf);

impl TinyDisk {
    /// `None` where this user may not mount one.
    fn mount(at: PathBuf) -> Option<Self> {
        std::fs::create_dir(&at).unwrap();
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"]).arg(&at);
        mount.output().is_ok_and(|mount| mount.status.success()).then_some(Self(at))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Fills what is left; gives the file to be removed.
    fn fill(&self) -> PathBuf {
        let ballast = self.path("ballast");
        assert!(std::fs::write(&ballast, vec![1; 32 << 20]).is_err(), "it is not that large");
        ballast
    }
}

impl Drop for TinyDisk {
    fn drop(&mut self) {
        // Lazily: whatever still has a file open keeps it until it ends.
        let unmounted = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            eprintln!("!!! {} stays mounted", self.0.display());
        }
    }
}

#[tokio::test]
async fn nothing_is_sent_while_the_disk_is_full_and_all_is_healed_once_there_is_room() {
    let site = Site::new().await;
    let Some(disk) = TinyDisk::mount(site.path("disk")) else {
        eprintln!("!!! SKIPPED: a full disk is not tried: this user may not mount a tmpfs");
        return;
    };
    site.configure(&format!("store.url = \"sqlite://{}\"", disk.path("flowmend.db").display()));
    let full = disk.fill();
    let once = site.run(&["once"]).await;
    once.exits(1).complains("the disk is full");
    std::fs::remove_file(full).unwrap();

    let daemon = site.daemon().await;
    daemon.says("dataflows selected").await;
    let full = disk.fill();
    for nth in 0..300 {
        site.failure(&format!("flow-{nth:03}"));
    }
    let line = daemon.says("store not usable; waiting for it").await;
    assert!(line["error"].as_str().unwrap().contains("the disk is full"), "{line}");
    // What is begun is stored first, so nothing is sent any more, however long it lasts.
    let sent = site.ledger().requests(Endpoint::Retrigger);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(site.ledger().requests(Endpoint::Retrigger), sent, "{}", daemon.stderr());

    std::fs::remove_file(full).unwrap();
    daemon.says_times("recovered", 300).await;
    daemon.says("store usable again").await;
    daemon.stop().await.exits(0);
    // Also those whose outcome could not be stored when it came in.
    assert_eq!(site.ledger().accepted().count(), 300, "each was re-triggered once");
}
