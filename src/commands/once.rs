//! `flowmend once`: one pass over every sandbox.

use super::{Environment, Exit, Identity, OpenStore, daemon, load, stop_on_signal};
use crate::cli::RunArgs;
use crate::daemon::Mode;
use crate::telemetry;

pub(super) async fn once(args: RunArgs, environment: Environment) -> anyhow::Result<Exit> {
    let settings = match load(&args.config, &environment) {
        Ok(settings) => settings,
        Err(exit) => return Ok(exit),
    };
    telemetry::start(settings.log.format, &settings.log.level)?;
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    let mode = if args.dry_run { Mode::DryRun } else { Mode::Live };
    let stop = stop_on_signal()?;
    let open = OpenStore::open(&settings, mode).await?;
    let mut daemon = daemon(settings, open.store.clone(), &Identity::draw(), mode)?;
    let round = daemon.once(&stop).await;
    daemon.release().await;
    open.close().await;
    Ok(if round?.is_complete() { Exit::Done } else { Exit::Failed })
}
