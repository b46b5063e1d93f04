//! The parts of flowmend over real sockets and real files, with a clock in hand.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
#![allow(unreachable_pub, reason = "the modules of one test binary")]

mod engine;
mod flow_service;
mod fuzz;
#[path = "../kit/mod.rs"]
#[allow(dead_code, reason = "each test binary uses its part of the kit")]
mod kit;
mod overview;
mod settings;
mod simulator;
mod store;
