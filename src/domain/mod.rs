//! What flowmend decides, and nothing else.
//!
//! Everything here is a plain function from values to values: no IO, no clock, no randomness of its
//! own. `now` and chance are arguments, so a decision can be repeated, tested and explained. The
//! shell around it ([`crate::daemon`]) gathers what the platform says, asks [`plan()`](plan::plan)
//! what to do, writes the answer down, does it, and writes down what came of it.
//!
//! ```text
//! plan ──→ recovery ──→ policy ──→ model
//! ```
//!
//! - [`model`]: ids, dataflows, runs, failures, verdicts, the journal.
//! - [`policy`]: retry policies, rules by error, quiet windows, breakers, pauses.
//! - [`recovery`]: the state machine of one healing effort.
//! - [`plan`]: what a pass does. Read it first.

pub mod model;
pub mod plan;
pub mod policy;
pub mod recovery;
