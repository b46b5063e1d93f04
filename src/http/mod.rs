//! Health and metrics of a running daemon over HTTP.
//!
//! There is no authentication, so nothing here changes anything, takes a body, or names a dataflow.
//! Every answer comes from memory at once: no request can delay a pass, and none needs a time limit
//! of its own. The listener is bound before the daemon starts, so that the start fails if the port
//! is taken, and it serves until the last call has ended.

mod ask;

pub use ask::{Answer, ask};

use crate::daemon::{Check, Vitals};
use crate::metrics::{Format, Metrics};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long a stopping server waits for connections that are busy, or stuck in half a request.
const STOP_PATIENCE: Duration = Duration::from_secs(1);

/// A running server. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<io::Result<()>>,
}

impl Server {
    /// Serves `shown` at `listen`; port 0 lets the system choose one.
    ///
    /// # Errors
    /// If `listen` cannot be bound.
    pub async fn start(listen: SocketAddr, shown: Shown) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let serving = axum::serve(listener, router(shown)).with_graceful_shutdown(stopped);
        Ok(Self { address, stop, serving: tokio::spawn(serving.into_future()) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening, and waits a moment for the answers in progress.
    pub async fn stop(mut self) {
        self.stop.cancel();
        // Connections that are still open after that are closed.
        let _ = tokio::time::timeout(STOP_PATIENCE, &mut self.serving).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
        self.serving.abort();
    }
}

/// What the server shows.
#[derive(Debug, Clone)]
pub struct Shown {
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// How the loops are.
    pub vitals: Arc<Vitals>,
}

fn router(shown: Shown) -> Router {
    Router::new()
        .route("/livez", get(async |State(shown): State<Shown>| health(shown.vitals.liveness())))
        .route("/readyz", get(async |State(shown): State<Shown>| health(shown.vitals.readiness())))
        .route("/metrics", get(metrics))
        .with_state(shown)
}

/// 200 if every check is well, otherwise 503.
fn health(checks: Vec<Check>) -> Response {
    let ok = checks.iter().all(|check| check.ok);
    let (code, status) = match ok {
        true => (StatusCode::OK, "ok"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "failing"),
    };
    let headers = [(header::CACHE_CONTROL, "no-store")];
    (code, headers, Json(json!({ "status": status, "checks": checks }))).into_response()
}

async fn metrics(State(shown): State<Shown>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let format = Format::accepted(accept.unwrap_or_default());
    match shown.metrics.encode(format) {
        Ok(text) => ([(header::CONTENT_TYPE, format.content_type())], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
