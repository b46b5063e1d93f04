//! `[breaker]`: when to hold a dataflow, and what counts as an outage.

use crate::domain::policy::breaker::Breaker;
use crate::settings::read::section::Section;
use std::time::Duration;

/// Reads `[breaker]`; `None` if a key is faulty.
pub(crate) fn read(section: &mut Section<'_>) -> Option<Breaker> {
    let minute = Duration::from_secs(60);
    let dataflow_warning = section.whole("dataflow_warning", 0..=100);
    let dataflow_failures = section.whole("dataflow_failures", 0..=100);
    let failures = section.whole("failures", 0..=10_000);
    let window = section.duration("window", minute..=24 * 60 * minute);
    let (dataflow_warning, dataflow_failures) = (dataflow_warning?, dataflow_failures?);
    if dataflow_failures > 0 && dataflow_warning >= dataflow_failures {
        section.report.warn(
            "breaker.dataflow_warning is not below dataflow_failures: dataflows are put on hold \
             without a warning",
        );
    }
    Some(Breaker { dataflow_warning, dataflow_failures, failures: failures?, window: window? })
}
