//! How SIGTERM and SIGINT end the process.
//!
//! Most commands can be interrupted anywhere: they only read, or write in one transaction. So the first
//! signal ends them, and also a daemon that is still starting. A command with calls in flight asks for
//! an [`orderly`](Stop::orderly) end: then the first signal only cancels a token. The second signal ends
//! every command at once.

use super::context::Exit;
use crate::daemon::Vitals;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How long a command may take to end when nothing is in flight: for a store that is locked, or a
/// terminal that does not take any output.
const GRACE: Duration = Duration::from_millis(500);

/// How much longer than one request the calls in flight may take.
pub(super) const DRAIN_MARGIN: Duration = Duration::from_secs(10);

/// How long closing the store may take: a slow disk needs its time.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// The signals that end the process.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    requested: CancellationToken,
    overdue: CancellationToken,
    by: Arc<OnceLock<By>>,
    is_orderly: Arc<AtomicBool>,
}

/// The signal that came first.
#[derive(Debug, Clone, Copy)]
enum By {
    Sigint,
    Sigterm,
}

impl Stop {
    /// Installs the signal handlers. Call this first: process 1 of a container ignores a signal without
    /// a handler. Needs a Tokio runtime.
    ///
    /// # Errors
    /// If the handlers cannot be installed.
    pub fn on_signal() -> std::io::Result<Self> {
        let mut signals =
            Signals(signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let stop = Self::default();
        let seen = stop.clone();
        tokio::spawn(async move {
            let _ = seen.by.set(signals.next().await);
            seen.requested.cancel();
            tokio::select! {
                _ = signals.next() => {}
                () = seen.outlived_grace() => {}
            }
            seen.overdue.cancel();
        });
        Ok(stop)
    }

    /// Waits until the process must end without waiting for anything, and returns how.
    pub async fn overdue(&self) -> Exit {
        self.overdue.cancelled().await;
        if self.is_orderly.load(Ordering::Acquire) {
            tracing::warn!(
                "stopping at once: the next start finds the outcome of the calls in flight"
            );
        }
        self.exit()
    }

    /// Waits until a command that asked for no orderly end is interrupted.
    pub(super) async fn interrupted(&self) -> Exit {
        self.requested.cancelled().await;
        if self.is_orderly.load(Ordering::Acquire) {
            std::future::pending::<()>().await;
        }
        self.exit()
    }

    /// From now on, the first signal only cancels this token.
    pub(super) fn orderly(&self) -> &CancellationToken {
        self.is_orderly.store(true, Ordering::Release);
        &self.requested
    }

    /// Waits for `work`, which ends by itself once `turn` is cancelled: at most `limit` if it has calls in
    /// flight then, and otherwise only a moment. `None` if it took longer.
    pub(super) async fn drain<T>(
        &self,
        work: impl Future<Output = T>,
        turn: &CancellationToken,
        vitals: &Vitals,
        limit: Duration,
    ) -> Option<T> {
        let mut work = std::pin::pin!(work);
        // The work comes first, so that what is not sent yet has ended before calls are counted.
        let done = tokio::select! {
            biased;
            done = &mut work => Some(done),
            () = turn.cancelled() => None,
        };
        let calls = vitals.calls_in_flight();
        self.announce(calls, limit);
        if done.is_some() {
            return done;
        }
        let is_urgent = calls == 0 && self.requested.is_cancelled();
        let limit = if is_urgent { GRACE } else { limit };
        let drained = tokio::time::timeout(limit, work).await.ok();
        if drained.is_none() && calls > 0 {
            tracing::warn!(
                limit_s = limit.as_secs(),
                "calls in flight did not end in time; the next start finds their outcome"
            );
        }
        drained
    }

    /// Waits for `close`, which leaves nothing behind that the next start could not clean up.
    pub(super) async fn close(&self, close: impl Future<Output = ()>) {
        if tokio::time::timeout(CLOSE_LIMIT, close).await.is_err() {
            tracing::warn!("the store could not be closed in time; the next start cleans up");
        }
    }

    /// Logs what the process waits for, if a signal came.
    fn announce(&self, calls: usize, limit: Duration) {
        let Some(by) = self.by.get() else { return };
        let (signal, limit) = (by.name(), limit.as_secs());
        match calls {
            0 => tracing::info!(signal, "shutting down"),
            1 => tracing::info!(
                signal,
                calls,
                "shutting down: waiting for 1 call, at most {limit} s; signal again to stop now"
            ),
            _ => tracing::info!(
                signal,
                calls,
                "shutting down: waiting for {calls} calls, at most {limit} s; signal again to stop now"
            ),
        }
    }

    async fn outlived_grace(&self) {
        tokio::time::sleep(GRACE).await;
        if self.is_orderly.load(Ordering::Acquire) {
            std::future::pending::<()>().await;
        }
    }

    fn exit(&self) -> Exit {
        match self.by.get() {
            Some(By::Sigint) => Exit::Interrupted,
            _ => Exit::Terminated,
        }
    }
}

impl By {
    fn name(self) -> &'static str {
        match self {
            Self::Sigint => "SIGINT",
            Self::Sigterm => "SIGTERM",
        }
    }
}

/// SIGINT and SIGTERM.
struct Signals(Signal, Signal);

impl Signals {
    async fn next(&mut self) -> By {
        tokio::select! {
            _ = self.0.recv() => By::Sigint,
            _ = self.1.recv() => By::Sigterm,
        }
    }
}
