//! One execution of a flow.

use jiff::Timestamp;

use super::failure::Failure;
use super::flow::FlowKey;
use crate::simulator::quirks::Spelling;

/// Key of a run; grows with every new run.
pub(crate) type RunKey = u64;

/// A run. Times are epoch milliseconds.
#[derive(Clone, Debug)]
pub struct Run {
    /// Unique in the world.
    pub id: String,
    pub(crate) flow: FlowKey,
    pub(crate) created_at: i64,
    /// When it last changed.
    pub updated_at: i64,
    pub(crate) started_at: Option<i64>,
    /// When it ended, whether published or not.
    pub ended_at: Option<i64>,
    /// Its status.
    pub status: RunStatus,
    /// How it failed or, before its end, how it will fail.
    pub failure: Option<Failure>,
    pub(crate) author: Author,
    pub(crate) lineage: Option<Lineage>,
    /// Re-triggers accepted for this original failed run.
    pub(crate) retriggers: u32,
    /// The latest run that a re-trigger of this one created.
    pub(crate) issued: Option<RunKey>,
    pub(crate) records: u64,
    /// Changes with every update; part of the etag.
    pub stamp: u32,
}

impl Run {
    /// The current etag, with the double quotes that are part of Adobe's value.
    pub(crate) fn etag(&self) -> String {
        etag(self.stamp, self.updated_at)
    }

    /// Whether it has ended, successfully or not.
    pub fn is_finished(&self) -> bool {
        matches!(self.status, RunStatus::Success | RunStatus::Failed | RunStatus::PartialSuccess)
    }

    /// The end as published: some failures do not publish it.
    pub(crate) fn completed_at(&self) -> Option<i64> {
        let shown = self.failure.as_ref().is_none_or(|failure| failure.shows_completion);
        self.ended_at.filter(|_| shown)
    }

    /// The failure, once the run has ended.
    pub(crate) fn published_failure(&self) -> Option<&Failure> {
        self.failure.as_ref().filter(|_| self.is_finished())
    }
}

/// The etag of a version of a flow or run.
pub(crate) fn etag(stamp: u32, updated_at: i64) -> String {
    format!("\"{stamp:08x}-0000-0200-0000-{:08x}0000\"", updated_at / 1000)
}

/// Where the run of a re-trigger comes from. Never published: Adobe does not report it.
#[derive(Clone, Debug)]
pub(crate) struct Lineage {
    /// The original failed run.
    pub(crate) root: RunKey,
    /// Its id.
    pub(crate) root_id: String,
}

/// Who created a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Author {
    /// The schedule of the flow.
    Schedule,
    /// A person in the user interface.
    Person,
    /// An API client, by its client id.
    Client(String),
}

impl Author {
    /// `createdClient`. `exc_app` is documented; the name for schedules is made up.
    pub(crate) fn client(&self) -> &str {
        match self {
            Self::Schedule => "acp_flow_schedule",
            Self::Person => "exc_app",
            Self::Client(id) => id,
        }
    }
}

/// The status of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunStatus {
    /// Created, not yet started.
    Scheduled,
    /// Running.
    InProgress,
    /// Ended without errors.
    Success,
    /// Ended, with fewer errors than the threshold of partial ingestion.
    PartialSuccess,
    /// Ended with errors.
    Failed,
}

impl RunStatus {
    /// As Flow Service spells it.
    pub fn spelled(self, spelling: Spelling) -> &'static str {
        let (lower, upper, pascal) = match self {
            Self::Scheduled => ("scheduled", "SCHEDULED", "Scheduled"),
            Self::InProgress => ("inProgress", "IN_PROGRESS", "InProgress"),
            Self::Success => ("success", "SUCCESS", "Success"),
            Self::PartialSuccess => ("partialSuccess", "PARTIAL_SUCCESS", "PartialSuccess"),
            Self::Failed => ("failed", "FAILED", "Failed"),
        };
        match spelling {
            Spelling::Lower => lower,
            Spelling::Upper => upper,
            Spelling::Pascal => pascal,
        }
    }
}

/// A run to add to the world.
#[derive(Clone, Debug)]
pub struct RunSetup {
    /// The flow it belongs to.
    pub flow_id: String,
    /// Its id; random if absent.
    pub id: Option<String>,
    /// Its status. One that has not ended does so after one `run_time` of its flow.
    pub status: RunStatus,
    /// When it was created; now if absent.
    pub created_at: Option<Timestamp>,
    /// When it ended; `created_at` if absent. Ignored for a run that has not ended.
    pub completed_at: Option<Timestamp>,
    /// How it failed, or will fail.
    pub failure: Option<Failure>,
    /// Records it ingested, if it succeeded.
    pub records: u64,
}

impl RunSetup {
    /// A successful run with a thousand records.
    pub fn succeeded(flow_id: &str) -> Self {
        Self {
            flow_id: flow_id.to_owned(),
            id: None,
            status: RunStatus::Success,
            created_at: None,
            completed_at: None,
            failure: None,
            records: 1_000,
        }
    }

    /// A run that failed while copying from its source; the first re-trigger heals it.
    pub fn failed(flow_id: &str) -> Self {
        let failure = Failure::with_codes(&["CONNECTOR-1001-500"], &["CONNECTOR-1012-504"]);
        Self {
            status: RunStatus::Failed,
            failure: Some(failure),
            records: 0,
            ..Self::succeeded(flow_id)
        }
    }

    /// With this id.
    pub fn with_id(mut self, id: &str) -> Self {
        self.id = Some(id.to_owned());
        self
    }

    /// Failing with these umbrella and detail codes; the first re-trigger heals it.
    pub fn with_codes(mut self, umbrella: &[&str], details: &[&str]) -> Self {
        self.failure = Some(Failure::with_codes(umbrella, details));
        self
    }

    /// Healed by the `n`-th re-trigger; [`Failure::NEVER`] for none.
    pub fn heals_after(mut self, n: u32) -> Self {
        if let Some(failure) = &mut self.failure {
            failure.heals_after = n;
        }
        self
    }

    /// Created at this time.
    pub fn created_at(mut self, at: Timestamp) -> Self {
        self.created_at = Some(at);
        self
    }

    /// Ended at this time.
    pub fn completed_at(mut self, at: Timestamp) -> Self {
        self.completed_at = Some(at);
        self
    }
}
