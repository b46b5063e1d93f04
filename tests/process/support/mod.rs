//! A place to run the program in: a simulated platform, a folder for configuration and store, and
//! the processes that are started there.

pub mod process;

use crate::kit::config;
use flowmend::clock::SystemClock;
use flowmend::simulator::{
    Effect, Endpoint, ErrorAnswer, FaultRule, FlowSetup, Ledger, RunSetup, Simulator, World,
};
use jiff::{SignedDuration, Timestamp};
use process::{Command, Finished, Process};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// Characters that a form, a URL and JSON each write differently.
pub const SECRET: &str = "p8e-s3cr3t/with+odd=signs&more";

/// How long anything may take that is expected to happen at once or in a few passes.
pub const SOON: Duration = Duration::from_secs(30);

/// The shortest settings that are accepted, or nearly so: passes every second, delays of a second.
const HASTE: &str = r#"
[adobe]
request_timeout = "1s"

[http]
listen = "127.0.0.1:0"

[poll]
interval = "1s"
sweep_interval = "3s"

[retry]
initial_interval = "1s"
max_interval = "1s"
randomization_factor = 0.0
confirm_window = "2s"

[limits]
retriggers_per_minute = 0

[store]
lease = "2s"
"#;

/// The platform, the folder, and what was started.
pub struct Site {
    pub simulator: Simulator,
    directory: TempDir,
}

impl Site {
    /// A platform with an empty sandbox `prod`, and a configuration for it.
    pub async fn new() -> Self {
        Self::with_seed(1).await
    }

    pub async fn with_seed(seed: u64) -> Self {
        let mut world = World::empty(seed, now() - SignedDuration::from_hours(24));
        world.credentials.client_secrets = vec![SECRET.to_owned()];
        let clock = Arc::new(SystemClock::new());
        let local = "127.0.0.1:0".parse().expect("an address");
        let simulator = Simulator::start(world, clock, local).await.expect("it listens");
        let site = Self { simulator, directory: tempfile::tempdir().expect("a temporary folder") };
        site.configure("");
        site
    }

    /// Writes the configuration: what every test needs, what makes it fast, and `more`, which wins.
    pub fn configure(&self, more: &str) {
        let credentials = self.world(|world| world.credentials.clone());
        let base = config::needed(&self.simulator.base_url(), self.directory(), &credentials);
        let file = self.path("base.toml");
        std::fs::write(&file, base).expect("it can be written");
        let owner_only = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&file, owner_only).expect("it is ours");
        std::fs::write(self.path("haste.toml"), HASTE).expect("it can be written");
        std::fs::write(self.path("more.toml"), more).expect("it can be written");
    }

    /// A file in the folder of this site.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn store(&self) -> PathBuf {
        self.path("flowmend.db")
    }

    /// The program with these arguments, and the configuration of this site.
    pub fn command(&self, args: &[&str]) -> Command {
        self.with_config(Command::new(args))
    }

    /// `command` with the configuration of this site.
    pub fn with_config(&self, command: Command) -> Command {
        let files = ["base.toml", "haste.toml", "more.toml"]
            .map(|name| self.path(name).to_str().expect("it is text").to_owned())
            .join(":");
        command.env("FLOWMEND_CONFIG", &files)
    }

    /// Starts the program and leaves it running.
    pub fn start(&self, args: &[&str]) -> Process {
        self.command(args).start()
    }

    /// Runs the program to its end.
    pub async fn run(&self, args: &[&str]) -> Finished {
        self.command(args).run().await
    }

    /// Starts the daemon and waits until it says so.
    pub async fn daemon(&self) -> Process {
        let daemon = self.start(&["run"]);
        daemon.says("flowmend started").await;
        daemon
    }

    /// What `status --json` tells.
    pub async fn status(&self) -> Value {
        let status = self.run(&["status", "--json", "--all"]).await;
        assert_eq!(status.code, Some(0), "{status:?}");
        serde_json::from_str(&status.stdout).expect("status --json prints JSON")
    }

    pub fn world<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        self.simulator.with_world(look)
    }

    pub fn ledger(&self) -> Ledger {
        self.simulator.ledger()
    }

    pub fn fault(&self, rule: FaultRule) {
        self.world(|world| world.faults.add(rule));
    }

    /// A batch dataflow without a schedule, whose runs take a moment.
    pub fn flow(&self, name: &str) -> String {
        let run_time = Duration::from_millis(300);
        self.world(|world| world.add_flow(FlowSetup { run_time, ..FlowSetup::batch(name) }))
    }

    /// A run that failed a minute ago and is healed by the `heals_after`-th re-trigger.
    pub fn failed_run(&self, flow: &str, heals_after: u32) -> String {
        let minute_ago = now() - SignedDuration::from_mins(1);
        let setup = RunSetup::failed(flow).heals_after(heals_after).created_at(minute_ago);
        self.world(|world| world.add_run(setup)).expect("the dataflow exists")
    }

    /// A batch dataflow with one failed run, healed by the first re-trigger; gives the run.
    pub fn failure(&self, flow_name: &str) -> String {
        let flow = self.flow(flow_name);
        self.failed_run(&flow, 1)
    }

    /// Waits until the re-trigger endpoint was asked `count` times.
    pub async fn asked_to_retrigger(&self, count: u64) {
        let asked = || self.ledger().requests(Endpoint::Retrigger) >= count;
        until(SOON, "a re-trigger arrives", asked).await;
    }
}

/// A gateway that lost its service.
pub fn gateway_timeout() -> Effect {
    Effect::StatusAfter(ErrorAnswer::new(504))
}

/// The time of day.
pub fn now() -> Timestamp {
    flowmend::clock::Clock::now(&SystemClock::new())
}

/// Waits until `done`, which has to happen within `limit`.
pub async fn until(limit: Duration, what: &str, mut done: impl FnMut() -> bool) {
    let end = tokio::time::Instant::now() + limit;
    while !done() {
        assert!(tokio::time::Instant::now() < end, "waited {limit:?} in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
