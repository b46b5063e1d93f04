//! The pure core: no IO, no clock, done in seconds.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
#![allow(unreachable_pub, reason = "the modules of one test binary")]

mod backtest;
#[path = "../kit/mod.rs"]
#[allow(dead_code, reason = "each test binary uses its part of the kit")]
mod kit;
mod plan_properties;
mod transitions;
