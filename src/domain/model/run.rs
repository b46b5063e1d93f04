//! A run as flowmend sees it: read by [`crate::flow_service`] and normalized.

use crate::domain::model::ids::{Etag, FlowId, RunId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One execution of a dataflow at the moment it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// The dataflow it belongs to.
    pub flow_id: FlowId,
    /// Its status.
    pub status: RunStatus,
    /// When Adobe created it.
    pub created_at: Option<Timestamp>,
    /// When Adobe last changed it.
    pub updated_at: Option<Timestamp>,
    /// When it started to work.
    pub started_at: Option<Timestamp>,
    /// When it ended; failed runs often lack it.
    pub completed_at: Option<Timestamp>,
    /// The IMS client that created it; for runs that flowmend caused, our own client id, as far as
    /// Adobe documents it.
    pub created_client: Option<String>,
    /// The time of the source data that it processes, as far as the platform tells.
    pub window: Option<DataWindow>,
    /// The provider's own name for it (`providerRefId`).
    pub provider_ref: Option<String>,
    /// Its entity tag.
    pub etag: Option<Etag>,
    /// The number of ingested records; `None` if Adobe does not know it (it then reports -1).
    pub input_records: Option<u64>,
    /// Every error of the run, generic codes first, then those of its activities.
    pub errors: Vec<RunError>,
}

/// `windowStart` and `windowEnd` of an incremental run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataWindow {
    /// Its start.
    pub start: Timestamp,
    /// Its end.
    pub end: Timestamp,
}

/// One error of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunError {
    /// The code as Adobe writes it, for example `CONNECTOR-2001-500` or `133`.
    pub code: String,
    /// Adobe's text, cut to a maximum length.
    pub message: String,
    /// Where it stands; `None` if it was stored by an older flowmend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<ErrorPlace>,
}

impl RunError {
    /// An error that stands nowhere in particular.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), place: None }
    }
}

/// Where an error stands in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorPlace {
    /// `metrics.statusSummary.errors`.
    Run,
    /// `metrics.statusSummary.extensions`.
    RunDetails,
    /// `metrics.recordSummary.failedInfo`.
    RunRecords,
    /// `activities[].statusSummary.errors`.
    Activity,
    /// `activities[].statusSummary.extensions`.
    ActivityDetails,
    /// `activities[].recordSummary.failedInfo`.
    ActivityRecords,
}

impl ErrorPlace {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::RunDetails => "details of the run",
            Self::RunRecords => "failed records of the run",
            Self::Activity => "activity",
            Self::ActivityDetails => "details of an activity",
            Self::ActivityRecords => "failed records of an activity",
        }
    }
}

/// The status of a run. Adobe writes the same status in several ways (`failed`, `Failed`,
/// `PARTIAL_SUCCESS`, `partialSuccess`); see [`RunStatus::parse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunStatus {
    /// It waits to start.
    Queued,
    /// It is in progress.
    InProgress,
    /// It succeeded.
    Succeeded,
    /// It succeeded, but some records were rejected. It is never re-triggered.
    PartiallySucceeded,
    /// It failed: the only status that a re-trigger is for.
    Failed,
    /// A status that flowmend does not know. It is never re-triggered.
    Unknown(String),
}

impl RunStatus {
    /// Reads a status in any spelling: only letters count, and case does not.
    ///
    /// The values are those of Adobe's OpenAPI description (`StatusDTO`), its tutorials and its
    /// destinations API. `PARTIAL_FAILURE` is deliberately unknown: some of the data is in, and
    /// Adobe documents no re-trigger for it.
    pub fn parse(text: &str) -> Self {
        let letters: String = text
            .chars()
            .filter(char::is_ascii_alphabetic)
            .map(|c| c.to_ascii_lowercase())
            .collect();
        match letters.as_str() {
            "queued" | "scheduled" | "waiting" | "pending" => Self::Queued,
            "inprogress" | "processing" | "running" | "started" => Self::InProgress,
            "success" | "succeeded" | "completed" => Self::Succeeded,
            "partialsuccess" => Self::PartiallySucceeded,
            "failed" | "failure" => Self::Failed,
            _ => Self::Unknown(text.to_owned()),
        }
    }

    /// The word for it in tables.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Queued => "queued",
            Self::InProgress => "in progress",
            Self::Succeeded => "success",
            Self::PartiallySucceeded => "partial success",
            Self::Failed => "failed",
            Self::Unknown(text) => text,
        }
    }

    /// True if the run ended well, with or without all of its records.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Succeeded | Self::PartiallySucceeded)
    }

    /// True for `queued` and `in progress`: the run has not ended.
    pub fn is_under_way(&self) -> bool {
        matches!(self, Self::Queued | Self::InProgress)
    }
}

impl Run {
    /// When the run failed, as well as Adobe reports it: its end, or else its last change, its
    /// start, or its creation. `None` only for a run without any date.
    pub fn failed_at(&self) -> Option<Timestamp> {
        self.completed_at.or(self.updated_at).or(self.begun_at())
    }

    /// The date that gives a failure its age: the end of the run if Adobe reports it, otherwise its
    /// beginning. Not its last change, which may come long after.
    pub fn aged_from(&self) -> Option<Timestamp> {
        self.completed_at.or(self.begun_at())
    }

    /// When the run was created; when it started if that is not listed.
    pub fn made_at(&self) -> Option<Timestamp> {
        self.created_at.or(self.started_at)
    }

    /// When the run was created.
    pub fn begun_at(&self) -> Option<Timestamp> {
        self.started_at.or(self.created_at)
    }

    /// Adobe also allows a re-trigger of a successful run that ingested no records. A count of -1
    /// means "unknown", not "none".
    pub fn succeeded_empty(&self) -> bool {
        self.status == RunStatus::Succeeded && self.input_records == Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_however_it_is_spelled() {
        for text in ["failed", "Failed", "FAILED"] {
            assert_eq!(RunStatus::parse(text), RunStatus::Failed, "{text}");
        }
        for text in ["inProgress", "IN_PROGRESS", "Processing"] {
            assert_eq!(RunStatus::parse(text), RunStatus::InProgress, "{text}");
        }
        for text in ["success", "COMPLETED"] {
            assert_eq!(RunStatus::parse(text), RunStatus::Succeeded, "{text}");
        }
        for text in ["partialSuccess", "PARTIAL_SUCCESS"] {
            assert_eq!(RunStatus::parse(text), RunStatus::PartiallySucceeded, "{text}");
        }
    }

    #[test]
    fn a_status_nobody_documented_is_unknown_and_so_is_partial_failure() {
        for text in ["", "cancelled", "PARTIAL_FAILURE", "fehlgeschlagen"] {
            assert_eq!(RunStatus::parse(text), RunStatus::Unknown(text.to_owned()));
        }
    }
}
