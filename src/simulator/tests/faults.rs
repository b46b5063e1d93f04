//! Every fault, as a plain client sees it.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;

use super::*;
use crate::simulator::{Effect, Endpoint, ErrorAnswer, ErrorBody, FaultRule, Lost};

/// A bench where `effect` hits the next request to `endpoint`.
async fn bench_with_fault(endpoint: Endpoint, effect: Effect) -> Bench {
    let mut world = world_with_failed_run();
    world.faults.add(FaultRule::once(endpoint, effect));
    Bench::with(world).await
}

/// How many re-triggers were accepted, and how many of those the client knows about.
fn accepted_and_answered(bench: &Bench) -> (usize, usize) {
    let ledger = bench.simulator.ledger();
    (ledger.accepted().count(), ledger.accepted().filter(|call| call.answered).count())
}

#[tokio::test]
async fn a_request_dropped_before_it_is_processed_leaves_no_trace_but_its_count() {
    let bench = bench_with_fault(Endpoint::Retrigger, Effect::DropBefore).await;
    assert!(bench.retrigger_request("failed-run").send().await.is_err());
    assert_eq!(accepted_and_answered(&bench), (0, 0));
    assert_eq!(bench.simulator.ledger().requests(Endpoint::Retrigger), 1);
    assert_eq!(bench.retrigger("failed-run").await.status(), 200);
    assert_eq!(accepted_and_answered(&bench), (1, 1));
}

#[tokio::test]
async fn an_answer_dropped_after_processing_is_lost_and_the_run_is_not() {
    let bench = bench_with_fault(Endpoint::Retrigger, Effect::DropAfter).await;
    assert!(bench.retrigger_request("failed-run").send().await.is_err());
    assert_eq!(accepted_and_answered(&bench), (1, 0));
    assert_eq!(ids(&bench.get_json("/runs").await).len(), 2);
}

#[tokio::test]
async fn a_dropped_connection_ends_without_a_single_byte() {
    for effect in [Effect::DropBefore, Effect::DropAfter] {
        let bench = bench_with_fault(Endpoint::Token, effect).await;
        let addr = bench.simulator.addr();
        let exchange = move || {
            let mut stream = TcpStream::connect(addr)?;
            stream.write_all(b"POST /ims/token/v3 HTTP/1.1\r\nhost: ims\r\n\r\n")?;
            let mut answer = Vec::new();
            // Closed or reset, depending on the system.
            let _ = stream.read_to_end(&mut answer);
            std::io::Result::Ok(answer)
        };
        let answer = tokio::task::spawn_blocking(exchange).await.unwrap().unwrap();
        assert_eq!(answer, b"");
        assert_eq!(bench.simulator.ledger().requests(Endpoint::Token), 1);
    }
}

#[tokio::test]
async fn a_truncated_answer_breaks_off_in_its_body() {
    let bench = bench_with_fault(Endpoint::Retrigger, Effect::Truncate).await;
    let response = bench.retrigger("failed-run").await;
    assert_eq!(response.status(), 200);
    assert!(response.bytes().await.is_err());
    assert_eq!(accepted_and_answered(&bench), (1, 0));
}

#[tokio::test]
async fn garbage_is_said_to_be_json() {
    let bench = bench_with_fault(Endpoint::Retrigger, Effect::Garbage).await;
    let response = bench.retrigger("failed-run").await;
    assert_eq!(response.headers()["content-type"], "application/json");
    assert!(serde_json::from_slice::<Value>(&response.bytes().await.unwrap()).is_err());
    assert_eq!(accepted_and_answered(&bench), (1, 0));
}

#[tokio::test]
async fn an_oversized_answer_is_as_large_as_ordered() {
    let bench = bench_with_fault(Endpoint::Runs, Effect::Oversized(1_000_000)).await;
    assert!(bench.get("/runs").await.bytes().await.unwrap().len() >= 1_000_000);
}

#[tokio::test]
async fn an_error_before_processing_is_not_an_attempt_and_one_after_is() {
    let busy = ErrorAnswer { retry_after: Some("7".to_owned()), ..ErrorAnswer::new(429) };
    let bench = bench_with_fault(Endpoint::Retrigger, Effect::Status(busy.clone())).await;
    let response = bench.retrigger("failed-run").await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (429, &"7".parse::<reqwest::header::HeaderValue>().unwrap())
    );
    assert_eq!(json(response).await["error_code"], "429050");
    assert_eq!(accepted_and_answered(&bench), (0, 0));

    let bench =
        bench_with_fault(Endpoint::Retrigger, Effect::StatusAfter(ErrorAnswer::new(504))).await;
    assert_eq!(bench.retrigger("failed-run").await.status(), 504);
    assert_eq!(accepted_and_answered(&bench), (1, 0));
}

#[tokio::test]
async fn an_error_looks_like_that_of_whoever_it_comes_from() {
    for (body, start) in [
        (ErrorBody::Gateway, "{\"error_code\":\"503000\""),
        (ErrorBody::FlowService, "{\"errorDetails\""),
        (ErrorBody::Html, "<html>"),
        (ErrorBody::Empty, ""),
        (ErrorBody::RateLimit, "{\"status\":503,\"title\":\"RequestRateTooLarge\""),
    ] {
        let error = ErrorAnswer { body, ..ErrorAnswer::new(503) };
        let bench = bench_with_fault(Endpoint::Runs, Effect::Status(error)).await;
        let text = bench.get("/runs").await.text().await.unwrap();
        assert!(text.starts_with(start), "{body:?}: {text}");
        assert_eq!(text.is_empty(), body == ErrorBody::Empty);
    }
}

#[tokio::test]
async fn a_redirect_leads_elsewhere() {
    let elsewhere = "http://elsewhere.example/".to_owned();
    let bench = bench_with_fault(Endpoint::Retrigger, Effect::Redirect(elsewhere.clone())).await;
    let response = bench.retrigger("failed-run").await;
    assert_eq!(response.status(), 307);
    assert_eq!(response.headers()["location"], elsewhere);
}

#[tokio::test]
async fn expired_tokens_are_refused_from_that_request_on() {
    let bench = bench_with_fault(Endpoint::Runs, Effect::ExpireTokens).await;
    assert_eq!(bench.get("/flows").await.status(), 200);
    assert_eq!(bench.get("/runs").await.status(), 401);
    assert_eq!(bench.get("/flows").await.status(), 401);
}

#[tokio::test]
async fn a_duplicate_page_leads_to_itself_once_more() {
    let mut world = World::empty(1, start_time());
    let flow = world.add_flow(FlowSetup::batch("many"));
    for n in 0..4 {
        world.add_run(RunSetup::succeeded(&flow).with_id(&n.to_string())).unwrap();
    }
    let rule = FaultRule { after: 1, ..FaultRule::once(Endpoint::Runs, Effect::DuplicatePage) };
    world.faults.add(rule);
    let bench = Bench::with(world).await;
    let mut path = "/runs?limit=1".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = bench.get_json(&path).await;
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        let Some(href) = page["_links"]["next"]["href"].as_str() else { break };
        path = href.to_owned();
    }
    assert_eq!(seen, ["3", "2", "2", "1", "0"]);
}

#[tokio::test]
async fn shuffled_items_are_the_same_items() {
    let mut world = World::empty(1, start_time());
    let flow = world.add_flow(FlowSetup::batch("many"));
    for n in 0..9 {
        world.add_run(RunSetup::succeeded(&flow).with_id(&n.to_string())).unwrap();
    }
    world.faults.add(FaultRule::once(Endpoint::Runs, Effect::ShuffleItems));
    let bench = Bench::with(world).await;
    let shuffled = bench.get_json("/runs").await;
    let ordered = bench.get_json("/runs").await;
    assert_ne!(ids(&shuffled), ids(&ordered));
    let mut sorted = ids(&shuffled);
    sorted.sort_by(|a, b| b.cmp(a));
    assert_eq!(sorted, ids(&ordered));
}

#[tokio::test]
async fn an_answer_can_lack_every_id() {
    let bench = bench_with_fault(Endpoint::Retrigger, Effect::NoId).await;
    let answer = json(bench.retrigger("failed-run").await).await;
    assert!(answer["id"].is_null() && answer["etag"].is_string());
    assert_eq!(accepted_and_answered(&bench), (1, 0));
}

#[tokio::test]
async fn a_request_hangs_until_the_simulator_stops() {
    for (effect, accepted) in [(Effect::Hang, 0), (Effect::HangAfter, 1)] {
        let bench = bench_with_fault(Endpoint::Retrigger, effect).await;
        let hanging = tokio::spawn(bench.retrigger_request("failed-run").send());
        wait_until(|| {
            let ledger = bench.simulator.ledger();
            ledger.requests(Endpoint::Retrigger) == 1 && ledger.accepted().count() == accepted
        })
        .await;
        assert_eq!(accepted_and_answered(&bench), (accepted, 0));
        bench.simulator.stop().await;
        assert!(hanging.await.unwrap().is_err());
    }
}

#[tokio::test]
async fn an_answer_delayed_for_longer_than_the_client_waits_is_lost() {
    let bench = bench_with_fault(Endpoint::Retrigger, Effect::Delay(60_000)).await;
    let waiting = tokio::spawn(bench.retrigger_request("failed-run").send());
    wait_until(|| accepted_and_answered(&bench) == (1, 0)).await;
    waiting.abort();
    assert!(waiting.await.is_err());
    assert_eq!(accepted_and_answered(&bench), (1, 0));
}

#[tokio::test]
async fn faults_can_be_replaced_over_http() {
    let bench = bench_with_fault(Endpoint::Any, Effect::Status(ErrorAnswer::new(500))).await;
    let url = format!("{}/simulator/faults", bench.simulator.base_url());
    let rules = r#"[
        { "endpoint": "flows", "times": 1, "effect": "garbage" },
        { "endpoint": "runs", "effect": { "status": { "code": 503, "body": "html" } } }
    ]"#;
    let request = bench.http.post(url).header("content-type", "application/json").body(rules);
    assert_eq!(request.send().await.unwrap().status(), 204);
    assert_eq!(bench.get("/runs").await.status(), 503);
    assert_eq!(bench.get("/flows").await.text().await.unwrap(), "{\"items\": [<!doctype html>");
    assert_eq!(bench.get("/flows").await.status(), 200);
}

/// Lets the other tasks run until `condition` holds; the test runner limits the time.
async fn wait_until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_field_that_is_lost_is_null_or_of_another_type_or_missing_in_every_item() {
    for (to, name, version) in [
        (Lost::Null, json!(null), json!(null)),
        (Lost::AnotherType, json!(7), json!(7)),
        (Lost::Absent, Value::Null, Value::Null),
    ] {
        let fields = ["name", "flowSpec.version"].map(str::to_owned).to_vec();
        let bench = bench_with_fault(Endpoint::Flows, Effect::LoseFields { fields, to }).await;
        let flow = &bench.get_json("/flows").await["items"][0];
        assert_eq!((&flow["name"], &flow["flowSpec"]["version"]), (&name, &version), "{to:?}");
        assert_eq!(flow.get("name").is_none(), to == Lost::Absent);
        assert!(flow["id"].is_string() && flow["flowSpec"]["id"].is_string());
        assert!(bench.get_json("/flows").await["items"][0]["name"].is_string(), "{to:?}");
    }
}
