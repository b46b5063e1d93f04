//! JSON as Adobe sends it, made into the domain's values.
//!
//! Adobe's description, tutorials and examples disagree in many small things, so nothing here is
//! derived from a struct that one surprise would break. Fields are looked up one by one, unknown
//! ones are ignored, one of the wrong type counts as absent, and only what an item cannot be used
//! without makes it unreadable: a run's `id` and `flowId`, a flow's `id`.

use super::run_errors::run_errors;
use crate::domain::model::flow::{Flow, FlowSpec, FlowState, Frequency, LastRun, Schedule};
use crate::domain::model::ids::{Etag, FlowId, FlowSpecId, RunId};
use crate::domain::model::run::{DataWindow, Run, RunStatus};
use jiff::Timestamp;
use serde_json::Value;
use std::time::Duration;

/// Smaller numbers are seconds, larger ones milliseconds. Both occur in Adobe's examples; 10^11 is
/// the year 5138 in seconds and the spring of 1973 in milliseconds.
const FIRST_MILLISECONDS: i64 = 100_000_000_000;
/// Source connection specs that only destination flows have: the profile store and the dataset
/// export from the data lake. From Adobe's destination tutorials.
const DESTINATION_SOURCE_SPECS: [&str; 2] =
    ["8a9c3494-9708-43d7-ae3f-cda01e5030e1", "23598e46-f560-407b-88d5-ea6207e49db0"];

/// One page of a listing.
#[derive(Debug, PartialEq)]
pub(super) struct Page<'a> {
    pub(super) items: &'a [Value],
    /// `_links.next.href`; `None` on the last page.
    pub(super) next: Option<&'a str>,
}

/// Reads a page. `None` if the body is no listing: without `items` it cannot show that something
/// is missing, so it must not pass for an empty page.
pub(super) fn page(body: &Value) -> Option<Page<'_>> {
    let items = body.get("items")?.as_array()?;
    let next = body.pointer("/_links/next");
    let href = next.and_then(|next| next.get("href").unwrap_or(next).as_str());
    Some(Page { items, next: href.filter(|href| !href.trim().is_empty()) })
}

/// The items of a single resource: documented as a wrapper, in some examples the bare object.
pub(super) fn single(body: &Value) -> Option<&[Value]> {
    match body.get("items") {
        Some(items) => items.as_array().map(Vec::as_slice),
        None => id(body, "/id").map(|_| std::slice::from_ref(body)),
    }
}

/// A run; `None` if it names no id or no flow.
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

/// A flow; `None` if it names no id.
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
        source_spec: source_specs().next().map(str::to_owned),
        schedule: schedule(item),
        last_run: id(item, "/lastRunDetails/id").map(|run| LastRun {
            id: RunId::new(run),
            status: RunStatus::parse(text(item, "/lastRunDetails/state").unwrap_or_default()),
            started_at: time(item, "/lastRunDetails/startedAtUTC"),
        }),
    })
}

/// The window of data that a run processes: Adobe shows it with the run as well as with its copy.
fn window(item: &Value) -> Option<DataWindow> {
    let of = |item: &Value, summary: &str| {
        let at = |field| time(item, &format!("{summary}/extensions/{field}"));
        Some(DataWindow { start: at("windowStart")?, end: at("windowEnd")? })
    };
    let activities = || list(item, "/activities").iter();
    of(item, "/metrics/durationSummary")
        .or_else(|| activities().find_map(|activity| of(activity, "/durationSummary")))
}

/// When a flow runs by itself; `None` where it does not, or does so in a way that is not known.
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

/// A flow spec; `None` if it names no id.
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

/// What a re-trigger answered: a bare `{id, etag}`, a whole run, or either within `items`. Adobe's
/// tutorial shows the first, its API description the second, the tutorial of run creation the third.
pub(super) fn issued(body: &Value) -> Option<(RunId, Option<Etag>)> {
    let item = body.pointer("/items/0").unwrap_or(body);
    Some((RunId::new(id(item, "/id")?), etag(item)))
}

/// The entity tag exactly as received: `etag` in examples, `eTag` in the API description.
fn etag(item: &Value) -> Option<Etag> {
    let tag = ["/etag", "/eTag", "/ETag"].into_iter().find_map(|name| text(item, name))?;
    (tag.len() <= 256).then(|| Etag::new(tag))
}

/// `metrics.statusSummary.status`; some lists of filters also name a `state`.
fn status(item: &Value) -> &str {
    ["/metrics/statusSummary/status", "/metrics/statusSummary/status/value", "/state"]
        .into_iter()
        .find_map(|path| text(item, path))
        .unwrap_or_default()
}

/// An id that can be put into a path, a filter and a log line.
fn id<'a>(item: &'a Value, path: &str) -> Option<&'a str> {
    text(item, path).filter(|id| is_usable_id(id))
}

/// True for text that can be an id. Adobe promises no format; what is refused here could only be an
/// accident or an attack: nothing, `.` and `..`, white space, control characters, absurd length.
pub(super) fn is_usable_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= 256
        && id != "."
        && id != ".."
        && id.chars().all(|c| c.is_ascii_graphic() || (!c.is_ascii() && c.is_alphanumeric()))
}

fn text<'a>(item: &'a Value, path: &str) -> Option<&'a str> {
    item.pointer(path)?.as_str()
}

pub(super) fn list<'a>(item: &'a Value, path: &str) -> &'a [Value] {
    item.pointer(path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn flag(item: &Value, path: &str) -> Option<bool> {
    match item.pointer(path)? {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// A whole number, also one written as text or with a fraction of nothing.
fn number(item: &Value, path: &str) -> Option<i64> {
    match item.pointer(path)? {
        Value::Number(number) => number.as_i64().or_else(|| {
            let float = number.as_f64()?;
            // Within ±2^53 a whole float is exact, and so is the cast.
            (float.fract() == 0.0 && float.abs() < 9e15).then_some(float as i64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A count; the platform says -1 where it does not know.
fn count(item: &Value, path: &str) -> Option<u64> {
    u64::try_from(number(item, path)?).ok()
}

/// An instant in milliseconds or seconds; 0 and less stand for *never*.
fn time(item: &Value, path: &str) -> Option<Timestamp> {
    match number(item, path)? {
        ..=0 => None,
        seconds @ 1..FIRST_MILLISECONDS => Timestamp::from_second(seconds).ok(),
        milliseconds => Timestamp::from_millisecond(milliseconds).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn an_instant_is_milliseconds_or_seconds_as_number_or_text() {
        let at = |value: Value| time(&json!({ "t": value }), "/t").map(|t| t.as_millisecond());
        assert_eq!(at(json!(1_597_213_529_158_i64)), Some(1_597_213_529_158));
        assert_eq!(at(json!(1_590_512_053)), Some(1_590_512_053_000));
        assert_eq!(at(json!("1590091157")), Some(1_590_091_157_000));
        assert_eq!(at(json!(1.597213529158e12)), Some(1_597_213_529_158));
        for never in
            [json!(0), json!(-1), json!(null), json!("soon"), json!(i64::MAX), json!(1e300)]
        {
            assert_eq!(at(never.clone()), None, "{never}");
        }
    }

    #[test]
    fn a_count_of_minus_one_is_not_known() {
        let records = |value: Value| count(&json!({ "n": value }), "/n");
        assert_eq!(records(json!(-1)), None);
        assert_eq!(records(json!("-1")), None);
        assert_eq!(records(json!("12")), Some(12));
        assert_eq!(records(json!(0)), Some(0));
    }

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

    /// Any JSON, with the field names that are looked up sprinkled in.
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
            let _ = (page(&body), single(&body), issued(&body));
            let _ = (run(&body), flow(&body), flow_spec(&body));
        }
    }
}
