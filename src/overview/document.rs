//! A recovery as JSON.

use crate::domain::recovery::{Recovery, State};
use serde_json::{Value, json};

/// A recovery for scripts.
pub fn as_json(recovery: &Recovery) -> Value {
    let attempts: Vec<Value> = recovery
        .attempts
        .iter()
        .map(|attempt| {
            json!({
                "attempt": attempt.number,
                "run_id": attempt.asked.as_str(),
                "new_run_id": attempt.issued.as_str(),
                "etag": attempt.etag.as_ref().map(|etag| etag.as_str()),
                "accepted_at": attempt.accepted_at.to_string(),
            })
        })
        .collect();
    let begun_at = match recovery.state {
        State::Triggering { since, .. }
        | State::InDoubt { since, .. }
        | State::Watching { since, .. } => Some(since.to_string()),
        _ => None,
    };
    json!({
        "root_run_id": recovery.root_run_id.as_str(),
        "sandbox": recovery.sandbox.as_str(),
        "flow_id": recovery.flow_id.as_str(),
        "flow_name": recovery.flow_name,
        "state": recovery.state.name(),
        "reason": why(recovery),
        "failed_at": recovery.failed_at.to_string(),
        "codes": recovery.failure.errors.iter().map(|it| it.code.as_str()).collect::<Vec<_>>(),
        "message": recovery.failure.main_error().map(|it| it.message.as_str()),
        "due": recovery.due().map(|due| due.to_string()),
        "begun_at": begun_at,
        "updated_at": recovery.updated_at.to_string(),
        "attempts": attempts,
    })
}

/// Why a recovery is on hold or has ended.
pub fn why(recovery: &Recovery) -> Option<String> {
    match &recovery.state {
        State::Held { why, .. } | State::Recovered { why } | State::GivenUp { why } => {
            Some(why.as_str().to_owned())
        }
        State::Dismissed { why } => Some(why.clone()),
        _ => None,
    }
}
