//! Every command ends soon after SIGTERM or SIGINT, wherever it is.

use crate::support::process::Command;
use crate::support::{SOON, Site, until};
use flowmend::simulator::{Effect, Endpoint, FaultRule};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection, Executor};
use std::io::{PipeReader, PipeWriter, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// It takes less than a second; a machine under load gets more. What would be waited for takes much longer.
const AT_ONCE: Duration = Duration::from_secs(5);

/// Accepts connections and never answers.
struct SilentServer {
    url: String,
    accepted: Arc<Mutex<Vec<TcpStream>>>,
}

impl SilentServer {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let accepted: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let kept = accepted.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                kept.lock().unwrap().push(stream);
            }
        });
        Self { url, accepted }
    }

    async fn is_asked(&self) {
        until(SOON, "it is asked", || !self.accepted.lock().unwrap().is_empty()).await;
    }

    /// Settings with which every request for a token waits for a minute.
    fn settings(&self) -> String {
        format!(
            "adobe.ims_url = \"{}\"\nadobe.request_timeout = \"1m\"\n\
             retry.confirm_window = \"2m\"\nstore.lease = \"2m\"",
            self.url
        )
    }
}

/// A pipe that is full, and its reader.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    // The size of a pipe on Linux.
    writer.write_all(&[b'\n'; 65_536]).unwrap();
    (reader, writer)
}

#[tokio::test]
async fn every_command_that_waits_for_a_token_ends_at_once() {
    for (args, signal, code) in [
        (&["run"][..], "TERM", 0),
        (&["run"], "INT", 0),
        (&["run", "--dry-run"], "TERM", 0),
        (&["once"], "TERM", 1),
        (&["check"], "TERM", 143),
        (&["check"], "INT", 130),
        (&["plan"], "INT", 130),
    ] {
        let site = Site::new().await;
        let server = SilentServer::start();
        site.configure(&server.settings());
        let process = site.start(args);
        server.is_asked().await;
        process.signal(signal);
        process.end_within(AT_ONCE).await.exits(code);
    }
}

#[tokio::test]
async fn process_1_of_a_container_ends_at_once_too() {
    let site = Site::new().await;
    let server = SilentServer::start();
    site.configure(&server.settings());
    if !Command::as_process_1(&["--version"]).run().await.stdout.starts_with("flowmend") {
        eprintln!("!!! SKIPPED: process 1 is not tried: this user may not make a PID namespace");
        return;
    }
    for args in [&["check"][..], &["run"]] {
        server.accepted.lock().unwrap().clear();
        let process = site.with_config(Command::as_process_1(args)).start();
        server.is_asked().await;
        process.signal_to("TERM", process.child().unwrap());
        process.end_within(AT_ONCE).await;
    }
}

#[tokio::test]
async fn a_command_that_waits_for_a_locked_store_ends_at_once() {
    let site = Site::new().await;
    site.run(&["once"]).await.exits(0);
    let options = SqliteConnectOptions::new().filename(site.store());
    let mut locker = SqliteConnection::connect_with(&options).await.unwrap();
    locker.execute("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE").await.unwrap();
    for (args, code) in [(&["run"][..], 0), (&["once"], 143), (&["retry", "--all-held"], 143)] {
        let process = site.start(args);
        // It has its handlers long before it gives up: that takes five seconds.
        tokio::time::sleep(Duration::from_millis(500)).await;
        process.signal("TERM");
        process.end_within(AT_ONCE).await.exits(code);
    }
}

#[tokio::test]
async fn a_waiting_daemon_ends_at_once() {
    let site = Site::new().await;
    let first = site.daemon().await;
    first.says("dataflows selected").await;
    let second = site.daemon().await;
    second.says("standby: another flowmend holds this store").await;
    second.signal("TERM");
    second.end_within(AT_ONCE).await.exits(0);
    first.signal("INT");
    first.end_within(AT_ONCE).await.exits(0);
}

#[tokio::test]
async fn a_command_whose_output_is_not_read_ends_at_once() {
    let (_reader, writer) = full_pipe();
    let process = Command::new(&["config", "default"]).stdout(writer).start();
    tokio::time::sleep(Duration::from_millis(300)).await;
    process.signal("TERM");
    assert_eq!(process.end_within(AT_ONCE).await.code, Some(143));
}

#[tokio::test]
async fn calls_in_flight_are_counted_waited_for_and_left_at_the_second_signal() {
    let site = Site::new().await;
    site.configure(
        "adobe.request_timeout = \"30s\"\nretry.confirm_window = \"1m\"\nstore.lease = \"2m\"",
    );
    for name in ["crm", "erp", "web"] {
        site.failure(name);
    }
    site.fault(FaultRule::always(Endpoint::Retrigger, Effect::HangAfter));
    let daemon = site.daemon().await;
    site.asked_to_retrigger(3).await;
    daemon.signal("TERM");
    let line = daemon
        .says("shutting down: waiting for 3 calls, at most 40 s; signal again to stop now")
        .await;
    assert_eq!((&line["calls"], &line["signal"]), (&3.into(), &"SIGTERM".into()));
    daemon.signal("TERM");
    let ended = daemon.end_within(AT_ONCE).await;
    assert_eq!(ended.code, Some(143), "{ended}");
    ended.complains("stopping at once");

    site.world(|world| world.faults.replace(Vec::new()));
    site.configure("");
    let daemon = site.daemon().await;
    daemon.says_times("recovered", 3).await;
    daemon.stop().await.exits(0);
    assert_eq!(site.ledger().accepted().count(), 3, "none was made twice");
}

#[tokio::test]
async fn a_call_that_waits_for_a_token_is_not_in_flight() {
    let site = Site::new().await;
    site.configure(
        "adobe.request_timeout = \"1m\"\nadobe.max_concurrent_requests = 1\n\
         retry.confirm_window = \"2m\"\nstore.lease = \"2m\"",
    );
    let daemon = site.daemon().await;
    daemon.says("dataflows selected").await;
    let tokens = site.ledger().requests(Endpoint::Token);
    // The first call finds that the token has expired, and the second one waits for another.
    site.fault(FaultRule::always(Endpoint::Token, Effect::Hang));
    site.fault(FaultRule::once(Endpoint::Retrigger, Effect::ExpireTokens));
    site.failure("crm");
    site.failure("erp");
    until(SOON, "a token is needed", || site.ledger().requests(Endpoint::Token) > tokens).await;
    daemon.signal("TERM");
    let ended = daemon.end_within(AT_ONCE).await;
    ended.exits(0);
    assert_eq!(ended.lines("shutting down").len(), 1, "{ended}");
}

#[tokio::test]
async fn a_log_that_is_not_read_stops_neither_the_healing_nor_the_end() {
    let site = Site::new().await;
    site.configure("log.level = \"debug\"");
    for nth in 0..50 {
        site.failure(&format!("flow-{nth}"));
    }
    let (_reader, writer) = full_pipe();
    let daemon = site.command(&["run"]).stderr(writer).start();
    until(SOON, "all are re-triggered", || site.ledger().accepted().count() == 50).await;
    daemon.signal("TERM");
    assert_eq!(daemon.end_within(AT_ONCE).await.code, Some(0));
}

#[tokio::test]
async fn lines_that_were_lost_are_counted_once_the_log_is_read_again() {
    let site = Site::new().await;
    let (reader, writer) = full_pipe();
    let daemon = site.command(&["run"]).stderr(writer).start();
    // Several lines of two kilobytes for each: more than the queue holds.
    for nth in 0..300 {
        site.failure(&format!("{}-{nth}", "x".repeat(2_000)));
    }
    until(SOON, "all are re-triggered", || site.ledger().accepted().count() == 300).await;
    let daemon = daemon.reading_stderr(reader);
    let line =
        daemon.says("log lines were lost: nothing read the log, or it could not be written").await;
    assert_eq!(line["level"], "WARN");
    assert!(line["lines"].as_u64().unwrap() > 0, "{line}");
    // Nothing is lost any more.
    let recovered = site.failure("the last one");
    until(SOON, "it is logged", || {
        daemon.log().iter().any(|line| {
            line["message"] == "re-triggered failed run" && line["run_id"] == recovered.as_str()
        })
    })
    .await;
    daemon.stop().await.exits(0);
    site.run(&["explain", &recovered]).await.exits(0);
}
