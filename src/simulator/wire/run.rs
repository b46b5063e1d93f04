//! A run as published.

use serde::Serialize;
use serde_json::{Value, json};

use super::SpecRef;
use super::view::RunView;
use crate::simulator::world::failure::RunError;
use crate::simulator::world::run::RunStatus;

/// `FlowRunItemDTO` of Adobe's OpenAPI file, with `activities` and `etag` spelled as its examples
/// spell them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RunItem<'w> {
    id: &'w str,
    created_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<&'w str>,
    updated_by: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_client: Option<&'w str>,
    updated_client: &'static str,
    sandbox_id: &'w str,
    sandbox_name: &'w str,
    ims_org_id: &'w str,
    flow_id: &'w str,
    flow_spec: SpecRef,
    provider_ref_id: String,
    etag: String,
    metrics: Metrics<'w>,
    activities: Vec<Activity<'w>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metrics<'w> {
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_summary: Option<DurationSummary>,
    size_summary: Value,
    record_summary: Value,
    file_summary: Value,
    status_summary: StatusSummary<'w>,
}

#[derive(Serialize)]
struct DurationSummary {
    #[serde(rename = "startedAtUTC", skip_serializing_if = "Option::is_none")]
    started_at: Option<i64>,
    #[serde(rename = "completedAtUTC", skip_serializing_if = "Option::is_none")]
    completed_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extensions: Option<Window>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Window {
    window_start: i64,
    window_end: i64,
}

#[derive(Serialize)]
struct StatusSummary<'w> {
    status: &'static str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'w [RunError],
    #[serde(skip_serializing_if = "Option::is_none")]
    extensions: Option<Extensions<'w>>,
}

#[derive(Serialize)]
struct Extensions<'w> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'w [RunError],
    #[serde(rename = "errorDetail", skip_serializing_if = "Option::is_none")]
    error_detail: Option<&'w str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Activity<'w> {
    id: &'static str,
    name: &'static str,
    #[serde(rename = "updatedAtUTC")]
    updated_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_summary: Option<DurationSummary>,
    status_summary: StatusSummary<'w>,
}

impl<'w> RunItem<'w> {
    pub(crate) fn new(view: &RunView<'w>) -> Self {
        let RunView { run, flow, world } = *view;
        let quirks = &world.quirks;
        let author =
            if quirks.one_client { "acp_foundation_connectors" } else { run.author.client() };
        let author =
            Some(author).filter(|_| run.lineage.is_none() || !quirks.created_client_absent);
        Self {
            id: &run.id,
            created_at: quirks.publish_time(run.created_at),
            updated_at: (!quirks.updated_at_absent).then(|| quirks.publish_time(run.updated_at)),
            created_by: author,
            updated_by: "acp_flow_provider",
            created_client: author,
            updated_client: "acp_flow_provider",
            sandbox_id: world.sandboxes.get(&flow.setup.sandbox).map_or("", String::as_str),
            sandbox_name: &flow.setup.sandbox,
            ims_org_id: &world.credentials.org_id,
            flow_id: &flow.id,
            flow_spec: SpecRef::new(flow.setup.spec.id()),
            provider_ref_id: format!("M-{}-incremental-0:{}", flow.id, run.id),
            etag: run.etag(),
            metrics: Metrics::new(view),
            activities: activities(view),
        }
    }
}

impl<'w> Metrics<'w> {
    fn new(view: &RunView<'w>) -> Self {
        let run = view.run;
        let unknown = if view.world.quirks.negative_counts { -1 } else { 0 };
        let records = if run.is_finished() && run.status != RunStatus::Failed {
            i64::try_from(run.records).unwrap_or(i64::MAX)
        } else {
            0
        };
        // What a failed run read is not known; it wrote nothing.
        let failed = run.status == RunStatus::Failed;
        let input = |count: i64| if failed { unknown } else { count };
        let files = i64::from(records > 0);
        let bytes = records.saturating_mul(512);
        Self {
            duration_summary: duration(view),
            size_summary: json!({ "inputBytes": input(bytes), "outputBytes": bytes }),
            record_summary: json!({
                "inputRecordCount": if failed { 0 } else { records },
                "outputRecordCount": records,
                "createdRecordCount": records,
                "failedRecordCount": 0,
                "skippedRecordCount": 0,
            }),
            file_summary: json!({ "inputFileCount": input(files), "outputFileCount": files }),
            status_summary: StatusSummary {
                status: view.status(),
                errors: run.published_failure().map_or(&[], |failure| &failure.umbrella),
                extensions: None,
            },
        }
    }
}

fn duration(view: &RunView<'_>) -> Option<DurationSummary> {
    let quirks = &view.world.quirks;
    (!quirks.duration_absent).then(|| DurationSummary {
        started_at: view.run.started_at.map(|at| quirks.publish_time(at)),
        completed_at: view.run.completed_at().map(|at| quirks.publish_time(at)),
        extensions: None,
    })
}

fn window(view: &RunView<'_>) -> Option<Window> {
    let quirks = &view.world.quirks;
    view.window().map(|(start, end)| Window {
        window_start: quirks.publish_time(start),
        window_end: quirks.publish_time(end),
    })
}

/// One activity: the promotion if that failed, else the copy.
fn activities<'w>(view: &RunView<'w>) -> Vec<Activity<'w>> {
    if view.run.started_at.is_none() {
        return Vec::new();
    }
    let failure = view.run.published_failure();
    let promotion = failure.is_some_and(|failure| {
        failure.umbrella.iter().any(|error| error.code.starts_with("CONNECTOR-2001"))
    });
    let (id, name) = if promotion {
        ("promotionActivity", "Promotion Activity")
    } else {
        ("copyActivity", "Copy Activity")
    };
    vec![Activity {
        id,
        name,
        // As in Adobe's examples.
        updated_at: 0,
        duration_summary: duration(view)
            .map(|duration| DurationSummary { extensions: window(view), ..duration }),
        status_summary: StatusSummary {
            status: view.status(),
            errors: &[],
            extensions: Some(Extensions {
                r#type: "incremental",
                errors: failure.map_or(&[], |failure| &failure.details),
                error_detail: failure.and_then(|failure| failure.error_detail.as_deref()),
            }),
        },
    }]
}
