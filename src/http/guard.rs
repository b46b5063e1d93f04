//! Who may read, and the headers of every answer.
//!
//! On a loopback address everything is open, but only under a loopback name: otherwise a web page could
//! give its own name the address 127.0.0.1 and read this server through a visitor's browser. On any other
//! address a request needs the token, as a bearer token or as the password that a browser asks for.
//! The password is for reading only: a browser sends it with requests of other sites too.

use crate::settings::{Http, Token};
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// No answer takes longer to begin.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

const CSP: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
    img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, CSP),
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Who may read.
#[derive(Debug)]
pub(super) struct Guard {
    is_loopback: bool,
    token: Option<Token>,
    open_metrics: bool,
}

impl Guard {
    pub(super) fn new(address: SocketAddr, http: &Http) -> Self {
        Self {
            is_loopback: address.ip().to_canonical().is_loopback(),
            token: http.token.clone(),
            open_metrics: http.open_metrics,
        }
    }

    /// Why this request is refused.
    fn refusal(&self, request: &Request) -> Option<Response> {
        let is_open = match request.uri().path() {
            "/livez" | "/readyz" => true,
            "/metrics" => self.open_metrics || self.is_loopback,
            _ => false,
        };
        if is_open {
            return None;
        }
        if self.is_loopback {
            const WRONG_HOST: &str = "The Host header must be localhost or a loopback address.\n";
            let refused = (StatusCode::MISDIRECTED_REQUEST, WRONG_HOST);
            return (!has_loopback_host(request)).then(|| refused.into_response());
        }
        let given = given_token(request.headers());
        // Without a token there is nothing that opens it.
        let fits = self.token.as_ref().zip(given).is_some_and(|(token, given)| token.is(&given));
        let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"flowmend\", charset=\"UTF-8\"")];
        let refused = (StatusCode::UNAUTHORIZED, challenge, "A token is required.\n");
        (!fits).then(|| refused.into_response())
    }
}

/// The middleware.
pub(super) async fn guard(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = match guard.refusal(&request) {
        Some(refused) => refused,
        None => match tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
            Ok(response) => response,
            Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        },
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Whether the client named this server by a loopback name or address.
fn has_loopback_host(request: &Request) -> bool {
    let named = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let named = named.and_then(|host| host.parse::<Authority>().ok());
    named.is_some_and(|named| {
        let host = named.host().trim_start_matches('[').trim_end_matches(']');
        let address = host.parse::<IpAddr>();
        host.eq_ignore_ascii_case("localhost")
            || address.is_ok_and(|address| address.to_canonical().is_loopback())
    })
}

/// The bearer token, or the password.
fn given_token(headers: &HeaderMap) -> Option<String> {
    let (scheme, given) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(given.trim().to_owned());
    }
    let pair = scheme.eq_ignore_ascii_case("basic").then(|| BASE64_STANDARD.decode(given.trim()));
    let pair = String::from_utf8(pair?.ok()?).ok()?;
    pair.split_once(':').map(|(_, password)| password.to_owned())
}
