//! `[[dataflow]]`: what is different for some dataflows. The first that matches wins.

use super::Settings;
use super::fault::Origin;
use super::pattern::Pattern;
use super::report::Report;
use super::sandbox::{SandboxSettings, is_known, label, tables};
use super::section::Section;
use super::{fit, policy};
use crate::domain::model::flow::FlowKind;
use crate::domain::model::ids::{FlowId, SandboxName};
use crate::domain::policy::retry::{Limits, RetryPolicy};
use config::Value;

/// One `[[dataflow]]`, its overrides already laid over `[retry]` and `[limits]`.
#[derive(Debug, Clone)]
pub struct DataflowSettings {
    /// Which dataflows it is for.
    pub pattern: Pattern,
    /// The sandbox it is for; `None` for all.
    pub sandbox: Option<SandboxName>,
    /// What kind these dataflows are, where the platform does not tell.
    pub kind: Option<FlowKind>,
    /// The policy in force.
    pub retry: RetryPolicy,
    /// The `limits.per_dataflow` in force.
    pub per_dataflow: u32,
}

/// What is in force for one dataflow.
#[derive(Debug, Clone, PartialEq)]
pub struct EffectivePolicy {
    /// How hard to try.
    pub retry: RetryPolicy,
    /// Re-triggered runs that may be under way at a time.
    pub per_dataflow: u32,
    /// The kind that was configured for it; it fills a gap and overrules nothing.
    pub kind: Option<FlowKind>,
    /// Which `[[dataflow]]` it comes from, counted from 0; `None` for `[retry]` and `[limits]`.
    pub rule: Option<usize>,
}

impl Settings {
    /// The policy for a dataflow: the first `[[dataflow]]` that matches its id or name, otherwise
    /// `[retry]` and `[limits]`.
    pub fn policy_for(
        &self,
        sandbox: &SandboxName,
        flow_id: &FlowId,
        flow_name: &str,
    ) -> EffectivePolicy {
        let mut rules = self.dataflows.iter().enumerate();
        match rules.find(|(_, rule)| rule.is_for(sandbox, flow_id, flow_name)) {
            Some((index, rule)) => EffectivePolicy {
                retry: rule.retry,
                per_dataflow: rule.per_dataflow,
                kind: rule.kind,
                rule: Some(index),
            },
            None => EffectivePolicy {
                retry: self.retry,
                per_dataflow: self.limits.per_dataflow,
                kind: None,
                rule: None,
            },
        }
    }
}

impl DataflowSettings {
    fn is_for(&self, sandbox: &SandboxName, flow_id: &FlowId, flow_name: &str) -> bool {
        self.sandbox.as_ref().is_none_or(|own| own == sandbox)
            && self.pattern.matches(flow_id.as_str(), flow_name)
    }
}

/// Reads all `[[dataflow]]` over `retry` and `limits`; those that are faulty are left out.
pub(super) fn read_all(
    list: Option<Value>,
    sandboxes: &[SandboxSettings],
    retry: RetryPolicy,
    limits: &Limits,
    report: &mut Report,
) -> Vec<DataflowSettings> {
    let mut dataflows: Vec<DataflowSettings> = Vec::new();
    for (index, (table, origin)) in tables(list).into_iter().enumerate() {
        let label = label("dataflow", "match", index, &table);
        let mut section = Section::new(&label, "[[dataflow]]", table, report);
        let dataflow = read(&mut section, &origin, sandboxes, retry, limits);
        section.finish();
        fit::check_overrides(report, &format!("{label}."));
        let Some(dataflow) = dataflow else { continue };
        if dataflows.iter().any(|earlier| earlier.hides(&dataflow)) {
            let why = "an earlier [[dataflow]] has the same match, so this one is never used";
            report.warn(format!("{label} ({origin}): {why}"));
        }
        dataflows.push(dataflow);
    }
    dataflows
}

impl DataflowSettings {
    fn hides(&self, later: &Self) -> bool {
        self.pattern.as_str() == later.pattern.as_str()
            && (self.sandbox.is_none() || self.sandbox == later.sandbox)
    }
}

fn read(
    section: &mut Section<'_>,
    origin: &Origin,
    sandboxes: &[SandboxSettings],
    retry: RetryPolicy,
    limits: &Limits,
) -> Option<DataflowSettings> {
    let kinds = [FlowKind::Batch, FlowKind::Streaming, FlowKind::Destination];
    let missing = "is missing; give a dataflow's id or name, or a glob such as \"crm-*\"";
    section.require("match", origin, missing);
    let pattern = section.parsed("match", |text, _| Pattern::parse(text));
    let sandbox = section.text("sandbox", |name| is_known(name, sandboxes));
    let kind = section.word("kind", &kinds.map(|kind| (kind.as_str(), kind)));
    let own_retry = section.inner("retry", policy::read_retry).unwrap_or_default();
    let per_dataflow = limits.per_dataflow;
    let own_limit = section.inner("limits", |it| policy::read_dataflow_limits(it, per_dataflow));
    Some(DataflowSettings {
        pattern: pattern?,
        sandbox: sandbox.map(|read| SandboxName::new(read.value)),
        kind,
        retry: own_retry.over(retry),
        per_dataflow: own_limit.unwrap_or(per_dataflow),
    })
}
