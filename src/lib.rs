//! flowmend re-triggers failed batch dataflow runs of Adobe Experience Platform until they succeed.
//!
//! The platform lets a failed run be repeated by one API call and does nothing more. flowmend polls
//! the configured dataflows for failed runs, makes that call with exponential backoff, follows the
//! run that comes of it, and stops when it succeeded or the budget is spent.
//!
//! # Where to read
//! 1. [`daemon`] holds the loops, one for each sandbox; its `pass.rs` is one pass, from top to bottom.
//! 2. [`domain::plan`] decides what a pass does, and [`domain::admission`] who may call. Both are pure: no
//!    IO, no clock, no chance of their own.
//! 3. [`domain::recovery`] is the state machine of one healing effort.
//!
//! # The house
//! ```text
//! main → cli → commands → daemon ─┬→ store ────────→ domain
//!                 │               ├→ flow_service ─→ domain
//!                 │               └→ settings, clock, telemetry
//!                 ├→ http ──────────→ metrics
//!                 └→ simulator → its own types; never flow_service, never store
//! ```
//! `tests/architecture.rs` keeps these arrows true; `docs/ARCHITECTURE.md` argues them.

pub mod backoff;
pub mod backtest;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod daemon;
pub mod domain;
pub mod flow_service;
pub mod http;
pub mod metrics;
pub mod settings;
pub mod simulator;
pub mod store;
pub mod telemetry;
