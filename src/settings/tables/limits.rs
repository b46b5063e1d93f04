//! `[limits]`, and its key within a `[[dataflow]]`.

use crate::domain::policy::retry::Limits;
use crate::settings::read::section::Section;
use std::ops::RangeInclusive;

const PER_DATAFLOW: RangeInclusive<u32> = 1..=100;

/// Reads `[limits]`; `None` if a key is faulty.
pub(crate) fn read(section: &mut Section<'_>) -> Option<Limits> {
    let retriggers_per_minute = section.whole("retriggers_per_minute", 0..=100_000);
    let retriggers_per_day = section.whole("retriggers_per_day", 0..=10_000_000);
    let per_dataflow = section.whole("per_dataflow", PER_DATAFLOW);
    if retriggers_per_minute == Some(0) {
        section.report.warn(
            "limits.retriggers_per_minute = 0: no limit; after an outage every failed run is \
             re-triggered at once",
        );
    }
    Some(Limits {
        retriggers_per_minute: retriggers_per_minute?,
        retriggers_per_day: retriggers_per_day?,
        per_dataflow: per_dataflow?,
    })
}

/// Reads the `limits` of one dataflow. The other limits apply to a whole sandbox.
pub(crate) fn read_of_dataflow(section: &mut Section<'_>) -> Option<u32> {
    for key in ["retriggers_per_minute", "retriggers_per_day"] {
        section.refuse(key, "applies to a whole sandbox; set it in [limits]");
    }
    section.whole("per_dataflow", PER_DATAFLOW)
}
