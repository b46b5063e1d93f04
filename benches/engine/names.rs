//! The ids of dataflows and runs: the same number makes the same id in every process.

pub(crate) fn flow_id(number: usize) -> String {
    format!("{number:08x}-f10a-4000-8000-000000000000")
}

pub(crate) fn run_id(number: usize) -> String {
    format!("{number:08x}-0000-4000-8000-000000000000")
}

/// The run that re-trigger `attempt` of a run issued.
pub(crate) fn issued_id(number: usize, attempt: usize) -> String {
    format!("{number:08x}-000{attempt}-4000-8000-000000000000")
}
