//! Worlds by name or from a file.

mod demo_flows;
pub(crate) mod pace;
pub(crate) mod scenario;
