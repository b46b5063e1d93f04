//! `[breaker]`: when to stop trying because trying does not help.

use super::section::Section;
use crate::domain::policy::breaker::Breaker;
use std::time::Duration;

/// Reads `[breaker]`; a faulty key keeps its default.
pub(super) fn read(section: &mut Section<'_>) -> Breaker {
    let minute = Duration::from_secs(60);
    let base = Breaker::default();
    let breaker = Breaker {
        dataflow_warning: section
            .whole("dataflow_warning", 0..=100)
            .unwrap_or(base.dataflow_warning),
        dataflow_failures: section
            .whole("dataflow_failures", 0..=100)
            .unwrap_or(base.dataflow_failures),
        failures: section.whole("failures", 0..=10_000).unwrap_or(base.failures),
        window: section.duration("window", minute..=24 * 60 * minute).unwrap_or(base.window),
    };
    if breaker.dataflow_failures > 0 && breaker.dataflow_warning >= breaker.dataflow_failures {
        section.report.warn(
            "breaker.dataflow_warning is not below dataflow_failures: dataflows are held unwarned",
        );
    }
    breaker
}
