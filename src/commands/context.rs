//! What every command uses: exit codes, settings, the store, standard output, signals.

use crate::cli::ConfigArgs;
use crate::domain::model::ids::{FlowId, SandboxName};
use crate::domain::recovery::Recovery;
use crate::settings::{Faults, Settings, Sources};
use crate::store::{Filter, SqliteStore, Store};
use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The configuration file that is read if none is named.
const DEFAULT_CONFIG: &str = "/etc/flowmend/flowmend.toml";

/// How the process ends. The numbers are part of the contract with service managers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Failed while running.
    Failed = 1,
    /// Adobe cannot be reached (`check`).
    Unreachable = 69,
    /// Adobe rejected the credentials (`check`).
    Refused = 77,
    /// The configuration is invalid; a restart does not help.
    BadConfig = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The process environment.
pub type Environment = HashMap<String, String>;

/// Reads the configuration that `args` names, otherwise the environment, otherwise the default
/// file.
pub(super) fn load(args: &ConfigArgs, environment: &Environment) -> Result<Arc<Settings>, Faults> {
    Settings::load(&sources(args, environment)).map(Arc::new)
}

/// As [`load`], for a command that does not contact Adobe: its user needs no access to the secret.
pub(super) fn load_without_credentials(
    args: &ConfigArgs,
    environment: &Environment,
) -> Result<Arc<Settings>, Faults> {
    Settings::load_without_credentials(&sources(args, environment)).map(Arc::new)
}

fn sources(args: &ConfigArgs, environment: &Environment) -> Sources {
    let named = environment.get("FLOWMEND_CONFIG").map(String::as_str).unwrap_or_default();
    let default = PathBuf::from(DEFAULT_CONFIG);
    let files = match (args.files.is_empty(), named.is_empty()) {
        (false, _) => args.files.clone(),
        (true, false) => named.split(':').map(PathBuf::from).collect(),
        (true, true) if default.exists() => vec![default],
        (true, true) => Vec::new(),
    };
    Sources { files, environment: environment.clone() }
}

/// Opens the store to change it. It is first opened for reading, so that no store is created if
/// none exists.
pub(super) async fn open_to_amend(settings: &Settings) -> anyhow::Result<SqliteStore> {
    SqliteStore::open_existing(&settings.store.path).await?.close().await;
    Ok(SqliteStore::open(&settings.store.path).await?)
}

/// The most recently changed recovery of a dataflow, which is named by its id or its name. The
/// recovery has both.
pub(super) async fn newest_of(
    store: &SqliteStore,
    flow: &FlowId,
) -> anyhow::Result<Option<Recovery>> {
    let filter = Filter { flow: Some(flow.clone()), limit: Some(1), ..Filter::default() };
    Ok(store.recoveries(&filter).await?.pop())
}

/// Whether the configuration selects this dataflow.
pub(super) fn is_selected(
    settings: &Settings,
    sandbox: &SandboxName,
    flow_id: &FlowId,
    name: &str,
) -> bool {
    let own = settings.sandboxes.iter().find(|own| own.name == *sandbox);
    own.is_some_and(|own| own.selects(flow_id.as_str(), name))
}

/// Writes to standard output. A closed pipe (`| head`) is not an error.
pub(super) fn print(text: &str) -> std::io::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// A token that is cancelled by SIGTERM or SIGINT.
pub(super) fn stop_on_signal() -> std::io::Result<CancellationToken> {
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
        tracing::info!(signal = name, "shutting down: waiting for calls in flight");
        token.cancel();
    });
    Ok(stop)
}
