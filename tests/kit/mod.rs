//! What the test binaries share: a clock in hand, the settings of a daemon that talks to the simulator.

pub mod clock;
pub mod config;
pub mod simulator;
