//! What the platform's listing says about a call in doubt.

use crate::domain::model::ids::{Etag, RunId};
use crate::domain::model::run::Run;
use jiff::Timestamp;

/// What the platform's listing says about a call in doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListingEvidence {
    /// Runs that could be the issued one, oldest first, each with the etag that the listing shows.
    pub candidates: Vec<(RunId, Option<Etag>)>,
    /// The run that was asked for, as it is now, where it could be read.
    pub asked: Option<Run>,
    /// Younger runs that name another client, while it is not known whether runs we cause name ours:
    /// none of them is taken for the issued run, and none of them proves that there is no such run.
    pub foreign_candidates: bool,
    /// Whether the listing was complete; only a complete one can show that a run is missing.
    pub complete: bool,
    /// When the listing was begun.
    pub listed_at: Timestamp,
}
