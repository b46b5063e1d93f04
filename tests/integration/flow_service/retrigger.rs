//! The one call that must not be repeated: what is sent, and every verdict.

use crate::kit::server::{
    Reply, SECRET, Server, TOKEN, TestClock, error, json, ok, page, prod, run,
};
use flowmend::domain::model::ids::{Etag, RunId};
use flowmend::domain::model::reason::Reason;
use flowmend::domain::model::verdict::{Refusal, Remedy, Verdict};
use flowmend::flow_service::{Connection, FlowService};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

fn answering(reply: Reply) -> Server {
    Server::start(move |request, _| request.target.contains("/action").then(|| reply.clone()))
}

async fn retrigger(server: &Server, change: impl FnOnce(&mut Connection)) -> Verdict {
    let service = server.service_with(change);
    service.retrigger(&prod(), &RunId::new("r-1"), Some(&Etag::new("\"e\"")), PATIENCE).await
}

/// The verdict in one line: what to do next, and why.
fn line(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Accepted { run, .. } => format!("accepted {run}"),
        Verdict::InDoubt { reason, .. } => format!("doubt {reason}"),
        Verdict::NotSent { reason, .. } => format!("not sent {reason}"),
        Verdict::Refused(Refusal { remedy, reason, .. }) => match remedy {
            Remedy::Later(None) => format!("later {reason}"),
            Remedy::Later(Some(wait)) => format!("later {}s {reason}", wait.as_secs()),
            Remedy::Reread => format!("reread {reason}"),
            Remedy::Hold => format!("hold {reason}"),
        },
    }
}

fn detail(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Accepted { .. } => "",
        Verdict::InDoubt { detail, .. }
        | Verdict::NotSent { detail, .. }
        | Verdict::Refused(Refusal { detail, .. }) => detail,
    }
}

#[tokio::test]
async fn the_call_is_one_post_without_a_body() {
    let server = answering(ok(r#"{"id":"new"}"#));
    assert_eq!(line(&retrigger(&server, |_| {}).await), "accepted new");
    let request = server.requests().pop().unwrap();
    assert_eq!(request.method, "POST");
    assert_eq!(request.below(), "/runs/r-1/action?op=re-trigger");
    assert_eq!(request.body, "");
    for (name, value) in [
        ("authorization", Some("Bearer the-token")),
        ("x-api-key", Some("client")),
        ("x-gw-ims-org-id", Some("org@AdobeOrg")),
        ("x-sandbox-name", Some("prod")),
        ("content-type", Some("application/json")),
        ("content-length", Some("0")),
        ("if-match", None),
    ] {
        assert_eq!(request.header(name), value, "{name}");
    }
}

#[tokio::test]
async fn the_etag_and_the_other_spelling_are_sent_on_demand() {
    let server = answering(ok(r#"{"id":"new"}"#));
    retrigger(&server, |connection| {
        connection.send_if_match = true;
        connection.retrigger_op = "RE_TRIGGER".into();
    })
    .await;
    let request = server.requests().pop().unwrap();
    assert_eq!(request.header("if-match"), Some("\"e\""));
    assert_eq!(request.below(), "/runs/r-1/action?op=RE_TRIGGER");
}

#[tokio::test]
async fn a_run_that_shows_no_etag_is_retriggered_in_any_version() {
    let server = answering(ok(r#"{"id":"new"}"#));
    let service = server.service_with(|connection| connection.send_if_match = true);
    service.retrigger(&prod(), &RunId::new("r"), None, PATIENCE).await;
    assert_eq!(server.requests().pop().unwrap().header("if-match"), Some("*"));
}

fn gateway(status: u16, code: &str) -> Reply {
    json(status, format!(r#"{{"error_code":"{code}","message":"said the gateway"}}"#))
}

fn after(status: u16, wait: &str) -> Reply {
    let headers =
        vec![("Retry-After", wait.to_owned()), ("Date", "Tue, 14 Nov 2023 22:13:20 GMT".into())];
    Reply::Answer(
        status,
        headers,
        r#"{"error_code":"429050","message":"Too many requests"}"#.into(),
    )
}

/// Every row: the answer and its verdict. Messages are those of Adobe's catalogues.
fn rows() -> Vec<(&'static str, Reply)> {
    let flow = |status, number: &str, message: &str| error(status, number, message);
    let state = "The flowRunId=r is in an invalid state=success for re-triggering. Please try again after some time.";
    let disabled = "The flow=f is in state=disabled and cannot be re-triggered. The flow must be in enabled state for re-triggering.";
    let unsupported = "The flowRunAction=re-trigger is not supported for source with spec id=s.";
    let words = |message: &str| json(400, format!(r#"{{"errorMessage":"{message}"}}"#));
    vec![
        ("accepted new", json(201, r#"{"id":"new","etag":"x"}"#)),
        ("doubt no_run_id", ok("{}")),
        ("doubt no_run_id", ok(r#"{"items":[]}"#)),
        ("doubt no_run_id", ok(r#"{"id":null}"#)),
        ("doubt no_run_id", json(204, "")),
        ("doubt unreadable_answer", ok("<html>hello</html>")),
        ("doubt unreadable_answer", ok(r#"{"id":"new"#)),
        (
            "doubt unreadable_answer",
            Reply::Raw("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"id\":\"ne"),
        ),
        ("doubt unreadable_answer", ok(format!(r#"{{"id":"new","x":"{}"}}"#, "x".repeat(1 << 20)))),
        ("doubt connection_lost", Reply::Raw("")),
        ("doubt connection_lost", Reply::Raw("not http at all\r\n\r\n")),
        ("doubt redirected", Reply::Answer(301, vec![("Location", "/else".into())], String::new())),
        ("doubt redirected", Reply::Answer(307, vec![("Location", "/else".into())], String::new())),
        ("doubt redirected", json(308, "")),
        ("doubt timeout", json(408, "{}")),
        ("doubt server_error", json(500, "{}")),
        (
            "doubt server_error",
            Reply::Answer(502, vec![], include_str!("../../data/adobe/error_page.html").into()),
        ),
        ("doubt server_error", json(503, r#"{"title":"Service Unavailable"}"#)),
        (
            "doubt server_error",
            flow(503, "FLOW-1103-503", "The service is temporarily unavailable."),
        ),
        ("doubt server_error", gateway(504, "504000")),
        ("doubt server_error", Reply::Answer(503, vec![], String::new())),
        (
            "later 9s throttled",
            Reply::Answer(503, vec![("Retry-After", "9".into())], String::new()),
        ),
        (
            "later 60s throttled",
            Reply::Answer(
                429,
                vec![
                    ("Expires", "Tue, 14 Nov 2023 22:14:20 GMT".into()),
                    ("Date", "Tue, 14 Nov 2023 22:13:20 GMT".into()),
                ],
                String::new(),
            ),
        ),
        ("later unavailable", gateway(503, "503000")),
        ("later 7s unavailable", after(503, "7")),
        ("later 38s throttled", after(429, "38")),
        ("later 60s throttled", after(429, "Tue, 14 Nov 2023 22:14:20 GMT")),
        ("later throttled", after(429, "soon")),
        ("later throttled", json(429, "")),
        ("later unavailable", json(425, "")),
        ("later unavailable", json(421, "")),
        ("later unreachable", json(407, "")),
        ("later 0s unauthorized", gateway(401, "401013")),
        ("later 0s unauthorized", json(401, "")),
        ("later 0s unauthorized", gateway(403, "403010")),
        ("later 0s unauthorized", flow(400, "FLOW-2115-400", "Invalid token provided.")),
        (
            "later unauthorized",
            flow(
                401,
                "FLOW-2000-401",
                "The authorization token does not have access to this organization.",
            ),
        ),
        ("hold forbidden", gateway(403, "403000")),
        ("hold forbidden", gateway(403, "403003")),
        ("hold forbidden", gateway(403, "403025")),
        ("later bad_request", gateway(400, "400003")),
        ("hold forbidden", json(403, include_str!("../../data/adobe/error_forbidden.json"))),
        ("hold forbidden", flow(403, "FLOW-2118-403", "The permission write is missing.")),
        (
            "hold forbidden",
            flow(
                400,
                "FLOW-1427-400",
                "The user token is unauthorized to create/update flow runs.",
            ),
        ),
        (
            "hold forbidden",
            flow(400, "FLOW-1100-400", "Error from flow provider: Not entitled to this operation."),
        ),
        ("hold not_found", json(404, include_str!("../../data/adobe/error_not_found.json"))),
        ("hold not_found", flow(404, "FLOW-1101-404", "Resource with given id does not exist.")),
        (
            "hold not_found",
            flow(400, "FLOW-1439-400", "The requested runs resource r is not found."),
        ),
        ("reread state_conflict", flow(400, "SOURCES-1387-400", state)),
        ("reread state_conflict", flow(400, "1387-400", state)),
        ("reread state_conflict", words(state)),
        ("reread state_conflict", json(409, "")),
        ("reread state_conflict", json(423, "")),
        ("hold not_found", json(410, "")),
        ("later 0s unauthorized", gateway(403, "401013")),
        ("later create_failed", words("Failed to create flow run. Error message: x")),
        ("hold action_unsupported", words("The provided flow run action=x is not supported.")),
        ("later bad_request", words("Something nobody has written down yet.")),
        ("hold flow_disabled", flow(400, "SOURCES-1388-400", disabled)),
        ("hold flow_disabled", words(disabled)),
        ("hold flow_disabled", flow(409, "SOURCES-1388-409", disabled)),
        ("later version_mismatch", json(412, "")),
        (
            "later version_mismatch",
            flow(
                400,
                "FLOW-1404-412",
                "The supplied version 'a' does not match the current version on entity 'b'.",
            ),
        ),
        (
            "later version_mismatch",
            json(409, include_str!("../../data/adobe/error_etag_conflict.json")),
        ),
        (
            "hold if_match_required",
            flow(400, "FLOW-1403-400", "The header 'If-Match' is missing in the request."),
        ),
        ("hold if_match_required", json(428, "")),
        (
            "later create_failed",
            flow(400, "SOURCES-1380-400", "Failed to create flow run. Error message: x"),
        ),
        ("hold action_unsupported", flow(400, "SOURCES-1333-400", unsupported)),
        ("hold action_unsupported", words(unsupported)),
        (
            "hold action_unsupported",
            flow(400, "SOURCES-1401-400", "The provided flow run action=x is not supported."),
        ),
        (
            "hold action_unsupported",
            flow(400, "SOURCES-1398-400", "The provided operation : x is unsupported."),
        ),
        (
            "hold action_unsupported",
            flow(400, "FLOW-1434-400", "Unsupported operation 'move' received."),
        ),
        // The same numbers in the other catalogue mean something else.
        (
            "later bad_request",
            flow(400, "FLOW-1401-400", "The limit and count parameters cannot be given together."),
        ),
        (
            "later bad_request",
            flow(
                400,
                "SOURCES-1403-400",
                "The start time has passed and you can no longer change the frequency to once.",
            ),
        ),
        (
            "later bad_request",
            flow(
                400,
                "SOURCES-1404-400",
                "The start time has passed and you can no longer update backfill.",
            ),
        ),
        ("later bad_request", json(400, include_str!("../../data/adobe/error_content_type.json"))),
        ("later bad_request", json(422, "")),
        ("later bad_request", json(400, "<html>a proxy</html>")),
        ("later 0s unauthorized", json(403, "<html>a firewall</html>")),
        ("later 0s unauthorized", json(403, "")),
        ("later 0s unauthorized", json(403, r#"{"message":"Forbidden"}"#)),
        ("later 0s unauthorized", gateway(403, "403999")),
        ("later unavailable", json(404, "")),
        (
            "later bad_request",
            Reply::Raw("HTTP/1.1 400 Bad Request\r\nContent-Length: 99\r\n\r\n{\"ty"),
        ),
        (
            "reread state_conflict",
            Reply::Raw("HTTP/1.1 409 Conflict\r\nContent-Length: 99\r\n\r\n{\"ty"),
        ),
        ("doubt unreadable_answer", json(799, "")),
    ]
}

#[tokio::test]
async fn every_answer_has_its_verdict_and_none_leads_to_a_second_post() {
    for (expected, reply) in rows() {
        let shown = format!("{reply:?}").chars().take(200).collect::<String>();
        let server = answering(reply);
        let verdict = retrigger(&server, |_| {}).await;
        assert_eq!(line(&verdict), expected, "{shown}\n{verdict:?}");
        assert_eq!(server.posts(), 1, "{shown}");
        assert!(detail(&verdict).chars().count() <= 301, "{verdict:?}");
        assert!(!detail(&verdict).contains(char::is_control), "{verdict:?}");
    }
}

#[tokio::test]
async fn an_unreachable_server_is_a_refusal_because_nothing_was_sent() {
    let server = answering(Reply::Hang);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let verdict =
        retrigger(&server, |connection| connection.platform_url.set_port(Some(port)).unwrap())
            .await;
    assert_eq!(line(&verdict), "later unreachable");
    assert!(detail(&verdict).contains("refused"), "{verdict:?}");
}

#[tokio::test]
async fn a_failed_tls_handshake_is_a_refusal_because_nothing_was_sent() {
    let server = answering(Reply::Hang);
    let verdict = retrigger(&server, |connection| {
        let plain = connection.platform_url.as_str().replace("http:", "https:");
        connection.platform_url = plain.parse().unwrap();
    })
    .await;
    assert_eq!(line(&verdict), "later unreachable");
}

#[tokio::test]
async fn an_answer_that_never_begins_or_never_ends_is_doubt() {
    let begun = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"id\":";
    for reply in [Reply::Hang, Reply::RawThenHang(begun)] {
        let server = answering(reply);
        let verdict = retrigger(&server, |connection| {
            connection.request_timeout = Duration::from_millis(300);
        })
        .await;
        assert_eq!(line(&verdict), "doubt timeout");
        assert_eq!(server.posts(), 1);
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_with_the_call_or_the_token() {
    let other = Server::start(|_, _| None);
    let to = vec![("Location", other.url.to_string())];
    let server = answering(Reply::Answer(308, to, String::new()));
    assert_eq!(line(&retrigger(&server, |_| {}).await), "doubt redirected");
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn each_call_has_a_connection_of_its_own() {
    // The server keeps nothing open either, but says nothing of it: a kept connection would break.
    let server =
        answering(Reply::Raw("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"id\":\"new\"}"));
    let service = server.service();
    for _ in 0..5 {
        let verdict = service.retrigger(&prod(), &RunId::new("r"), None, PATIENCE).await;
        assert_eq!(line(&verdict), "accepted new");
    }
}

#[tokio::test]
async fn a_call_that_waits_too_long_is_not_sent() {
    let server = answering(ok(r#"{"id":"new"}"#));
    let service = server.service_with(|connection| connection.requests_per_second = 0.001);
    let run = RunId::new("r");
    assert_eq!(line(&service.retrigger(&prod(), &run, None, PATIENCE).await), "accepted new");
    let short = Duration::from_millis(50);
    assert_eq!(line(&service.retrigger(&prod(), &run, None, short).await), "not sent not_sent");
    assert_eq!(server.posts(), 1);
}

#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    for (status, body, expected) in [
        (400, include_str!("../../data/adobe/token_invalid_client.json"), "not sent unauthorized"),
        (200, "{}", "not sent unreachable"),
    ] {
        let server = Server::start(move |request, _| {
            request.target.starts_with("/ims").then(|| json(status, body))
        });
        assert_eq!(line(&retrigger(&server, |_| {}).await), expected);
        assert_eq!(server.posts(), 0);
    }
    let server = Server::start(|_, _| Some(Reply::Hang));
    let service = server.service();
    let short = Duration::from_millis(50);
    let verdict = service.retrigger(&prod(), &RunId::new("r"), None, short).await;
    assert_eq!(line(&verdict), "not sent not_sent");
    assert_eq!(server.posts(), 0);
}

#[tokio::test]
async fn while_throttled_nothing_is_sent() {
    let server = answering(after(429, "60"));
    let service = server.service();
    assert_eq!(service.throttle_left(), None);
    let run = RunId::new("r");
    let verdict = service.retrigger(&prod(), &run, None, PATIENCE).await;
    assert_eq!(line(&verdict), "later 60s throttled");
    assert_eq!(service.throttle_left(), Some(Duration::from_secs(60)));
    let verdict = service.retrigger(&prod(), &run, None, PATIENCE).await;
    assert_eq!(line(&verdict), "not sent throttled");
    assert_eq!(server.posts(), 1);
}

#[tokio::test]
async fn a_call_that_waits_when_throttling_begins_is_not_sent() {
    let server = answering(after(429, "60"));
    let service = server.service_with(|connection| connection.requests_per_second = 10.0);
    let calls = (0..5).map(|_| async {
        line(&service.retrigger(&prod(), &RunId::new("r"), None, PATIENCE).await)
    });
    let lines = futures_util::future::join_all(calls).await;
    assert_eq!(lines.iter().filter(|line| *line == "not sent throttled").count(), 4, "{lines:?}");
    assert_eq!(server.posts(), 1);
}

#[tokio::test]
async fn only_a_handful_of_calls_is_sent_into_a_wall_of_bare_503() {
    let posts = AtomicUsize::new(0);
    let server = Server::start(move |request, _| {
        let is_post = request.target.contains("/action");
        let wall = is_post && posts.fetch_add(1, Ordering::SeqCst) >= 19;
        let bare = || Reply::Answer(503, vec![], String::new());
        is_post.then(|| if wall { bare() } else { ok(r#"{"id":"new"}"#) })
    });
    let service = server.service_with(|connection| connection.max_concurrent_requests = 4);
    let calls = (0..100).map(|at| {
        let (service, run) = (service.clone(), RunId::new(format!("r-{at}")));
        async move { line(&service.retrigger(&prod(), &run, None, PATIENCE).await) }
    });
    let lines = futures_util::future::join_all(calls).await;
    let count = |wanted: &str| lines.iter().filter(|line| *line == wanted).count();
    assert_eq!(count("accepted new"), 19);
    assert!((1..=6).contains(&count("doubt server_error")), "{lines:?}");
    assert_eq!(count("not sent throttled"), 100 - server.posts(), "{lines:?}");
    assert!(service.throttle_left() >= Some(Duration::from_secs(1)));
}

#[tokio::test]
async fn calls_that_break_off_in_a_row_hold_the_next_ones_back_and_a_clear_answer_ends_the_row() {
    let server = Server::start(|request, _| {
        let clear = request.target.contains("clear");
        let answer = || if clear { ok(r#"{"id":"new"}"#) } else { Reply::Raw("") };
        request.target.contains("/action").then(answer)
    });
    let service = server.service();
    let mut lines = Vec::new();
    for run in ["a", "b", "clear", "c", "d", "e", "f"] {
        lines.push(line(&service.retrigger(&prod(), &RunId::new(run), None, PATIENCE).await));
    }
    let doubt = "doubt connection_lost";
    let held_back = "not sent throttled";
    assert_eq!(lines, [doubt, doubt, "accepted new", doubt, doubt, doubt, held_back]);
    assert!(service.flows(&prod()).await.is_complete(), "reads go on: they look for the runs");
}

#[tokio::test]
async fn a_call_that_gives_up_during_short_throttling_is_throttled() {
    let server = answering(after(429, "3"));
    let service = server.service();
    let run = RunId::new("r");
    service.retrigger(&prod(), &run, None, PATIENCE).await;
    let verdict = service.retrigger(&prod(), &run, None, Duration::from_millis(50)).await;
    assert_eq!(line(&verdict), "not sent throttled");
    assert_eq!(server.posts(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_that_were_not_sent_wait_for_the_one_renewal_of_a_refused_token() {
    const CONCURRENT: usize = 4;
    for pace in [0.0, 200.0] {
        let calls = AtomicUsize::new(0);
        let server = Server::start(move |request, before| {
            if request.target == "/ims/token/v3" {
                let token = format!(r#"{{"access_token":"t{before}","expires_in":3600}}"#);
                return Some(ok(token));
            }
            let expired = calls.fetch_add(1, Ordering::SeqCst) >= 3;
            let old = request.header("authorization") == Some("Bearer t0");
            Some(if old && expired { gateway(401, "401013") } else { ok(r#"{"id":"new"}"#) })
        });
        let service = server.service_with(|connection| {
            connection.max_concurrent_requests = CONCURRENT;
            connection.requests_per_second = pace;
        });
        let calls = (0..20).map(|at| {
            let service = service.clone();
            tokio::spawn(async move {
                let run = RunId::new(format!("r-{at}"));
                line(&service.retrigger(&prod(), &run, None, PATIENCE).await)
            })
        });
        let lines: Vec<String> =
            futures_util::future::join_all(calls).await.into_iter().map(Result::unwrap).collect();
        let refused = lines.iter().filter(|line| *line == "later 0s unauthorized").count();
        let accepted = lines.iter().filter(|line| *line == "accepted new").count();
        assert!((1..=CONCURRENT).contains(&refused), "{lines:?}");
        assert_eq!((accepted, server.posts(), server.tokens()), (20 - refused, 20, 2));
    }
}

#[tokio::test]
async fn a_refused_token_is_renewed_for_the_next_call_and_at_most_once_a_minute() {
    let server = Server::start(|request, _| {
        request.target.contains("/action").then(|| gateway(401, "401013"))
    });
    let service = server.service();
    let mut lines = Vec::new();
    for _ in 0..3 {
        lines.push(line(&service.retrigger(&prod(), &RunId::new("r"), None, PATIENCE).await));
    }
    assert_eq!(lines, ["later 0s unauthorized", "later unauthorized", "later unauthorized"]);
    assert_eq!((server.posts(), server.tokens()), (3, 2));
}

#[tokio::test]
async fn a_bare_403_renews_the_token_once_and_is_then_a_missing_permission() {
    for body in ["", "<html>denied</html>", r#"{"message":"Forbidden"}"#] {
        let server = Server::start(move |request, _| match request.below() {
            "/runs/r" => Some(page(&[run("r", "f", "failed")], None)),
            target => target.contains("/action").then(|| json(403, body)),
        });
        let service = server.service();
        let mut lines = Vec::new();
        for _ in 0..2 {
            lines.push(line(&service.retrigger(&prod(), &RunId::new("r"), None, PATIENCE).await));
        }
        assert_eq!(lines, ["later 0s unauthorized", "hold forbidden"], "{body}");
        assert_eq!((server.posts(), server.tokens()), (2, 2));
    }
}

#[tokio::test]
async fn a_token_that_ends_again_within_the_minute_is_no_missing_permission() {
    let server = Server::start(|request, before| match request.target.as_str() {
        "/ims/token/v3" => Some(ok(format!(r#"{{"access_token":"t{before}"}}"#))),
        _ if request.header("authorization") == Some("Bearer t2") => Some(ok(r#"{"id":"new"}"#)),
        _ => Some(json(403, "")),
    });
    let clock = Arc::new(TestClock::default());
    let service = FlowService::new(server.connection(), clock.clone()).unwrap();
    let mut lines = Vec::new();
    for _ in 0..4 {
        lines.push(line(&service.retrigger(&prod(), &RunId::new("r"), None, PATIENCE).await));
        clock.advance(25);
    }
    let expected = ["later 0s unauthorized", "later unauthorized", "later unauthorized"];
    assert_eq!(lines[..3], expected);
    assert_eq!(lines[3], "later 0s unauthorized", "a minute later it is renewed again");
    let verdict = service.retrigger(&prod(), &RunId::new("r"), None, PATIENCE).await;
    assert_eq!(line(&verdict), "accepted new");
}

#[tokio::test]
async fn a_refusal_that_names_a_header_says_what_to_check() {
    let message = "x-sandbox-id header is missing or empty";
    let server = answering(error(400, "FLOW-2105-400", message));
    let verdict = retrigger(&server, |_| {}).await;
    assert!(detail(&verdict).contains("check the name in [[sandbox]]"), "{verdict:?}");
    assert!(detail(&verdict).contains("OAuth server-to-server"), "{verdict:?}");
}

#[tokio::test]
async fn what_cannot_be_sent_is_held_unchanged() {
    let server = answering(ok(r#"{"id":"new"}"#));
    let service = server.service_with(|connection| connection.send_if_match = true);
    for run in ["", ".", "..", "a b", "a\nb"] {
        let verdict = service.retrigger(&prod(), &RunId::new(run), None, PATIENCE).await;
        assert_eq!(line(&verdict), "hold bad_request", "{run:?}");
    }
    let etag = Etag::new("a\nb");
    let verdict = service.retrigger(&prod(), &RunId::new("r"), Some(&etag), PATIENCE).await;
    assert_eq!(line(&verdict), "hold bad_request");
    assert_eq!(server.posts(), 0);
}

#[tokio::test]
async fn adobes_message_is_one_clean_short_line_without_secrets() {
    let body = format!(r#"{{"errorMessage":"a\u001b[31m\nb {TOKEN} {}"}}"#, "x".repeat(1000));
    let server = answering(json(409, body));
    let verdict = retrigger(&server, |_| {}).await;
    let detail = detail(&verdict);
    assert!(detail.starts_with("409 a [31m b [secret] xxx"), "{detail}");
    assert!(detail.chars().count() <= 301);
    assert!(!format!("{verdict:?}").contains(TOKEN) && !detail.contains(SECRET));
}

#[test]
fn every_reason_of_a_refusal_or_doubt_is_produced_by_some_row() {
    let lines: Vec<&str> = rows().into_iter().map(|(line, _)| line).collect();
    for reason in [
        Reason::Throttled,
        Reason::Unauthorized,
        Reason::Unreachable,
        Reason::Unavailable,
        Reason::StateConflict,
        Reason::VersionMismatch,
        Reason::CreateFailed,
        Reason::FlowDisabled,
        Reason::ActionUnsupported,
        Reason::Forbidden,
        Reason::NotFound,
        Reason::BadRequest,
        Reason::IfMatchRequired,
        Reason::Timeout,
        Reason::ConnectionLost,
        Reason::ServerError,
        Reason::UnreadableAnswer,
        Reason::NoRunId,
        Reason::Redirected,
    ] {
        assert!(lines.iter().any(|line| line.ends_with(reason.as_str())), "{reason}");
    }
}
