//! `flowmend demo`: the daemon against the simulated platform, fast enough to watch.

use super::context::{Exit, print};
use super::simulate::settings_for;
use super::stop::{DRAIN_MARGIN, Stop};
use super::wiring::{Identity, daemon, shown};
use crate::cli::DemoArgs;
use crate::clock::{Clock, SystemClock};
use crate::daemon::{Daemon, Mode, Vitals};
use crate::settings::{LogFormat, Settings, Sources};
use crate::simulator::{Endpoint, Ledger, Scenario, Simulator};
use crate::store::{Filter, SqliteStore, Store};
use crate::telemetry;
use anyhow::Context;
use std::collections::HashMap;
use std::sync::Arc;

/// What differs from the defaults: everything is faster, but decided in the same way.
const PACE: &str = r#"
[poll]
interval = "1s"
overlap = "30s"
lookback = "4h"
sweep_interval = "20s"

[retry]
initial_interval = "3s"
max_interval = "20s"
confirm_window = "5s"
max_attempts = 4

[adobe]
requests_per_second = 50.0
request_timeout = "2s"

[limits]
retriggers_per_minute = 0

[[dataflow]]
match = "*hourly*"
retry.max_attempts = 6
"#;

pub(super) async fn demo(args: DemoArgs, stop: &Stop) -> anyhow::Result<Exit> {
    telemetry::start(LogFormat::Pretty, "info")?;
    let clock = Arc::new(SystemClock::new());
    let world = Scenario::load("demo")?.build(args.seed, clock.now());
    let credentials = world.credentials.clone();
    let simulator = Simulator::start(world, clock, args.listen)
        .await
        .with_context(|| format!("cannot listen on {}", args.listen))?;
    let directory = tempfile::tempdir().context("cannot create a temporary directory")?;
    let config = directory.path().join("flowmend.toml");
    let store = directory.path().join("flowmend.db");
    let url = simulator.base_url();
    let pace = directory.path().join("pace.toml");
    std::fs::write(&config, settings_for(&url, &credentials))?;
    std::fs::write(&pace, format!("{PACE}\n[store]\nurl = \"sqlite://{}\"\n", store.display()))?;
    introduce(&url, &args)?;

    let sources = Sources { files: vec![config, pace], environment: HashMap::new() };
    let settings = Settings::load(&sources);
    let settings = Arc::new(settings.map_err(|faults| anyhow::anyhow!("{faults}"))?);
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&settings.store.path).await?);
    let shown = shown();
    let mut daemon = daemon(settings, store.clone(), &Identity::draw(), Mode::Live, &shown)?;
    run_for(&mut daemon, &args, stop, &shown.vitals).await;
    daemon.release().await;
    summarize(&simulator.ledger(), store.as_ref()).await?;
    store.close().await;
    simulator.stop().await;
    Ok(Exit::Done)
}

async fn run_for(daemon: &mut Daemon, args: &DemoArgs, stop: &Stop, vitals: &Vitals) {
    let turn = stop.orderly().child_token();
    let limit = daemon.settings().adobe.connection.request_timeout + DRAIN_MARGIN;
    let over = async {
        match args.duration {
            Some(duration) => tokio::time::sleep(duration).await,
            None => std::future::pending().await,
        }
        turn.cancel();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        _ = stop.drain(daemon.run(&turn), &turn, vitals, limit) => {}
        () = over => {}
    }
}

fn introduce(url: &str, args: &DemoArgs) -> std::io::Result<()> {
    let end = match args.duration {
        Some(duration) => format!("It stops after {}.", humantime::format_duration(duration)),
        None => "Press Ctrl-C to stop it and see a summary.".to_owned(),
    };
    print(&format!(
        "flowmend demo: about forty dataflows on a simulated platform; some of their runs fail.\n\
         Delays are seconds instead of minutes. {end}\n\n\
         The simulated platform listens on {url}\n\
         Its request log: {url}/simulator/ledger\n\n\
         Watch for \"re-triggered failed run\" with new_run_id and etag, and for \"recovered\".\n\n"
    ))
}

async fn summarize(ledger: &Ledger, store: &dyn Store) -> anyhow::Result<()> {
    let counts = store.count_by_state(&Filter::default()).await?;
    let states: Vec<String> =
        counts.iter().map(|(state, count)| format!("{count} {state}")).collect();
    print(&format!(
        "\nSummary\n  recoveries    {}\n  re-triggers   {} accepted by the platform\n  requests      {} in total\n\n\
         Next\n  flowmend config default                  every setting, with its meaning and default\n  \
         flowmend check --config FILE             check your own credentials; changes nothing\n  \
         flowmend once --config FILE --dry-run    what would be re-triggered in your sandbox\n",
        if states.is_empty() { "none".to_owned() } else { states.join(", ") },
        ledger.accepted().count(),
        ledger.requests(Endpoint::Any),
    ))?;
    Ok(())
}
