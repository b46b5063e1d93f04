//! Rules: what to do with a failure, chosen by its errors, its dataflow and its source.
//!
//! The first rule that matches decides. If none matches, the failure is re-triggered according to
//! `[retry]` and `[[dataflow]]`. The built-in rules are rules like any other: they are in the
//! defaults file and come last.
//!
//! How a text is matched (globs, regular expressions) is not decided here: the caller passes a
//! [`Matcher`], so that this module does not depend on their crates.

use crate::domain::model::failure::{Failure, UMBRELLAS};
use crate::domain::model::ids::{FlowId, SandboxName};
use crate::domain::model::run::RunError;
use crate::domain::policy::retry::{RetryOverride, RetryPolicy};
use std::fmt;
use std::sync::Arc;

/// A predicate on a text, and its source text.
#[derive(Clone)]
pub struct Matcher {
    text: Arc<str>,
    matches: Arc<dyn Fn(&str) -> bool + Send + Sync>,
}

impl Matcher {
    /// A matcher that is shown as `text`.
    pub fn new(text: &str, matches: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self { text: text.into(), matches: Arc::new(matches) }
    }

    /// Whether `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        (self.matches)(text)
    }

    /// The source text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Matcher").field(&self.text).finish()
    }
}

/// The dataflows that something applies to.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Only in this sandbox; `None` for all.
    pub sandbox: Option<SandboxName>,
    /// Only those whose id or name matches; `None` for all.
    pub dataflow: Option<Matcher>,
}

impl Scope {
    /// Whether it covers this dataflow.
    pub fn covers(&self, sandbox: &SandboxName, flow_id: &FlowId, flow_name: &str) -> bool {
        let named = |it: &Matcher| it.matches(flow_id.as_str()) || it.matches(flow_name);
        self.sandbox.as_ref().is_none_or(|own| own == sandbox)
            && self.dataflow.as_ref().is_none_or(named)
    }
}

/// `[[rule]]`. It matches a failure if all of its conditions match.
#[derive(Debug, Clone, Default)]
pub struct Rule {
    /// Its name in the log and in `flowmend explain`.
    pub name: String,
    /// The dataflows it applies to.
    pub scope: Scope,
    /// The connection spec of the source; `None` for any.
    pub source: Option<Matcher>,
    /// The code of one error must match one of these; empty: any failure.
    pub codes: Vec<Matcher>,
    /// The message of that error must match this; `None` for any.
    pub message: Option<Matcher>,
    /// What to do.
    pub action: Action,
    /// The keys of `[retry]` that it overrides.
    pub retry: RetryOverride,
    /// A built-in rule never makes more or earlier attempts than the user's own policy.
    pub is_builtin: bool,
}

/// What a rule does with a failure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Action {
    /// Re-trigger it.
    #[default]
    Retry,
    /// Hold it for a person.
    Hold,
    /// Skip it for good.
    Ignore,
}

impl Action {
    /// Its name, as in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Hold => "hold",
            Self::Ignore => "ignore",
        }
    }
}

/// The first of `rules` that matches `failure` of this dataflow.
pub(super) fn first_match<'a>(
    rules: &'a [Rule],
    sandbox: &SandboxName,
    flow_id: &FlowId,
    flow_name: &str,
    failure: &Failure,
) -> Option<&'a Rule> {
    let covers = |rule: &Rule| rule.scope.covers(sandbox, flow_id, flow_name);
    rules.iter().find(|rule| covers(rule) && rule.matches(failure))
}

impl Rule {
    /// The policy for what it matches; `base` is the policy without the rule.
    pub(super) fn policy(&self, base: RetryPolicy) -> RetryPolicy {
        let mut policy = self.retry.over(base);
        if self.is_builtin {
            policy.max_attempts = policy.max_attempts.min(base.max_attempts);
            policy.initial_interval = policy.initial_interval.max(base.initial_interval);
        }
        // A delay that exceeds the user's own limits is cut to them.
        let bound = policy.max_interval.min(policy.max_elapsed_time);
        RetryPolicy { initial_interval: policy.initial_interval.min(bound), ..policy }
    }

    /// True if it has no condition.
    pub fn matches_everything(&self) -> bool {
        let scope = self.scope.sandbox.is_none() && self.scope.dataflow.is_none();
        scope && self.source.is_none() && self.codes.is_empty() && self.message.is_none()
    }

    fn matches(&self, failure: &Failure) -> bool {
        let from =
            |source: &Matcher| failure.source.as_deref().is_some_and(|it| source.matches(it));
        if !self.source.as_ref().is_none_or(from) {
            return false;
        }
        if self.codes.is_empty() && self.message.is_none() {
            return true;
        }
        failure.errors.iter().any(|error| self.names(error))
    }

    /// Whether code and message of one error match.
    fn names(&self, error: &RunError) -> bool {
        let coded = self.codes.is_empty() || self.codes.iter().any(|it| has_code(it, &error.code));
        coded && self.message.as_ref().is_none_or(|it| it.matches(&error.message))
    }
}

/// The -500 of a generic code does not depend on the cause. So a glob that begins with a wildcard
/// is compared with the code without its 500: `CONNECTOR-*-500` matches, `*-500` does not.
fn has_code(glob: &Matcher, code: &str) -> bool {
    let is_open = glob.as_str().starts_with(['*', '?', '[']);
    match is_open && UMBRELLAS.contains(&code) {
        true => glob.matches(code.trim_end_matches("500")),
        false => glob.matches(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `*` at either end is enough of a glob for these tests.
    fn glob(text: &str) -> Matcher {
        let (start, end) = text.split_once('*').map_or((text, None), |(a, b)| (a, Some(b)));
        let (start, end) = (start.to_owned(), end.map(str::to_owned));
        Matcher::new(text, move |it| match &end {
            Some(end) => it.starts_with(&start) && it.ends_with(end.as_str()),
            None => it == start,
        })
    }

    fn contains(text: &'static str) -> Matcher {
        Matcher::new(text, move |it| it.contains(text))
    }

    fn failure(errors: &[(&str, &str)]) -> Failure {
        let error = |(code, message): &(&str, &str)| RunError::new(*code, *message);
        Failure { errors: errors.iter().map(error).collect(), source: Some("spec-1".into()) }
    }

    fn rule(name: &str) -> Rule {
        Rule { name: name.to_owned(), ..Rule::default() }
    }

    fn decide<'a>(rules: &'a [Rule], failure: &Failure) -> Option<&'a str> {
        let (sandbox, flow) = (SandboxName::new("prod"), FlowId::new("f-1"));
        first_match(rules, &sandbox, &flow, "crm", failure).map(|rule| rule.name.as_str())
    }

    #[test]
    fn the_first_rule_of_which_everything_holds_decides() {
        let rules = [
            Rule { codes: vec![glob("MAPPER-*")], ..rule("mapping") },
            Rule { message: Some(contains("late")), ..rule("late") },
            Rule { codes: vec![glob("133")], message: Some(contains("file")), ..rule("both") },
            Rule { source: Some(glob("spec-2")), ..rule("source") },
            rule("rest"),
        ];
        let table: [(&[(&str, &str)], &str); 6] = [
            (&[("CONNECTOR-2001-500", "x"), ("MAPPER-3700-400", "late")], "mapping"),
            (&[("1006-408", "too late")], "late"),
            (&[("133", "no file")], "both"),
            // Code and message have to be those of one error.
            (&[("133", "nothing"), ("140", "file")], "rest"),
            (&[("1006-408", "x")], "rest"),
            (&[], "rest"),
        ];
        for (errors, expected) in table {
            assert_eq!(decide(&rules, &failure(errors)), Some(expected), "{errors:?}");
        }
        let other = Failure { source: Some("spec-2".into()), ..failure(&[]) };
        assert_eq!(decide(&rules, &other), Some("source"));
        assert_eq!(decide(&rules[..4], &Failure::default()), None);
    }

    #[test]
    fn the_status_of_an_umbrella_code_decides_nothing() {
        let table = [
            ("*-500", false),
            ("CONNECTOR-1001-500", true),
            ("CONNECTOR-*", true),
            ("CONNECTOR-1001-*", true),
            ("CONNECTOR-*-500", true),
            ("*", true),
        ];
        for (text, expected) in table {
            let rules = [Rule { codes: vec![glob(text)], ..rule("it") }];
            let umbrella = failure(&[("CONNECTOR-1001-500", "")]);
            assert_eq!(decide(&rules, &umbrella).is_some(), expected, "{text}");
        }
        let rules = [Rule { codes: vec![glob("*-500")], ..rule("it") }];
        assert_eq!(decide(&rules, &failure(&[("1005-500", "")])), Some("it"));
    }

    #[test]
    fn a_scope_covers_by_sandbox_and_by_id_or_name() {
        let (prod, flow) = (SandboxName::new("prod"), FlowId::new("f-1"));
        let scope = |sandbox: Option<&str>, dataflow: Option<&str>| Scope {
            sandbox: sandbox.map(SandboxName::new),
            dataflow: dataflow.map(glob),
        };
        let table = [
            (scope(None, None), true),
            (scope(Some("prod"), Some("f-1")), true),
            (scope(Some("dev"), Some("f-1")), false),
            (scope(None, Some("crm*")), true),
            (scope(None, Some("erp*")), false),
        ];
        for (scope, expected) in table {
            assert_eq!(scope.covers(&prod, &flow, "crm"), expected, "{scope:?}");
        }
    }
}
