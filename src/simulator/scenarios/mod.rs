//! The worlds that come with the program, by name or by file.

mod demo_flows;
pub(crate) mod pace;
pub(crate) mod scenario;
