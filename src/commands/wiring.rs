//! Builds the daemon of this process and its store.

use crate::clock::{Clock, SystemClock};
use crate::daemon::{Daemon, Mode, Parts, Vitals};
use crate::domain::policy::schedule::Jitter;
use crate::flow_service::FlowService;
use crate::http::Shown;
use crate::metrics::Metrics;
use crate::notify::{Notifier, Sources};
use crate::settings::Settings;
use crate::store::{Outbox, Owner, SqliteStore, Store};
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

/// Builds the daemon of this process over `store`; its loops leave in `shown` how they are.
pub(super) fn daemon(
    settings: Arc<Settings>,
    store: Arc<dyn Store>,
    identity: &Identity,
    mode: Mode,
    shown: &Shown,
) -> anyhow::Result<Daemon> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let service = FlowService::new(settings.connection(), clock.clone())?;
    Ok(Daemon::new(Parts {
        settings,
        store,
        service,
        clock,
        owner: identity.owner.clone(),
        jitter: identity.jitter,
        mode,
        vitals: shown.vitals.clone(),
        metrics: shown.metrics.clone(),
    }))
}

/// What can be shown of a daemon that has not begun.
pub(super) fn shown() -> Shown {
    let vitals = Arc::new(Vitals::new(Arc::new(SystemClock::new())));
    Shown { metrics: Arc::new(Metrics::new()), vitals, books: Arc::default() }
}

/// Starts the notifications about the daemon over `open`. A dry run has nothing to report.
pub(super) fn notifier(
    open: &OpenStore,
    shown: &Shown,
    mode: Mode,
    settings: &Settings,
) -> Option<Notifier> {
    let sources = Sources {
        store: open.store.clone(),
        outbox: open.outbox.clone(),
        pulse: shown.vitals.clone(),
        clock: Arc::new(SystemClock::new()),
    };
    (mode == Mode::Live).then(|| Notifier::start(sources, settings))
}

/// What is chosen at random once per process: its name, and the seed of due times.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) owner: Owner,
    pub(super) jitter: Jitter,
}

impl Identity {
    pub(super) fn draw() -> Self {
        // The standard library seeds its hashers from the operating system: random enough for both.
        let draw = || std::hash::RandomState::new().build_hasher().finish();
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let host = match host.trim() {
            "" => "localhost",
            host => host,
        };
        let name = format!("{host}:{}:{:08x}", std::process::id(), draw() as u32);
        Self { owner: Owner::new(name), jitter: Jitter::new(draw()) }
    }
}

/// The store of a normal run, or a temporary copy of it for a dry run.
#[derive(Debug)]
pub(super) struct OpenStore {
    pub(super) store: Arc<dyn Store>,
    pub(super) outbox: Arc<dyn Outbox>,
    copy: Option<tempfile::TempDir>,
}

impl OpenStore {
    pub(super) async fn open(settings: &Settings, mode: Mode) -> anyhow::Result<Self> {
        let path = &settings.store.path;
        match mode {
            Mode::Live => {
                let store = SqliteStore::open(path).await?;
                if store.is_new() {
                    let store = std::path::absolute(path)?.display().to_string();
                    tracing::warn!(store, "new store: earlier re-triggers are unknown");
                }
                Ok(Self::of(store, None))
            }
            Mode::DryRun => {
                let directory = tempfile::tempdir()?;
                let copy = directory.path().join("dry-run.db");
                let store = match path.exists() {
                    true => SqliteStore::copy(path, &copy).await?,
                    false => SqliteStore::open(&copy).await?,
                };
                Ok(Self::of(store, Some(directory)))
            }
        }
    }

    fn of(store: SqliteStore, copy: Option<tempfile::TempDir>) -> Self {
        let store = Arc::new(store);
        Self { outbox: store.clone(), store, copy }
    }

    pub(super) async fn close(self) {
        self.store.close().await;
        drop(self.copy);
    }
}
