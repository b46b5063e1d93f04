//! `[poll]`: how often flowmend looks for failed runs, and how far back.

use crate::settings::read::section::Section;
use crate::settings::read::value;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// `[poll]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poll {
    /// The time between passes. `FLOWMEND__POLL__INTERVAL`.
    pub interval: Duration,
    /// The age at which failures are ignored. `FLOWMEND__POLL__LOOKBACK`.
    pub lookback: Duration,
    /// The age at which the first pass over a sandbox ignores failures.
    /// `FLOWMEND__POLL__FIRST_LOOKBACK`.
    pub first_lookback: Duration,
    /// The time between full scans of the look-back window. `FLOWMEND__POLL__SWEEP_INTERVAL`.
    pub sweep_interval: Duration,
    /// How far a pass reads back before the end of the last one. `FLOWMEND__POLL__OVERLAP`.
    pub overlap: Duration,
    /// New recoveries per pass and sandbox, at least 1. `FLOWMEND__POLL__MAX_ADOPTED_PER_PASS`.
    pub max_adopted_per_pass: usize,
}

/// Reads `[poll]`; `None` if a key is faulty.
pub(crate) fn read(section: &mut Section<'_>) -> Option<Poll> {
    let second = Duration::from_secs(1);
    let interval = section.duration("interval", second..=DAY);
    let lookback = section.duration("lookback", 60 * second..=365 * DAY);
    let first_lookback = section.parsed("first_lookback", |text| match text {
        "" => Ok(None),
        text => value::duration_text(text, &(Duration::ZERO..=365 * DAY)).map(Some),
    });
    let sweep_interval = section.duration("sweep_interval", second..=7 * DAY);
    let overlap = section.duration("overlap", Duration::ZERO..=7 * DAY);
    let max_adopted_per_pass = section.whole("max_adopted_per_pass", 1..=100_000);
    let lookback = lookback?;
    Some(Poll {
        interval: interval?,
        lookback,
        first_lookback: first_lookback?.map_or(lookback, |first| first.min(lookback)),
        sweep_interval: sweep_interval?,
        overlap: overlap?,
        max_adopted_per_pass: max_adopted_per_pass? as usize,
    })
}
