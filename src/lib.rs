//! flowmend re-triggers failed batch dataflow runs of Adobe Experience Platform until they succeed.
//!
//! Adobe offers one API call that repeats a failed run, and does nothing by itself. flowmend polls the
//! configured dataflows for failed runs, makes that call with exponential backoff, follows the new run, and
//! stops when it succeeds or the retry budget is used up.
//!
//! # Where to start
//! 1. [`daemon`] runs one loop per sandbox; its `pass.rs` is one pass, from top to bottom.
//! 2. [`domain::plan`] decides what a pass does; [`domain::plan::admission`] decides who may call. Both are
//!    pure: no IO, no clock, no randomness.
//! 3. [`domain::recovery`] is the state machine of one recovery.
//!
//! # Modules
//! Each line lists what a module may import. There are no other imports.
//! ```text
//! main → cli, commands, telemetry
//! commands → cli, daemon, overview, backtest, simulator, http, metrics, telemetry,
//!            settings, flow_service, store, domain, clock
//! daemon → settings, flow_service, store, metrics, domain, clock, telemetry
//! overview → settings, store, domain
//! backtest → domain
//! cli → domain
//! http → daemon, metrics
//! metrics → domain
//! simulator → clock
//! telemetry → settings
//! settings → flow_service, domain
//! flow_service → domain, clock, backoff
//! store → domain
//! domain::plan → domain::recovery, domain::policy, domain::model
//! domain::recovery → domain::policy, domain::model
//! domain::policy → domain::model
//! ```
//! `tests/docs/architecture.rs` checks these imports; `docs/ARCHITECTURE.md` explains them.

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
pub mod overview;
pub mod settings;
pub mod simulator;
pub mod store;
pub mod telemetry;
