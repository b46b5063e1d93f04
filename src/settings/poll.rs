//! `[poll]`: how often we look, and how far back.

use super::section::Section;
use super::value;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// `[poll]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poll {
    /// From one pass to the next. `FLOWMEND__POLL__INTERVAL`.
    pub interval: Duration,
    /// How old a failure may be to be noticed. `FLOWMEND__POLL__LOOKBACK`.
    pub lookback: Duration,
    /// How old a failure may be to be taken on in the first pass over a sandbox.
    /// `FLOWMEND__POLL__FIRST_LOOKBACK`.
    pub first_lookback: Duration,
    /// From one reading of the whole look-back window to the next. `FLOWMEND__POLL__SWEEP_INTERVAL`.
    pub sweep_interval: Duration,
    /// How far a pass reads back behind where the last one ended. `FLOWMEND__POLL__OVERLAP`.
    pub overlap: Duration,
    /// New recoveries per pass and sandbox, at least 1. `FLOWMEND__POLL__MAX_ADOPTED_PER_PASS`.
    pub max_adopted_per_pass: usize,
}

/// Reads `[poll]`; `None` where a key was faulty.
pub(super) fn read(section: &mut Section<'_>) -> Option<Poll> {
    let second = Duration::from_secs(1);
    let interval = section.duration("interval", second..=DAY);
    let lookback = section.duration("lookback", 60 * second..=365 * DAY);
    let first_lookback = section.parsed("first_lookback", |text, _| match text {
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
