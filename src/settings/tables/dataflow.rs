//! `[[dataflow]]`: overrides for some dataflows. The first match wins.

use super::sandbox::{SandboxSettings, known};
use super::{limits, retry};
use crate::domain::model::flow::FlowKind;
use crate::domain::policy::in_force::DataflowPolicy;
use crate::domain::policy::retry::{Limits, RetryPolicy};
use crate::domain::policy::rule::Scope;
use crate::settings::cross_checks;
use crate::settings::pattern::Pattern;
use crate::settings::read::report::Report;
use crate::settings::read::section::{Section, read_list};
use config::{Map, Value};

/// Whether `earlier` matches all that `later` does.
fn hides(earlier: &DataflowPolicy, later: &DataflowPolicy) -> bool {
    let pattern = |it: &DataflowPolicy| it.scope.dataflow.as_ref().map(|it| it.as_str().to_owned());
    let (sandbox, other) = (&earlier.scope.sandbox, &later.scope.sandbox);
    pattern(earlier) == pattern(later) && (sandbox.is_none() || sandbox == other)
}

/// Reads all `[[dataflow]]` over `retry` and `limits`; faulty ones are skipped.
pub(crate) fn read_all(
    lists: &mut Map<String, Value>,
    sandboxes: &[SandboxSettings],
    retry: RetryPolicy,
    limits: &Limits,
    report: &mut Report,
) -> Vec<DataflowPolicy> {
    let mut dataflows: Vec<DataflowPolicy> = Vec::new();
    read_list("dataflow", "match", lists, report, |section| {
        let dataflow = read(section, sandboxes, retry, limits);
        cross_checks::check_overrides(section);
        let Some(dataflow) = dataflow else { return };
        if dataflows.iter().any(|earlier| hides(earlier, &dataflow)) {
            section.warn("never used, because an earlier [[dataflow]] has the same match");
        }
        dataflows.push(dataflow);
    });
    dataflows
}

fn read(
    section: &mut Section<'_>,
    sandboxes: &[SandboxSettings],
    retry: RetryPolicy,
    limits: &Limits,
) -> Option<DataflowPolicy> {
    let kinds = [FlowKind::Batch, FlowKind::Streaming, FlowKind::Destination];
    section.require("match", "set a dataflow's id or name, or a glob such as \"crm-*\"");
    let pattern = section.parsed("match", Pattern::parse);
    let sandbox = section.parsed("sandbox", |name| known(name, sandboxes));
    let kind = section.word("kind", &kinds.map(|kind| (kind.as_str(), kind)));
    let own_retry = section.inner("retry", retry::read).unwrap_or_default();
    let own_limit = section.inner("limits", limits::read_of_dataflow).flatten();
    Some(DataflowPolicy {
        scope: Scope { sandbox, dataflow: Some(pattern?.matcher()) },
        kind,
        retry: own_retry.over(retry),
        per_dataflow: own_limit.unwrap_or(limits.per_dataflow),
    })
}
