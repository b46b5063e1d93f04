//! `flowmend run`: the daemon.

use super::{Environment, Exit, Identity, OpenStore, daemon, load, stop_on_signal};
use crate::cli::RunArgs;
use crate::daemon::{Daemon, Mode};
use crate::settings::Settings;
use crate::telemetry;
use sd_notify::NotifyState;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What a stopping daemon may take beyond the time limit of one request.
const DRAIN_MARGIN: Duration = Duration::from_secs(10);

pub(super) async fn run(args: RunArgs, environment: Environment) -> anyhow::Result<Exit> {
    let mut settings = match load(&args.config, &environment) {
        Ok(settings) => settings,
        Err(exit) => return Ok(exit),
    };
    telemetry::start(settings.log.format, &settings.log.level)?;
    let mode = if args.dry_run { Mode::DryRun } else { Mode::Live };
    let mut hangup = signal(SignalKind::hangup())?;
    let stop = stop_on_signal()?;
    let identity = Identity::draw();
    let open = OpenStore::open(&settings, mode).await?;
    tell_start(&settings, mode);
    let _ = sd_notify::notify(&[NotifyState::Ready]);

    loop {
        let mut daemon = daemon(settings.clone(), open.store.clone(), &identity, mode)?;
        let reloaded = turn(&mut daemon, &args, &environment, &stop, &mut hangup).await;
        match reloaded {
            Some(new) => settings = adopt(&settings, new),
            None => {
                let _ = sd_notify::notify(&[NotifyState::Stopping]);
                daemon.release().await;
                break;
            }
        }
    }
    open.close().await;
    tracing::info!("stopped");
    Ok(Exit::Done)
}

/// Runs `daemon` until it is stopped (`None`) or a sound new configuration was read (`Some`).
async fn turn(
    daemon: &mut Daemon,
    args: &RunArgs,
    environment: &Environment,
    stop: &CancellationToken,
    hangup: &mut Signal,
) -> Option<Arc<Settings>> {
    let limit = daemon.settings().adobe.connection.request_timeout + DRAIN_MARGIN;
    let turn = stop.child_token();
    let mut running = std::pin::pin!(daemon.run(&turn));
    let mut reloaded = None;
    loop {
        tokio::select! {
            () = &mut running => return reloaded,
            _ = hangup.recv(), if reloaded.is_none() => {
                // A faulty file changes nothing: `load` has printed the faults.
                match load(&args.config, environment) {
                    Ok(settings) => {
                        reloaded = Some(settings);
                        turn.cancel();
                    }
                    Err(_) => tracing::error!("configuration not reloaded: the old one stays in force"),
                }
            }
            () = drained_too_long(&turn, limit) => {
                tracing::warn!(
                    limit_s = limit.as_secs(),
                    "calls under way did not end in time; their outcome is found at the next start"
                );
                return if stop.is_cancelled() { None } else { reloaded };
            }
        }
    }
}

async fn drained_too_long(turn: &CancellationToken, limit: Duration) {
    turn.cancelled().await;
    tokio::time::sleep(limit).await;
}

/// The settings from now on. What cannot change while running is said so.
fn adopt(old: &Settings, new: Arc<Settings>) -> Arc<Settings> {
    if old.store != new.store {
        tracing::warn!("[store] changed: restart flowmend for it to take effect");
    }
    if old.log != new.log {
        tracing::warn!("[log] changed: restart flowmend for it to take effect");
    }
    tell_warnings(&new);
    tracing::info!(sandboxes = new.sandboxes.len(), "configuration reloaded");
    new
}

fn tell_start(settings: &Settings, mode: Mode) {
    tell_warnings(settings);
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        sandboxes = settings.sandboxes.len(),
        poll_interval = humantime::format_duration(settings.poll.interval).to_string(),
        store = settings.store.path.display().to_string(),
        dry_run = mode == Mode::DryRun,
        "flowmend started"
    );
}

fn tell_warnings(settings: &Settings) {
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
}
