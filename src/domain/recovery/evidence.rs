//! What Adobe's listing shows about a call in doubt.

use crate::domain::model::ids::{Etag, RunId};
use crate::domain::model::run::Run;
use jiff::Timestamp;

/// What Adobe's listing shows about a call in doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListingEvidence {
    /// Runs that could be the issued run, oldest first, each with the etag from the listing.
    pub candidates: Vec<(RunId, Option<Etag>)>,
    /// The current state of the run that was re-triggered, if it could be read.
    pub asked: Option<Run>,
    /// Younger runs that name another client, while it is unknown whether runs that flowmend causes
    /// name our client id. None of them is taken for the issued run, and none of them proves that
    /// there is no issued run.
    pub foreign_candidates: bool,
    /// Whether the listing was complete; only a complete one can prove that a run is missing.
    pub complete: bool,
    /// When the listing began.
    pub listed_at: Timestamp,
}
