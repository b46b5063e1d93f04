//! The payloads that Adobe publishes, read through the whole client.

use crate::kit::server::{Reply, Server, json, ok, prod};
use flowmend::domain::model::flow::{FlowKind, FlowState, Frequency, classify};
use flowmend::domain::model::ids::{Etag, FlowId, FlowSpecId, RunId};
use flowmend::domain::model::run::{Run, RunStatus};
use flowmend::domain::model::verdict::Verdict;
use jiff::Timestamp;
use std::time::Duration;

fn serving(part: &'static str, body: &'static str) -> Server {
    Server::start(move |request, before| {
        let rest = before > 0 || request.target.contains("continuationToken");
        (request.target.contains(part) && !rest).then(|| ok(body))
    })
}

async fn runs(body: &'static str, flow: &str) -> (Vec<Run>, Vec<String>) {
    let server = serving("/runs", body);
    let service = server.service();
    let listing = service.runs_of_flow(&prod(), &FlowId::new(flow), Timestamp::MIN).await;
    assert!(listing.is_complete(), "{:?}", listing.fault);
    (listing.items, server.asked())
}

fn codes(run: &Run) -> Vec<&str> {
    run.errors.iter().map(|error| error.code.as_str()).collect()
}

#[tokio::test]
async fn a_page_of_runs() {
    let flow = "c9cef9cb-0000-4000-8000-cbc934546741";
    let (runs, asked) = runs(include_str!("../../data/adobe/runs_page.json"), flow).await;
    assert_eq!(runs.len(), 2);
    assert_eq!(runs[0].status, RunStatus::Succeeded);
    assert_eq!(runs[0].input_records, Some(100));
    assert_eq!(runs[0].created_client.as_deref(), Some("exc_app"));
    assert_eq!(runs[0].etag, Some(Etag::new("\"b8003af1-0000-0200-0000-5f2b09f10000\"")));
    assert_eq!(codes(&runs[0]), ["CONNECTOR-2001-500", "INGEST-1212-400", "MAPPER-3700-400"]);
    assert_eq!(runs[1].status, RunStatus::InProgress);
    assert_eq!(runs[1].started_at, Timestamp::from_second(1_590_512_053).ok(), "in seconds");
    assert!(asked[1].ends_with("&continuationToken=eyJ0b2tlbiI6IisxIn0%3D"), "{asked:?}");
}

#[tokio::test]
async fn a_failed_run() {
    let flow = "cf4fce79-0000-4000-8000-798822556dc6";
    let (runs, _) = runs(include_str!("../../data/adobe/run_failed.json"), flow).await;
    let run = &runs[0];
    assert_eq!(run.status, RunStatus::Failed);
    assert_eq!(run.completed_at, None);
    assert_eq!(run.failed_at(), Timestamp::from_millisecond(1_597_434_157_567).ok());
    assert_eq!(run.input_records, None, "-1 is not known");
    assert_eq!(codes(run), ["CONNECTOR-2001-500", "133"]);
}

#[tokio::test]
async fn a_single_run() {
    let server = serving("/runs/", include_str!("../../data/adobe/run_single.json"));
    let id = RunId::new("7af3ba45-0000-4000-8000-1b30134be7eb");
    let listing = server.service().runs_by_id(&prod(), std::slice::from_ref(&id)).await;
    let run = &listing.items[0];
    assert_eq!(run.id, id);
    assert_eq!(run.etag, Some(Etag::new("\"7e08a7b4-0000-0200-0000-6390f6a30000\"")));
    assert!(run.succeeded_empty());
    assert_eq!(codes(run), ["106"]);
}

#[tokio::test]
async fn flows_and_their_specs() {
    let server = serving("/flows", include_str!("../../data/adobe/flows_page.json"));
    let listing = server.service().flows(&prod()).await;
    let [source, destination, bare] = &listing.items[..] else { panic!("{listing:?}") };
    assert_eq!((source.name.as_str(), &source.state), ("CRM accounts", &FlowState::Enabled));
    assert_eq!(source.source_spec.as_deref(), Some("ecadc60c-7455-4d87-84dc-2a0e293d997b"));
    assert_eq!(source.last_run.as_ref().unwrap().status, RunStatus::Failed);
    assert!(destination.is_destination);
    assert_eq!(destination.state, FlowState::Other("disabled".into()));
    assert_eq!(classify(bare, None, None), FlowKind::Unknown);

    let id = source.spec_id.clone().unwrap();
    let server = serving("/flowSpecs", include_str!("../../data/adobe/flow_spec.json"));
    let spec = server.service().flow_spec(&prod(), &id).await.unwrap().unwrap();
    assert_eq!((spec.is_source, spec.frequency), (Some(true), Some(Frequency::Batch)));
    assert_eq!(classify(source, Some(&spec), None), FlowKind::Batch);

    let body = include_str!("../../data/adobe/flow_spec_without_attributes.json");
    let id = FlowSpecId::new("14518937-270c-4525-bdec-c2ba7cce3860");
    let spec = serving("/flowSpecs", body).service().flow_spec(&prod(), &id).await;
    let spec = spec.unwrap().unwrap();
    assert_eq!((spec.is_source, spec.frequency), (None, None), "missing means unknown");
}

#[tokio::test]
async fn the_published_errors_keep_what_support_asks_for() {
    for (status, body, expected) in [
        (
            403,
            include_str!("../../data/adobe/error_forbidden.json"),
            "Adobe's API answered 403 (FLOW-2120-403): You do not have sufficient permissions to \
             perform the operation. [request id request-of-the-service]; check adobe.client_id",
        ),
        (
            403,
            include_str!("../../data/adobe/error_gateway_api_key.json"),
            "Adobe's API answered 403 (403003): Api Key is invalid [request id of-the-header]; check",
        ),
        (
            400,
            include_str!("../../data/adobe/error_content_type.json"),
            "Adobe's API answered 400: A valid content-type must be specified [request id of-the-header]",
        ),
        (
            404,
            include_str!("../../data/adobe/error_page.html"),
            "Adobe's API answered 404: <!DOCTYPE html> <html>",
        ),
    ] {
        let server = Server::start(move |request, _| {
            let id = vec![("X-Request-Id", "of-the-header".to_owned())];
            let answer = Reply::Answer(status, id, body.to_owned());
            request.target.contains("/flows").then_some(answer)
        });
        let fault = server.service().flows(&prod()).await.fault.unwrap().to_string();
        assert!(fault.starts_with(expected), "{fault}");
    }
}

#[tokio::test]
async fn every_published_answer_to_a_retrigger_names_the_new_run() {
    let run = RunId::new("3fb0418e-0000-4000-8000-dd51f05c0baf");
    let in_body = Some(Etag::new("\"1100c53e-0000-0200-0000-627138980000\""));
    let in_header = Some(Etag::new("W/\"from-the-header\""));
    for (status, body, etag) in [
        (200, include_str!("../../data/adobe/retrigger_bare.json"), &in_body),
        (201, include_str!("../../data/adobe/retrigger_items.json"), &in_body),
        (200, include_str!("../../data/adobe/retrigger_whole_run.json"), &in_body),
        (202, include_str!("../../data/adobe/retrigger_without_etag.json"), &in_header),
    ] {
        let server = Server::start(move |request, _| {
            let header = vec![("ETag", "W/\"from-the-header\"".to_owned())];
            let answer = Reply::Answer(status, header, body.to_owned());
            request.target.contains("/action").then_some(answer)
        });
        let asked = RunId::new("failed");
        let verdict =
            server.service().retrigger(&prod(), &asked, None, Duration::from_secs(5)).await;
        assert_eq!(verdict, Verdict::Accepted { run: run.clone(), etag: etag.clone() }, "{body}");
    }
}

#[tokio::test]
async fn the_published_token_is_a_token_and_the_published_refusal_is_not() {
    let server = serving("/ims", include_str!("../../data/adobe/token.json"));
    server.service().authenticate().await.unwrap();
    let refusal = include_str!("../../data/adobe/token_invalid_client.json");
    let server = Server::start(move |_, _| Some(json(400, refusal)));
    assert!(server.service().authenticate().await.unwrap_err().is_credentials());
}
