//! Sends requests to the Flow Service: identifies us, keeps the pace and any throttling, and learns
//! what Adobe's clock shows.

use super::exchange::{Answer, NoAnswer, exchange};
use super::observe::SharedObserver;
use super::pacer::Pacer;
use super::platform_clock::PlatformClock;
use super::throttle::Throttle;
use super::token::Token;
use crate::domain::model::ids::SandboxName;
use crate::flow_service::Connection;
use crate::flow_service::error::ApiError;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, IF_MATCH,
};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Method, Request, Url};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// The longest time a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// An HTTP client for calls that may be repeated. It uses the system's proxies and follows no
/// redirects, because they would carry `x-api-key` and the token to another host.
pub(crate) fn reading_client(connection: &Connection) -> Result<Client, ApiError> {
    build(Client::builder(), connection)
}

/// An HTTP client for the one call that must not be repeated, not even by the libraries below.
///
/// Each call has its own connection: on a kept one that the server has just closed, a call that was
/// never received would end in doubt. HTTP/1.1 only, and no retry of any kind, because reqwest
/// repeats a request when an HTTP/2 server sends GOAWAY, which may name a request that was already
/// served.
fn calling_client(connection: &Connection) -> Result<Client, ApiError> {
    let retry = reqwest::retry::never();
    build(Client::builder().pool_max_idle_per_host(0).http1_only().retry(retry), connection)
}

fn build(builder: ClientBuilder, connection: &Connection) -> Result<Client, ApiError> {
    let timeout = connection.request_timeout;
    // A proxy cannot reach this machine's own loopback; the simulator runs there.
    let is_local = is_loopback(&connection.platform_url) && is_loopback(&connection.ims_url);
    let builder = if is_local { builder.no_proxy() } else { builder };
    builder
        .redirect(Policy::none())
        .timeout(timeout)
        // Shorter than the whole exchange, so that it is always clear which of the two expired.
        .connect_timeout(CONNECT_TIMEOUT.min(timeout / 2))
        .user_agent(concat!("flowmend/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|source| ApiError::Client { source: Arc::new(source) })
}

/// Makes one exchange at a time per permit, and not more of them per second than allowed.
pub(crate) struct Gateway {
    pub(crate) clock: PlatformClock,
    pub(crate) observer: SharedObserver,
    pub(crate) timeout: Duration,
    max_bytes: usize,
    reads: Client,
    calls: Client,
    identity: HeaderMap,
    permits: Semaphore,
    pacer: Pacer,
    throttle: Throttle,
}

/// Permission to make one exchange.
pub(crate) struct Permit<'a> {
    _permit: Option<SemaphorePermit<'a>>,
}

impl Gateway {
    pub(crate) fn new(
        connection: &Connection,
        reads: Client,
        clock: PlatformClock,
        observer: SharedObserver,
    ) -> Result<Self, ApiError> {
        let mut identity = HeaderMap::new();
        identity.insert("x-gw-ims-org-id", plain_header("adobe.org_id", &connection.org_id)?);
        identity.insert("x-api-key", plain_header("adobe.client_id", &connection.client_id)?);
        identity.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let permits = connection.max_concurrent_requests.clamp(1, Semaphore::MAX_PERMITS);
        Ok(Self {
            clock,
            observer,
            timeout: connection.request_timeout,
            max_bytes: connection.max_response_bytes,
            reads,
            calls: calling_client(connection)?,
            identity,
            permits: Semaphore::new(permits),
            pacer: Pacer::default(),
            throttle: Throttle::new(connection.requests_per_second, connection.request_timeout),
        })
    }

    /// How much longer calls that must not be repeated are held back: Adobe throttles us, or the last ones
    /// ended in doubt.
    pub(crate) fn throttle_left(&self) -> Option<Duration> {
        Some(self.throttle.calls_left(self.clock.monotonic())).filter(|left| !left.is_zero())
    }

    /// The longest time from one answer to the next: the slowest pace, and the time that a request may take.
    pub(crate) fn longest_silence(&self) -> Duration {
        self.throttle.longest_interval().saturating_add(self.timeout)
    }

    /// A call that must not be repeated ended, in doubt or not.
    pub(crate) fn called(&self, in_doubt: bool) {
        self.throttle.on_call(in_doubt, self.clock.monotonic());
    }

    /// Waits until an exchange may be made; `None` as soon as `may_go` returns false. Nothing has been
    /// sent when this returns, so the caller may give up at any time.
    ///
    /// # Errors
    /// [`ApiError::Throttled`] if Adobe throttles us for longer than is worth waiting for.
    pub(crate) async fn permit(
        &self,
        may_go: impl Fn() -> bool,
    ) -> Result<Option<Permit<'_>>, ApiError> {
        // The semaphore is never closed; without a permit the pacer alone would limit us.
        let permit = self.permits.acquire().await.ok();
        // Throttling may begin, and the token may be refused, while this call waits for its moment.
        while may_go() {
            let until = self.throttle.until();
            let wait = self.throttle.wait(self.clock.monotonic());
            tokio::time::sleep(wait.map_err(|left| ApiError::Throttled { left })?).await;
            self.pacer.wait(self.throttle.interval(self.clock.monotonic())).await;
            if self.throttle.until() <= until {
                self.throttle.waited_out(until);
                return Ok(may_go().then_some(Permit { _permit: permit }));
            }
        }
        Ok(None)
    }

    /// Reads `url` once.
    pub(crate) async fn read(
        &self,
        endpoint: &'static str,
        url: Url,
        headers: HeaderMap,
        token: &Token,
        permit: &Permit<'_>,
    ) -> Result<Answer, NoAnswer> {
        let mut request = Request::new(Method::GET, url);
        *request.headers_mut() = headers;
        self.exchange(&self.reads, endpoint, request, token, permit).await
    }

    /// Posts to `url`, without a body, once and never again.
    pub(crate) async fn call(
        &self,
        endpoint: &'static str,
        url: Url,
        mut headers: HeaderMap,
        if_match: Option<HeaderValue>,
        token: &Token,
        permit: &Permit<'_>,
    ) -> Result<Answer, NoAnswer> {
        let mut request = Request::new(Method::POST, url);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // Sent even without a body, because some gateways require it (411).
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        if let Some(etag) = if_match {
            headers.insert(IF_MATCH, etag);
        }
        *request.headers_mut() = headers;
        self.exchange(&self.calls, endpoint, request, token, permit).await
    }

    /// The headers that identify us and the sandbox.
    ///
    /// # Errors
    /// [`ApiError::Setting`] for a sandbox name that is not valid in a header.
    pub(crate) fn headers(
        &self,
        sandbox: &SandboxName,
        token: &Token,
    ) -> Result<HeaderMap, ApiError> {
        let mut headers = self.identity.clone();
        headers.insert("x-sandbox-name", plain_header("sandbox.name", sandbox.as_str())?);
        headers.insert(AUTHORIZATION, token.header.clone());
        Ok(headers)
    }

    async fn exchange(
        &self,
        client: &Client,
        endpoint: &'static str,
        request: Request,
        token: &Token,
        _permit: &Permit<'_>,
    ) -> Result<Answer, NoAnswer> {
        let sent = self.clock.local_now();
        let began = Instant::now();
        let answer = exchange(client, request, self.max_bytes, token.secret()).await;
        let status = answer.as_ref().ok().map(|answer| answer.status);
        self.observer.answered(endpoint, status, began.elapsed());
        if let Ok(answer) = &answer {
            self.throttle.on_response(answer.status, answer.retry_after, self.clock.monotonic());
            if let Some(date) = answer.date {
                self.clock.learn(date, sent);
            }
        }
        answer
    }
}

/// True for an address of this machine.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn plain_header(setting: &'static str, text: &str) -> Result<HeaderValue, ApiError> {
    let error = |what: &str| ApiError::Setting { setting, what: what.to_owned() };
    if text.trim().is_empty() {
        return Err(error("it is empty"));
    }
    HeaderValue::from_str(text).map_err(|_| error("it must be plain text without line breaks"))
}
