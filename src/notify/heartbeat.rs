//! The heartbeat: a request after passes, so that a service elsewhere notices silence.

use super::courier::{Answer, Courier};
use super::sources::Pulse;
use crate::clock::Clock;
use crate::daemon::{Signs, Standing};
use crate::settings::WebAddress;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// How often the vital signs are read.
const TICK: Duration = Duration::from_secs(1);

/// Runs until it is dropped. At most one request per `interval`.
pub(super) async fn run(
    address: WebAddress,
    interval: Duration,
    pulse: Arc<dyn Pulse>,
    clock: Arc<dyn Clock>,
) {
    let courier = match Courier::new(&address) {
        Ok(courier) => courier,
        Err(error) => {
            tracing::warn!(error, "heartbeat not started");
            return;
        }
    };
    let (mut sent, mut is_failing) = (None, false);
    loop {
        let signs = pulse.signs();
        let pass = latest_pass(&signs).filter(|pass| Some(*pass) != sent);
        let Some(pass) = pass else {
            clock.sleep(TICK).await;
            continue;
        };
        let suffix = if is_well(&signs, pulse.is_alive()) { "" } else { "/fail" };
        let answer = courier.ping(suffix, clock.now()).await;
        let failed = answer != Answer::Delivered;
        if failed && !is_failing {
            let error = match answer {
                Answer::Failed(error) => error,
                Answer::Gone(status) => format!("it answered {status}"),
                Answer::Wait(_) | Answer::Delivered => "it answered 429".to_owned(),
            };
            tracing::warn!(error, "heartbeat failed; the next pass tries again");
        }
        (sent, is_failing) = (Some(pass), failed);
        clock.sleep(interval).await;
    }
}

/// When the latest pass ended. Only the holder of the lease has passes to report.
fn latest_pass(signs: &Signs) -> Option<Timestamp> {
    let ended = signs.sandboxes.values().filter_map(|sandbox| sandbox.pass_ended);
    ended.max().filter(|_| signs.standing == Standing::Holder)
}

/// Whether every sandbox was read completely by its latest pass.
fn is_well(signs: &Signs, is_alive: bool) -> bool {
    is_alive && signs.sandboxes.values().all(|sandbox| sandbox.trouble.is_none())
}
