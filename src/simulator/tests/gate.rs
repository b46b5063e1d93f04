//! Tokens, headers, and what is not there.

use reqwest::Method;
use serde_json::json;

use super::*;
use crate::simulator::Endpoint;

async fn ask_token(bench: &Bench, change: (&str, &str)) -> (u16, Value) {
    let mut form = vec![
        ("client_id", "simulated-client"),
        ("client_secret", "simulated-secret"),
        ("grant_type", "client_credentials"),
        ("scope", "openid,session,AdobeID"),
    ];
    form.retain(|(name, _)| *name != change.0);
    form.push(change);
    let url = format!("{}/ims/token/v3", bench.simulator.base_url());
    let response = bench.http.post(url).form(&form).send().await.unwrap();
    (response.status().as_u16(), json(response).await)
}

#[tokio::test]
async fn a_token_is_given_for_the_credential_and_opens_the_gate_until_it_expires() {
    let mut bench = Bench::with(World::empty(1, start_time())).await;
    let (status, body) = ask_token(&bench, ("", "")).await;
    assert_eq!((status, &body["token_type"]), (200, &json!("bearer")));
    assert_eq!(body["expires_in"], 86_399);
    bench.token = body["access_token"].as_str().unwrap().to_owned();
    assert_eq!(bench.get("/flows").await.status(), 200);
    bench.clock.advance(Duration::from_secs(86_399));
    assert_eq!(bench.get("/flows").await.status(), 401);
}

#[tokio::test]
async fn ims_refuses_what_is_wrong_with_a_token_request() {
    let bench = Bench::with(World::empty(1, start_time())).await;
    for (change, error, about) in [
        (("client_secret", "wrong"), "invalid_client", "client_secret"),
        (("client_id", "wrong"), "invalid_client", "client_id"),
        (("scope", "session"), "invalid_scope", "scope"),
        (("grant_type", "password"), "unsupported_grant_type", "grant_type"),
    ] {
        let (status, body) = ask_token(&bench, change).await;
        assert_eq!((status, &body["error"]), (400, &json!(error)));
        assert_eq!(body["error_description"], format!("invalid {about} parameter"));
    }
}

#[tokio::test]
async fn the_gateway_refuses_a_request_without_token_or_key() {
    let bench = Bench::with(World::empty(1, start_time())).await;
    for (header, value, status, code) in [
        ("authorization", None, 403, "403010"),
        ("authorization", Some("Bearer stale"), 401, "401013"),
        ("x-api-key", None, 403, "403000"),
        ("x-api-key", Some("wrong"), 403, "403003"),
    ] {
        let response = with_header(&bench, header, value).await;
        assert_eq!(response.status(), status);
        assert_eq!(json(response).await["error_code"], code);
    }
}

#[tokio::test]
async fn flow_service_refuses_a_request_without_organization_or_sandbox() {
    let bench = Bench::with(World::empty(1, start_time())).await;
    for (header, value, expected) in [
        ("x-gw-ims-org-id", None, "2001-401"),
        ("x-gw-ims-org-id", Some("other@AdobeOrg"), "2000-401"),
        ("x-sandbox-name", None, "2105-400"),
        ("x-sandbox-name", Some("nowhere"), "2100-404"),
        ("x-sandbox-name", Some("*"), "2113-400"),
    ] {
        assert_eq!(code(with_header(&bench, header, value).await).await, expected);
    }
}

async fn with_header(bench: &Bench, name: &'static str, value: Option<&str>) -> Response {
    let mut request = bench.request(Method::GET, "/flows").build().unwrap();
    request.headers_mut().remove(name);
    if let Some(value) = value {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    bench.http.execute(request).await.unwrap()
}

#[tokio::test]
async fn every_answer_carries_the_date_of_the_world_and_a_request_id_that_errors_repeat() {
    let bench = Bench::with(World::empty(1, start_time())).await;
    let response = bench.get("/runs/no-such-run").await;
    assert_eq!(response.headers()["date"], "Mon, 02 Mar 2026 06:00:00 GMT");
    let request_id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let body = json(response).await;
    assert_eq!(body["type"], "https://ns.adobe.com/aep/errors/FLOW-1439-404");
    assert_eq!(body["report"]["request-id"], request_id);
    assert_eq!(body["report"]["id"], "no-such-run");
    assert_eq!(body["report"]["type"], "runs");
}

#[tokio::test]
async fn the_ledger_count_requests_and_note_the_unexpected() {
    let bench = Bench::with(World::empty(1, start_time())).await;
    bench.get("/runs").await;
    bench.get("/runs").await;
    assert_eq!(bench.get("/flow").await.status(), 404);
    let ledger = bench.simulator.ledger();
    assert_eq!(ledger.requests(Endpoint::Runs), 2);
    assert_eq!(ledger.requests(Endpoint::Any), 2);
    assert_eq!(ledger.unexpected, ["GET /data/foundation/flowservice/flow"]);
    let url = format!("{}/simulator/ledger", bench.simulator.base_url());
    let served = json(bench.http.get(url).send().await.unwrap()).await;
    assert_eq!(served["requests"]["runs"], 2);
}

#[tokio::test]
async fn a_sandbox_shows_only_its_own() {
    let mut world = world_with_failed_run();
    world.add_sandbox("dev");
    let bench = Bench::with(world).await;
    for path in ["/flows", "/runs"] {
        let request = bench.request(Method::GET, path).build().unwrap();
        let mut request = request;
        request.headers_mut().insert("x-sandbox-name", "dev".parse().unwrap());
        assert!(ids(&json(bench.http.execute(request).await.unwrap()).await).is_empty());
        assert_eq!(ids(&bench.get_json(path).await).len(), 1);
    }
}
