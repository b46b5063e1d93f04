//! What another policy would have done with the failures of the past.
//!
//! [`history`] reads the journal, [`replay`] decides again under a policy, [`comparison`] compares
//! both. All of it is pure.

pub mod comparison;
pub mod history;
pub mod replay;
