//! `flowmend pause` and `flowmend resume`: orders for many dataflows at once.
//!
//! Both change only the store; the daemon acts on it at its next pass.

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
    if let Some(error) = unknown_sandbox(&args, settings) {
        telemetry::print_error(&error);
        return Ok(Exit::Failed);
    }
    let store = open_to_amend(settings).await?;
    let known = match &args.flow {
        Some(flow) => newest_of(&store, flow).await?,
        None => None,
    };
    let given = args.flow.clone();
    let unknown = args.flow.is_some() && known.is_none();
    let order = Order {
        sandbox: args.sandbox,
        // By its id if that is known, so that a pause by name and a resume by id match.
        flow: known.map(|recovery| recovery.flow_id).or(args.flow),
        paused,
        at: SystemClock::new().now(),
        reason: args.reason,
    };
    let ordered = store.order(&order).await;
    store.close().await;
    ordered?;
    let done = if paused { "paused" } else { "resumed" };
    print(&format!("{done}: {}, from the next pass on\n", Order { flow: given, ..order }.scope()))?;
    if unknown {
        print(
            "Saved, but no dataflow with this id or name has failed so far; check the spelling.\n",
        )?;
    }
    Ok(Exit::Done)
}

/// The error if the sandbox is not configured: a pause of it would have no effect.
fn unknown_sandbox(args: &OrderArgs, settings: &Settings) -> Option<String> {
    let wanted = args.sandbox.as_ref()?;
    let known: Vec<&str> = settings.sandboxes.iter().map(|own| own.name.as_str()).collect();
    (!known.contains(&wanted.as_str()))
        .then(|| format!("sandbox {wanted} is not configured; configured: {}", known.join(", ")))
}
