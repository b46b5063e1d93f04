//! `[[rule]]` and `[[builtin_rule]]`: what to do with which failure. The first that matches decides.

use super::fault::Origin;
use super::fit;
use super::pattern::Pattern;
use super::policy;
use super::report::Report;
use super::sandbox::{SandboxSettings, label, read_scope, tables};
use super::section::Section;
use super::text::quoted;
use crate::domain::policy::retry::RetryOverride;
use crate::domain::policy::rule::{Action, Matcher, Rule};
use config::{Map, Value};
use regex::RegexBuilder;
use std::sync::Arc;

/// A compiled expression is not larger, in bytes; repetitions of repetitions can be huge.
const EXPRESSION_BYTES_MAX: usize = 1024 * 1024;

/// Reads the user's rules, then the built-in ones; those that are faulty are left out.
pub(super) fn read_all(
    lists: &mut Map<String, Value>,
    sandboxes: &[SandboxSettings],
    report: &mut Report,
) -> Arc<[Rule]> {
    let mut rules: Vec<Rule> = Vec::new();
    for list in ["rule", "builtin_rule"] {
        let mut blocked_by: Option<String> = None;
        for (index, (table, origin)) in tables(lists.remove(list)).into_iter().enumerate() {
            let label = label(list, "name", index, &table);
            if let Some(blocking) = &blocked_by {
                report.warn(format!(
                    "{label} ({origin}): {blocking} before it matches every failure, so this one is never used"
                ));
            }
            let mut section = Section::new(&label, &format!("[[{list}]]"), table, report);
            let rule = read(&mut section, &label, &origin, sandboxes);
            section.finish();
            // A built-in rule adapts to whatever the user's own durations are: every delay is capped.
            if list == "rule" {
                fit::check_overrides(report, &format!("{label}."));
            }
            let Some(mut rule) = rule else { continue };
            rule.is_builtin = list == "builtin_rule";
            if rule.matches_everything() && blocked_by.is_none() {
                blocked_by = Some(label);
            }
            rules.push(rule);
        }
    }
    rules.into()
}

fn read(
    section: &mut Section<'_>,
    label: &str,
    origin: &Origin,
    sandboxes: &[SandboxSettings],
) -> Option<Rule> {
    let actions = [Action::Retry, Action::Hold, Action::Ignore].map(|it| (it.as_str(), it));
    section.require("action", origin, "is missing; give \"retry\", \"hold\" or \"ignore\"");
    let name = section.text("name", |name| match name.trim() {
        "" => Err("is empty; give a few words, or leave it out".to_owned()),
        _ => Ok(()),
    });
    let codes = section.list("codes", |glob| Pattern::parse(glob).map(|_| ()));
    if let Some(empty) = codes.as_ref().filter(|read| read.value.is_empty()) {
        let (key, origin) = (section.name("codes"), empty.origin.clone());
        let why = "is empty; name a code, or leave it out to match any failure";
        section.report.fault(&key, origin, why);
    }
    let message = section.parsed("message", |text, _| expression(text));
    let scope = read_scope(section, sandboxes);
    let source = section.parsed("source", |text, _| Pattern::parse(text));
    let action = section.word("action", &actions);
    let retry = section.inner("retry", policy::read_retry).unwrap_or_default();
    if retry != RetryOverride::default() && action.is_some_and(|action| action != Action::Retry) {
        let key = section.name("retry");
        let why = "has no effect, because this rule re-triggers nothing; leave it out, or give action = \"retry\"";
        section.report.fault(&key, origin.clone(), why);
    }
    let codes = codes.map(|read| read.value).unwrap_or_default();
    Some(Rule {
        name: name.map_or_else(|| label.to_owned(), |read| read.value),
        scope,
        source: source.map(|pattern| pattern.matcher()),
        codes: codes.iter().filter_map(|glob| Some(Pattern::parse(glob).ok()?.matcher())).collect(),
        message,
        action: action?,
        retry,
        is_builtin: false,
    })
}

/// A regular expression that is looked for anywhere in a text.
fn expression(text: &str) -> Result<Matcher, String> {
    if text.is_empty() {
        return Err("is empty; give an expression, or leave it out to match any message".to_owned());
    }
    match RegexBuilder::new(text).size_limit(EXPRESSION_BYTES_MAX).build() {
        Ok(expression) => Ok(Matcher::new(text, move |it| expression.is_match(it))),
        Err(regex::Error::CompiledTooBig(_)) => {
            Err(format!("{} is too large an expression; repeat less", quoted(text)))
        }
        // The last line says what is wrong; those before it point at the place.
        Err(error) => {
            let error = error.to_string();
            let why = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
            Err(format!("{} is no regular expression: {why}", quoted(text)))
        }
    }
}
