//! What a history is played with: the simulated platform, the store's file, the clock, and the
//! process that runs the daemon.

use crate::crashing_store::CrashingStore;
use crate::kit::clock::ManualClock;
use crate::kit::config;
use crate::operators::Operators;
use crate::setting::Setting;
use flowmend::clock::Clock;
use flowmend::daemon::{Daemon, Mode, OnceError, Parts, Round, Vitals};
use flowmend::domain::policy::schedule::Jitter;
use flowmend::flow_service::FlowService;
use flowmend::settings::Settings;
use flowmend::simulator::{Simulator, World};
use flowmend::store::{Owner, SqliteStore, StoreError};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(60 * 60);

/// Everything that outlives a process.
pub struct House {
    pub clock: Arc<ManualClock>,
    pub simulator: Simulator,
    pub settings: Arc<Settings>,
    pub operators: Arc<Operators>,
    seed: u64,
    starts: u32,
    _directory: TempDir,
}

/// A process: a daemon and its hands on the store.
pub struct Process {
    pub daemon: Daemon,
    pub store: Arc<CrashingStore>,
    pub owner: Owner,
}

/// A pass under way; it gives the daemon back at its end.
pub type Passing = Pin<Box<dyn Future<Output = (Daemon, Result<Round, OnceError>)>>>;

impl House {
    /// A house for one history; `build` furnishes the world and names the flows.
    pub async fn new<T>(
        seed: u64,
        setting: &Setting,
        build: impl FnOnce(&mut World) -> T,
    ) -> (Self, T) {
        let start = "2026-03-01T00:00:00Z".parse().expect("a fixed date");
        let clock = Arc::new(ManualClock::new(start));
        // Begun earlier, so that a platform whose clock is behind can be furnished too.
        let mut world = World::empty(seed, clock.now() - 2 * HOUR);
        world.quirks = setting.quirks.clone();
        let built = build(&mut world);
        let local = "127.0.0.1:0".parse().unwrap();
        let simulator = Simulator::start(world, clock.clone(), local).await.unwrap();
        let directory = directory();
        let settings = settings(&simulator.base_url(), directory.path(), &setting.toml());
        let operators = Arc::new(Operators::new(settings.policies(), clock.clone(), seed));
        let _directory = directory;
        (Self { clock, simulator, settings, operators, seed, starts: 0, _directory }, built)
    }

    /// Opens the store. A process that is killed leaves its write-ahead log behind. Here the
    /// connections of the one before are closed, which empties the log and removes it.
    async fn open(&self) -> SqliteStore {
        let path = &self.settings.store.path;
        let log = path.with_extension("db-wal");
        loop {
            if path.exists() {
                std::fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
            }
            match SqliteStore::open(path).await {
                Ok(store) => return store,
                // They are being closed at this moment.
                Err(StoreError::Unusable { .. }) if !log.exists() => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Another process on the same file.
    pub async fn start(&mut self) -> Process {
        self.starts += 1;
        let store = self.open().await;
        let seed = self.seed ^ (u64::from(self.starts) << 32);
        let clock = Arc::new(self.clock.another());
        clock.set_alarms(false);
        let operators = self.operators.clone();
        let store = Arc::new(CrashingStore::new(store, clock.clone(), seed, operators));
        let owner = Owner::new(format!("start-{}", self.starts));
        let service = FlowService::new(self.settings.connection(), clock.clone()).unwrap();
        let daemon = Daemon::new(Parts {
            settings: self.settings.clone(),
            store: store.clone(),
            service,
            clock: clock.clone(),
            owner: owner.clone(),
            jitter: Jitter::new(self.seed),
            mode: Mode::Live,
            vitals: Arc::new(Vitals::new(clock)),
            metrics: Arc::default(),
        });
        Process { daemon, store, owner }
    }
}

impl Process {
    /// Begins a pass, which goes on as long as it is polled.
    pub fn pass(self) -> (Passing, Arc<CrashingStore>, Owner) {
        let Self { mut daemon, store, owner } = self;
        let passing = Box::pin(async move {
            let result = daemon.once(&CancellationToken::new()).await;
            (daemon, result)
        });
        (passing, store, owner)
    }
}

/// In memory where the machine allows it: every commit is synced, and there are many.
fn directory() -> TempDir {
    let memory = Path::new("/dev/shm");
    let in_memory = memory.is_dir().then(|| tempfile::tempdir_in(memory).ok()).flatten();
    in_memory.unwrap_or_else(|| tempfile::tempdir().unwrap())
}

fn settings(url: &str, directory: &Path, more: &str) -> Arc<Settings> {
    let more = format!("[adobe]\nmax_concurrent_requests = 1\n{more}");
    config::settings(url, directory, &[&more])
}

/// The only client of the simulated platform.
pub const OUR_CLIENT: &str = "simulated-client";
