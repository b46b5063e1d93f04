//! `[[dataflow]]`: what is different for some dataflows. The first that matches wins.

use super::Settings;
use super::fault::Origin;
use super::pattern::Pattern;
use super::report::Report;
use super::sandbox::{SandboxSettings, is_known, label, tables};
use super::section::Section;
use super::{fit, policy};
use crate::domain::model::flow::FlowKind;
use crate::domain::model::ids::SandboxName;
use crate::domain::policy::in_force::{DataflowPolicy, Policies};
use crate::domain::policy::retry::{Limits, RetryPolicy};
use crate::domain::policy::rule::Scope;
use config::Value;
use std::sync::Arc;

impl Settings {
    /// What is in force for which failure.
    pub fn policies(&self) -> Policies {
        let default = DataflowPolicy {
            scope: Scope::default(),
            kind: None,
            retry: self.retry,
            per_dataflow: self.limits.per_dataflow,
        };
        Policies { dataflows: self.dataflows.clone(), default, rules: self.rules.clone() }
    }
}

/// Reads all `[[dataflow]]` over `retry` and `limits`; those that are faulty are left out.
pub(super) fn read_all(
    list: Option<Value>,
    sandboxes: &[SandboxSettings],
    retry: RetryPolicy,
    limits: &Limits,
    report: &mut Report,
) -> Arc<[DataflowPolicy]> {
    let mut dataflows: Vec<DataflowPolicy> = Vec::new();
    for (index, (table, origin)) in tables(list).into_iter().enumerate() {
        let label = label("dataflow", "match", index, &table);
        let mut section = Section::new(&label, "[[dataflow]]", table, report);
        let dataflow = read(&mut section, &origin, sandboxes, retry, limits);
        section.finish();
        fit::check_overrides(report, &format!("{label}."));
        let Some(dataflow) = dataflow else { continue };
        if dataflows.iter().any(|earlier| hides(earlier, &dataflow)) {
            let why = "an earlier [[dataflow]] has the same match, so this one is never used";
            report.warn(format!("{label} ({origin}): {why}"));
        }
        dataflows.push(dataflow);
    }
    dataflows.into()
}

/// Whether `earlier` matches all that `later` does.
fn hides(earlier: &DataflowPolicy, later: &DataflowPolicy) -> bool {
    let pattern = |it: &DataflowPolicy| it.scope.dataflow.as_ref().map(|it| it.as_str().to_owned());
    let (sandbox, other) = (&earlier.scope.sandbox, &later.scope.sandbox);
    pattern(earlier) == pattern(later) && (sandbox.is_none() || sandbox == other)
}

fn read(
    section: &mut Section<'_>,
    origin: &Origin,
    sandboxes: &[SandboxSettings],
    retry: RetryPolicy,
    limits: &Limits,
) -> Option<DataflowPolicy> {
    let kinds = [FlowKind::Batch, FlowKind::Streaming, FlowKind::Destination];
    let missing = "is missing; give a dataflow's id or name, or a glob such as \"crm-*\"";
    section.require("match", origin, missing);
    let pattern = section.parsed("match", |text, _| Pattern::parse(text));
    let sandbox = section.text("sandbox", |name| is_known(name, sandboxes));
    let kind = section.word("kind", &kinds.map(|kind| (kind.as_str(), kind)));
    let own_retry = section.inner("retry", policy::read_retry).unwrap_or_default();
    let per_dataflow = limits.per_dataflow;
    let own_limit = section.inner("limits", |it| policy::read_dataflow_limits(it, per_dataflow));
    Some(DataflowPolicy {
        scope: Scope {
            sandbox: sandbox.map(|read| SandboxName::new(read.value)),
            dataflow: Some(pattern?.matcher()),
        },
        kind,
        retry: own_retry.over(retry),
        per_dataflow: own_limit.unwrap_or(per_dataflow),
    })
}
