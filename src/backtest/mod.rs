//! What another policy would have done with past failures.
//!
//! [`history`] reads the journal, [`replay`] decides again under a policy, and [`comparison`]
//! compares the two. All of this is pure.

pub mod comparison;
pub mod history;
pub mod replay;
