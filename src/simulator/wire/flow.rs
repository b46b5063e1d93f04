//! A flow as published.

use serde::Serialize;
use serde_json::{Value, json};

use super::SpecRef;
use super::view::FlowView;
use crate::simulator::world::millis;
use crate::simulator::world::run::etag;
use crate::simulator::world::spec::Spec;

/// The connection spec of the data lake, where source flows end.
const DATA_LAKE: &str = "c604ff05-7f1a-43c0-8e18-33bf874cb11c";
/// The connection spec of the profile store, where destination flows begin.
const PROFILE_STORE: &str = "8a9c3494-9708-43d7-ae3f-cda01e5030e1";

/// `FlowItemDTO` of Adobe's OpenAPI file.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FlowItem<'w> {
    id: &'w str,
    created_at: i64,
    updated_at: i64,
    created_by: &'static str,
    updated_by: &'static str,
    created_client: &'static str,
    updated_client: &'static str,
    sandbox_id: &'w str,
    sandbox_name: &'w str,
    ims_org_id: &'w str,
    name: &'w str,
    flow_spec: SpecRef,
    state: &'static str,
    version: String,
    etag: String,
    source_connection_ids: [String; 1],
    target_connection_ids: [String; 1],
    inherited_attributes: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    options: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule_params: Option<ScheduleParams>,
    transformations: Value,
    /// Relative to the base of the service.
    runs: String,
    last_operation: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_run_details: Option<LastRun<'w>>,
}

/// Text or numbers: Adobe's examples have both, so even flows get text, odd ones numbers.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ScheduleParams {
    /// Epoch *seconds*, unlike every other time.
    start_time: Value,
    frequency: &'static str,
    interval: Value,
    backfill: Value,
}

#[derive(Serialize)]
struct LastRun<'w> {
    id: &'w str,
    state: &'static str,
    #[serde(rename = "startedAtUTC", skip_serializing_if = "Option::is_none")]
    started_at: Option<i64>,
    #[serde(rename = "completedAtUTC", skip_serializing_if = "Option::is_none")]
    completed_at: Option<i64>,
}

impl<'w> FlowItem<'w> {
    pub(crate) fn new(view: &FlowView<'w>) -> Self {
        let (flow, world) = (view.flow(), view.world);
        let quirks = &world.quirks;
        let spec = flow.setup.spec;
        let etag = etag(flow.stamp, flow.updated_at);
        // A person creates flows, in the user interface.
        let person = "28AF22BA5DE6B0B40A494036@AdobeID";
        Self {
            id: &flow.id,
            created_at: quirks.publish_time(flow.created_at),
            updated_at: quirks.publish_time(flow.updated_at),
            created_by: person,
            updated_by: person,
            created_client: "exc_app",
            updated_client: "exc_app",
            sandbox_id: world.sandboxes.get(&flow.setup.sandbox).map_or("", String::as_str),
            sandbox_name: &flow.setup.sandbox,
            ims_org_id: &world.credentials.org_id,
            name: &flow.setup.name,
            flow_spec: SpecRef::new(spec.id()),
            state: flow.setup.state.as_str(),
            version: etag.clone(),
            etag,
            source_connection_ids: [related_id(view, 1)],
            target_connection_ids: [related_id(view, 2)],
            inherited_attributes: inherited_attributes(view),
            options: (spec == Spec::HttpApi)
                .then(|| json!({ "inletUrl": "https://dcs.example/collection/simulated" })),
            schedule_params: ScheduleParams::new(view),
            transformations: json!([{
                "name": "Mapping",
                "params": { "mappingId": related_id(view, 3).replace('-', ""), "mappingVersion": "0" },
            }]),
            runs: format!("/runs?property=flowId=={}", flow.id),
            last_operation: json!({
                "started": flow.created_at, "updated": 0, "operation": "create",
            }),
            last_run_details: view.last_run().map(|run| LastRun {
                id: &run.id,
                state: run.status.spelled(quirks.status_spelling),
                started_at: (run.started_at.filter(|_| !quirks.duration_absent))
                    .map(|at| quirks.publish_time(at)),
                completed_at: run.completed_at().map(|at| quirks.publish_time(at)),
            }),
        }
    }
}

impl ScheduleParams {
    /// Only batch flows have one.
    fn new(view: &FlowView<'_>) -> Option<Self> {
        let setup = &view.flow().setup;
        let every = setup.every.filter(|_| setup.spec.is_batch_source())?;
        let minutes = millis(every) / 60_000;
        let (frequency, interval) = match minutes {
            minutes if minutes > 0 && minutes % 1_440 == 0 => ("day", minutes / 1_440),
            minutes if minutes > 0 && minutes % 60 == 0 => ("hour", minutes / 60),
            // A demo runs flows more often than Adobe would allow, and publishes what it would.
            minutes => ("minute", minutes.max(15)),
        };
        let start = view.flow().first_slot.unwrap_or(view.flow().created_at) / 1000;
        let as_text = view.flow().stamp.is_multiple_of(2);
        let number = |n: i64| if as_text { json!(n.to_string()) } else { json!(n) };
        Some(Self {
            start_time: number(start),
            frequency,
            interval: number(interval),
            backfill: if as_text { json!("true") } else { json!(true) },
        })
    }
}

fn inherited_attributes(view: &FlowView<'_>) -> Value {
    let spec = view.flow().setup.spec;
    let (flag, source, target) = match spec {
        Spec::Destination => (Some("isDestinationFlow"), PROFILE_STORE, spec.connection_spec_id()),
        Spec::Internal => (None, DATA_LAKE, PROFILE_STORE),
        _ => (Some("isSourceFlow"), spec.connection_spec_id(), DATA_LAKE),
    };
    let reference = |id: &'static str| json!(SpecRef::new(id));
    let mut attributes = json!({
        "sourceConnections": [{
            "id": related_id(view, 1),
            "connectionSpec": reference(source),
            "baseConnection": { "id": related_id(view, 4), "connectionSpec": reference(source) },
        }],
        "targetConnections": [{
            "id": related_id(view, 2),
            "connectionSpec": reference(target),
        }],
    });
    if let Some(flag) = flag {
        attributes["properties"] = json!({ flag: true });
    }
    attributes
}

/// A made-up id of a connection or mapping of the flow.
fn related_id(view: &FlowView<'_>, which: u16) -> String {
    let stamp = view.key;
    format!("{stamp:08x}-{which:04x}-4000-8000-{:012x}", view.flow().created_at)
}
