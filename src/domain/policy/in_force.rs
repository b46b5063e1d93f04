//! The policy in force for a failure: the `[[dataflow]]` of its dataflow and the rule that matches
//! it. Everything that decides about a failure, or shows a decision, uses this module.

use crate::domain::model::failure::Failure;
use crate::domain::model::flow::FlowKind;
use crate::domain::model::ids::{FlowId, SandboxName};
use crate::domain::policy::retry::RetryPolicy;
use crate::domain::policy::rule::{Action, Rule, Scope, first_match};
use std::sync::Arc;

/// One `[[dataflow]]`, completed with `[retry]` and `[limits]`.
#[derive(Debug, Clone, Default)]
pub struct DataflowPolicy {
    /// The dataflows it applies to.
    pub scope: Scope,
    /// Their kind, if Adobe does not report one.
    pub kind: Option<FlowKind>,
    /// The retry policy.
    pub retry: RetryPolicy,
    /// How many re-triggered runs of one dataflow may be in progress at a time.
    pub per_dataflow: u32,
}

/// Everything that is configured about retrying.
#[derive(Debug, Clone, Default)]
pub struct Policies {
    /// All `[[dataflow]]` in order.
    pub dataflows: Arc<[DataflowPolicy]>,
    /// `[retry]` and `[limits]`, for all other dataflows.
    pub default: DataflowPolicy,
    /// All `[[rule]]`, then all `[[builtin_rule]]`, in order.
    pub rules: Arc<[Rule]>,
}

/// What is in force for one failure.
#[derive(Debug, Clone, Copy)]
pub struct InForce<'a> {
    /// The rule that matches.
    pub rule: Option<&'a Rule>,
    /// The policy, with the keys that the rule overrides.
    pub retry: RetryPolicy,
}

impl Policies {
    /// The first `[[dataflow]]` that matches, even if the dataflow is not selected.
    pub fn of(&self, sandbox: &SandboxName, id: &FlowId, name: &str) -> &DataflowPolicy {
        let mut dataflows = self.dataflows.iter();
        dataflows.find(|it| it.scope.covers(sandbox, id, name)).unwrap_or(&self.default)
    }

    /// What is in force for `failure` of a dataflow.
    pub fn in_force(
        &self,
        sandbox: &SandboxName,
        id: &FlowId,
        name: &str,
        failure: &Failure,
    ) -> InForce<'_> {
        let base = self.of(sandbox, id, name).retry;
        let rule = first_match(&self.rules, sandbox, id, name, failure);
        InForce { rule, retry: rule.map_or(base, |rule| rule.policy(base)) }
    }
}

impl InForce<'_> {
    /// The action of the rule; without a rule, to re-trigger.
    pub fn action(&self) -> Action {
        self.rule.map_or(Action::Retry, |rule| rule.action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::policy::rule::Matcher;

    #[test]
    fn the_first_dataflow_that_matches_is_the_base_of_the_rule_that_matches() {
        let dataflow = |text: &'static str, max_attempts| DataflowPolicy {
            scope: Scope {
                sandbox: None,
                dataflow: Some(Matcher::new(text, move |it| it == text)),
            },
            retry: RetryPolicy { max_attempts, ..RetryPolicy::default() },
            ..DataflowPolicy::default()
        };
        let mut rule = Rule { name: "patient".to_owned(), ..Rule::default() };
        rule.retry.multiplier = Some(7.0);
        let policies = Policies {
            dataflows: [dataflow("crm", 2), dataflow("f-1", 9), dataflow("crm", 4)].into(),
            rules: [rule].into(),
            ..Policies::default()
        };
        for (id, name, expected) in [("f-1", "crm", 2), ("f-1", "erp", 9), ("f-2", "erp", 5)] {
            let (sandbox, id) = (SandboxName::new("prod"), FlowId::new(id));
            let found = policies.in_force(&sandbox, &id, name, &Failure::default());
            assert_eq!((found.retry.max_attempts, found.retry.multiplier), (expected, 7.0));
            assert_eq!(found.rule.map(|rule| rule.name.as_str()), Some("patient"));
        }
    }
}
