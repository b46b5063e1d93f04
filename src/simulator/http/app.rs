//! The state that requests share: one world behind one lock, and its clock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::simulator::world::World;

/// Shared by all requests of one simulator.
#[derive(Clone, Debug)]
pub(crate) struct App {
    world: Arc<Mutex<World>>,
    clock: Arc<dyn Clock>,
    /// Cancelled when the simulator stops, to end requests that hang.
    pub(crate) stopping: CancellationToken,
}

impl App {
    pub(crate) fn new(world: World, clock: Arc<dyn Clock>, stopping: CancellationToken) -> Self {
        Self { world: Arc::new(Mutex::new(world)), clock, stopping }
    }

    /// The world, moved to the time of the clock. Do not hold it across an await.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        // A test that panics with the lock held leaves a usable world.
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.advance(self.clock.now());
        world
    }
}
