//! What flowmend decides, and nothing else.
//!
//! Everything here is a plain function from values to values: no IO, no clock, no randomness of its
//! own. `now` and chance are arguments, so a decision can be repeated, tested and explained. The
//! shell around it ([`crate::daemon`]) gathers what the platform says, asks [`plan()`](plan::plan)
//! what to do, writes the answer down, does it, and writes down what came of it.
//!
//! Read [`plan`] first, then [`recovery`] and [`transition`].

pub mod admission;
pub mod backtest;
pub mod breaker;
pub mod comparison;
pub mod due;
pub mod failure;
pub mod flow;
pub mod history;
pub mod hold;
pub mod ids;
pub mod journal;
pub mod operator;
pub mod order;
pub mod outage;
pub mod patience;
pub mod plan;
pub mod policy;
pub mod quiet;
pub mod reading;
pub mod reason;
pub mod recovery;
pub mod rule;
pub mod ruling;
pub mod run;
pub mod schedule;
pub mod snapshot;
pub mod transition;
pub mod verdict;
