//! A server that answers by a script, records requests, and can misbehave below HTTP.

use async_trait::async_trait;
use flowmend::clock::Clock;
use flowmend::domain::model::ids::SandboxName;
use flowmend::flow_service::{Connection, FlowService};
use jiff::Timestamp;
use secrecy::SecretString;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub const SECRET: &str = "s3cr3t-value";
pub const TOKEN: &str = "the-token";

/// A received request.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    /// Path and query, undecoded.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The part of the target below the service.
    pub fn below(&self) -> &str {
        self.target.strip_prefix("/data/foundation/flowservice").unwrap_or(&self.target)
    }
}

/// What the server does with a request.
#[derive(Debug, Clone)]
pub enum Reply {
    Answer(u16, Vec<(&'static str, String)>, String),
    /// These bytes, then the end of the connection.
    Raw(&'static str),
    /// These bytes, then nothing until the client goes away.
    RawThenHang(&'static str),
    /// Nothing until the client goes away.
    Hang,
}

pub fn json(status: u16, body: impl ToString) -> Reply {
    Reply::Answer(status, vec![("Content-Type", "application/json".into())], body.to_string())
}

pub fn ok(body: impl ToString) -> Reply {
    json(200, body)
}

pub fn error(status: u16, number: &str, message: &str) -> Reply {
    let uri = format!("https://ns.adobe.com/aep/errors/{number}");
    json(status, serde_json::json!({ "type": uri, "status": status, "errorMessage": message }))
}

pub struct Server {
    pub url: reqwest::Url,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Serves by `script`, which gets the request and how many requests with the same target came
    /// before. Without an answer from it, the server returns the token or an empty page.
    pub fn start(
        script: impl Fn(&Request, usize) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
        let log = Arc::clone(&seen);
        let script = Arc::new(script);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (log, script) = (Arc::clone(&log), Arc::clone(&script));
                std::thread::spawn(move || serve(stream, &log, &*script));
            }
        });
        Self { url, seen }
    }

    pub fn requests(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    /// Targets of all requests to the service itself.
    pub fn asked(&self) -> Vec<String> {
        let requests = self.requests();
        let service = requests.iter().filter(|request| !request.target.starts_with("/ims/"));
        service.map(|request| request.below().to_owned()).collect()
    }

    pub fn tokens(&self) -> usize {
        self.requests().iter().filter(|request| request.target == "/ims/token/v3").count()
    }

    pub fn posts(&self) -> usize {
        self.requests().iter().filter(|request| request.target.contains("/action")).count()
    }

    pub fn connection(&self) -> Connection {
        Connection {
            platform_url: self.url.clone(),
            ims_url: self.url.clone(),
            org_id: "org@AdobeOrg".into(),
            client_id: "client".into(),
            client_secret: SecretString::from(SECRET),
            scopes: vec!["openid".into(), "AdobeID".into()],
            retrigger_op: "re-trigger".into(),
            send_if_match: false,
            request_timeout: Duration::from_secs(10),
            requests_per_second: 0.0,
            max_concurrent_requests: 8,
            max_response_bytes: 1 << 20,
            max_pages: 10,
            page_size: 100,
            failed_status_values: vec!["failed".into(), "Failed".into()],
        }
    }

    pub fn service(&self) -> FlowService {
        self.service_with(|_| {})
    }

    pub fn service_with(&self, change: impl FnOnce(&mut Connection)) -> FlowService {
        let mut connection = self.connection();
        change(&mut connection);
        FlowService::new(connection, Arc::new(TestClock::default())).unwrap()
    }
}

fn serve(
    mut stream: TcpStream,
    log: &Mutex<Vec<Request>>,
    script: &dyn Fn(&Request, usize) -> Option<Reply>,
) {
    let Some(request) = read_request(&mut stream) else { return };
    let before = {
        let mut log = log.lock().unwrap();
        let before = log.iter().filter(|earlier| earlier.target == request.target).count();
        log.push(request.clone());
        before
    };
    let reply = script(&request, before).unwrap_or_else(|| match request.target.as_str() {
        "/ims/token/v3" => ok(format!(r#"{{"access_token":"{TOKEN}","expires_in":86399}}"#)),
        _ => ok(r#"{"items":[],"_links":{}}"#),
    });
    match reply {
        Reply::Answer(status, headers, body) => {
            let mut head = format!("HTTP/1.1 {status} X\r\nConnection: close\r\n");
            for (name, value) in headers {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            let length = body.len();
            let _ = write!(stream, "{head}Content-Length: {length}\r\n\r\n{body}");
        }
        Reply::Raw(bytes) => {
            let _ = stream.write_all(bytes.as_bytes());
        }
        Reply::RawThenHang(bytes) => {
            let _ = stream.write_all(bytes.as_bytes());
            let _ = stream.read(&mut [0]);
        }
        Reply::Hang => {
            let _ = stream.read(&mut [0]);
        }
    }
}

fn read_request(stream: &mut TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_lowercase(), value.to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, length)| length.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, target, headers, body: String::from_utf8(body).unwrap() })
}

/// A clock that stands still until a test advances it.
#[derive(Debug, Default)]
pub struct TestClock {
    pub moved: AtomicU64,
}

impl TestClock {
    pub const START: i64 = 1_700_000_000_000;

    pub fn advance(&self, seconds: u64) {
        self.moved.fetch_add(seconds, Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(Self::START).unwrap() + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.moved.load(Ordering::SeqCst))
    }

    async fn sleep(&self, _: Duration) {}
}

pub fn prod() -> SandboxName {
    SandboxName::new("prod")
}

pub fn run(id: &str, flow: &str, status: &str) -> String {
    format!(
        r#"{{"id":"{id}","flowId":"{flow}","createdAt":{},"metrics":{{"statusSummary":{{"status":"{status}"}}}}}}"#,
        TestClock::START
    )
}

pub fn page(items: &[String], next: Option<&str>) -> Reply {
    let links = next.map(|href| format!(r#""next":{{"href":"{href}"}}"#)).unwrap_or_default();
    ok(format!(r#"{{"items":[{}],"_links":{{{links}}}}}"#, items.join(",")))
}
