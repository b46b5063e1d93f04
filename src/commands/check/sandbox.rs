//! What `check` finds in one sandbox.

use crate::commands::context::Exit;
use crate::commands::format::{counted, keep_whole, policy, table};
use crate::commands::lines::wrapped;
use crate::commands::probe;
use crate::daemon::Catalog;
use crate::domain::model::flow::Flow;
use crate::domain::model::ids::SandboxName;
use crate::domain::plan::dataflow::Dataflow;
use crate::domain::policy::in_force::Policies;
use crate::flow_service::{ApiError, FlowService, Probed};
use crate::settings::{SandboxSettings, Settings, format_duration};
use crate::telemetry::chain;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How many dataflows the text names of those that are left alone for one reason.
const NAMED: usize = 5;

/// A sandbox as it was read.
pub(super) struct SandboxReport {
    pub(super) name: SandboxName,
    pub(super) read: Result<Selection, ApiError>,
    policies: Policies,
    probed: Option<Probed>,
}

/// The dataflows of a sandbox, by name.
pub(super) struct Selection {
    pub(super) selected: Vec<Dataflow>,
    /// Those that are not selected, and whether `exclude` is why.
    pub(super) others: Vec<(Flow, bool)>,
    /// Flow specs that could not be read.
    pub(super) unread_specs: Vec<String>,
}

impl SandboxReport {
    pub(super) async fn make(
        service: &FlowService,
        settings: &Settings,
        sandbox: &SandboxSettings,
        with_probe: bool,
    ) -> Self {
        let read = Selection::read(service, settings, sandbox).await;
        let probed = match with_probe && read.is_ok() {
            true => {
                let known = probe::known_retriggers(settings, &sandbox.name).await;
                Some(service.probe(&sandbox.name, &known).await)
            }
            false => None,
        };
        Self { name: sandbox.name.clone(), read, policies: settings.policies(), probed }
    }

    pub(super) fn exit(&self) -> Exit {
        self.read.as_ref().map_or_else(exit_for, |_| Exit::Done)
    }

    pub(super) fn as_text(&self, width: Option<usize>) -> String {
        let selection = match &self.read {
            Ok(selection) => selection,
            Err(error) => {
                let line = format!("sandbox {}  FAILED: {}", self.name, chain(error));
                return format!("\n{}\n", wrapped(&line, 2, width));
            }
        };
        let handled: Vec<&Dataflow> = selection.handled().collect();
        let all = selection.selected.len() + selection.others.len();
        let mut text = format!(
            "\nsandbox {}  ok, {} of {} handled\n",
            self.name,
            handled.len(),
            counted(all as u64, "dataflow")
        );
        if !handled.is_empty() {
            text.push_str(&format!("{}\n", self.table(&handled)));
        }
        let groups = selection.left_alone();
        if !groups.is_empty() {
            text.push_str("  left alone:\n");
        }
        for ((reason, explanation), flows) in groups {
            let line = format!("    {reason} ({}): {explanation}", flows.len());
            text.push_str(&wrapped(&line, 6, width));
            let names: Vec<&str> = flows.iter().take(NAMED).map(|flow| shown_name(flow)).collect();
            let more = match flows.len().saturating_sub(NAMED) {
                0 => String::new(),
                more => format!(" and {more} more (--json has all)"),
            };
            let line = format!("      {}{more}", names.join(", "));
            text.push_str(&format!("\n{}\n", wrapped(&line, 6, width)));
        }
        if let Some(probed) = &self.probed {
            text.push_str(&probe::as_text(probed, width));
        }
        text
    }

    fn table(&self, handled: &[&Dataflow]) -> comfy_table::Table {
        let mut table = table(["DATAFLOW", "ID", "LAST RUN", "POLICY"]);
        for Dataflow { flow, .. } in handled {
            let last = flow.last_run.as_ref();
            table.add_row([
                flow.name.clone(),
                flow.id.to_string(),
                last.map_or("-".to_owned(), |last| last.status.as_str().to_owned()),
                policy(&self.policies.of(&self.name, &flow.id, &flow.name).retry),
            ]);
        }
        keep_whole(&mut table, &[0, 1]);
        table
    }

    pub(super) fn as_json(&self) -> Value {
        let (handled, left_alone) = match &self.read {
            Ok(selection) => (
                selection.handled().map(|it| self.handled_as_json(it)).collect(),
                selection.left_alone().into_iter().map(group_as_json).collect(),
            ),
            Err(_) => (Vec::new(), Vec::new()),
        };
        json!({
            "sandbox": self.name.as_str(),
            "ok": self.read.is_ok(),
            "fault": self.read.as_ref().err().map(|error| chain(error)),
            "dataflows": handled,
            "left_alone": left_alone,
            "probe": self.probed.as_ref().map(probe::as_json),
        })
    }

    fn handled_as_json(&self, Dataflow { flow, kind, .. }: &Dataflow) -> Value {
        let retry = self.policies.of(&self.name, &flow.id, &flow.name).retry;
        json!({
            "flow_id": flow.id.as_str(),
            "flow_name": flow.name,
            "kind": kind.as_str(),
            "state": flow.state.as_str(),
            "last_run": flow.last_run.as_ref().map(|last| last.status.as_str()),
            "max_attempts": retry.max_attempts,
            "initial_interval": format_duration(retry.initial_interval),
            "multiplier": retry.multiplier,
            "max_interval": format_duration(retry.max_interval),
        })
    }
}

fn group_as_json(((reason, explanation), flows): ((&str, &str), Vec<&Flow>)) -> Value {
    let flows = flows.iter().map(|flow| {
        json!({
            "flow_id": flow.id.as_str(),
            "flow_name": flow.name,
            "state": flow.state.as_str(),
        })
    });
    let flows: Vec<Value> = flows.collect();
    json!({ "reason": reason, "explanation": explanation, "dataflows": flows })
}

/// The name, or the id of a dataflow without a name.
fn shown_name(flow: &Flow) -> &str {
    if flow.name.is_empty() { flow.id.as_str() } else { &flow.name }
}

impl Selection {
    async fn read(
        service: &FlowService,
        settings: &Settings,
        sandbox: &SandboxSettings,
    ) -> Result<Self, ApiError> {
        let listing = service.flows(&sandbox.name).await;
        if let Some(fault) = listing.fault {
            return Err(fault);
        }
        let (selected, others): (Vec<Flow>, Vec<Flow>) =
            listing.items.into_iter().partition(|it| sandbox.selects(it.id.as_str(), &it.name));
        let mut catalog = Catalog::default();
        catalog.fill(service, settings, sandbox, selected, &others).await;
        let mut selected: Vec<Dataflow> = catalog.flows().values().cloned().collect();
        let by_name = |flow: &Flow| (flow.name.clone(), flow.id.clone());
        selected.sort_by_key(|it| by_name(&it.flow));
        let excluded = |flow: Flow| {
            let excluded = sandbox.excludes(flow.id.as_str(), &flow.name);
            (flow, excluded)
        };
        let mut others: Vec<(Flow, bool)> = others.into_iter().map(excluded).collect();
        others.sort_by_key(|(flow, _)| by_name(flow));
        let unread = catalog.unread_specs();
        let unread_specs = unread.iter().map(|(id, error)| format!("flow spec {id}: {error}"));
        Ok(Self { unread_specs: unread_specs.collect(), selected, others })
    }

    /// The dataflows whose failed runs are re-triggered.
    pub(super) fn handled(&self) -> impl Iterator<Item = &Dataflow> {
        self.selected.iter().filter(|it| it.block_reason().is_none())
    }

    /// The other ones, by the reason and its explanation.
    fn left_alone(&self) -> BTreeMap<(&'static str, &'static str), Vec<&Flow>> {
        let mut groups: BTreeMap<_, Vec<&Flow>> = BTreeMap::new();
        for dataflow in &self.selected {
            if let Some(reason) = dataflow.block_reason() {
                let key = (reason.as_str(), reason.explanation());
                groups.entry(key).or_default().push(&dataflow.flow);
            }
        }
        for (flow, excluded) in &self.others {
            let key = match excluded {
                true => ("excluded", "A pattern of `exclude` matches."),
                false => ("not_included", "No pattern of `include` matches."),
            };
            groups.entry(key).or_default().push(flow);
        }
        groups
    }
}

/// The exit code for an error of the service.
pub(super) fn exit_for(error: &ApiError) -> Exit {
    if error.is_credentials() {
        Exit::Refused
    } else if error.is_unreachable() {
        Exit::Unreachable
    } else {
        Exit::Failed
    }
}
