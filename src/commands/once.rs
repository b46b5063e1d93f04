//! `flowmend once`: a pass over every sandbox, and further passes while more is due.

use super::context::Exit;
use super::stop::{DRAIN_MARGIN, Stop};
use super::wiring::{Identity, OpenStore, daemon, shown};
use crate::daemon::{Daemon, Mode, OnceError, Round};
use crate::domain::model::journal::Event;
use crate::settings::Settings;
use crate::telemetry;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The maximum number of passes, higher than any backlog needs.
const MOST_PASSES: usize = 1_000;

pub(super) async fn once(
    settings: Arc<Settings>,
    dry_run: bool,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    telemetry::start(settings.log.format, &settings.log.level)?;
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    let mode = if dry_run { Mode::DryRun } else { Mode::Live };
    let open = OpenStore::open(&settings, mode).await?;
    let (identity, shown) = (Identity::draw(), shown());
    let limit = settings.adobe.connection.request_timeout + DRAIN_MARGIN;
    let mut daemon = daemon(settings, open.store.clone(), &identity, mode, &shown)?;
    let turn = stop.orderly();
    let round = stop.drain(once_to_the_end(&mut daemon, turn), turn, &shown.vitals, limit).await;
    stop.close(async {
        daemon.release().await;
        open.close().await;
    })
    .await;
    let Some(round) = round else { return Ok(Exit::Failed) };
    if let Ok(round) = &round {
        log_sum(round, mode);
    }
    Ok(if round?.is_complete() { Exit::Done } else { Exit::Failed })
}

/// A pass, and the passes that follow at once because more is due: the next pass re-triggers what
/// this one schedules.
async fn once_to_the_end(
    daemon: &mut Daemon,
    stop: &CancellationToken,
) -> Result<Round, OnceError> {
    let mut all = daemon.once(stop).await?;
    for _ in 1..MOST_PASSES {
        if !all.is_complete() || !daemon.is_more_to_do(&all) || stop.is_cancelled() {
            break;
        }
        let next = daemon.once(stop).await?;
        all.add(next);
    }
    Ok(all)
}

/// Logs the counts of all passes in one line.
fn log_sum(round: &Round, mode: Mode) {
    let count = |event| -> u32 {
        let reports = round.reports.iter().filter_map(|(_, result)| result.as_ref().ok());
        reports.map(|report| report.count(event)).sum()
    };
    let (scheduled, skipped) = (count(Event::Scheduled), count(Event::Skipped));
    match mode {
        Mode::Live => tracing::info!(
            scheduled,
            retriggered = count(Event::Retriggered),
            recovered = count(Event::Recovered),
            held = count(Event::Held),
            given_up = count(Event::GivenUp),
            skipped,
            "pass done"
        ),
        Mode::DryRun => tracing::info!(
            would_schedule = scheduled,
            would_retrigger = count(Event::Begun),
            would_skip = skipped,
            "dry run done: nothing was sent, nothing was stored"
        ),
    }
}
