//! The basic types: ids, dataflows, runs and their failures, verdicts, the journal.

pub mod failure;
pub mod flow;
pub mod ids;
pub mod journal;
pub mod reason;
pub mod run;
pub mod time;
pub mod trouble;
pub mod verdict;
