//! What a running daemon shows over HTTP: the page, the API, health and metrics.
//!
//! Nothing here changes anything. `guard.rs` decides who may read; `connections.rs` bounds what
//! a client can take up. Health and metrics come from memory at once; the page and the API read the
//! store. The listener is bound before the daemon starts, so that the start fails if the port is taken,
//! and it serves until the last call has ended.

mod api;
mod app;
mod ask;
mod books;
mod connections;
mod events;
mod guard;
mod health;
mod page;
mod recovery;
mod refusal;
mod selection;
mod timeline;
mod words;

pub use app::Shown;
pub use ask::{Answer, ask};
pub use books::Books;

use crate::settings::Http;
use app::App;
use axum::extract::DefaultBodyLimit;
use axum::http::header;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get};
use axum::{Router, response::IntoResponse};
use guard::Guard;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// No route needs a body.
const BODY_LIMIT: usize = 16 * 1024;

/// A running server. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Server {
    /// Serves `shown` at `listen`; port 0 lets the system choose one. `http` decides who may read.
    ///
    /// # Errors
    /// If `listen` cannot be bound.
    pub async fn start(listen: SocketAddr, http: &Http, shown: Shown) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let app = router(App { shown, stop: stop.clone() }, Guard::new(address, http));
        let serving = tokio::spawn(connections::serve(listener, app, stop.clone()));
        Ok(Self { address, stop, serving })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening, and waits a moment for the answers in progress.
    pub async fn stop(mut self) {
        self.stop.cancel();
        let _ = (&mut self.serving).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
        self.serving.abort();
    }
}

fn router(app: App, guard: Guard) -> Router {
    let mut router = Router::new()
        .merge(health::routes())
        .route("/", get(page::page))
        .route("/search", get(recovery::search))
        .route("/recoveries/{run}", get(recovery::page))
        .route("/events", get(events::events))
        .route("/style.css", asset("text/css", include_str!("assets/style.css")))
        .route("/live.js", asset("text/javascript", include_str!("assets/live.js")))
        .route("/icon.svg", asset("image/svg+xml", include_str!("assets/icon.svg")))
        .fallback(refusal::not_found);
    for (path, route) in api::routes() {
        router = router.route(path, route);
    }
    router
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn_with_state(Arc::new(guard), guard::guard))
        .with_state(app)
}

fn asset(kind: &'static str, text: &'static str) -> MethodRouter<App> {
    let kind = format!("{kind}; charset=utf-8");
    get(async move || ([(header::CONTENT_TYPE, kind.clone())], text).into_response())
}
