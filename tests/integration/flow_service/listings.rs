//! Pages, ids, limits and faults of the reads.

use crate::kit::server::{Reply, Server, TestClock, error, json, ok, page, prod, run};
use flowmend::domain::model::ids::{FlowId, FlowSpecId, RunId};
use flowmend::domain::model::run::Run;
use flowmend::flow_service::{ApiError, Listing, Observer};
use jiff::Timestamp;
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn ids(listing: &Listing<Run>) -> Vec<&str> {
    listing.items.iter().map(|run| run.id.as_str()).collect()
}

fn start() -> Timestamp {
    Timestamp::from_millisecond(TestClock::START).unwrap()
}

async fn of_flow(server: &Server) -> Listing<Run> {
    server.service().runs_of_flow(&prod(), &FlowId::new("f"), start()).await
}

#[tokio::test]
async fn every_read_identifies_us_and_the_sandbox() {
    let server = Server::start(|_, _| None);
    assert!(server.service().flows(&prod()).await.is_complete());
    let request = server.requests().pop().unwrap();
    assert_eq!(request.method, "GET");
    assert_eq!(request.target, "/data/foundation/flowservice/flows?limit=100");
    for (name, value) in [
        ("authorization", "Bearer the-token"),
        ("x-api-key", "client"),
        ("x-gw-ims-org-id", "org@AdobeOrg"),
        ("x-sandbox-name", "prod"),
        ("accept", "application/json"),
        ("user-agent", concat!("flowmend/", env!("CARGO_PKG_VERSION"))),
    ] {
        assert_eq!(request.header(name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn pages_are_followed_with_our_own_filters_and_the_token_of_the_link() {
    for href in [
        "/runs?continuationToken=a%2Bb%3D",
        "?continuationToken=a+b=",
        "https://platform.adobe.io/data/foundation/flowservice/runs?limit=1&continuationToken=a%2Bb%3D",
    ] {
        let server = Server::start(move |request, _| {
            let first = !request.target.contains("continuationToken");
            request.target.contains("/runs").then(|| match first {
                true => page(&[run("1", "f", "failed")], Some(href)),
                false => page(&[run("2", "f", "success")], None),
            })
        });
        let listing = of_flow(&server).await;
        assert!(listing.is_complete(), "{href}: {:?}", listing.fault);
        assert_eq!(ids(&listing), ["1", "2"]);
        let first = "/runs?property=flowId==f&property=createdAt%3E1699999999999&limit=100";
        let second = format!("{first}&continuationToken=a%2Bb%3D");
        assert_eq!(server.asked(), [first.to_owned(), second]);
    }
}

#[tokio::test]
async fn an_item_that_moves_between_pages_is_listed_once_as_read_last() {
    let server = Server::start(|request, _| {
        let first = !request.target.contains("continuationToken");
        request.target.contains("/runs").then(|| match first {
            true => page(
                &[run("1", "f", "inProgress"), run("2", "f", "failed")],
                Some("/runs?continuationToken=x"),
            ),
            false => page(&[run("1", "f", "failed"), run("3", "f", "failed")], None),
        })
    });
    let listing = of_flow(&server).await;
    assert_eq!(ids(&listing), ["1", "2", "3"]);
    assert_eq!(listing.items[0].status, flowmend::domain::model::run::RunStatus::Failed);
}

#[tokio::test]
async fn a_listing_that_cannot_be_read_to_its_end_is_incomplete_and_says_why() {
    type Check = fn(&ApiError) -> bool;
    let table: [(&str, Check); 6] = [
        ("/runs?continuationToken=x", |fault| matches!(fault, ApiError::PagesRepeat)),
        ("/runs?page=2", |fault| matches!(fault, ApiError::Unreadable { .. })),
        ("GROW", |fault| matches!(fault, ApiError::TooManyPages { pages: 10 })),
        ("LARGE", |fault| matches!(fault, ApiError::TooLarge { limit: 1_048_576, .. })),
        ("HTML", |fault| matches!(fault, ApiError::Unreadable { .. })),
        ("{}", |fault| matches!(fault, ApiError::Unreadable { .. })),
    ];
    for (href, check) in table {
        let server = Server::start(move |request, _| {
            if !request.target.contains("/runs") {
                return None;
            }
            let depth = request.target.len();
            let first = !request.target.contains("continuationToken");
            let one = [run("1", "f", "failed")];
            Some(match href {
                "GROW" => {
                    page(&one, Some(&format!("/runs?continuationToken={}", "x".repeat(depth))))
                }
                _ if first => page(&one, Some("/runs?continuationToken=x")),
                "LARGE" => ok(" ".repeat((1 << 20) + 1)),
                "HTML" => ok(include_str!("../../data/adobe/error_page.html")),
                "{}" => ok("{}"),
                _ => page(&one, Some(href)),
            })
        });
        let listing = of_flow(&server).await;
        assert_eq!(ids(&listing), ["1"], "{href}: what was read is kept");
        let fault = listing.fault.unwrap();
        assert!(check(&fault), "{href}: {fault:?}");
    }
}

#[tokio::test]
async fn an_announced_size_is_refused_before_it_is_read() {
    let server = Server::start(|request, _| {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n";
        request.target.contains("/flows").then_some(Reply::Raw(head))
    });
    let fault = server.service().flows(&prod()).await.fault.unwrap();
    assert!(matches!(fault, ApiError::TooLarge { .. }), "{fault:?}");
}

#[tokio::test]
async fn an_item_without_an_id_affects_neither_its_page_nor_the_watermark() {
    let server = Server::start(|request, _| {
        let items = ["null".into(), r#"{"flowId":"f"}"#.into(), run("1", "f", "failed")];
        request.target.contains("/runs").then(|| page(&items, None))
    });
    let window = flowmend::flow_service::Window::CreatedSince(start());
    let failed = server.service().failed_runs(&prod(), &[FlowId::new("f")], None, window).await;
    assert!(failed.is_complete());
    assert_eq!(ids(&failed), ["1"]);
    let evidence = of_flow(&server).await;
    assert_eq!(ids(&evidence), ["1"]);
    let fault = evidence.fault.unwrap();
    assert!(
        matches!(fault, ApiError::WithoutId { count: 2 }),
        "it could be the one that is needed"
    );
}

#[tokio::test]
async fn a_read_is_repeated_when_that_may_help_and_only_then() {
    for (status, expected) in [(503, 2), (429, 2), (500, 2), (403, 2), (404, 1), (400, 1)] {
        let server = Server::start(move |request, before| {
            (request.target.contains("/flows") && before == 0).then(|| json(status, "{}"))
        });
        let listing = server.service().flows(&prod()).await;
        assert_eq!(server.asked().len(), expected, "{status}");
        assert_eq!(listing.is_complete(), expected == 2, "{status}");
    }
}

#[tokio::test]
async fn a_retry_after_that_is_too_long_ends_the_read_and_is_passed_on() {
    let server = Server::start(|request, _| {
        let wait = vec![("Retry-After", "120".to_owned())];
        request.target.contains("/flows").then(|| Reply::Answer(429, wait.clone(), String::new()))
    });
    let fault = server.service().flows(&prod()).await.fault.unwrap();
    assert_eq!(fault.retry_after(), Some(Duration::from_secs(120)));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_carries_nothing_elsewhere() {
    let other = Server::start(|_, _| None);
    let elsewhere = other.url.to_string();
    let server = Server::start(move |request, _| {
        let to = vec![("Location", elsewhere.clone())];
        request.target.contains("/flows").then(|| Reply::Answer(307, to, String::new()))
    });
    let fault = server.service().flows(&prod()).await.fault.unwrap();
    assert_eq!(fault.status(), Some(307));
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn unreachable_and_broken_connections_are_different_faults() {
    let gone = Server::start(|_, _| Some(Reply::Hang));
    let service = gone.service_with(|connection| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        connection.ims_url.set_port(Some(port)).unwrap();
    });
    let fault = service.authenticate().await.unwrap_err();
    assert!(matches!(fault, ApiError::Unreachable { .. }) && fault.is_unreachable(), "{fault:?}");
    assert!(fault.to_string().contains("adobe.ims_url"), "{fault}");

    let broken = Server::start(|request, _| {
        let cut = "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"items\":[";
        request.target.contains("/flows").then_some(Reply::Raw(cut))
    });
    let fault = broken.service().flows(&prod()).await.fault.unwrap();
    assert!(matches!(fault, ApiError::Broken { .. }), "{fault:?}");
    assert_eq!(broken.asked().len(), 4, "a read may be repeated");
}

#[tokio::test]
async fn a_missing_flow_spec_is_none_but_an_unknown_sandbox_is_a_fault() {
    let spec = FlowSpecId::new("s");
    let known = |reply: fn() -> Reply| {
        Server::start(move |request, _| request.target.contains("flowSpecs").then(reply))
    };
    let gone = known(|| error(404, "FLOW-1439-404", "The requested resource s is not found."));
    assert_eq!(gone.service().flow_spec(&prod(), &spec).await.unwrap(), None);
    assert_eq!(gone.asked(), ["/flowSpecs/s"]);
    let sandbox = known(|| error(404, "FLOW-2100-404", "The sandbox could not be found."));
    assert!(sandbox.service().flow_spec(&prod(), &spec).await.is_err());
    let proxy = known(|| json(404, "<html>not here</html>"));
    assert!(proxy.service().flow_spec(&prod(), &spec).await.is_err());
}

#[tokio::test]
async fn adobes_clock_is_read_from_the_date_of_its_answers() {
    let server = Server::start(|request, _| {
        // 1,700,000,060 in seconds: a minute ahead of the clock of these tests.
        let date = vec![("Date", "Tue, 14 Nov 2023 22:14:20 GMT".to_owned())];
        let body = r#"{"items":[]}"#.to_owned();
        request.target.contains("/flows").then(|| Reply::Answer(200, date.clone(), body))
    });
    let service = server.service();
    assert_eq!(service.now(), start());
    let listing = service.flows(&prod()).await;
    assert_eq!(service.now().as_millisecond() - TestClock::START, 60_500);
    assert_eq!(listing.begun_at, service.now(), "the first listing is dated by it too");
}

#[derive(Debug, Default)]
struct Notes(Mutex<Vec<String>>);

impl Observer for Notes {
    fn answered(&self, endpoint: &'static str, status: Option<u16>, _: Duration) {
        self.0.lock().unwrap().push(format!("{endpoint} {status:?}"));
    }

    fn retried(&self, endpoint: &'static str) {
        self.0.lock().unwrap().push(format!("{endpoint} again"));
    }
}

#[tokio::test]
async fn an_observer_gets_every_exchange_and_every_retry() {
    let server = Server::start(|request, before| {
        (request.target.contains("/runs/r") && before == 0).then(|| json(503, "{}"))
    });
    let notes = Arc::new(Notes::default());
    let service = server.service();
    service.observe(notes.clone());
    service.runs_by_id(&prod(), &[RunId::new("r")]).await;
    let heard = notes.0.lock().unwrap().clone();
    assert_eq!(heard, ["token Some(200)", "run Some(503)", "run again", "run Some(200)"]);
}
