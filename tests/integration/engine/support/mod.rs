//! The world in which the daemon is tested: the simulated platform over real sockets, a real SQLite
//! file, and a clock that stands still until the test moves it.

pub mod clock;
pub mod meddling;
pub mod process;

use crate::kit::clock::ManualClock;
use crate::kit::config;
use clock::PlatformClock;
use flowmend::clock::{Clock, SystemClock};
use flowmend::daemon::{Daemon, Mode, Parts, Round, Vitals};
use flowmend::domain::model::ids::{RunId, SandboxName};
use flowmend::domain::model::journal::Entry;
use flowmend::domain::policy::schedule::Jitter;
use flowmend::domain::recovery::{Recovery, State};
use flowmend::flow_service::FlowService;
use flowmend::settings::Settings;
use flowmend::simulator::{Endpoint, FaultRule, FlowSetup, Ledger, RunSetup, Simulator, World};
use flowmend::store::{Owner, SqliteStore, Store};
use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

pub const MINUTE: Duration = Duration::from_secs(60);

/// How the world is set up; the defaults are those of the configuration file, without jitter.
pub struct Setup {
    config: String,
    seed: u64,
    start: Timestamp,
}

impl Setup {
    pub fn new() -> Self {
        let start = "2026-03-01T00:00:00Z".parse().expect("a fixed date");
        Self { config: String::new(), seed: 1, start }
    }

    /// Adds TOML to the configuration, in sections that the default does not open.
    pub fn config(mut self, toml: &str) -> Self {
        self.config.push_str(toml);
        self.config.push('\n');
        self
    }

    /// Begins today, for a program that reads the clock of this machine.
    pub fn today(mut self) -> Self {
        let now = SystemClock::new().now();
        self.start = Timestamp::from_second(now.as_second()).expect("a date");
        self
    }

    pub async fn start(self) -> App {
        self.start_in(|_| {}).await
    }

    /// Starts with a world that `build` has furnished.
    pub async fn start_in(self, build: impl FnOnce(&mut World)) -> App {
        let clock = Arc::new(ManualClock::new(self.start));
        // Begun earlier, so that a platform whose clock is behind can be furnished too.
        let mut world = World::empty(self.seed, clock.now() - 120 * MINUTE);
        build(&mut world);
        let local = "127.0.0.1:0".parse().expect("an address");
        let platform_clock = Arc::new(PlatformClock::new(clock.clone()));
        let simulator =
            Simulator::start(world, platform_clock.clone(), local).await.expect("it listens");
        let directory = tempfile::tempdir().expect("a temporary folder");
        let settings = settings(&simulator.base_url(), &directory, &self.config);
        let store = open(&settings).await;
        let daemon = daemon(&settings, store.clone(), clock.clone());
        App {
            clock,
            platform_clock,
            simulator,
            settings,
            store,
            daemon,
            directory,
            stop: CancellationToken::new(),
        }
    }
}

/// The daemon and everything around it.
pub struct App {
    pub clock: Arc<ManualClock>,
    pub platform_clock: Arc<PlatformClock>,
    pub simulator: Simulator,
    pub settings: Arc<Settings>,
    pub store: Arc<dyn Store>,
    pub daemon: Daemon,
    /// Kept until the end of the test.
    directory: TempDir,
    pub stop: CancellationToken,
}

impl App {
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// One pass, which must be complete.
    pub async fn pass(&mut self) -> Round {
        let round = self.daemon.once(&self.stop).await.expect("the store is ours");
        assert!(round.is_complete(), "{round:?}");
        round
    }

    /// One pass, whatever comes of it.
    pub async fn try_pass(&mut self) -> Round {
        self.daemon.once(&self.stop).await.expect("the store is ours")
    }

    /// Passes every `step` for as long as `duration`.
    pub async fn run_for(&mut self, duration: Duration, step: Duration) {
        let end = self.now() + duration;
        while self.now() < end {
            self.advance(step);
            self.pass().await;
        }
    }

    /// The process is gone and another is started on the same store.
    pub async fn restart(&mut self) {
        self.store.close().await;
        self.store = open(&self.settings).await;
        self.advance(self.settings.store.lease + Duration::from_secs(1));
        self.daemon = daemon(&self.settings, self.store.clone(), self.clock.clone());
    }

    /// The daemon takes up another configuration while it runs, as at SIGHUP.
    pub fn reload(&mut self, settings: Settings) {
        let service =
            FlowService::new(settings.connection(), self.clock.clone()).expect("a client");
        self.settings = Arc::new(settings);
        self.daemon.reload(self.settings.clone(), service);
    }

    /// The same with this TOML in place of the test's own.
    pub fn reconfigure(&mut self, toml: &str) {
        let settings = settings(&self.simulator.base_url(), &self.directory, toml);
        self.reload((*settings).clone());
    }

    pub fn world<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        self.simulator.with_world(look)
    }

    pub fn ledger(&self) -> Ledger {
        self.simulator.ledger()
    }

    pub fn requests(&self) -> u64 {
        self.ledger().requests(Endpoint::Any)
    }

    /// A batch dataflow that runs only when the test says so.
    pub fn batch_flow(&self, name: &str) -> String {
        self.world(|world| world.add_flow(FlowSetup::batch(name)))
    }

    /// A run of `flow` that failed just now, healed by the `heals_after`-th re-trigger.
    pub fn failed_run(&self, flow: &str, heals_after: u32) -> RunId {
        let setup = RunSetup::failed(flow).heals_after(heals_after);
        RunId::new(self.world(|world| world.add_run(setup)).expect("the dataflow exists"))
    }

    pub fn fault(&self, rule: FaultRule) {
        self.world(|world| world.faults.add(rule));
    }

    pub async fn recovery(&self, run: &RunId) -> Recovery {
        self.try_recovery(run).await.unwrap_or_else(|| panic!("no recovery owns {run}"))
    }

    pub async fn try_recovery(&self, run: &RunId) -> Option<Recovery> {
        self.store.recovery_of(run).await.expect("the store can be read")
    }

    pub async fn state(&self, run: &RunId) -> State {
        self.recovery(run).await.state
    }

    pub async fn journal(&self, run: &RunId) -> Vec<Entry> {
        self.store.journal(run).await.expect("the store can be read")
    }

    pub async fn open_count(&self) -> usize {
        let prod = SandboxName::new("prod");
        self.store.open_recoveries(&prod).await.expect("the store can be read").len()
    }
}

/// No jitter, so that tests can say when something is due.
pub fn settings(url: &str, directory: &TempDir, more: &str) -> Arc<Settings> {
    config::settings(url, directory.path(), &["[retry]\nrandomization_factor = 0.0", more])
}

pub async fn open(settings: &Settings) -> Arc<dyn Store> {
    Arc::new(SqliteStore::open(&settings.store.path).await.expect("the store opens"))
}

pub fn daemon(settings: &Arc<Settings>, store: Arc<dyn Store>, clock: Arc<ManualClock>) -> Daemon {
    static STARTS: AtomicU32 = AtomicU32::new(0);
    let start = STARTS.fetch_add(1, Ordering::Relaxed);
    let service = FlowService::new(settings.connection(), clock.clone()).expect("a client");
    Daemon::new(Parts {
        settings: settings.clone(),
        store,
        service,
        clock: clock.clone(),
        owner: Owner::new(format!("test-{start}")),
        jitter: Jitter::new(7),
        mode: Mode::Live,
        vitals: Arc::new(Vitals::new(clock)),
        metrics: Arc::default(),
    })
}
