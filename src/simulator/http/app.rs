//! What every request shares: one world behind one lock, and the clock it follows.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::simulator::world::World;

/// Shared by all requests of one simulator.
#[derive(Clone, Debug)]
pub(crate) struct App {
    world: Arc<Mutex<World>>,
    clock: Arc<dyn Clock>,
    /// Cancelled when the simulator stops, so that nobody hangs any longer.
    pub(crate) stopping: CancellationToken,
}

impl App {
    pub(crate) fn new(world: World, clock: Arc<dyn Clock>, stopping: CancellationToken) -> Self {
        Self { world: Arc::new(Mutex::new(world)), clock, stopping }
    }

    /// The world, moved to the time of the clock. Not to be held across an await.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        // A test that panics while it looks at the world leaves it whole.
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.advance(self.clock.now());
        world
    }
}
