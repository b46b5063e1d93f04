//! What every transition needs to know besides what was seen.

use crate::domain::policy::retry::RetryPolicy;
use crate::domain::policy::rule::{Action, Rule};
use crate::domain::policy::schedule::Jitter;
use jiff::Timestamp;

/// What every transition needs to know besides what was seen.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// The policy in force for the recovery's dataflow and failure.
    pub policy: RetryPolicy,
    /// The rule that matches its failure.
    pub rule: Option<&'a Rule>,
    /// Where chance comes from.
    pub jitter: Jitter,
    /// Now, by the platform's clock.
    pub now: Timestamp,
}

impl Terms<'_> {
    /// What the rule says to do; without one, to re-trigger.
    pub fn action(&self) -> Action {
        self.rule.map_or(Action::Retry, |rule| rule.action)
    }
}
