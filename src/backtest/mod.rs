//! What another policy would have done with the failures of the past.
//!
//! [`history`] reads the journal, [`replay`] lets a policy decide again, [`comparison`] sets both side
//! by side. All of it is pure.

pub mod comparison;
pub mod history;
pub mod replay;
