//! What the daemon tells over HTTP, asked over a real socket.

use crate::support::process::Process;
use crate::support::{SOON, Site};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

async fn address(daemon: &Process) -> SocketAddr {
    let line = daemon.says("listening").await;
    line["address"].as_str().unwrap().parse().unwrap()
}

/// The whole answer to a GET, head included.
async fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = tokio::time::timeout(SOON, stream.read_to_string(&mut answer));
    read.await.expect("it answers in time").unwrap();
    answer
}

async fn becomes_ready(address: SocketAddr) {
    let ready = async {
        while !get(address, "/readyz").await.starts_with("HTTP/1.1 200 OK\r\n") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(SOON, ready).await.expect("it becomes ready");
}

#[track_caller]
fn assert_reload_success(answer: &str, success: u8) {
    let line = format!("flowmend_config_reload_success {success}");
    assert!(answer.lines().any(|it| it == line), "no {line:?} in\n{answer}");
}

#[tokio::test]
async fn a_faulty_file_at_sighup_lowers_the_gauge_until_a_sound_one_is_read() {
    let site = Site::new().await;
    let daemon = site.daemon().await;
    let address = address(&daemon).await;
    assert_reload_success(&get(address, "/metrics").await, 1);

    site.configure("retry.max_attempts = 0");
    daemon.signal("HUP");
    daemon.says("configuration not reloaded: the old one stays in force").await;
    assert_reload_success(&get(address, "/metrics").await, 0);

    site.configure("retry.max_attempts = 2");
    daemon.signal("HUP");
    daemon.says("configuration reloaded").await;
    assert_reload_success(&get(address, "/metrics").await, 1);
    daemon.stop().await.exits(0);
}

#[tokio::test]
async fn metrics_and_health_are_served_and_nothing_can_be_written() {
    let site = Site::new().await;
    let daemon = site.daemon().await;
    let address = address(&daemon).await;
    let metrics = get(address, "/metrics").await;
    let media = "content-type: text/plain; version=0.0.4; charset=utf-8\r\n";
    assert!(metrics.starts_with("HTTP/1.1 200 OK\r\n") && metrics.contains(media), "{metrics}");
    let build = format!("flowmend_build_info{{version=\"{}\",", env!("CARGO_PKG_VERSION"));
    assert!(metrics.lines().any(|line| line.starts_with(&build)), "{metrics}");
    assert!(get(address, "/livez").await.contains("\"status\":\"ok\""));
    assert!(get(address, "/").await.starts_with("HTTP/1.1 404 "));

    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 405");
    daemon.stop().await.exits(0);
}

#[tokio::test]
async fn a_port_that_is_taken_ends_the_start_with_1_and_says_what_to_do() {
    let site = Site::new().await;
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    site.configure(&format!("http.listen = \"{address}\""));
    let ended = site.run(&["run"]).await;
    ended.exits(1).complains(&format!("cannot listen on {address}")).complains("in use");
    ended.complains("set http.listen to another address");
    assert!(!site.store().exists(), "nothing was begun");

    // Only the daemon listens.
    site.run(&["once"]).await.exits(0);
}

#[tokio::test]
async fn an_empty_address_switches_the_listener_off() {
    let site = Site::new().await;
    site.configure("http.listen = \"\"");
    let daemon = site.daemon().await;
    daemon.says("dataflows selected").await;
    let ended = daemon.stop().await;
    ended.exits(0);
    assert_eq!(ended.lines("listening").len(), 0, "{ended}");
}

#[tokio::test]
async fn a_request_that_never_ends_does_not_keep_a_daemon_from_stopping() {
    let site = Site::new().await;
    let daemon = site.daemon().await;
    let mut stream = TcpStream::connect(address(&daemon).await).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost:").await.unwrap();
    daemon.signal("TERM");
    daemon.end_within(Duration::from_secs(5)).await.exits(0);
}

#[tokio::test]
async fn a_daemon_is_ready_once_it_has_read_the_sandbox_and_says_what_is_not_well() {
    let site = Site::new().await;
    let daemon = site.daemon().await;
    let address = address(&daemon).await;
    daemon.says("dataflows selected").await;
    becomes_ready(address).await;
    let metrics = get(address, "/metrics").await;
    assert!(metrics.contains("flowmend_passes_total{sandbox="), "{metrics}");
    assert!(metrics.contains("process_resident_memory_bytes "), "{metrics}");

    let listen = format!("http.listen = \"{address}\"");
    site.configure(&listen);
    site.run(&["health", "--ready"]).await.exits(0).prints("ok       credentials: not refused");
    daemon.signal("STOP");
    site.run(&["health"]).await.exits(1).complains("did not answer in time");
    daemon.signal("CONT");
    daemon.stop().await.exits(0);
    site.run(&["health"]).await.exits(1).complains("does not answer");
}
