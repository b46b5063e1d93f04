//! Converts Adobe's JSON to the domain's values.
//!
//! Adobe's API description, tutorials and examples differ in many details, so nothing here is derived
//! from a struct, which one surprise would break. Fields are looked up one by one, unknown ones are
//! ignored, one of the wrong type counts as absent. Only a missing required field makes an item
//! unreadable: a run's `id` and `flowId`, a flow's `id`.

use super::fields::{count, flag, list, text, time};
use super::run_errors::run_errors;
use crate::domain::model::flow::{Flow, FlowSpec, FlowState, Frequency, LastRun, Schedule};
use crate::domain::model::ids::{Etag, FlowId, FlowSpecId, RunId};
use crate::domain::model::run::{DataWindow, Run, RunStatus};
use serde_json::Value;
use std::time::Duration;

/// Source connection specs that only destination flows have: the profile store and the dataset
/// export from the data lake. From Adobe's destination tutorials.
const DESTINATION_SOURCE_SPECS: [&str; 2] =
    ["8a9c3494-9708-43d7-ae3f-cda01e5030e1", "23598e46-f560-407b-88d5-ea6207e49db0"];

/// The source connection spec of the data lake: what reads from it moves data inside the platform.
const DATA_LAKE_SPEC: &str = "c604ff05-7f1a-43c0-8e18-33bf874cb11c";

/// One page of a listing.
#[derive(Debug, PartialEq)]
pub(super) struct Page<'a> {
    pub(super) items: &'a [Value],
    /// `_links.next.href`; `None` on the last page.
    pub(super) next: Option<&'a str>,
}

/// Reads a page. `None` if the body is not a listing: a body without `items` must not count as an empty
/// page, because it does not prove that something is missing.
pub(super) fn page(body: &Value) -> Option<Page<'_>> {
    let items = body.get("items")?.as_array()?;
    let next = body.pointer("/_links/next");
    let href = next.and_then(|next| next.get("href").unwrap_or(next).as_str());
    Some(Page { items, next: href.filter(|href| !href.trim().is_empty()) })
}

/// The items of a single resource: documented as a wrapper, in some examples a bare object.
pub(super) fn single(body: &Value) -> Option<&[Value]> {
    match body.get("items") {
        Some(items) => items.as_array().map(Vec::as_slice),
        None => id(body, "/id").map(|_| std::slice::from_ref(body)),
    }
}

/// A run; `None` without an id or a flow id.
pub(super) fn run(item: &Value) -> Option<Run> {
    let duration = |field: &str| time(item, &format!("/metrics/durationSummary/{field}"));
    Some(Run {
        id: RunId::new(id(item, "/id")?),
        flow_id: FlowId::new(id(item, "/flowId")?),
        status: RunStatus::parse(status(item)),
        created_at: time(item, "/createdAt"),
        updated_at: time(item, "/updatedAt"),
        started_at: duration("startedAtUTC"),
        completed_at: duration("completedAtUTC"),
        created_client: text(item, "/createdClient").map(str::to_owned),
        window: window(item),
        provider_ref: id(item, "/providerRefId").map(str::to_owned),
        etag: etag(item),
        input_records: count(item, "/metrics/recordSummary/inputRecordCount"),
        errors: run_errors(item),
    })
}

/// A flow; `None` without an id.
pub(super) fn flow(item: &Value) -> Option<Flow> {
    let inherited = "/inheritedAttributes";
    let sources = list(item, &format!("{inherited}/sourceConnections"));
    let source_specs = || sources.iter().filter_map(|source| text(source, "/connectionSpec/id"));
    let flagged = flag(item, &format!("{inherited}/properties/isDestinationFlow")) == Some(true);
    Some(Flow {
        id: FlowId::new(id(item, "/id")?),
        name: text(item, "/name").unwrap_or_default().to_owned(),
        state: FlowState::parse(text(item, "/state").unwrap_or_default()),
        spec_id: id(item, "/flowSpec/id").map(FlowSpecId::new),
        is_source: flag(item, &format!("{inherited}/properties/isSourceFlow")),
        is_destination: flagged
            || source_specs().any(|spec| DESTINATION_SOURCE_SPECS.contains(&spec)),
        is_internal: source_specs().any(|spec| spec == DATA_LAKE_SPEC),
        source_spec: source_specs().next().map(str::to_owned),
        schedule: schedule(item),
        last_run: id(item, "/lastRunDetails/id").map(|run| LastRun {
            id: RunId::new(run),
            status: RunStatus::parse(text(item, "/lastRunDetails/state").unwrap_or_default()),
            started_at: time(item, "/lastRunDetails/startedAtUTC"),
        }),
    })
}

/// The window of data that a run processes. Adobe shows it with the run and with its copy activity.
fn window(item: &Value) -> Option<DataWindow> {
    let of = |item: &Value, summary: &str| {
        let at = |field| time(item, &format!("{summary}/extensions/{field}"));
        Some(DataWindow { start: at("windowStart")?, end: at("windowEnd")? })
    };
    let activities = || list(item, "/activities").iter();
    of(item, "/metrics/durationSummary")
        .or_else(|| activities().find_map(|activity| of(activity, "/durationSummary")))
}

/// When a flow runs by itself; `None` if it does not, or if the schedule is not understood.
fn schedule(item: &Value) -> Option<Schedule> {
    const MINUTE: u64 = 60;
    let unit = match text(item, "/scheduleParams/frequency")?.to_ascii_lowercase().as_str() {
        "once" | "onetime" => None,
        "minute" => Some(MINUTE),
        "hour" => Some(60 * MINUTE),
        "day" => Some(24 * 60 * MINUTE),
        "week" => Some(7 * 24 * 60 * MINUTE),
        _ => return None,
    };
    let interval = count(item, "/scheduleParams/interval").filter(|n| (1..=100_000).contains(n));
    Some(Schedule {
        start: time(item, "/scheduleParams/startTime")?,
        every: unit.map(|unit| Duration::from_secs(unit * interval.unwrap_or(1))),
    })
}

/// A flow spec; `None` without an id.
pub(super) fn flow_spec(item: &Value) -> Option<FlowSpec> {
    let frequency =
        text(item, "/attributes/frequency").or_else(|| text(item, "/attributes/frequency/key"));
    Some(FlowSpec {
        id: FlowSpecId::new(id(item, "/id")?),
        is_source: flag(item, "/attributes/isSourceFlow"),
        frequency: frequency.and_then(|word| match word.to_ascii_lowercase().as_str() {
            "batch" => Some(Frequency::Batch),
            "streaming" => Some(Frequency::Streaming),
            _ => None,
        }),
    })
}

/// The new run in a re-trigger's answer: a bare `{id, etag}`, a whole run, or either within `items`.
/// Adobe's tutorial shows the first, its API description the second, the tutorial of run creation the
/// third.
pub(super) fn new_run(body: &Value) -> Option<(RunId, Option<Etag>)> {
    let item = body.pointer("/items/0").unwrap_or(body);
    Some((RunId::new(id(item, "/id")?), etag(item)))
}

/// The entity tag exactly as received: `etag` in examples, `eTag` in the API description.
fn etag(item: &Value) -> Option<Etag> {
    let tag = ["/etag", "/eTag", "/ETag"].into_iter().find_map(|name| text(item, name))?;
    (tag.len() <= 256).then(|| Etag::new(tag))
}

/// `metrics.statusSummary.status`; some of Adobe's lists of filters also name a `state`.
pub(super) fn status(item: &Value) -> &str {
    ["/metrics/statusSummary/status", "/metrics/statusSummary/status/value", "/state"]
        .into_iter()
        .find_map(|path| text(item, path))
        .unwrap_or_default()
}

/// An id that is safe in a path, a filter and a log line.
fn id<'a>(item: &'a Value, path: &str) -> Option<&'a str> {
    text(item, path).filter(|id| is_usable_id(id))
}

/// True for text that may be an id. Adobe documents no format; this rejects what can only be an
/// accident or an attack: empty text, `.` and `..`, white space, control characters, excessive length.
pub(super) fn is_usable_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= 256
        && id != "."
        && id != ".."
        && id.chars().all(|c| c.is_ascii_graphic() || (!c.is_ascii() && c.is_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_run_needs_an_id_and_a_flow_and_nothing_else() {
        let bare = run(&json!({ "id": "r", "flowId": "f" })).unwrap();
        assert_eq!(bare.status, RunStatus::Unknown(String::new()));
        for useless in [
            json!({ "flowId": "f" }),
            json!({ "id": "r" }),
            json!({ "id": "", "flowId": "f" }),
            json!({ "id": "a b", "flowId": "f" }),
            json!({ "id": "..", "flowId": "f" }),
            json!(null),
            json!([]),
        ] {
            assert_eq!(run(&useless), None, "{useless}");
        }
    }

    #[test]
    fn a_field_of_the_wrong_type_counts_as_absent() {
        let odd = json!({
            "id": "r", "flowId": "f", "createdAt": {}, "etag": 7, "createdClient": [],
            "metrics": { "statusSummary": { "status": 3, "errors": { "code": 1 } } },
            "activities": "none",
        });
        let plain = json!({ "id": "r", "flowId": "f" });
        assert_eq!(run(&odd), run(&plain));
    }

    #[test]
    fn a_schedule_and_a_window_are_read_as_numbers_or_text() {
        let at = |second| Timestamp::from_second(second).unwrap();
        for start in [json!(1_590_091_157), json!("1590091157"), json!(1_590_091_157_000_i64)] {
            let params = json!({ "startTime": start, "frequency": "minute", "interval": "15" });
            let flow = flow(&json!({ "id": "f", "scheduleParams": params })).unwrap();
            let every = Some(Duration::from_secs(900));
            assert_eq!(flow.schedule, Some(Schedule { start: at(1_590_091_157), every }));
        }
        let times =
            json!({ "extensions": { "windowStart": 1_597_213_510, "windowEnd": "1597213529000" } });
        let window = Some(DataWindow { start: at(1_597_213_510), end: at(1_597_213_529) });
        let of_run = json!({ "id": "r", "flowId": "f", "metrics": { "durationSummary": times } });
        assert_eq!(run(&of_run).unwrap().window, window);
        let copy = json!([{}, { "durationSummary": times }]);
        let of_copy = json!({ "id": "r", "flowId": "f", "activities": copy });
        assert_eq!(run(&of_copy).unwrap().window, window);
    }

    #[test]
    fn only_a_body_with_items_is_a_page() {
        assert_eq!(page(&json!({})), None);
        assert_eq!(page(&json!({ "items": null })), None);
        for last in [json!({}), json!({ "next": null }), json!({ "next": { "href": "" } })] {
            let body = json!({ "items": [], "_links": last });
            assert_eq!(page(&body).unwrap().next, None, "{body}");
        }
    }

    /// Any JSON that contains some of the field names that are looked up.
    fn any_json() -> impl Strategy<Value = Value> {
        const NAMES: [&str; 16] = [
            "id",
            "flowId",
            "items",
            "_links",
            "next",
            "href",
            "metrics",
            "statusSummary",
            "status",
            "errors",
            "code",
            "message",
            "activities",
            "createdAt",
            "etag",
            "attributes",
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 64, 6, |inner| {
            let name = prop_oneof![
                prop::sample::select(&NAMES[..]).prop_map(str::to_owned),
                any::<String>()
            ];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((name, inner), 0..6)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_json_panics(body in any_json()) {
            let _ = (page(&body), single(&body), new_run(&body));
            let _ = (run(&body), flow(&body), flow_spec(&body));
        }
    }
}
