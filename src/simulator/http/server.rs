//! The server of a world.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::app::App;
use super::connection::{CutSwitch, CuttableListener};
use super::routes;
use crate::clock::Clock;
use crate::simulator::world::World;
use crate::simulator::world::ledger::Ledger;

/// How long `stop` waits for open requests.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// A running simulator. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct Simulator {
    app: App,
    addr: SocketAddr,
    server: JoinHandle<io::Result<()>>,
}

impl Simulator {
    /// Serves `world` at the address `listen`; port 0 picks a free port. `clock` drives the world.
    ///
    /// # Errors
    ///
    /// If `listen` cannot be bound.
    pub async fn start(
        world: World,
        clock: Arc<dyn Clock>,
        listen: SocketAddr,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let addr = listener.local_addr()?;
        let app = App::new(world, clock, CancellationToken::new());
        let stopped = app.stopping.clone().cancelled_owned();
        let server = tokio::spawn(run(listener, app.clone(), stopped));
        Ok(Self { app, addr, server })
    }

    /// The address it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://ADDRESS:PORT`, which is the platform's URL and that of IMS.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Reads or changes the world as it is now. Requests wait until `look` returns, and `look` must
    /// not call the simulator.
    pub fn with_world<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut self.app.world())
    }

    /// A copy of the record.
    pub fn ledger(&self) -> Ledger {
        self.with_world(|world| world.ledger.clone())
    }

    /// Stops listening, ends requests that hang, and waits up to two seconds for the others.
    pub async fn stop(mut self) {
        self.app.stopping.cancel();
        if tokio::time::timeout(STOP_TIMEOUT, &mut self.server).await.is_err() {
            tracing::debug!("the simulator stopped with open connections");
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.app.stopping.cancel();
        self.server.abort();
    }
}

async fn run(
    listener: TcpListener,
    app: App,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let service = routes::router(app).into_make_service_with_connect_info::<CutSwitch>();
    axum::serve(CuttableListener(listener), service).with_graceful_shutdown(stopped).await
}
