//! `flowmend run`: the daemon.

use super::context::{Environment, Exit, load};
use super::service_manager::ServiceManager;
use super::stop::{DRAIN_MARGIN, Stop};
use super::wiring::{Identity, OpenStore, daemon, shown};
use crate::cli::RunArgs;
use crate::clock::SystemClock;
use crate::daemon::{Daemon, Mode};
use crate::flow_service::FlowService;
use crate::http::{Server, Shown};
use crate::settings::Settings;
use crate::telemetry;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};

pub(super) async fn run(
    settings: Arc<Settings>,
    args: RunArgs,
    environment: &Environment,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    telemetry::start(settings.log.format, &settings.log.level)?;
    let mode = if args.dry_run { Mode::DryRun } else { Mode::Live };
    let mut hangup = signal(SignalKind::hangup())?;
    let identity = Identity::draw();
    let shown = shown();
    let server = listen(&settings, mode, &shown).await?;
    let open = OpenStore::open(&settings, mode).await?;
    log_start(&settings, mode);

    let manager = ServiceManager::connect(shown.vitals.clone(), open.store.clone());
    let mut daemon = daemon(settings, open.store.clone(), &identity, mode, &shown)?;
    let turns = Turns { args: &args, environment, stop, shown: &shown };
    while let Some(new) = turns.run_until_reload(&mut daemon, &mut hangup, &manager).await {
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
        manager.reloaded();
    }
    if let Some(server) = server {
        server.stop().await;
    }
    stop.close(async {
        daemon.release().await;
        drop(daemon);
        open.close().await;
    })
    .await;
    manager.close().await;
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

/// What every turn of the daemon, from one reload to the next, needs.
struct Turns<'a> {
    args: &'a RunArgs,
    environment: &'a Environment,
    stop: &'a Stop,
    shown: &'a Shown,
}

impl Turns<'_> {
    /// Runs `daemon` until it is stopped (`None`) or a valid new configuration was read (`Some`).
    async fn run_until_reload(
        &self,
        daemon: &mut Daemon,
        hangup: &mut Signal,
        manager: &ServiceManager,
    ) -> Option<Arc<Settings>> {
        let limit = daemon.settings().adobe.connection.request_timeout + DRAIN_MARGIN;
        let stop = self.stop.orderly();
        let turn = stop.child_token();
        let work = daemon.run(&turn);
        let mut running = std::pin::pin!(self.stop.drain(work, &turn, &self.shown.vitals, limit));
        let (mut reloaded, mut is_stopping) = (None, false);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled(), if !is_stopping => {
                    is_stopping = true;
                    manager.stopping();
                }
                _ = &mut running => return reloaded.filter(|_| !stop.is_cancelled()),
                _ = hangup.recv(), if reloaded.is_none() => {
                    manager.reloading();
                    let read = load(&self.args.config, self.environment);
                    self.shown.metrics.config_reloaded(read.is_ok());
                    match read {
                        Ok(settings) => {
                            reloaded = Some(settings);
                            turn.cancel();
                        }
                        Err(faults) => {
                            log_refused(&faults.to_string());
                            manager.reloaded();
                        }
                    }
                }
            }
        }
    }
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
