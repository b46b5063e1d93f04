//! The daemon: it holds the lease and makes passes over each sandbox until it is stopped.
//!
//! A worker wakes only by time or by the stop signal, and each wake does the same: one pass, in
//! `pass.rs`, which is the file to read next. A pass that fails or panics is logged, and the next
//! one follows. While Adobe or the store cannot be reached, passes are less frequent.

mod calls;
mod catalog;
mod client_mark;
mod error;
mod failed_runs;
mod failure_log;
mod findings;
mod gather;
mod health;
mod hourly;
mod lease;
mod log;
mod memory;
mod parts;
mod pass;
mod preview;
mod prune;
mod reads;
mod record;
mod refusal_log;
mod report;
mod sandbox_reader;
mod supervisor;
mod vitals;
mod worker;

pub use crate::domain::model::trouble::{Cause, Trouble};
pub use catalog::Catalog;
pub use error::PassError;
pub use health::Check;
pub use parts::{Mode, Parts};
pub use preview::{Action, Line, Preview};
pub use report::{Report, Round};
pub use supervisor::{Daemon, OnceError};
pub use vitals::{Limits, SandboxSigns, Signs, Standing, Vitals};
