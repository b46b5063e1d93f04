//! What is known of a failure: the errors that the run carries, and the source it read from.
//!
//! It is kept with the recovery and in the journal, so that the rules can be asked again whenever
//! the configuration changes, and by a replay long after the platform has forgotten the run.

use super::run::{Run, RunError};
use serde::{Deserialize, Serialize};

/// The most errors of one failure that are kept; a run can carry one for every bad file.
const ERRORS_MAX: usize = 16;
/// The longest message that is kept, in characters.
const MESSAGE_CHARS_MAX: usize = 300;

/// The failure that a recovery has to deal with next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The errors of the run, umbrella codes first, then those of its activities.
    pub errors: Vec<RunError>,
    /// The connection spec of the dataflow's source, where it is known.
    pub source: Option<String>,
}

impl Failure {
    /// The failure of `run`, whose dataflow reads from `source`.
    pub fn of(run: &Run, source: Option<String>) -> Self {
        let errors = run.errors.iter().take(ERRORS_MAX).map(|error| RunError {
            code: error.code.clone(),
            message: error.message.chars().take(MESSAGE_CHARS_MAX).collect(),
        });
        Self { errors: errors.collect(), source }
    }

    /// The codes in one line, for people; `None` where the run carries none.
    pub fn codes(&self) -> Option<String> {
        let codes: Vec<&str> = self.errors.iter().map(|error| error.code.as_str()).collect();
        (!codes.is_empty()).then(|| codes.join(", "))
    }
}
