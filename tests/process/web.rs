//! The page and the API of a running daemon, over a real socket.

use crate::support::process::Process;
use crate::support::{SOON, Site, gateway_timeout};
use flowmend::simulator::{Endpoint, FaultRule};
use reqwest::header::{AUTHORIZATION, HOST, HeaderName};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;

const SCRIPT: &str = "<script>alert(1)</script>";
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Where a daemon is asked.
struct Door {
    client: reqwest::Client,
    address: SocketAddr,
}

impl Door {
    async fn of(daemon: &Process) -> Self {
        let line = daemon.says("listening").await;
        let mut address: SocketAddr = line["address"].as_str().unwrap().parse().unwrap();
        if address.ip().is_unspecified() {
            address.set_ip([127, 0, 0, 1].into());
        }
        let client =
            reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        Self { client: client.build().unwrap(), address }
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("http://{}{path}", self.address))
    }

    async fn answer(&self, path: &str) -> Response {
        self.get(path).send().await.unwrap()
    }

    async fn text(&self, path: &str) -> String {
        self.answer(path).await.text().await.unwrap()
    }

    async fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.text(path).await).unwrap()
    }

    async fn status(&self, path: &str, header: HeaderName, value: &str) -> StatusCode {
        self.get(path).header(header, value).send().await.unwrap().status()
    }

    /// Waits until the page at `path` contains `text`.
    async fn shows(&self, path: &str, text: &str) -> String {
        let page = async {
            loop {
                let page = self.text(path).await;
                if page.contains(text) {
                    return page;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let page = tokio::time::timeout(SOON, page).await;
        page.unwrap_or_else(|_| panic!("{path} does not show {text:?}"))
    }
}

#[tokio::test]
async fn what_adobe_names_is_text_on_every_page_and_no_page_may_run_it() {
    let site = Site::new().await;
    let flow = site.flow(SCRIPT);
    let run = site.failed_run(&flow, 1);
    let daemon = site.daemon().await;
    let door = Door::of(&daemon).await;
    let page = door.shows("/", "alert(1)").await;
    let recovery = door.text(&format!("/recoveries/{run}")).await;
    let filtered = door.text("/?flow=%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E").await;
    let searched = door.text("/search?run=%3Cscript%3Ealert(1)").await;
    let missing = door.text("/recoveries/%3Cscript%3Ealert(1)").await;
    for page in [page, recovery, filtered, searched, missing] {
        assert!(page.contains("alert(1)") && !page.contains("<script>alert"), "{page}");
        assert!(!page.contains(" style=") && !page.contains("<style"), "{page}");
    }

    for path in ["/", "/style.css", "/live.js", "/api/v1/status", "/livez", "/nothing"] {
        let answer = door.answer(path).await;
        let header = |name: &str| answer.headers()[name].to_str().unwrap();
        assert_eq!(
            header("content-security-policy"),
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
             img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        );
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "no-referrer");
    }
    daemon.stop().await.exits(0);
}

#[tokio::test]
async fn the_url_selects_what_the_page_and_the_api_show() {
    let site = Site::new().await;
    site.fault(FaultRule::always(Endpoint::Retrigger, gateway_timeout()));
    let run = site.failure("crm-accounts");
    site.failure("erp-orders");
    let daemon = site.daemon().await;
    let door = Door::of(&daemon).await;
    door.shows("/?flow=crm-*&state=in_doubt", ">crm-accounts</a>").await;
    door.shows("/?flow=erp-orders&state=in_doubt", ">erp-orders</a>").await;
    let page = door.text("/?flow=crm-*").await;
    assert!(page.contains(">crm-accounts</a>") && !page.contains(">erp-orders</a>"), "{page}");
    assert!(door.text("/?flow=web-*").await.contains("No dataflow with a failed run matches"));
    assert_eq!(door.answer("/?state=broken").await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(door.answer("/api/v1/recoveries?limit=0").await.status(), StatusCode::BAD_REQUEST);

    let first = door.json("/api/v1/recoveries?limit=1").await;
    assert_eq!((&first["total"], first["recoveries"].as_array().unwrap().len()), (&2.into(), 1));
    let next = first["next"].as_str().unwrap();
    let second = door.json(&format!("/api/v1/recoveries?limit=1&after={next}")).await;
    assert_ne!(first["recoveries"][0]["root_run_id"], second["recoveries"][0]["root_run_id"]);

    let prefix = &run[..8];
    let found = door.json(&format!("/api/v1/recoveries?run={prefix}")).await;
    assert_eq!(found["recoveries"][0]["root_run_id"], run.as_str());
    let search = door.answer(&format!("/search?run={prefix}")).await;
    assert_eq!(search.status(), StatusCode::SEE_OTHER);
    let page = door.text(search.headers()["location"].to_str().unwrap()).await;
    assert!(page.contains("re-trigger in doubt") && page.contains("Copy as Markdown"), "{page}");
    let story = door.json(&format!("/api/v1/recoveries/{run}")).await;
    assert_eq!((&story["flow_name"], story["entries"].is_array()), (&"crm-accounts".into(), true));
    assert_eq!(door.json("/api/v1/status").await["healing"]["count"], 2);
    assert_eq!(door.json("/api/v1/pauses").await["pauses"], Value::Array(Vec::new()));
    assert_eq!(door.answer("/api/v1/recoveries/nothing").await.status(), StatusCode::NOT_FOUND);
    assert!(door.json("/api/v1/nothing").await["error"].is_string());
    daemon.stop().await.exits(0);
}

#[tokio::test]
async fn a_loopback_address_answers_only_under_a_loopback_name() {
    let site = Site::new().await;
    let daemon = site.daemon().await;
    let door = Door::of(&daemon).await;
    for host in ["localhost", "LOCALHOST:80", "127.0.0.1:8321", "[::1]:8321"] {
        assert_eq!(door.status("/style.css", HOST, host).await, StatusCode::OK, "{host}");
    }
    for host in ["evil.example", "localhost.evil.example", "192.0.2.1", "127.0.0.1.evil.example"] {
        for path in ["/", "/api/v1/status", "/events"] {
            let status = door.status(path, HOST, host).await;
            assert_eq!(status, StatusCode::MISDIRECTED_REQUEST, "{host}");
        }
        assert_ne!(door.status("/livez", HOST, host).await, StatusCode::MISDIRECTED_REQUEST);
    }
    daemon.stop().await.exits(0);
}

#[tokio::test]
async fn beyond_loopback_a_token_is_needed_for_all_but_health() {
    let site = Site::new().await;
    site.configure("http.listen = \"0.0.0.0:0\"");
    site.run(&["run"]).await.exits(78).complains("a token is required");

    let file = site.path("token");
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let with_token = format!("[http]\nlisten = \"0.0.0.0:0\"\ntoken_file = {file:?}");
    site.configure(&with_token);
    let daemon = site.daemon().await;
    let door = Door::of(&daemon).await;
    for path in ["/", "/api/v1/status", "/events", "/metrics", "/style.css", "/nothing"] {
        let refused = door.answer(path).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "{path}");
        assert!(refused.headers()["www-authenticate"].to_str().unwrap().starts_with("Basic"));
        for wrong in ["Bearer wrong", "Bearer", "Basic !", "Basic eDp5", &format!("X {TOKEN}")] {
            let status = door.status(path, AUTHORIZATION, wrong).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{path} {wrong}");
        }
    }
    assert_eq!(door.answer("/livez").await.status(), StatusCode::OK);
    for path in ["/style.css", "/metrics", "/api/v1/openapi.json"] {
        let bearer = format!("Bearer {TOKEN}");
        assert_eq!(door.status(path, AUTHORIZATION, &bearer).await, StatusCode::OK);
        let as_browser = door.get(path).basic_auth("any", Some(TOKEN)).send().await.unwrap();
        assert_eq!(as_browser.status(), StatusCode::OK);
    }
    daemon.stop().await.exits(0);

    site.configure(&format!("{with_token}\nopen_metrics = true"));
    let daemon = site.daemon().await;
    let door = Door::of(&daemon).await;
    assert_eq!(door.answer("/metrics").await.status(), StatusCode::OK);
    assert_eq!(door.answer("/style.css").await.status(), StatusCode::UNAUTHORIZED);
    daemon.stop().await.exits(0);
}

#[tokio::test]
async fn events_carry_only_versions_and_end_with_the_daemon() {
    let site = Site::new().await;
    let daemon = site.daemon().await;
    let door = Door::of(&daemon).await;
    let mut events = door.answer("/events").await;
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    let mut seen = String::new();
    while !seen.contains("data: 1\n") {
        let chunk = tokio::time::timeout(SOON, events.chunk()).await.expect("passes change it");
        seen += std::str::from_utf8(&chunk.unwrap().unwrap()).unwrap();
    }
    assert!(seen.starts_with("data: 0\n\n"), "{seen}");
    daemon.signal("TERM");
    daemon.end_within(Duration::from_secs(5)).await.exits(0);
}
