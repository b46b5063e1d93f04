//! What the configuration names and no dataflow matches, and what has no effect for another reason.

use super::sandbox::{SandboxReport, Selection};
use crate::domain::model::flow::Flow;
use crate::domain::model::ids::SandboxName;
use crate::domain::plan::dataflow::Dataflow;
use crate::domain::policy::in_force::DataflowPolicy;
use crate::domain::policy::rule::{Rule, Scope};
use crate::settings::{SandboxSettings, Settings};

/// A selected dataflow and its sandbox.
type Selected<'a> = (&'a SandboxName, &'a Dataflow);

/// One warning each. A table that also applies to a sandbox that could not be read gets none.
pub(super) fn warnings(settings: &Settings, reports: &[SandboxReport]) -> Vec<String> {
    let mut warnings = Vec::new();
    let read = |report| read_of(report).map(|selection| (report, selection));
    for (report, selection) in reports.iter().filter_map(read) {
        let sandbox = settings.sandboxes.iter().find(|it| it.name == report.name);
        warnings.extend(sandbox.into_iter().flat_map(|it| of_sandbox(it, selection)));
    }
    let known = Known {
        selected: reports
            .iter()
            .filter_map(read)
            .flat_map(|(report, it)| it.selected.iter().map(|flow| (&report.name, flow)))
            .collect(),
        unread: reports.iter().filter(|it| it.read.is_err()).map(|it| &it.name).collect(),
    };
    for (number, policy) in settings.dataflows.iter().enumerate() {
        warnings.extend(known.of_policy(policy, &settings.dataflows[..number]));
    }
    let rules = settings.rules.iter().filter(|rule| !rule.is_builtin);
    warnings.extend(rules.filter_map(|rule| known.of_rule(rule)));
    for quiet in settings.quiet.iter().filter(|quiet| known.matches_nothing(&quiet.scope)) {
        warnings.push(format!("[[quiet]]{} matches no selected dataflow", shown(&quiet.scope)));
    }
    warnings
}

fn read_of(report: &SandboxReport) -> Option<&Selection> {
    report.read.as_ref().ok()
}

fn of_sandbox(sandbox: &SandboxSettings, selection: &Selection) -> Vec<String> {
    let name = &sandbox.name;
    let flows = || {
        let selected = selection.selected.iter().map(|it| &it.flow);
        selected.chain(selection.others.iter().map(|(flow, _)| flow))
    };
    let names = |flow: &Flow| (flow.id.as_str().to_owned(), flow.name.clone());
    let all: Vec<(String, String)> = flows().map(names).collect();
    let mut warnings: Vec<String> =
        selection.unread_specs.iter().map(|spec| format!("sandbox {name}: {spec}")).collect();
    if all.is_empty() {
        warnings.push(format!("sandbox {name} has no dataflow; check its name"));
        return warnings;
    }
    for (key, pattern) in sandbox.unmatched(&all) {
        warnings.push(format!("sandbox {name}: {key} \"{pattern}\" matches no dataflow"));
    }
    if selection.selected.is_empty() {
        let all = all.len();
        warnings
            .push(format!("sandbox {name}: include and exclude select none of {all} dataflows"));
    } else if selection.handled().next().is_none() {
        warnings.push(format!("sandbox {name}: every selected dataflow is left alone"));
    }
    warnings
}

struct Known<'a> {
    selected: Vec<Selected<'a>>,
    unread: Vec<&'a SandboxName>,
}

impl Known<'_> {
    fn covered<'s>(&'s self, scope: &'s Scope) -> impl Iterator<Item = &'s Selected<'s>> {
        let covers =
            |(sandbox, it): &&Selected<'_>| scope.covers(sandbox, &it.flow.id, &it.flow.name);
        self.selected.iter().filter(covers)
    }

    fn is_unread(&self, scope: &Scope) -> bool {
        self.unread.iter().any(|name| scope.sandbox.as_ref().is_none_or(|own| own == *name))
    }

    fn matches_nothing(&self, scope: &Scope) -> bool {
        !self.is_unread(scope) && self.covered(scope).next().is_none()
    }

    fn of_policy(&self, policy: &DataflowPolicy, earlier: &[DataflowPolicy]) -> Vec<String> {
        let name = format!("[[dataflow]]{}", shown(&policy.scope));
        if self.matches_nothing(&policy.scope) {
            return vec![format!("{name} matches no selected dataflow")];
        }
        let hidden = |(sandbox, it): &Selected<'_>| {
            earlier.iter().any(|other| other.scope.covers(sandbox, &it.flow.id, &it.flow.name))
        };
        if !self.is_unread(&policy.scope) && self.covered(&policy.scope).all(hidden) {
            return vec![format!("{name} is never used: an earlier [[dataflow]] matches the same")];
        }
        self.overruled_kind(policy, &name).into_iter().collect()
    }

    /// A configured kind that Adobe contradicts for some of the dataflows it covers.
    fn overruled_kind(&self, policy: &DataflowPolicy, name: &str) -> Option<String> {
        let kind = policy.kind?;
        let mut others = self.covered(&policy.scope).filter(|(_, it)| it.kind != kind);
        let (_, first) = others.next()?;
        Some(format!(
            "{name}: kind = \"{}\" has no effect on {} (of kind {}) and {} more; match fewer dataflows",
            kind.as_str(),
            first.flow.name,
            first.kind.as_str(),
            others.count(),
        ))
    }

    fn of_rule(&self, rule: &Rule) -> Option<String> {
        let name = &rule.name;
        if self.matches_nothing(&rule.scope) {
            let shown = shown(&rule.scope);
            return Some(format!("[[rule]] \"{name}\"{shown} matches no selected dataflow"));
        }
        let source = rule.source.as_ref().filter(|_| !self.is_unread(&rule.scope))?;
        let reads = |(_, it): &Selected<'_>| {
            it.flow.source_spec.as_deref().is_some_and(|spec| source.matches(spec))
        };
        let unused = !self.covered(&rule.scope).any(reads);
        let source = source.as_str();
        unused.then(|| {
            format!("[[rule]] \"{name}\": source \"{source}\" matches no selected dataflow")
        })
    }
}

/// What a scope is limited to, as it is written.
fn shown(scope: &Scope) -> String {
    let sandbox = scope.sandbox.as_ref().map(|name| format!(" in sandbox {name}"));
    let dataflow = scope.dataflow.as_ref().map(|glob| format!(" \"{}\"", glob.as_str()));
    dataflow.unwrap_or_default() + &sandbox.unwrap_or_default()
}
