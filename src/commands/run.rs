//! `flowmend run`: the daemon.

use super::context::{Environment, Exit, load, stop_on_signal};
use super::watchdog;
use super::wiring::{Identity, OpenStore, daemon, shown};
use crate::cli::RunArgs;
use crate::clock::SystemClock;
use crate::daemon::{Daemon, Mode};
use crate::flow_service::FlowService;
use crate::http::{Server, Shown};
use crate::metrics::Metrics;
use crate::settings::Settings;
use crate::telemetry;
use sd_notify::NotifyState;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How much longer than one request a stopping daemon may take.
const DRAIN_MARGIN: Duration = Duration::from_secs(10);

pub(super) async fn run(
    settings: Arc<Settings>,
    args: RunArgs,
    environment: &Environment,
) -> anyhow::Result<Exit> {
    telemetry::start(settings.log.format, &settings.log.level)?;
    let mode = if args.dry_run { Mode::DryRun } else { Mode::Live };
    let mut hangup = signal(SignalKind::hangup())?;
    let stop = stop_on_signal()?;
    let identity = Identity::draw();
    let shown = shown();
    let server = listen(&settings, mode, &shown).await?;
    let open = OpenStore::open(&settings, mode).await?;
    log_start(&settings, mode);
    let _ = sd_notify::notify(&[NotifyState::Ready]);

    let watchdog = watchdog::start(shown.vitals.clone());
    let mut daemon = daemon(settings, open.store.clone(), &identity, mode, &shown)?;
    while let Some(new) =
        run_until_reload(&mut daemon, &args, environment, &stop, &mut hangup, &shown.metrics).await
    {
        match FlowService::new(new.connection(), Arc::new(SystemClock::new())) {
            Ok(service) => {
                log_reload(daemon.settings(), &new);
                daemon.reload(new, service);
            }
            Err(error) => {
                shown.metrics.config_reloaded(false);
                log_refused(&telemetry::chain(&error));
            }
        }
    }
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
    daemon.release().await;
    drop(daemon);
    if let Some(watchdog) = watchdog {
        watchdog.abort();
    }
    open.close().await;
    if let Some(server) = server {
        server.stop().await;
    }
    tracing::info!("stopped");
    Ok(Exit::Done)
}

/// Serves `shown` if `http.listen` is set. A dry run does not, because a daemon may run beside it.
async fn listen(settings: &Settings, mode: Mode, shown: &Shown) -> anyhow::Result<Option<Server>> {
    let address = settings.http.listen.filter(|_| mode == Mode::Live);
    let Some(address) = address else { return Ok(None) };
    let server = Server::start(address, shown.clone()).await.map_err(|error| {
        anyhow::anyhow!(
            "cannot listen on {address}: {error}; set http.listen to another address, or \
             to \"\" to turn the server off"
        )
    })?;
    tracing::info!(address = server.address().to_string(), "listening");
    Ok(Some(server))
}

/// Runs `daemon` until it is stopped (`None`) or a valid new configuration was read (`Some`).
async fn run_until_reload(
    daemon: &mut Daemon,
    args: &RunArgs,
    environment: &Environment,
    stop: &CancellationToken,
    hangup: &mut Signal,
    metrics: &Metrics,
) -> Option<Arc<Settings>> {
    let limit = daemon.settings().adobe.connection.request_timeout + DRAIN_MARGIN;
    let turn = stop.child_token();
    let mut running = std::pin::pin!(daemon.run(&turn));
    let mut reloaded = None;
    loop {
        tokio::select! {
            () = &mut running => return reloaded,
            _ = hangup.recv(), if reloaded.is_none() => {
                let read = load(&args.config, environment);
                metrics.config_reloaded(read.is_ok());
                match read {
                    Ok(settings) => {
                        reloaded = Some(settings);
                        turn.cancel();
                    }
                    Err(faults) => log_refused(&faults.to_string()),
                }
            }
            () = drained_too_long(&turn, limit) => {
                tracing::warn!(
                    limit_s = limit.as_secs(),
                    "calls in flight did not end in time; the next start finds their outcome"
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

fn log_refused(faults: &str) {
    tracing::error!(faults, "configuration not reloaded: the old one stays in force");
}

/// Logs a reload, and what does not take effect until a restart.
fn log_reload(old: &Settings, new: &Settings) {
    // `store.retention` does take effect.
    if (&old.store.path, old.store.lease) != (&new.store.path, new.store.lease) {
        tracing::warn!("[store] changed: restart flowmend for it to take effect");
    }
    if old.http != new.http {
        tracing::warn!("[http] changed: restart flowmend for it to take effect");
    }
    if old.log != new.log {
        tracing::warn!("[log] changed: restart flowmend for it to take effect");
    }
    log_warnings(new);
    tracing::info!(sandboxes = new.sandboxes.len(), "configuration reloaded");
}

fn log_start(settings: &Settings, mode: Mode) {
    log_warnings(settings);
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        sandboxes = settings.sandboxes.len(),
        poll_interval = humantime::format_duration(settings.poll.interval).to_string(),
        store = settings.store.path.display().to_string(),
        dry_run = mode == Mode::DryRun,
        "flowmend started"
    );
}

fn log_warnings(settings: &Settings) {
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
}
