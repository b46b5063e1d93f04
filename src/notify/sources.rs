//! What notifications are made from.

use crate::clock::Clock;
use crate::daemon::{Signs, Vitals};
use crate::store::{Outbox, Store};
use std::sync::Arc;

/// How a daemon is, at any moment.
pub trait Pulse: Send + Sync + std::fmt::Debug {
    /// Its vital signs.
    fn signs(&self) -> Signs;

    /// Whether every loop moves.
    fn is_alive(&self) -> bool;
}

impl Pulse for Vitals {
    fn signs(&self) -> Signs {
        Vitals::signs(self)
    }

    fn is_alive(&self) -> bool {
        Vitals::is_alive(self)
    }
}

/// What notifications are made from.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The journal.
    pub store: Arc<dyn Store>,
    /// What was sent, and what is to be sent.
    pub outbox: Arc<dyn Outbox>,
    /// How the daemon is.
    pub pulse: Arc<dyn Pulse>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}
