//! The pure core: no IO, no clock, done in seconds.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod backtest;
mod plan_properties;
mod transitions;
