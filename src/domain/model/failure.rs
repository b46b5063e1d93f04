//! What is known about a failure: the errors of the run, and the source that it reads from.
//!
//! It is stored with the recovery and in the journal. So the rules can be applied again when the
//! configuration changes, and a replay can use it long after Adobe has forgotten the run.

use crate::domain::model::run::{Run, RunError};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// The maximum number of errors that are kept; a run can have one for every bad file.
const ERRORS_MAX: usize = 16;
/// The maximum length of all messages together, in characters; the first ones are kept whole.
const MESSAGE_CHARS_MAX: usize = 8_000;

/// The generic codes of Adobe's monitoring pages. All end in -500, for any cause.
pub const UMBRELLAS: [&str; 3] = ["CONNECTOR-1001-500", "CONNECTOR-2001-500", "CONNECTOR-3001-500"];

/// The failure that a recovery must handle next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The errors of the run, generic codes first, then those of its activities.
    pub errors: Vec<RunError>,
    /// The connection spec of the dataflow's source, if known.
    pub source: Option<String>,
}

impl Failure {
    /// The failure of `run`, whose dataflow reads from `source`.
    pub fn of(run: &Run, source: Option<String>) -> Self {
        // The first error of each code comes before all others, so that many bad files cannot crowd
        // out the code that decides.
        let mut codes = HashSet::new();
        let (first, more): (Vec<&RunError>, Vec<&RunError>) =
            run.errors.iter().partition(|error| codes.insert(&error.code));
        let mut left = MESSAGE_CHARS_MAX;
        let errors = first.into_iter().chain(more).take(ERRORS_MAX).map(|error| {
            let message: String = error.message.chars().take(left).collect();
            left -= message.chars().count();
            RunError { message, ..error.clone() }
        });
        Self { errors: errors.collect(), source }
    }

    /// The first error whose code is not generic; otherwise the first one.
    pub fn main_error(&self) -> Option<&RunError> {
        let specific = |error: &&RunError| !UMBRELLAS.contains(&error.code.as_str());
        self.errors.iter().find(specific).or(self.errors.first())
    }

    /// The codes in one line, for people; `None` if the run has none.
    pub fn codes(&self) -> Option<String> {
        let codes: Vec<&str> = self.errors.iter().map(|error| error.code.as_str()).collect();
        (!codes.is_empty()).then(|| codes.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::model::ids::{FlowId, RunId};
    use crate::domain::model::run::RunStatus;

    #[test]
    fn a_code_is_kept_however_many_errors_of_another_come_before_it() {
        let error = |code: &str, n: u32| RunError::new(code, n.to_string());
        let mut errors: Vec<RunError> = (0..40).map(|n| error("INGEST-1", n)).collect();
        errors.push(error("MAPPER-3700-400", 0));
        let run = Run {
            id: RunId::new("r"),
            flow_id: FlowId::new("f"),
            status: RunStatus::Failed,
            created_at: None,
            updated_at: None,
            started_at: None,
            completed_at: None,
            created_client: None,
            window: None,
            provider_ref: None,
            etag: None,
            input_records: None,
            errors,
        };
        let kept = Failure::of(&run, None).errors;
        assert_eq!(kept.len(), ERRORS_MAX);
        assert_eq!((kept[0].code.as_str(), kept[1].code.as_str()), ("INGEST-1", "MAPPER-3700-400"));
    }
}
