//! Dataflows that have only failed for weeks. Adobe disables source dataflows that failed for 30 days.
//!
//! What is known of a dataflow's failures and successes is what the journal says. A success that no
//! recovery waited for is added to it when a full scan sees it as the dataflow's last run.

use crate::domain::model::ids::{FlowId, RunId};
use crate::domain::model::time::{before, span};
use jiff::Timestamp;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How far back failures are looked for: as long as Adobe waits before it disables a dataflow.
pub const LOOKBACK: Duration = Duration::from_secs(30 * DAY.as_secs());
/// A success is noted only after failures for this long.
pub const LEAST: Duration = DAY;
/// A warning is logged after failures for this long …
const WARN_AFTER: Duration = Duration::from_secs(20 * DAY.as_secs());
/// … and repeated this often.
const REPEAT: Duration = DAY;

/// A dataflow with failures in the journal and no success after them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// The dataflow.
    pub flow_id: FlowId,
    /// When the first of these failures was recorded.
    pub since: Timestamp,
    /// When the last one was recorded.
    pub last: Timestamp,
    /// The run that failed last.
    pub run_id: RunId,
    /// When the last warning of this kind was logged.
    pub warned_at: Option<Timestamp>,
}

impl Failing {
    /// Whether a warning is due at `now`.
    pub fn is_warning_due(&self, now: Timestamp) -> bool {
        span(self.since, self.last) >= WARN_AFTER
            && self.warned_at.is_none_or(|at| at <= before(now, REPEAT))
    }

    /// The text of the warning.
    pub fn text(&self) -> String {
        let days = span(self.since, self.last).as_secs() / DAY.as_secs();
        format!("only failures for {days} days, since {}", self.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_due_after_twenty_days_and_then_once_a_day() {
        let at = |days: i64| Timestamp::from_second(days * 86_400).unwrap();
        let due = |last, warned: Option<i64>, now| {
            let (flow_id, run_id) = (FlowId::new("f"), RunId::new("r"));
            let (since, last, warned_at) = (at(0), at(last), warned.map(at));
            Failing { flow_id, since, last, run_id, warned_at }.is_warning_due(at(now))
        };
        assert!(!due(19, None, 25));
        assert!(due(20, None, 20));
        assert!(!due(21, Some(21), 21));
        assert!(due(21, Some(21), 22));
    }
}
