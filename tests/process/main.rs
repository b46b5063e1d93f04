//! The program as a user meets it: the binary in processes of its own, with signals, exit codes,
//! standard output and standard error, against the simulated platform over real sockets.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
#![allow(unreachable_pub, reason = "the modules of one test binary")]

mod check;
mod commands;
mod disk;
mod ending;
mod help;
mod kill;
#[path = "../kit/mod.rs"]
#[allow(dead_code, reason = "each test binary uses its part of the kit")]
mod kit;
mod log_line;
mod metrics;
mod notify;
mod pipes;
mod signals;
mod support;
mod takeover;
