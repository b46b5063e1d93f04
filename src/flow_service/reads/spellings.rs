//! How Adobe spells the status *failed*: a filter may have to match exactly.
//!
//! Adobe's pages show `failed`, `Failed` and `FAILED`. Every status that is read shows which way it goes,
//! also one of a run that succeeded, so the filter is right before the first run fails.

use crate::domain::model::run::RunStatus;
use crate::flow_service::fields::text;
use serde_json::Value;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The most spellings of one filter.
const MOST: usize = 8;

/// The spellings that the filter for failed runs names.
#[derive(Debug, Default)]
pub(crate) struct Spellings(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    all: Vec<String>,
    /// How many of them the last listing used.
    used: usize,
}

impl Spellings {
    /// Begins with those of the settings; without any, there is no filter, and none is learned.
    pub(crate) fn new(all: Vec<String>) -> Self {
        Self(Mutex::new(Known { all, used: 0 }))
    }

    /// All of them, for the next listing.
    pub(crate) fn for_listing(&self) -> Vec<String> {
        let mut known = self.lock();
        known.used = known.all.len();
        known.all.clone()
    }

    /// True if one was learned that the last listing did not use.
    pub(crate) fn has_news(&self) -> bool {
        let known = self.lock();
        known.all.len() > known.used
    }

    /// Learns from the status of a run, or of a flow's last run.
    pub(crate) fn learn(&self, item: &Value) {
        let status = text(item, "/metrics/statusSummary/status");
        let Some(spelling) =
            status.or_else(|| text(item, "/lastRunDetails/state")).and_then(spelling_of_failed)
        else {
            return;
        };
        let mut known = self.lock();
        let full = known.all.is_empty() || known.all.len() >= MOST;
        if full || known.all.iter().any(|it| it == spelling) {
            return;
        }
        known.all.push(spelling.to_owned());
        drop(known);
        tracing::info!(spelling, "Adobe spells failed in another way; adding it to the filter");
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a service that writes `status` would write *failed*.
pub(crate) fn spelling_of_failed(status: &str) -> Option<&str> {
    let is_word = |text: &str| {
        (2..=40).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_')
    };
    if !is_word(status) {
        return None;
    }
    if RunStatus::parse(status) == RunStatus::Failed {
        return Some(status);
    }
    let is_upper = |b: u8| b.is_ascii_uppercase() || b == b'_';
    Some(
        match (status.bytes().all(is_upper), status.starts_with(|c: char| c.is_ascii_uppercase())) {
            (true, _) => "FAILED",
            (false, true) => "Failed",
            (false, false) => "failed",
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_status_shows_how_failed_is_spelled() {
        for (status, spelling) in [
            ("FAILED", Some("FAILED")),
            ("FAILURE", Some("FAILURE")),
            ("IN_PROGRESS", Some("FAILED")),
            ("Success", Some("Failed")),
            ("InProgress", Some("Failed")),
            ("inProgress", Some("failed")),
            ("", None),
            ("failed,Failed", None),
        ] {
            assert_eq!(spelling_of_failed(status), spelling, "{status}");
        }
    }

    #[test]
    fn a_new_spelling_is_news_until_a_listing_used_it() {
        let spellings = Spellings::new(vec!["failed".into()]);
        assert_eq!(spellings.for_listing(), ["failed"]);
        spellings.learn(&json!({"metrics": {"statusSummary": {"status": "failed"}}}));
        assert!(!spellings.has_news());
        spellings.learn(&json!({"lastRunDetails": {"state": "SUCCESS"}}));
        assert!(spellings.has_news());
        assert_eq!(spellings.for_listing(), ["failed", "FAILED"]);
        assert!(!spellings.has_news());
        let without_filter = Spellings::new(Vec::new());
        without_filter.learn(&json!({"lastRunDetails": {"state": "SUCCESS"}}));
        assert!(without_filter.for_listing().is_empty());
    }
}
