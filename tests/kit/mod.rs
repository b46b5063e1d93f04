//! What the test binaries share: a clock in hand, sample values, the settings of a daemon that talks to
//! the simulator, actions on the simulator, and a scripted server.

pub mod clock;
pub mod config;
pub mod receiver;
pub mod samples;
pub mod server;
pub mod simulator;
