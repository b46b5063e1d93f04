//! The readings that Adobe's documents leave open.

use super::*;
use crate::simulator::{AnswerShape, EtagPlace, Quirks, Spelling};

async fn bench_with(quirks: Quirks) -> Bench {
    let mut world = world_with_failed_run();
    world.quirks = quirks;
    Bench::with(world).await
}

#[tokio::test]
async fn the_answer_to_a_re_trigger_comes_in_every_shape() {
    for (answer, pointer, is_new) in [
        (AnswerShape::Bare, "/id", Some(true)),
        (AnswerShape::Items, "/items/0/id", Some(true)),
        (AnswerShape::FullRunNewId, "/id", Some(true)),
        (AnswerShape::FullRunSameId, "/id", Some(false)),
        (AnswerShape::NoId, "/id", None),
    ] {
        let bench = bench_with(Quirks { answer, ..Quirks::default() }).await;
        let body = json(bench.retrigger("failed-run").await).await;
        let id = body.pointer(pointer).and_then(Value::as_str);
        let new =
            bench.simulator.ledger().accepted().find_map(|c| c.new_run_id().map(str::to_owned));
        assert_eq!(id.map(|id| Some(id) == new.as_deref()), is_new, "{answer:?}");
        assert_eq!(id == Some("failed-run"), is_new == Some(false));
    }
}

#[tokio::test]
async fn the_etag_is_in_the_body_under_either_name_or_in_the_header_or_nowhere() {
    for (etag, member, header) in [
        (EtagPlace::Etag, Some("etag"), false),
        (EtagPlace::ETag, Some("eTag"), false),
        (EtagPlace::Header, None, true),
        (EtagPlace::None, None, false),
    ] {
        let bench = bench_with(Quirks { etag, ..Quirks::default() }).await;
        let response = bench.retrigger("failed-run").await;
        assert_eq!(response.headers().contains_key("etag"), header);
        let body = json(response).await;
        for name in ["etag", "eTag"] {
            assert_eq!(body[name].is_string(), member == Some(name), "{etag:?}");
        }
    }
}

#[tokio::test]
async fn status_is_spelled_as_the_quirk_says_and_the_filter_may_insist_on_it() {
    for (status_spelling, word) in
        [(Spelling::Lower, "failed"), (Spelling::Upper, "FAILED"), (Spelling::Pascal, "Failed")]
    {
        for status_filter_case_sensitive in [false, true] {
            let bench = bench_with(Quirks {
                status_spelling,
                status_filter_case_sensitive,
                ..Quirks::default()
            })
            .await;
            assert_eq!(bench.status_of("failed-run").await, word);
            for asked in ["failed", "FAILED", "Failed"] {
                let path = format!("/runs?property=metrics.statusSummary.status=={asked}");
                let found = ids(&bench.get_json(&path).await).len() == 1;
                assert_eq!(found, !status_filter_case_sensitive || asked == word);
            }
        }
    }
}

#[tokio::test]
async fn a_new_run_can_be_absent_from_lists_for_a_while() {
    let bench = bench_with(Quirks { listing_delay_ms: 5_000, ..Quirks::default() }).await;
    bench.clock.advance(Duration::from_secs(10));
    let new_run = bench.issue("failed-run").await;
    assert_eq!(ids(&bench.get_json("/runs").await), ["failed-run"]);
    assert_eq!(bench.status_of(&new_run).await, "scheduled");
    bench.clock.advance(Duration::from_secs(5));
    assert_eq!(ids(&bench.get_json("/runs").await), [new_run.as_str(), "failed-run"]);
}

#[tokio::test]
async fn the_clock_of_the_platform_can_be_ahead() {
    let bench = bench_with(Quirks { clock_skew_ms: 90_000, ..Quirks::default() }).await;
    let response = bench.retrigger("failed-run").await;
    assert_eq!(response.headers()["date"], "Mon, 02 Mar 2026 06:01:30 GMT");
    let id = json(response).await["id"].as_str().unwrap().to_owned();
    let run = bench.get_json(&format!("/runs/{id}")).await;
    let expected = start_time().as_millisecond() + 90_000;
    assert_eq!(run["items"][0]["createdAt"], expected);
}

#[tokio::test]
async fn the_clock_of_the_platform_can_be_behind_and_still_runs() {
    let bench = bench_with(Quirks { clock_skew_ms: -90_000, ..Quirks::default() }).await;
    assert_eq!(bench.get("/runs").await.headers()["date"], "Mon, 02 Mar 2026 05:58:30 GMT");
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!(bench.get("/runs").await.headers()["date"], "Mon, 02 Mar 2026 05:58:31 GMT");
}

#[tokio::test]
async fn single_resources_can_come_bare_and_times_in_seconds() {
    let quirks = Quirks { bare_single_gets: true, times_in_seconds: true, ..Quirks::default() };
    let bench = bench_with(quirks).await;
    let run = bench.get_json("/runs/failed-run").await;
    assert_eq!(run["id"], "failed-run");
    assert_eq!(run["createdAt"], start_time().as_second());
}

#[tokio::test]
async fn the_openapi_spelling_of_the_operation_and_if_match_can_be_demanded() {
    let bench = bench_with(Quirks {
        retrigger_ops: vec!["RE_TRIGGER".to_owned()],
        require_if_match: true,
        ..Quirks::default()
    })
    .await;
    assert_eq!(code(bench.retrigger("failed-run").await).await, "1401-400");
    let path = "/runs/failed-run/action?op=RE_TRIGGER";
    let ask = || bench.request(reqwest::Method::POST, path);
    assert_eq!(code(ask().send().await.unwrap()).await, "1403-400");
    assert_eq!(ask().header("if-match", "*").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn issued_runs_can_be_anonymous_and_refuse_to_be_re_triggered() {
    let mut world = World::empty(1, start_time());
    let flow = world.add_flow(FlowSetup::batch("stubborn"));
    world.add_run(RunSetup::failed(&flow).with_id("root").heals_after(9)).unwrap();
    world.quirks =
        Quirks { created_client_absent: true, issued_runs_refused: true, ..Quirks::default() };
    let bench = Bench::with(world).await;
    let issued = bench.issue("root").await;
    let run = bench.get_json(&format!("/runs/{issued}")).await;
    assert!(run["items"][0]["createdClient"].is_null());
    bench.clock.advance(Duration::from_secs(120));
    assert_eq!(code(bench.retrigger(&issued).await).await, "1387-400");
    assert_eq!(bench.retrigger("root").await.status(), 200);
}
