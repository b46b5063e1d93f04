//! Reports of exchanges, for metrics, and the repetition of safe calls, which is reported too.

use crate::backoff::{Schedule, retry};
use crate::flow_service::error::{ApiError, Service};
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Receives a report of every exchange; for metrics. Endpoints are a closed list of words: `token`,
/// `flows`, `flow`, `flow_spec`, `runs`, `run`, `retrigger`.
pub trait Observer: Send + Sync + fmt::Debug {
    /// An exchange ended; `status` is `None` if there was no answer.
    fn answered(&self, endpoint: &'static str, status: Option<u16>, took: Duration);

    /// A safe call is repeated.
    fn retried(&self, endpoint: &'static str);
}

/// The observer, if there is one. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct SharedObserver(Arc<OnceLock<Arc<dyn Observer>>>);

impl SharedObserver {
    /// Sets the observer; only the first call has an effect.
    pub(crate) fn set(&self, observer: Arc<dyn Observer>) {
        let _ = self.0.set(observer);
    }

    pub(super) fn answered(&self, endpoint: &'static str, status: Option<u16>, took: Duration) {
        if let Some(observer) = self.0.get() {
            observer.answered(endpoint, status, took);
        }
    }

    /// Makes a safe call to `service` until it succeeds or repeating it is pointless.
    pub(crate) async fn repeat<T, Answer: Future<Output = Result<T, ApiError>>>(
        &self,
        service: Service,
        endpoint: &'static str,
        mut call: impl FnMut() -> Answer,
    ) -> Result<T, ApiError> {
        let mut is_first = true;
        let call = || {
            if !std::mem::take(&mut is_first)
                && let Some(observer) = self.0.get()
            {
                observer.retried(endpoint);
            }
            call()
        };
        retry(Schedule::SAFE_CALLS, call, |error: &ApiError| error.retry(service)).await
    }
}
