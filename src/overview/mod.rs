//! The overview: whether all is well, what needs a person and what to do about it, and what heals by
//! itself. `status`, the page, the API and `STATUS=` show the same value.
//!
//! `read.rs` reads the facts from the store. Everything else takes data and gives data: `sentence.rs`
//! decides what comes first, `remedy.rs` what to do about each reason, `waits.rs` what a due recovery
//! waits for.

mod build;
mod read;
mod remedy;
mod sentence;
mod view;
mod waits;
mod words;

pub use read::overview;
pub use remedy::{Remedy, remedy};
pub use view::{
    Daemon, Healing, HealingLine, Level, LimitUsed, Need, NeedsYou, OutageSince, Overview, Pause,
    Sandbox, WaitsFor,
};
pub use words::{clock_time, counted, distance, length, waiting_words};
