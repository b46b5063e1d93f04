//! From a journal entry to its log line. One entry, one line, told once; what a person reads, what
//! the store keeps and what the commands show come from the same value.

use super::catalog::Catalog;
use crate::domain::model::flow::FlowKind;
use crate::domain::model::ids::SandboxName;
use crate::domain::model::journal::{Entry, Event};
use crate::domain::model::reason::Reason;
use crate::domain::policy::pause_order::Order;

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

/// Tells `entry`, once its change is stored.
///
/// INFO is for what an operator wants to have read by the evening, WARN for what needs a person,
/// DEBUG for the steps in between.
pub(super) fn tell(entry: &Entry) {
    match entry.event {
        // Once for each call that a pause stopped, and not for all that wait behind it.
        Event::Postponed if entry.reason == Reason::Throttled && entry.detail.is_some() => {
            line!(info, entry);
        }
        Event::Postponed if entry.reason == Reason::BehindDoubt => line!(info, entry),
        Event::Skipped | Event::Postponed | Event::Begun | Event::Unlisted => {
            line!(debug, entry);
        }
        // What their runs show is for the journal.
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
        // The hold on the dataflow was told of, once for all its runs.
        Event::Held if [Reason::KeepsFailing, Reason::Paused].contains(&entry.reason) => {
            line!(debug, entry);
        }
        // The run that found out has what the platform said in its detail.
        Event::Held if entry.reason == Reason::ActionUnsupported && entry.detail.is_none() => {
            line!(debug, entry);
        }
        // Whoever changed the configuration knows, and whoever wrote the rule.
        Event::Held if entry.reason == Reason::NotSelected => line!(info, entry),
        Event::GivenUp if entry.reason == Reason::IgnoredByRule => line!(info, entry),
        Event::Held | Event::GivenUp | Event::InDoubt => line!(warn, entry),
        Event::FlowWarned | Event::FlowHeld | Event::OutageBegan => line!(warn, entry),
    }
}

/// Tells the one thing a dry run is for: the intent that is not carried out.
pub(super) fn tell_dry_run(intent: &Entry) {
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

/// Tells an outcome that could not be stored, so that the new run's id is not lost with it.
pub(super) fn tell_unstored(entry: &Entry) {
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
        "outcome not stored yet, kept in memory"
    );
}

/// Tells an order that an operator gave.
pub(super) fn tell_order(order: &Order) {
    let sandbox = order.sandbox.as_ref().map_or("all", |sandbox| sandbox.as_str());
    let flow = order.flow.as_ref().map_or("all", |flow| flow.as_str());
    let detail = (!order.reason.is_empty()).then_some(order.reason.as_str());
    match order.paused {
        true => tracing::info!(sandbox, flow, detail, "paused by an operator"),
        false => tracing::info!(sandbox, flow, detail, "resumed by an operator"),
    }
}

/// Tells what the first reading of a sandbox found.
pub(super) fn tell_catalog(sandbox: &SandboxName, catalog: &Catalog) {
    tracing::info!(
        sandbox = sandbox.as_str(),
        batch = catalog.count(FlowKind::Batch),
        streaming = catalog.count(FlowKind::Streaming),
        destination = catalog.count(FlowKind::Destination),
        unknown = catalog.count(FlowKind::Unknown),
        "dataflows selected"
    );
}
