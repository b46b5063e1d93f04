//! What goes wrong between client and service: `rule` says when, `effects` changes the answer.

pub(crate) mod effects;
pub(crate) mod rule;
