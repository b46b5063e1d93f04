//! The way to the platform: who we are, how fast we may ask, and what the clock over there shows.

use super::auth::Token;
use super::error::ApiError;
use super::exchange::{Answer, NoAnswer, exchange};
use super::pause::Pause;
use super::platform_clock::PlatformClock;
use crate::domain::model::ids::SandboxName;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, IF_MATCH,
};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Method, Request, Url};
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// The longest time a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Is told of every exchange; for metrics. Endpoints are a closed list of words: `token`, `flows`,
/// `flow`, `flow_spec`, `runs`, `run`, `retrigger`.
pub trait Observer: Send + Sync + fmt::Debug {
    /// An exchange ended; `status` is `None` where no answer came.
    fn answered(&self, endpoint: &'static str, status: Option<u16>, took: Duration);

    /// A safe call is made once more.
    fn retried(&self, endpoint: &'static str);
}

/// The observer, if there is one.
#[derive(Debug, Clone, Default)]
pub(super) struct Observe(Arc<OnceLock<Arc<dyn Observer>>>);

impl Observe {
    /// Sets the observer; the first one stays.
    pub(super) fn set(&self, observer: Arc<dyn Observer>) {
        let _ = self.0.set(observer);
    }

    pub(super) fn answered(&self, endpoint: &'static str, status: Option<u16>, took: Duration) {
        if let Some(observer) = self.0.get() {
            observer.answered(endpoint, status, took);
        }
    }

    pub(super) fn retried(&self, endpoint: &'static str) {
        if let Some(observer) = self.0.get() {
            observer.retried(endpoint);
        }
    }
}

/// An HTTP client for calls that may be repeated. The system's proxies are used; redirects are not
/// followed, because they would carry `x-api-key` and the token to another host.
pub(super) fn reading_client(limits: &Limits) -> Result<Client, ApiError> {
    build(Client::builder(), limits)
}

/// An HTTP client for the one call that must not be repeated, not even by the libraries below.
///
/// Each call has a connection of its own: on a kept one that the server has just given up, a call
/// would end in doubt that was never received. HTTP/1.1 only, and no retry of any kind, because
/// reqwest repeats a request when an HTTP/2 server says goodbye, and a goodbye may name a request
/// that was already served.
fn calling_client(limits: &Limits) -> Result<Client, ApiError> {
    let retry = reqwest::retry::never();
    build(Client::builder().pool_max_idle_per_host(0).http1_only().retry(retry), limits)
}

fn build(builder: ClientBuilder, limits: &Limits) -> Result<Client, ApiError> {
    let builder = if limits.direct { builder.no_proxy() } else { builder };
    builder
        .redirect(Policy::none())
        .timeout(limits.timeout)
        // Shorter than the whole, so that it is always told which of the two was exceeded.
        .connect_timeout(CONNECT_TIMEOUT.min(limits.timeout / 2))
        .user_agent(concat!("flowmend/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|source| ApiError::Client { source: Arc::new(source) })
}

/// Makes one exchange at a time per permit, and not more of them per second than allowed.
pub(super) struct Gateway {
    pub(super) clock: PlatformClock,
    pub(super) observe: Observe,
    pub(super) timeout: Duration,
    max_bytes: usize,
    reads: Client,
    calls: Client,
    identity: HeaderMap,
    permits: Semaphore,
    pacer: Pacer,
    pub(super) pause: Pause,
}

/// Leave to make one exchange.
pub(super) struct Turn<'a> {
    _permit: Option<SemaphorePermit<'a>>,
}

/// The limits of a [`Gateway`].
pub(super) struct Limits {
    pub(super) timeout: Duration,
    pub(super) requests_per_second: f64,
    pub(super) max_concurrent: usize,
    pub(super) max_bytes: usize,
    /// Use no proxy.
    pub(super) direct: bool,
}

impl Gateway {
    pub(super) fn new(
        org_id: &str,
        client_id: &str,
        limits: &Limits,
        reads: Client,
        clock: PlatformClock,
        observe: Observe,
    ) -> Result<Self, ApiError> {
        let mut identity = HeaderMap::new();
        identity.insert("x-gw-ims-org-id", plain_header("adobe.org_id", org_id)?);
        identity.insert("x-api-key", plain_header("adobe.client_id", client_id)?);
        identity.insert(ACCEPT, HeaderValue::from_static("application/json"));
        Ok(Self {
            clock,
            observe,
            timeout: limits.timeout,
            max_bytes: limits.max_bytes,
            reads,
            calls: calling_client(limits)?,
            identity,
            permits: Semaphore::new(limits.max_concurrent.clamp(1, Semaphore::MAX_PERMITS)),
            pacer: Pacer::new(limits.requests_per_second),
            pause: Pause::default(),
        })
    }

    /// Waits for leave to make an exchange; `None` once `may_go` says that it must not be made as it
    /// is. Nothing has been sent when this returns, so it may be abandoned at any time.
    ///
    /// # Errors
    /// [`ApiError::Paused`] if the platform asked for a pause that still lasts a while.
    pub(super) async fn turn(
        &self,
        may_go: impl Fn() -> bool,
    ) -> Result<Option<Turn<'_>>, ApiError> {
        // The semaphore is never closed; without a permit the pacer alone would hold.
        let permit = self.permits.acquire().await.ok();
        // A pause may begin, and the token be refused, while this call waits for its moment.
        while may_go() {
            let pause = self.pause.until();
            let wait = self.pause.wait(self.clock.monotonic());
            tokio::time::sleep(wait.map_err(|left| ApiError::Paused { left })?).await;
            self.pacer.wait().await;
            if self.pause.until() <= pause {
                self.pause.waited_out(pause);
                return Ok(may_go().then_some(Turn { _permit: permit }));
            }
        }
        Ok(None)
    }

    /// Reads `url` once.
    pub(super) async fn read(
        &self,
        endpoint: &'static str,
        url: Url,
        headers: HeaderMap,
        token: &Token,
        turn: &Turn<'_>,
    ) -> Result<Answer, NoAnswer> {
        let mut request = Request::new(Method::GET, url);
        *request.headers_mut() = headers;
        self.exchange(&self.reads, endpoint, request, token, turn).await
    }

    /// Posts to `url`, without a body, once and never again.
    pub(super) async fn call(
        &self,
        endpoint: &'static str,
        url: Url,
        mut headers: HeaderMap,
        if_match: Option<HeaderValue>,
        token: &Token,
        turn: &Turn<'_>,
    ) -> Result<Answer, NoAnswer> {
        let mut request = Request::new(Method::POST, url);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // Said even though there is no body: some gateways insist on it (411).
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        if let Some(etag) = if_match {
            headers.insert(IF_MATCH, etag);
        }
        *request.headers_mut() = headers;
        self.exchange(&self.calls, endpoint, request, token, turn).await
    }

    /// The headers that say who asks, and where.
    ///
    /// # Errors
    /// [`ApiError::Setting`] for a sandbox name that no header can carry.
    pub(super) fn headers(
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
        _turn: &Turn<'_>,
    ) -> Result<Answer, NoAnswer> {
        let sent = self.clock.local_now();
        let began = Instant::now();
        let answer = exchange(client, request, self.max_bytes, token.secret()).await;
        let status = answer.as_ref().ok().map(|answer| answer.status);
        self.observe.answered(endpoint, status, began.elapsed());
        if let Ok(answer) = &answer {
            self.pause.heed(answer.status, answer.retry_after, self.clock.monotonic());
            if let Some(date) = answer.date {
                self.clock.learn(date, sent);
            }
        }
        answer
    }
}

/// True for an address on this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn plain_header(setting: &'static str, text: &str) -> Result<HeaderValue, ApiError> {
    let what = || "it must be plain text without line breaks".to_owned();
    if text.trim().is_empty() {
        return Err(ApiError::Setting { setting, what: "it is empty".into() });
    }
    HeaderValue::from_str(text).map_err(|_| ApiError::Setting { setting, what: what() })
}

/// Spaces requests evenly. It hands out moments in order and holds no lock while waiting, so a
/// waiter that gives up costs the others one moment at most.
struct Pacer {
    interval: Duration,
    next: Mutex<Option<Instant>>,
}

impl Pacer {
    /// `per_second` of 0, or of nonsense, is no limit.
    fn new(per_second: f64) -> Self {
        let interval = Duration::try_from_secs_f64(per_second.recip()).unwrap_or_default();
        Self { interval, next: Mutex::new(None) }
    }

    async fn wait(&self) {
        let moment = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let moment = next.map_or(now, |next| next.max(now));
            *next = moment.checked_add(self.interval);
            moment
        };
        tokio::time::sleep_until(moment).await;
    }
}
