//! What every command uses: exit codes, settings, the store, standard output.

use crate::cli::ConfigArgs;
use crate::domain::model::ids::{FlowId, RunId, SandboxName};
use crate::domain::recovery::Recovery;
use crate::settings::{Faults, Settings, Sources};
use crate::store::{Filter, SqliteStore, Store};
use crate::telemetry;
use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// The configuration file that is read if none is named.
const DEFAULT_CONFIG: &str = "/etc/flowmend/flowmend.toml";

/// The most ids that are listed when a prefix is ambiguous.
const CANDIDATES: u32 = 5;
/// A shorter prefix of a run id is probably a mistake.
const SHORTEST_PREFIX: usize = 4;

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
    /// Ended by SIGINT before it was done.
    Interrupted = 130,
    /// Ended by SIGTERM before it was done.
    Terminated = 143,
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

/// As [`load`], for a command that does not call Adobe and needs no credentials.
pub(super) fn load_offline(
    args: &ConfigArgs,
    environment: &Environment,
) -> Result<Arc<Settings>, Faults> {
    Settings::load_offline(&sources(args, environment)).map(Arc::new)
}

fn sources(args: &ConfigArgs, environment: &Environment) -> Sources {
    let named = environment.get("FLOWMEND_CONFIG").map(String::as_str).unwrap_or_default();
    let default = PathBuf::from(DEFAULT_CONFIG);
    let files = match (args.files.is_empty(), named.is_empty()) {
        (false, _) => args.files.clone(),
        (true, false) => named.split(':').map(PathBuf::from).collect(),
        // If it cannot be seen, reading it shows why.
        (true, true) if default.try_exists().unwrap_or(true) => vec![default],
        (true, true) => {
            telemetry::print_error(&format!(
                "No configuration file: {DEFAULT_CONFIG} does not exist, and neither --config nor \
                 FLOWMEND_CONFIG names one"
            ));
            Vec::new()
        }
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
    let filter = Filter { flows: vec![flow.clone()], limit: Some(1), ..Filter::default() };
    Ok(store.recoveries(&filter).await?.pop())
}

/// The known run whose id is or starts with `given`; `given` itself if there is none.
///
/// # Errors
/// If several ids start with it, or it is too short.
pub(super) async fn run_named(store: &SqliteStore, given: &RunId) -> anyhow::Result<RunId> {
    let found = store.runs_like(given.as_str(), CANDIDATES + 1).await?;
    match found.as_slice() {
        [] => Ok(given.clone()),
        [run, ..] if run == given => Ok(run.clone()),
        [run] if given.as_str().chars().count() >= SHORTEST_PREFIX => Ok(run.clone()),
        [_] => anyhow::bail!(
            "run id {given} is too short; write at least {SHORTEST_PREFIX} characters"
        ),
        several => {
            let shown = several.iter().take(CANDIDATES as usize).map(RunId::as_str);
            let shown = shown.collect::<Vec<_>>().join("\n  ");
            let more = if several.len() > CANDIDATES as usize { "\n  …" } else { "" };
            anyhow::bail!("several run ids start with {given}; write more of it:\n  {shown}{more}")
        }
    }
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
