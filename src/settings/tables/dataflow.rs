//! `[[dataflow]]`: overrides for some dataflows. The first match wins.

use super::sandbox::{SandboxSettings, known};
use super::{limits, retry};
use crate::domain::model::flow::FlowKind;
use crate::domain::model::ids::{FlowId, SandboxName};
use crate::domain::policy::retry::{Limits, RetryPolicy};
use crate::settings::cross_checks;
use crate::settings::pattern::Pattern;
use crate::settings::read::report::Report;
use crate::settings::read::section::{Section, read_list};
use config::{Map, Value};

/// One `[[dataflow]]`, merged with `[retry]` and `[limits]`.
#[derive(Debug, Clone)]
pub struct DataflowSettings {
    /// The dataflows it applies to.
    pub pattern: Pattern,
    /// The sandbox it applies to; `None` for all.
    pub sandbox: Option<SandboxName>,
    /// The kind of these dataflows, if Adobe does not report it.
    pub kind: Option<FlowKind>,
    /// The effective policy.
    pub retry: RetryPolicy,
    /// The effective `limits.per_dataflow`.
    pub per_dataflow: u32,
}

/// The settings of one dataflow.
#[derive(Debug, Clone, PartialEq)]
pub struct EffectivePolicy {
    /// The retry policy.
    pub retry: RetryPolicy,
    /// The most re-triggered runs in progress at a time.
    pub per_dataflow: u32,
    /// The configured kind, used only if Adobe does not report one.
    pub kind: Option<FlowKind>,
    /// The index of its `[[dataflow]]`, from 0; `None` for `[retry]` and `[limits]`.
    pub rule: Option<usize>,
}

impl DataflowSettings {
    pub(crate) fn is_for(&self, sandbox: &SandboxName, flow_id: &FlowId, flow_name: &str) -> bool {
        self.sandbox.as_ref().is_none_or(|own| own == sandbox)
            && self.pattern.matches(flow_id.as_str(), flow_name)
    }

    fn hides(&self, later: &Self) -> bool {
        self.pattern.as_str() == later.pattern.as_str()
            && (self.sandbox.is_none() || self.sandbox == later.sandbox)
    }
}

/// Reads all `[[dataflow]]` over `retry` and `limits`; faulty ones are skipped.
pub(crate) fn read_all(
    lists: &mut Map<String, Value>,
    sandboxes: &[SandboxSettings],
    retry: RetryPolicy,
    limits: &Limits,
    report: &mut Report,
) -> Vec<DataflowSettings> {
    let mut dataflows: Vec<DataflowSettings> = Vec::new();
    read_list("dataflow", "match", lists, report, |section| {
        let dataflow = read(section, sandboxes, retry, limits);
        cross_checks::check_overrides(section);
        let Some(dataflow) = dataflow else { return };
        if dataflows.iter().any(|earlier| earlier.hides(&dataflow)) {
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
) -> Option<DataflowSettings> {
    let kinds = [FlowKind::Batch, FlowKind::Streaming, FlowKind::Destination];
    section.require("match", "set a dataflow's id or name, or a glob such as \"crm-*\"");
    let pattern = section.parsed("match", Pattern::parse);
    let sandbox = section.parsed("sandbox", |name| known(name, sandboxes));
    let kind = section.word("kind", &kinds.map(|kind| (kind.as_str(), kind)));
    let own_retry = section.inner("retry", retry::read).unwrap_or_default();
    let own_limit = section.inner("limits", limits::read_of_dataflow).flatten();
    Some(DataflowSettings {
        pattern: pattern?,
        sandbox,
        kind,
        retry: own_retry.over(retry),
        per_dataflow: own_limit.unwrap_or(limits.per_dataflow),
    })
}
