//! What may be done, and when: retry policies, rules by error, quiet windows, breakers, pauses.

pub mod breaker;
pub mod hold;
pub mod in_force;
pub mod long_failure;
pub mod outage;
pub mod pause_order;
pub mod quiet;
pub mod retry;
pub mod rule;
pub mod schedule;
