//! Notifications: messages about what needs a person, and the heartbeat.
//!
//! Each target has a task of its own, so a dead target delays neither the daemon nor another target. A
//! task derives its messages from the journal and from the vital signs (`compose`, `signs`), stores
//! them in the outbox, and only then sends them (`target`). So a restart loses no event, and a
//! repetition has the id of the first message. While messages of a target wait, its events stay in the
//! journal; they become one message for each topic when the target answers again.

mod compose;
mod courier;
mod digest;
mod heartbeat;
mod notice;
mod public_only;
mod signs;
mod sources;
mod target;
mod text;
mod wire;

pub use courier::{Answer, Courier};
pub use notice::{Group, Notice};
pub use sources::{Pulse, Sources};

use crate::clock::Clock;
use crate::settings::{NotifyTarget, Settings};
use std::time::Duration;
use target::Target;
use tokio::task::JoinSet;

/// How long a stopping notifier waits for its tasks.
const STOP_PATIENCE: Duration = Duration::from_secs(1);

/// The running tasks. Dropping it ends them.
#[derive(Debug)]
pub struct Notifier {
    sources: Sources,
    tasks: JoinSet<()>,
}

impl Notifier {
    /// Starts a task for each target of `settings`, and one for the heartbeat.
    pub fn start(sources: Sources, settings: &Settings) -> Self {
        let mut notifier = Self { sources, tasks: JoinSet::new() };
        notifier.reload(settings);
        notifier
    }

    /// Ends all tasks, and starts those of another configuration. A message that is being sent may be
    /// sent again, with the same id.
    pub fn reload(&mut self, settings: &Settings) {
        self.tasks.abort_all();
        for target in settings.notify.iter() {
            match Target::new(target.clone(), self.sources.clone()) {
                Ok(target) => drop(self.tasks.spawn(target.run())),
                Err(error) => {
                    tracing::warn!(target = target.name, error, "notifications not started");
                }
            }
        }
        if let Some(address) = &settings.heartbeat {
            let (pulse, clock) = (self.sources.pulse.clone(), self.sources.clock.clone());
            let interval = settings.poll.interval;
            drop(self.tasks.spawn(heartbeat::run(address.clone(), interval, pulse, clock)));
        }
    }

    /// Ends all tasks. What is not sent yet is sent after the next start.
    pub async fn stop(mut self) {
        let _ = tokio::time::timeout(STOP_PATIENCE, self.tasks.shutdown()).await;
    }
}

/// Sends a test message to `target`, and returns the answer.
pub async fn test(target: &NotifyTarget, clock: &dyn Clock) -> Answer {
    match Courier::new(&target.address) {
        Ok(courier) => {
            let now = clock.now();
            let id = format!("test-{}", now.as_millisecond());
            let notice = Notice::test(now);
            courier.send(target, &id, &notice, now).await
        }
        Err(error) => Answer::Failed(error),
    }
}
