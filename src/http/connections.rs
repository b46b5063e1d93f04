//! Accepts connections, and bounds their number and how slowly they may send a request.

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// More clients than this wait until another has gone.
const MOST: usize = 128;
/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a stopping server waits for connections that are busy.
const STOP_PATIENCE: Duration = Duration::from_secs(1);
/// How long it rests if the system has no connection left to give.
const REST: Duration = Duration::from_millis(100);

/// Serves `app` until `stop`.
pub(super) async fn serve(listener: TcpListener, app: Router, stop: CancellationToken) {
    let slots = Arc::new(Semaphore::new(MOST));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut server = Builder::new(TokioExecutor::new()).http1_only();
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    let accept = async {
        loop {
            let Ok(slot) = slots.clone().acquire_owned().await else { return };
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(REST).await;
                continue;
            };
            let service = TowerToHyperService::new(app.clone());
            let connection = server.serve_connection(TokioIo::new(stream), service).into_owned();
            let connection = graceful.watch(connection);
            connections.spawn(async move {
                // A client that breaks off is its own business.
                let _ = connection.await;
                drop(slot);
            });
            while connections.try_join_next().is_some() {}
        }
    };
    stop.run_until_cancelled(accept).await;
    drop(listener);
    // Connections that are still open after that are closed.
    let _ = tokio::time::timeout(STOP_PATIENCE, graceful.shutdown()).await;
}
