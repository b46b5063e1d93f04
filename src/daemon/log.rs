//! Logs journal entries: one entry, one line, once. The log, the store and the commands show the
//! same value.

use super::catalog::Catalog;
use super::findings::Findings;
use crate::domain::model::flow::FlowKind;
use crate::domain::model::ids::SandboxName;
use crate::domain::model::journal::{Entry, Event};
use crate::domain::model::reason::Reason;
use crate::domain::policy::pause_order::Order;
use crate::telemetry::chain;

macro_rules! line {
    ($macro:ident, $entry:expr) => {{
        let entry: &Entry = $entry;
        tracing::$macro!(
            sandbox = entry.sandbox.as_str(),
            flow_id = entry.flow_id.as_str(),
            flow_name = entry.flow_name.as_str(),
            run_id = entry.run_id.as_str(),
            root_run_id = entry.root_run_id.as_ref().map(|id| id.as_str()),
            attempt = entry.attempt,
            max_attempts = entry.max_attempts,
            new_run_id = entry.new_run_id.as_ref().map(|id| id.as_str()),
            etag = entry.etag.as_ref().map(|etag| etag.as_str()),
            due = entry.due.map(|due| due.to_string()),
            reason = entry.reason.as_str(),
            rule = entry.rule.as_deref(),
            detail = entry.detail.as_deref(),
            "{}",
            entry.event.message()
        )
    }};
}

/// Logs `entry`, once its change is stored.
///
/// INFO is for what an operator reads once a day, WARN for what needs a person, DEBUG for the steps
/// in between, and for what is no news.
pub(super) fn log_entry(entry: &Entry, is_news: bool) {
    match entry.event {
        // A warning for each dataflow and cause is enough; the outcome of each recovery is logged still.
        Event::GivenUp | Event::InDoubt if !is_news => line!(info, entry),
        _ if !is_news => line!(debug, entry),
        // Once for each call that a pause stopped, and not for all that wait behind it.
        Event::Postponed if entry.reason == Reason::Throttled && entry.detail.is_some() => {
            line!(info, entry);
        }
        Event::Postponed if entry.reason == Reason::BehindDoubt => line!(info, entry),
        Event::Skipped
        | Event::Postponed
        | Event::Begun
        | Event::Unlisted
        | Event::FlowSucceeded => {
            line!(debug, entry);
        }
        // The detail describes the run, for the journal only.
        Event::Retriggered | Event::Recovered => {
            line!(info, &Entry { detail: None, ..entry.clone() });
        }
        Event::Scheduled
        | Event::Followed
        | Event::OutageEnded
        | Event::FlowHealed
        | Event::Refused
        | Event::Dismissed => {
            line!(info, entry);
        }
        Event::Held if entry.reason == Reason::DryRun => line!(debug, entry),
        // The hold on the dataflow was logged, once for all its runs.
        Event::Held if [Reason::KeepsFailing, Reason::Paused].contains(&entry.reason) => {
            line!(debug, entry);
        }
        // The run that showed this has Adobe's message in its detail.
        Event::Held if entry.reason == Reason::ActionUnsupported && entry.detail.is_none() => {
            line!(debug, entry);
        }
        // The author of the configuration or of the rule knows about it.
        Event::Held if entry.reason == Reason::NotSelected => line!(info, entry),
        Event::GivenUp if entry.reason == Reason::IgnoredByRule => line!(info, entry),
        Event::Held | Event::GivenUp | Event::InDoubt => line!(warn, entry),
        Event::FlowWarned | Event::FlowHeld | Event::OutageBegan => line!(warn, entry),
    }
}

/// Logs an intent that a dry run does not carry out.
pub(super) fn log_dry_run(intent: &Entry) {
    tracing::info!(
        sandbox = intent.sandbox.as_str(),
        flow_id = intent.flow_id.as_str(),
        flow_name = intent.flow_name.as_str(),
        run_id = intent.run_id.as_str(),
        root_run_id = intent.root_run_id.as_ref().map(|id| id.as_str()),
        attempt = intent.attempt,
        max_attempts = intent.max_attempts,
        "would re-trigger failed run"
    );
}

/// Logs an outcome that could not be stored, so that the id of the new run is not lost.
pub(super) fn log_unstored(entry: &Entry, kept: bool) {
    let message = match kept {
        true => "outcome not stored yet, kept in memory",
        false => "outcome not stored: the lease was lost",
    };
    tracing::error!(
        sandbox = entry.sandbox.as_str(),
        flow_id = entry.flow_id.as_str(),
        flow_name = entry.flow_name.as_str(),
        run_id = entry.run_id.as_str(),
        root_run_id = entry.root_run_id.as_ref().map(|id| id.as_str()),
        attempt = entry.attempt,
        new_run_id = entry.new_run_id.as_ref().map(|id| id.as_str()),
        etag = entry.etag.as_ref().map(|etag| etag.as_str()),
        reason = entry.reason.as_str(),
        "{message}"
    );
}

/// Logs what a reading found.
pub(super) fn log_findings(sandbox: &SandboxName, findings: &Findings, catalog: &Catalog) {
    let sandbox = sandbox.as_str();
    if findings.first_catalog {
        tracing::info!(
            sandbox,
            batch = catalog.count(FlowKind::Batch),
            streaming = catalog.count(FlowKind::Streaming),
            destination = catalog.count(FlowKind::Destination),
            internal = catalog.count(FlowKind::Internal),
            unknown = catalog.count(FlowKind::Unknown),
            "dataflows selected"
        );
    }
    findings.new_orders.iter().for_each(log_order);
    if let Some(run) = &findings.foreign_run {
        tracing::warn!(
            sandbox,
            run_id = run.as_str(),
            "new run names another client; only our own client id is used to find runs in doubt"
        );
    }
    for (spec, error) in &findings.unread_specs {
        let (spec, error) = (spec.as_str(), chain(error));
        tracing::warn!(
            sandbox,
            spec,
            error,
            "cannot read flow spec; the kind of its dataflows is unknown"
        );
    }
    if let Some((flow, name)) = findings.lost_names.first() {
        let dataflows = findings.lost_names.len();
        let unknown = findings.lost_names.iter().filter(|(_, name)| name.is_none()).count();
        let (flow_id, flow_name) = (flow.as_str(), name.as_deref());
        tracing::warn!(
            sandbox,
            dataflows,
            unknown,
            flow_id,
            flow_name,
            "dataflows have lost their names; using the last known ones"
        );
    }
    for (flow, error) in &findings.unlisted {
        let (flow_id, error) = (flow.as_str(), chain(error));
        tracing::debug!(sandbox, flow_id, error, "cannot list runs of dataflow in doubt");
    }
    for (flow, error) in &findings.unlisted_peers {
        let (flow_id, error) = (flow.as_str(), chain(error));
        tracing::debug!(
            sandbox,
            flow_id,
            error,
            "cannot list runs of dataflow; its re-trigger waits"
        );
    }
}

fn log_order(order: &Order) {
    let sandbox = order.sandbox.as_ref().map_or("all", |sandbox| sandbox.as_str());
    let flow = order.flow.as_ref().map_or("all", |flow| flow.as_str());
    let detail = (!order.reason.is_empty()).then_some(order.reason.as_str());
    match order.paused {
        true => tracing::info!(sandbox, flow, detail, "paused by an operator"),
        false => tracing::info!(sandbox, flow, detail, "resumed by an operator"),
    }
}
