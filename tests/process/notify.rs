//! What the daemon reports to its service manager, over a real socket.

use crate::support::process::Process;
use crate::support::{SOON, Site, until};
use flowmend::simulator::{Effect, Endpoint, FaultRule};
use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

/// The shortest watchdog that is used in practice.
const WATCHDOG: Duration = Duration::from_secs(2);

/// A service manager: what it received, and when.
#[derive(Clone)]
struct Manager {
    path: String,
    received: Arc<Mutex<Vec<(SystemTime, String)>>>,
}

impl Manager {
    fn listen(site: &Site, name: &str) -> Self {
        let path = site.path(name).to_str().unwrap().to_owned();
        let socket = UnixDatagram::bind(&path).unwrap();
        let manager = Self { path, received: Arc::default() };
        let received = manager.received.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length) = socket.recv(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                #[expect(clippy::disallowed_methods, reason = "real time is what is measured")]
                received.lock().unwrap().push((SystemTime::now(), text));
            }
        });
        manager
    }

    fn start(&self, site: &Site) -> Process {
        let microseconds = WATCHDOG.as_micros().to_string();
        let command = site.command(&["run"]).env("NOTIFY_SOCKET", &self.path);
        command.env("WATCHDOG_USEC", &microseconds).start()
    }

    /// All lines so far.
    fn lines(&self) -> Vec<String> {
        let received = self.received.lock().unwrap();
        let texts = received.iter().map(|(_, text)| text.as_str());
        texts.flat_map(str::lines).map(str::to_owned).collect()
    }

    fn count(&self, line: &str) -> usize {
        self.lines().iter().filter(|it| *it == line).count()
    }

    async fn gets(&self, line: &str, times: usize) {
        until(SOON, line, || self.count(line) >= times).await;
    }

    async fn gets_status(&self, what: impl Fn(&str) -> bool) {
        let is_it = |line: &String| line.strip_prefix("STATUS=").is_some_and(&what);
        until(SOON, "a status", || self.lines().iter().any(is_it)).await;
    }

    /// It is fed often enough for a while.
    async fn is_fed(&self) {
        let before = self.count("WATCHDOG=1");
        self.gets("WATCHDOG=1", before + 5).await;
        let received = self.received.lock().unwrap();
        let fed = received.iter().filter(|(_, text)| text.contains("WATCHDOG=1"));
        let times: Vec<SystemTime> = fed.map(|(at, _)| *at).collect();
        for pair in times.windows(2) {
            let gap = pair[1].duration_since(pair[0]).unwrap();
            assert!(gap < WATCHDOG, "{gap:?}");
        }
    }
}

#[tokio::test]
async fn ready_comes_after_the_first_pass_and_the_watchdog_is_fed_while_idle() {
    let site = Site::new().await;
    site.configure("poll.interval = \"10m\"");
    site.failure("crm");
    let manager = Manager::listen(&site, "manager");
    let daemon = manager.start(&site);
    manager.gets("READY=1", 1).await;
    assert_eq!(daemon.count("dataflows selected"), 1, "{}", daemon.stderr());
    manager.gets_status(|text| text.contains(" healing, ") && text.contains("last pass ")).await;
    manager.is_fed().await;
    daemon.signal("TERM");
    manager.gets("STOPPING=1", 1).await;
    daemon.end().await.exits(0);
    assert_eq!(manager.count("READY=1"), 1);
}

#[tokio::test]
async fn a_first_pass_that_takes_long_is_not_ready_but_fed_and_gets_more_time() {
    let site = Site::new().await;
    site.configure(
        "adobe.request_timeout = \"1m\"\nretry.confirm_window = \"2m\"\nstore.lease = \"2m\"",
    );
    site.fault(FaultRule::always(Endpoint::Any, Effect::Hang));
    let manager = Manager::listen(&site, "manager");
    let daemon = manager.start(&site);
    manager.is_fed().await;
    assert_eq!(manager.count("READY=1"), 0);
    manager.gets("EXTEND_TIMEOUT_USEC=60000000", 1).await;
    daemon.stop().await.exits(0);
}

#[tokio::test]
async fn a_clear_failure_is_ready_and_named_in_the_status() {
    let site = Site::new().await;
    site.world(|world| world.credentials.client_secrets.clear());
    let manager = Manager::listen(&site, "manager");
    let daemon = manager.start(&site);
    manager.gets("READY=1", 1).await;
    manager
        .gets_status(|text| text.starts_with("prod: ") && text.contains("no complete pass yet"))
        .await;
    daemon.stop().await.exits(0);
}

#[tokio::test]
async fn a_standby_is_ready_and_fed() {
    let site = Site::new().await;
    let first = site.daemon().await;
    first.says("dataflows selected").await;
    let manager = Manager::listen(&site, "manager");
    let second = manager.start(&site);
    manager.gets("READY=1", 1).await;
    manager.gets_status(|text| text.starts_with("standby: ")).await;
    manager.is_fed().await;
    second.stop().await.exits(0);
    first.stop().await.exits(0);
}

#[tokio::test]
async fn a_reload_is_reported_from_its_beginning_to_its_end() {
    let site = Site::new().await;
    let manager = Manager::listen(&site, "manager");
    let daemon = manager.start(&site);
    manager.gets("READY=1", 1).await;
    for (nth, config) in ["retry.max_attempts = 3", "retry.max_attempts = 0"].iter().enumerate() {
        site.configure(config);
        daemon.signal("HUP");
        manager.gets("RELOADING=1", nth + 1).await;
        manager.gets("READY=1", nth + 2).await;
    }
    let lines = manager.lines();
    assert_eq!(lines.iter().filter(|line| line.starts_with("MONOTONIC_USEC=")).count(), 2);
    daemon.stop().await.exits(0);
}
