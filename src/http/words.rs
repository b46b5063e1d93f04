//! Times and states for the pages.

use crate::domain::model::ids::RunId;
use crate::overview::distance;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What has a meaning in a path.
const IN_PATHS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'~');

/// Writes times as seen now, where the daemon runs.
#[derive(Debug, Clone)]
pub(super) struct Words {
    pub(super) now: Timestamp,
    pub(super) zone: TimeZone,
}

impl Words {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { now, zone: TimeZone::system() }
    }

    /// How far `at` is, for people, with the exact time for machines and on demand. It is HTML, made of
    /// nothing but digits and our own words.
    pub(super) fn ago(&self, at: &Timestamp) -> String {
        let (full, shown) = (self.full(at), distance(*at, self.now));
        format!("<time datetime=\"{at}\" title=\"{full}\">{shown}</time>")
    }

    /// The page of a run.
    pub(super) fn link(&self, run: &RunId) -> String {
        format!("/recoveries/{}", utf8_percent_encode(run.as_str(), IN_PATHS))
    }

    /// A time to the second with its offset.
    pub(super) fn full(&self, at: &Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
    }
}

/// A state as people read it.
pub(super) fn state_words(state: &str) -> &str {
    match state {
        "held" => "on hold",
        "given_up" => "given up",
        "in_doubt" => "in doubt",
        "triggering" => "calling",
        "watching" => "new run in progress",
        other => other,
    }
}
