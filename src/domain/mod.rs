//! What flowmend decides, and nothing else.
//!
//! Everything here is a plain function from values to values, without IO, clock or randomness of
//! its own. `now` and a random seed are arguments, so a decision can be repeated, tested and
//! explained. The daemon ([`crate::daemon`]) reads from Adobe, calls [`plan()`](plan::plan), stores
//! the plan, carries it out, and stores the outcome.
//!
//! ```text
//! plan ──→ recovery ──→ policy ──→ model
//! ```
//!
//! - [`model`]: ids, dataflows, runs, failures, verdicts, the journal.
//! - [`policy`]: retry policies, rules by error, quiet windows, breakers, pauses.
//! - [`recovery`]: the state machine of one recovery.
//! - [`plan`]: what a pass does. Read it first.

pub mod model;
pub mod plan;
pub mod policy;
pub mod recovery;
