//! What every transition needs besides what was read.

use crate::domain::policy::retry::RetryPolicy;
use crate::domain::policy::rule::{Action, Rule};
use crate::domain::policy::schedule::Jitter;
use jiff::Timestamp;

/// What every transition needs besides what was read.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// The policy in force for the recovery's dataflow and failure.
    pub policy: RetryPolicy,
    /// The rule that matches its failure.
    pub rule: Option<&'a Rule>,
    /// The source of randomness.
    pub jitter: Jitter,
    /// Now, by Adobe's clock.
    pub now: Timestamp,
}

impl Terms<'_> {
    /// The action of the rule; without a rule, to re-trigger.
    pub fn action(&self) -> Action {
        self.rule.map_or(Action::Retry, |rule| rule.action)
    }
}
