//! A run as flowmend sees it: what [`crate::flow_service`] read from the platform, made regular.

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
    /// Where it stands.
    pub status: RunStatus,
    /// When the platform made it.
    pub created_at: Option<Timestamp>,
    /// When the platform last touched it.
    pub updated_at: Option<Timestamp>,
    /// When it began to work.
    pub started_at: Option<Timestamp>,
    /// When it ended; failed runs often lack it.
    pub completed_at: Option<Timestamp>,
    /// The IMS client that made it; our own client id for runs we caused, as far as Adobe's pages tell.
    pub created_client: Option<String>,
    /// The time of the source data that it processes, as far as the platform tells.
    pub window: Option<DataWindow>,
    /// The provider's own name for it (`providerRefId`).
    pub provider_ref: Option<String>,
    /// Its entity tag.
    pub etag: Option<Etag>,
    /// How many records went in; `None` where the platform does not know (it then says -1).
    pub input_records: Option<u64>,
    /// Every error the run carries, umbrella codes first, then those of its activities.
    pub errors: Vec<RunError>,
}

/// `windowStart` and `windowEnd` of an incremental run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataWindow {
    /// Its beginning.
    pub start: Timestamp,
    /// Its end.
    pub end: Timestamp,
}

/// One error that a run carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunError {
    /// The code as the platform spells it, for example `CONNECTOR-2001-500` or `133`.
    pub code: String,
    /// The platform's text, cut to a bounded length.
    pub message: String,
}

/// Where a run stands. The platform spells the same status in several ways (`failed`, `Failed`,
/// `PARTIAL_SUCCESS`, `partialSuccess`); see [`RunStatus::parse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunStatus {
    /// It waits for its turn.
    Queued,
    /// It is at work.
    InProgress,
    /// It ended well, perhaps without some records.
    Succeeded,
    /// It ended badly: the only status that a re-trigger is for.
    Failed,
    /// A status flowmend does not know. It is never re-triggered.
    Unknown(String),
}

impl RunStatus {
    /// Reads a status however it is spelled: letters only count, case does not.
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
            "success" | "succeeded" | "completed" | "partialsuccess" => Self::Succeeded,
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
            Self::Failed => "failed",
            Self::Unknown(text) => text,
        }
    }

    /// True for `queued` and `in progress`: the run has yet to end.
    pub fn is_under_way(&self) -> bool {
        matches!(self, Self::Queued | Self::InProgress)
    }
}

impl Run {
    /// When the run failed, as well as the platform tells: its end, else its last change, else its
    /// start, else its creation. `None` only for a run without any date.
    pub fn failed_at(&self) -> Option<Timestamp> {
        self.completed_at.or(self.updated_at).or(self.begun_at())
    }

    /// What the age of a failure is counted from: the end of the run where the platform tells it,
    /// else its beginning. Not its last change: that may come long after.
    pub fn aged_from(&self) -> Option<Timestamp> {
        self.completed_at.or(self.begun_at())
    }

    /// When the platform made it, or when it began to work where that is not told.
    pub fn made_at(&self) -> Option<Timestamp> {
        self.created_at.or(self.started_at)
    }

    /// When the run came to be.
    pub fn begun_at(&self) -> Option<Timestamp> {
        self.started_at.or(self.created_at)
    }

    /// Adobe also allows a re-trigger for a successful run that ingested no record. A count of -1
    /// is "not known" and does not count as none.
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
        for text in ["partialSuccess", "PARTIAL_SUCCESS", "success", "COMPLETED"] {
            assert_eq!(RunStatus::parse(text), RunStatus::Succeeded, "{text}");
        }
    }

    #[test]
    fn a_status_nobody_documented_is_unknown_and_so_is_partial_failure() {
        for text in ["", "cancelled", "PARTIAL_FAILURE", "fehlgeschlagen"] {
            assert_eq!(RunStatus::parse(text), RunStatus::Unknown(text.to_owned()));
        }
    }
}
