//! What there is: ids, dataflows, runs and their failures, the platform's verdicts, the journal.

pub mod failure;
pub mod flow;
pub mod ids;
pub mod journal;
pub mod reason;
pub mod run;
pub mod time;
pub mod verdict;
