//! What goes wrong between client and service: when, and what it does to an answer.

pub(crate) mod effects;
pub(crate) mod rule;
