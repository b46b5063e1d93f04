//! Readers that go away: `flowmend status | head -1`, and a log collector that is restarted.

use crate::support::process::Command;
use crate::support::{SOON, Site, until};
use std::io::PipeWriter;

/// The writing end of a pipe that nobody reads.
fn nobody() -> PipeWriter {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer
}

#[tokio::test]
async fn a_reader_of_standard_output_that_went_away_is_no_error() {
    let site = Site::new().await;
    site.failure("crm");
    site.run(&["once"]).await.exits(0);
    for args in [
        &["status"][..],
        &["status", "--json"],
        &["check"],
        &["config", "default"],
        &["config", "show"],
        &["--help"],
        &["--version"],
    ] {
        let ended = site.command(args).stdout(nobody()).run().await;
        ended.exits(0);
        assert_eq!(ended.stderr, "", "{args:?}");
    }
}

#[tokio::test]
async fn a_daemon_whose_log_nobody_reads_any_more_goes_on_healing() {
    let site = Site::new().await;
    let daemon = site.command(&["run"]).stderr(nobody()).start();
    site.failure("crm");
    until(SOON, "it is healed", || site.ledger().accepted().count() == 1).await;
    // A faulty configuration is told on standard error too.
    site.configure("[retry]\nmax_attempts = 0");
    daemon.signal("HUP");
    site.failure("erp");
    until(SOON, "the next one is healed", || site.ledger().accepted().count() == 2).await;
    assert_eq!(daemon.stop().await.code, Some(0));
}

#[tokio::test]
async fn a_message_that_nobody_reads_does_not_change_the_exit_code() {
    let site = Site::new().await;
    site.configure("[retry]\nmax_attempts = 0");
    let faulty = site.command(&["check"]).stderr(nobody()).run().await;
    assert_eq!(faulty.code, Some(78));
    let usage = Command::new(&["rnu"]).stderr(nobody()).run().await;
    assert_eq!(usage.code, Some(2));
    site.configure("");
    let failed = site.command(&["status"]).stderr(nobody()).run().await;
    assert_eq!(failed.code, Some(1));
}
