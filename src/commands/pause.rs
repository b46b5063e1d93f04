//! `flowmend pause` and `flowmend resume`: what an operator orders for many dataflows at once.
//!
//! Both change the store only; the daemon takes it up at its next pass.

use super::context::{Exit, newest_of, open_to_amend, print};
use crate::cli::OrderArgs;
use crate::clock::{Clock, SystemClock};
use crate::domain::policy::pause_order::Order;
use crate::settings::Settings;
use crate::store::Store;
use crate::telemetry;

pub(super) async fn pause(
    settings: &Settings,
    args: OrderArgs,
    paused: bool,
) -> anyhow::Result<Exit> {
    if let Some(complaint) = unknown_sandbox(&args, settings) {
        telemetry::complain(&complaint);
        return Ok(Exit::Failed);
    }
    let store = open_to_amend(settings).await?;
    let known = match &args.flow {
        Some(flow) => newest_of(&store, flow).await?,
        None => None,
    };
    let said = args.flow.clone();
    let unknown = args.flow.is_some() && known.is_none();
    let order = Order {
        sandbox: args.sandbox,
        // By its id where that is known, so that pausing by name and resuming by id are about the same.
        flow: known.map(|recovery| recovery.flow_id).or(args.flow),
        paused,
        at: SystemClock::new().now(),
        reason: args.reason,
    };
    let ordered = store.order(&order).await;
    store.close().await;
    ordered?;
    let done = if paused { "paused" } else { "resumed" };
    print(&format!("{done}: {}, from the next pass on\n", Order { flow: said, ..order }.scope()))?;
    if unknown {
        print("Nothing is known of such a dataflow yet; is its id or name spelled right?\n")?;
    }
    Ok(Exit::Done)
}

/// What to say where no such sandbox is configured: an order for it would do nothing.
fn unknown_sandbox(args: &OrderArgs, settings: &Settings) -> Option<String> {
    let wanted = args.sandbox.as_ref()?;
    let known: Vec<&str> = settings.sandboxes.iter().map(|own| own.name.as_str()).collect();
    (!known.contains(&wanted.as_str()))
        .then(|| format!("no [[sandbox]] is called {wanted}; there is {}", known.join(", ")))
}
