//! What an on-call engineer is told about one run.

use crate::engine::support::{MINUTE, Setup};
use crate::kit::simulator::TestActions;
use flowmend::domain::model::ids::RunId;
use flowmend::domain::recovery::State;
use flowmend::simulator::{
    Effect, Endpoint, ErrorAnswer, Failure, FaultRule, FlowSetup, RunSetup, Spec,
};

/// Asserts that `parts` are in `text`, one after the other.
#[track_caller]
fn assert_in_order(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let at = rest.find(part).unwrap_or_else(|| panic!("{part} is not next in\n{text}"));
        rest = &rest[at + part.len()..];
    }
}

#[tokio::test]
async fn the_story_of_a_failed_run_is_told_in_order_whichever_of_its_runs_is_named() {
    let config = "[[dataflow]]\nmatch = \"crm-*\"\nretry.max_attempts = 3";
    let mut app = Setup::new().config(config).start().await;
    let flow = app.batch_flow("crm-accounts");
    let root = app.failed_run(&flow, 2);
    app.run_for(10 * MINUTE, MINUTE / 2).await;
    let recovery = app.recovery(&root).await;
    let [first, second] = &recovery.attempts[..] else { panic!("{recovery:?}") };

    let told = app.flowmend(&["explain", root.as_str()]).await;
    assert_eq!(told.code, Some(0), "{told:?}");
    assert_in_order(
        &told.out,
        &[
            &format!("run       {root}\n"),
            &format!("dataflow  crm-accounts  {flow}\n"),
            "sandbox   prod\n",
            "policy    3 attempts",
            "[[dataflow]] match = \"crm-*\"\n",
            "failed    2026-03-01 00:00:00+00:00",
            "CONNECTOR-1001-500, CONNECTOR-1012-504\n",
            "next      nothing: recovered",
            "issued_run_succeeded\n",
            "1/3      recovery scheduled",
            "run_failed: The run failed",
            "codes: CONNECTOR-1001-500",
            "due: 2026-03-01 00:01:00+00:00 (in ",
            "1/3      sending re-trigger",
            "1/3      re-triggered failed run",
            "accepted: Adobe accepted",
            &format!("new run: {}", first.issued),
            &format!("etag: {}", first.etag.as_ref().unwrap()),
            "2/3      recovery scheduled",
            "issued_run_failed: ",
            &format!("run: {}", first.issued),
            "2/3      re-triggered failed run",
            &format!("new run: {}", second.issued),
            "2/3      recovered",
        ],
    );

    let of_issued = app.flowmend(&["explain", second.issued.as_str()]).await;
    let role = format!("run       {}  created by attempt 2 for failed run {root}\n", second.issued);
    assert!(of_issued.out.starts_with(&role), "{of_issued:?}");
    let timeline = |text: &str| text.split_once("TIME").map(|(_, told)| told.to_owned());
    assert_eq!(timeline(&of_issued.out), timeline(&told.out));
}

#[tokio::test]
async fn a_refusal_is_told_with_what_the_platform_said_and_with_what_comes_next() {
    let mut app = Setup::new().start().await;
    let flow = app.batch_flow("crm-accounts");
    let root = app.failed_run(&flow, 1);
    app.fault(FaultRule::once(Endpoint::Retrigger, Effect::Status(ErrorAnswer::new(429))));
    app.pass().await;
    app.advance(MINUTE);
    app.pass().await;
    assert!(matches!(app.state(&root).await, State::Waiting { attempt: 1, .. }));

    let told = app.flowmend(&["explain", root.as_str()]).await;
    assert_in_order(
        &told.out,
        &[
            "from [retry]\n",
            "budget    0 of 5 attempts used; no attempt after 2026-03-02 00:00:00+00:00",
            "next      waiting: attempt 1 of 5 was due 2026-03-01 00:01:",
            "1/5      re-trigger refused",
            "throttled: Adobe asked for fewer calls (429, 503)",
            "answer: ",
            "429",
            "due: ",
        ],
    );
    assert!(!told.out.contains("new run"), "none was issued:\n{}", told.out);
}

#[tokio::test]
async fn the_messages_are_shown_with_their_codes_and_where_they_stood() {
    let mut app = Setup::new().start().await;
    let flow = app.batch_flow("crm-accounts");
    let failure = Failure {
        error_detail: Some(format!(
            "ErrorCode=SftpNetworkIssue,'Type=X,Message=\u{1b}[31mno\r\nanswer {}'",
            "from 192.0.2.14 ".repeat(60)
        )),
        ..Failure::with_codes(&["CONNECTOR-1001-500"], &["2200"])
    };
    let setup = RunSetup { failure: Some(failure), ..RunSetup::failed(&flow) };
    let root = RunId::new(app.world(|world| world.add_run(setup)).expect("the dataflow exists"));
    app.pass().await;

    let told = app.flowmend(&["explain", root.as_str()]).await;
    assert_in_order(
        &told.out,
        &[
            "failed    2026-03-01 00:00:00+00:00",
            "CONNECTOR-1001-500, 2200, SftpNetworkIssue\n",
            "error     CONNECTOR-1001-500 (run): The run failed with CONNECTOR-1001-500.\n",
            "error     2200 (details of an activity): The run failed with 2200.\n",
            "error     SftpNetworkIssue (details of an activity): ErrorCode=SftpNetworkIssue,'Type=X,\
             Message= [31mno answer from 192.0.2.14 ",
            "…\n",
            "budget    ",
            "next      ",
        ],
    );
    assert!(told.out.lines().all(|line| line.chars().count() < 280), "{}", told.out);
    assert_eq!(told.out.matches("SftpNetworkIssue (").count(), 1, "once is enough: {}", told.out);

    let told = app.flowmend(&["explain", root.as_str(), "--json"]).await.json();
    let error = &told["errors"][2];
    assert_eq!(
        (&error["code"], &error["place"]),
        (&"SftpNetworkIssue".into(), &"activity_details".into())
    );
    assert!(error["message"].as_str().unwrap().len() > 900, "{error}");
}

#[tokio::test]
async fn a_failure_for_another_reason_is_shown_where_it_happened() {
    let mut app = Setup::new().start().await;
    let flow = app.batch_flow("crm-accounts");
    let root = app.failed_run(&flow, 9);
    app.run_for(3 * MINUTE / 2, MINUTE / 2).await;
    let State::Watching { issued, .. } = app.state(&root).await else { panic!() };
    let other = Failure::with_codes(&["CONNECTOR-2001-500"], &["133"]);
    app.world(|world| world.end_run(issued.as_str(), Some(other)));
    app.advance(MINUTE);
    app.pass().await;
    let told = app.flowmend(&["explain", root.as_str()]).await;
    assert_in_order(
        &told.out,
        &[
            "error now CONNECTOR-2001-500 (run): ",
            "1/5      recovery scheduled",
            "    error: CONNECTOR-1001-500 (run): ",
            "2/3      recovery scheduled",
            "    error: CONNECTOR-2001-500 (run): ",
        ],
    );
}

#[tokio::test]
async fn one_document_tells_scripts_the_same() {
    let mut app = Setup::new().start().await;
    let flow = app.batch_flow("crm-accounts");
    let root = app.failed_run(&flow, 2);
    app.run_for(3 * MINUTE / 2, MINUTE / 2).await;
    let State::Watching { issued, .. } = app.state(&root).await else { panic!() };

    let told = app.flowmend(&["explain", issued.as_str(), "--json"]).await.json();
    assert_eq!(told["run_id"], issued.as_str());
    assert_eq!(told["recovery"]["root_run_id"], root.as_str());
    assert_eq!(told["recovery"]["state"], "watching");
    assert_eq!(told["attempts"][0]["new_run_id"], issued.as_str());
    assert_eq!(told["dataflow_match"], serde_json::Value::Null);
    assert_eq!(told["codes"], "CONNECTOR-1001-500, CONNECTOR-1012-504");
    assert!(told["next"].as_str().unwrap().starts_with("watching: "), "{told}");
    let entries = told["entries"].as_array().unwrap();
    let events: Vec<&str> = entries.iter().map(|it| it["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["scheduled", "begun", "retriggered"]);
    assert_eq!(entries[0]["reason"], "run_failed");
    assert!(entries[0]["explanation"].as_str().unwrap().starts_with("The run failed"));
    assert_eq!(entries[2]["etag"], told["attempts"][0]["etag"]);
}

#[tokio::test]
async fn a_run_that_was_skipped_is_explained_too() {
    let mut app = Setup::new().start().await;
    let [stream, unclear] =
        [("clicks", Spec::Streaming), ("leads", Spec::Marketo)].map(|(name, spec)| {
            app.world(|world| {
                let flow = world.add_flow(FlowSetup::new(name, spec));
                RunId::new(world.add_run(RunSetup::failed(&flow)).expect("the dataflow exists"))
            })
        });
    app.pass().await;
    let told = app.flowmend(&["explain", stream.as_str()]).await;
    assert_eq!(told.code, Some(0), "{told:?}");
    let parts =
        ["clicks", "next      nothing: skipped for good", "run skipped", "streaming_source: "];
    assert_in_order(&told.out, &parts);
    let told = app.flowmend(&["explain", unclear.as_str()]).await;
    assert_in_order(&told.out, &["next      skipped; retried if", "unknown_kind: "]);
    let told = app.flowmend(&["explain", unclear.as_str(), "--json"]).await.json();
    assert_eq!(told["recovery"], serde_json::Value::Null);
    assert_eq!(told["attempts"], serde_json::json!([]));
}

#[tokio::test]
async fn of_a_run_nobody_knows_it_is_said_why_that_may_be() {
    let mut app = Setup::new().start().await;
    app.pass().await;
    for arguments in [&["explain", "no-such-run"][..], &["explain", "no-such-run", "--json"]] {
        let told = app.flowmend(arguments).await;
        assert_eq!((told.code, told.out.as_str()), (Some(1), ""));
        for part in
            ["run no-such-run is not in the store", "poll.lookback = 24h", "store.retention = 30d"]
        {
            assert!(told.err.contains(part), "{part} is not in\n{}", told.err);
        }
    }
}
