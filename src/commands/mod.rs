//! One file per command; what they share is here.

mod backtest;
mod check;
mod config;
mod demo;
mod explain;
mod format;
mod once;
mod operator_actions;
mod pause;
mod plan;
mod run;
mod simulate;
mod status;

use crate::cli::{Command, ConfigArgs};
use crate::clock::{Clock, SystemClock};
use crate::daemon::{Daemon, Mode, Parts};
use crate::domain::policy::schedule::Jitter;
use crate::flow_service::FlowService;
use crate::settings::{Faults, Settings, Sources};
use crate::store::{Owner, SqliteStore, Store};
use crate::telemetry;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Where the configuration is looked for when nobody names it.
const DEFAULT_CONFIG: &str = "/etc/flowmend/flowmend.toml";

/// How the process ends. The numbers are part of the contract with service managers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Failed while running.
    Failed = 1,
    /// The platform cannot be reached (`check`).
    Unreachable = 69,
    /// The platform refused the credentials (`check`).
    Refused = 77,
    /// The configuration is faulty; restarting does not help.
    BadConfig = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The process environment, as it was handed in.
pub type Environment = HashMap<String, String>;

/// Carries out `command`.
///
/// # Errors
/// Whatever stopped it, to be printed with its causes; the process then exits with 1.
pub async fn dispatch(command: Command, environment: Environment) -> anyhow::Result<Exit> {
    match command {
        Command::Run(args) => run::run(args, environment).await,
        Command::Once(args) => once::once(args, environment).await,
        Command::Check(args) => check::check(args, environment).await,
        Command::Demo(args) => demo::demo(args).await,
        Command::Simulate(args) => simulate::simulate(args).await,
        Command::Status(args) => status::status(args, environment).await,
        Command::Explain(args) => explain::explain(args, environment).await,
        Command::Plan(args) => plan::plan(args, environment).await,
        Command::Backtest(args) => backtest::backtest(args, environment).await,
        Command::Retry(args) => operator_actions::retry(args, environment).await,
        Command::Dismiss(args) => operator_actions::dismiss(args, environment).await,
        Command::Pause(args) => pause::pause(args, true, environment).await,
        Command::Resume(args) => pause::pause(args, false, environment).await,
        Command::Config(command) => config::config(command, environment),
    }
}

/// Reads the configuration; a faulty one is printed with all its faults.
fn load(args: &ConfigArgs, environment: &Environment) -> Result<Arc<Settings>, Exit> {
    read_settings(args, environment).map_err(|faults| {
        telemetry::complain(&format!("the configuration is faulty\n{faults}"));
        Exit::BadConfig
    })
}

fn read_settings(args: &ConfigArgs, environment: &Environment) -> Result<Arc<Settings>, Faults> {
    let named = environment.get("FLOWMEND_CONFIG").map(String::as_str).unwrap_or_default();
    let default = PathBuf::from(DEFAULT_CONFIG);
    let files = match (args.files.is_empty(), named.is_empty()) {
        (false, _) => args.files.clone(),
        (true, false) => named.split(':').map(PathBuf::from).collect(),
        (true, true) if default.exists() => vec![default],
        (true, true) => Vec::new(),
    };
    Settings::load(&Sources { files, environment: environment.clone() }).map(Arc::new)
}

/// Opens the store for what an operator decides. A first look writes nothing: where there is no store,
/// none is made.
async fn open_to_amend(settings: &Settings) -> anyhow::Result<SqliteStore> {
    SqliteStore::open_existing(&settings.store.path).await?.close().await;
    Ok(SqliteStore::open(&settings.store.path).await?)
}

/// Writes to standard output. A reader that went away (`| head`) is no error.
fn print(text: &str) -> std::io::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Builds the daemon of this process over `store`.
fn daemon(
    settings: Arc<Settings>,
    store: Arc<dyn Store>,
    identity: &Identity,
    mode: Mode,
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
        watchdog: || {
            // Without a service manager there is nobody to tell.
            let _ = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]);
        },
    }))
}

/// What is drawn once per process: who we are, and the chance in due times.
#[derive(Debug, Clone)]
struct Identity {
    owner: Owner,
    jitter: Jitter,
}

impl Identity {
    fn draw() -> Self {
        // The standard library seeds its hashers from the operating system: chance enough for both.
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

/// The store of a live run, or for a dry run a copy of it that nobody keeps.
#[derive(Debug)]
struct OpenStore {
    store: Arc<dyn Store>,
    copy: Option<tempfile::TempDir>,
}

impl OpenStore {
    async fn open(settings: &Settings, mode: Mode) -> anyhow::Result<Self> {
        let path = &settings.store.path;
        match mode {
            Mode::Live => {
                let store = SqliteStore::open(path).await?;
                if store.is_new() {
                    let store = std::path::absolute(path)?.display().to_string();
                    tracing::warn!(store, "new store: earlier re-triggers are unknown");
                }
                Ok(Self { store: Arc::new(store), copy: None })
            }
            Mode::DryRun => {
                let directory = tempfile::tempdir()?;
                let copy = directory.path().join("dry-run.db");
                let store = match path.exists() {
                    true => SqliteStore::copy(path, &copy).await?,
                    false => SqliteStore::open(&copy).await?,
                };
                Ok(Self { store: Arc::new(store), copy: Some(directory) })
            }
        }
    }

    async fn close(self) {
        self.store.close().await;
        drop(self.copy);
    }
}

/// A token that is cancelled by SIGTERM or SIGINT.
fn stop_on_signal() -> std::io::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "stopping: nothing new is begun, what is under way ends");
        token.cancel();
    });
    Ok(stop)
}
