//! `[[rule]]` and `[[builtin_rule]]`: what to do with which failure. The first match wins.

use super::retry;
use super::sandbox::{SandboxSettings, read_scope};
use crate::domain::policy::retry::RetryOverride;
use crate::domain::policy::rule::{Action, Matcher, Rule};
use crate::settings::cross_checks;
use crate::settings::pattern::Pattern;
use crate::settings::read::report::Report;
use crate::settings::read::section::{Section, read_list};
use crate::settings::read::text::quoted;
use config::{Map, Value};
use regex::RegexBuilder;
use std::sync::Arc;

/// The largest compiled expression, in bytes: nested repetitions can be huge.
const EXPRESSION_BYTES_MAX: usize = 1024 * 1024;

/// Reads the user's rules, then the built-in ones; faulty ones are skipped.
pub(crate) fn read_all(
    lists: &mut Map<String, Value>,
    sandboxes: &[SandboxSettings],
    report: &mut Report,
) -> Arc<[Rule]> {
    let mut rules: Vec<Rule> = Vec::new();
    for list in ["rule", "builtin_rule"] {
        let is_builtin = list == "builtin_rule";
        let mut blocked_by: Option<String> = None;
        read_list(list, "name", lists, report, |section| {
            if let Some(earlier) = &blocked_by {
                section.warn(&format!("never used, because {earlier} matches every failure"));
            }
            let rule = read(section, sandboxes);
            // The delays of a built-in rule are capped by the user's, so they need no check.
            if !is_builtin {
                cross_checks::check_overrides(section);
            }
            let Some(rule) = rule else { return };
            if rule.matches_everything() && blocked_by.is_none() {
                blocked_by = Some(section.name.clone());
            }
            rules.push(Rule { is_builtin, ..rule });
        });
    }
    rules.into()
}

fn read(section: &mut Section<'_>, sandboxes: &[SandboxSettings]) -> Option<Rule> {
    let actions = [Action::Retry, Action::Hold, Action::Ignore].map(|it| (it.as_str(), it));
    section.require("action", "set \"retry\", \"hold\" or \"ignore\"");
    let name = section.parsed("name", |name| match name.trim() {
        "" => Err("must not be empty; set a few words, or remove it".to_owned()),
        _ => Ok(name.to_owned()),
    });
    let codes = section.list("codes", |glob| Pattern::parse(glob).map(|it| it.matcher()));
    if let Some(empty) = codes.as_ref().filter(|read| read.value.is_empty()) {
        let why = "must not be empty; add a code, or remove it to match any failure";
        section.fault_at("codes", empty.origin.clone(), why);
    }
    let message = section.parsed("message", expression);
    let scope = read_scope(section, sandboxes);
    let source = section.parsed("source", Pattern::parse);
    let action = section.word("action", &actions);
    let retry = section.inner("retry", retry::read).unwrap_or_default();
    if retry != RetryOverride::default() && action.is_some_and(|action| action != Action::Retry) {
        let why = "has no effect, because this rule re-triggers nothing; remove it, or set action = \"retry\"";
        section.fault("retry", why);
    }
    Some(Rule {
        name: name.unwrap_or_else(|| section.name.clone()),
        scope,
        source: source.map(|pattern| pattern.matcher()),
        codes: codes.map(|read| read.value).unwrap_or_default(),
        message,
        action: action?,
        retry,
        is_builtin: false,
    })
}

/// A regular expression that may match anywhere in a text.
fn expression(text: &str) -> Result<Matcher, String> {
    if text.is_empty() {
        return Err(
            "must not be empty; set an expression, or remove it to match any message".to_owned()
        );
    }
    match RegexBuilder::new(text).size_limit(EXPRESSION_BYTES_MAX).build() {
        Ok(expression) => Ok(Matcher::new(text, move |it| expression.is_match(it))),
        Err(regex::Error::CompiledTooBig(_)) => {
            Err(format!("{} is too large; use fewer repetitions", quoted(text)))
        }
        // The last line is the reason; those before it show the position.
        Err(error) => {
            let error = error.to_string();
            let why = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
            Err(format!("{} is not a valid regular expression: {why}", quoted(text)))
        }
    }
}
