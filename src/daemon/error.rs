//! Why a pass was incomplete.

use crate::flow_service::{ApiError, ClockFault};
use crate::store::StoreError;
use std::time::Duration;

/// Why a pass was incomplete.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// Adobe did not answer as expected.
    #[error("cannot {doing}")]
    Platform {
        /// What was tried.
        doing: &'static str,
        /// The cause.
        #[source]
        source: ApiError,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The time cannot be trusted, so nothing was decided.
    #[error("Adobe's time is unknown or cannot be trusted, so nothing is decided")]
    Clock(#[from] ClockFault),
    /// Reading took too long.
    #[error("reading the sandbox took longer than {} s; the next pass tries again", .limit.as_secs())]
    TooSlow {
        /// The limit.
        limit: Duration,
    },
    /// The lease expired, so nothing was sent.
    #[error("the lease on the store expired before anything was sent")]
    LeaseRanOut,
    /// flowmend is stopping.
    #[error("flowmend is shutting down")]
    Stopped,
}

impl PassError {
    /// True if another daemon acts on the store now.
    pub fn is_lease_lost(&self) -> bool {
        matches!(self, Self::Store(StoreError::LeaseLost) | Self::LeaseRanOut)
    }

    /// True if Adobe did not answer as expected.
    pub(super) fn is_of_platform(&self) -> bool {
        matches!(self, Self::Platform { .. })
    }
}
