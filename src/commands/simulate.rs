//! `flowmend simulate`: a simulated Flow Service, to test a configuration.

use super::context::{Exit, print};
use super::stop::Stop;
use crate::cli::SimulateArgs;
use crate::clock::{Clock, SystemClock};
use crate::simulator::{Credentials, Scenario, Simulator};
use anyhow::Context;
use std::sync::Arc;

pub(super) async fn simulate(args: SimulateArgs, stop: &Stop) -> anyhow::Result<Exit> {
    let clock = Arc::new(SystemClock::new());
    let world = Scenario::load(&args.scenario)?.build(args.seed, clock.now());
    let credentials = world.credentials.clone();
    let simulator = Simulator::start(world, clock, args.listen)
        .await
        .with_context(|| format!("cannot listen on {}", args.listen))?;
    let url = simulator.base_url();
    print(&format!(
        "A simulated Flow Service listens on {url}\n\n\
         # Settings that connect flowmend to it:\n{}\n\
         # Its request log: {url}/simulator/ledger\n\
         # Press Ctrl-C to stop it.\n",
        settings_for(&url, &credentials),
    ))?;
    stop.orderly().cancelled().await;
    simulator.stop().await;
    Ok(Exit::Done)
}

/// The configuration that connects flowmend to the simulator at `url`. The secret is made up and is
/// valid nowhere else.
pub(super) fn settings_for(url: &str, credentials: &Credentials) -> String {
    let secret = credentials.client_secrets.first().map_or("", String::as_str);
    format!(
        "[adobe]\nplatform_url = \"{url}\"\nims_url = \"{url}\"\norg_id = \"{}\"\nclient_id = \"{}\"\n\
         client_secret = \"{secret}\"\n\n[[sandbox]]\nname = \"prod\"\ninclude = [\"*\"]\n",
        credentials.org_id, credentials.client_id
    )
}
