//! One HTTP exchange: sends a request and returns a complete answer, or how far the exchange got.
//! Nothing in here retries, follows redirects or interprets the answer.

use jiff::Timestamp;
use reqwest::header::{AGE, DATE, ETAG, EXPIRES, HeaderMap, HeaderName, RETRY_AFTER};
use reqwest::{Client, Request, Response};
use std::time::Duration;
use tokio::time::Instant;

/// The longest `Retry-After`; a longer one is cut.
const RETRY_AFTER_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// How long to wait from now: `Retry-After`, seconds or a date; with 429 and 503 also `Expires`, which
    /// some of Adobe's services send in its place.
    pub(crate) retry_after: Option<Duration>,
    /// `Retry-After` is there, whatever it says.
    pub(crate) has_retry_after: bool,
    /// `ETag`, exactly as received.
    pub(crate) etag: Option<String>,
    /// `X-Request-Id`.
    pub(crate) request_id: Option<String>,
    /// `Date`, unless the answer comes from a cache.
    pub(crate) date: Option<Timestamp>,
    /// Headers about a limit of requests: `X-RateLimit-Remaining: 12`.
    pub(crate) limits: Vec<String>,
    /// The status is certain even if the body is not.
    pub(crate) body: Result<Vec<u8>, BodyFault>,
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..=299).contains(&self.status)
    }
}

/// Why there is no answer, and what that means for the request.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// No connection was made, so nothing was sent.
    NotConnected(reqwest::Error),
    /// The time ran out after the connection was made: the request may have been received.
    TimedOut,
    /// The connection broke: the request may have been received.
    Lost(reqwest::Error),
}

/// Why a body is not complete.
#[derive(Debug)]
pub(crate) enum BodyFault {
    /// It is larger than this many bytes.
    TooLarge(usize),
    /// It did not arrive in time.
    TimedOut,
    /// It ended early, or could not be decoded.
    Broken(reqwest::Error),
}

impl NoAnswer {
    fn as_str(&self) -> &'static str {
        match self {
            Self::NotConnected(_) => "no connection",
            Self::TimedOut => "no answer in time",
            Self::Lost(_) => "connection lost",
        }
    }
}

impl From<reqwest::Error> for NoAnswer {
    fn from(error: reqwest::Error) -> Self {
        // Connecting has its own, shorter limit, so a timeout while connecting is `is_connect` too.
        if error.is_connect() || error.is_builder() {
            Self::NotConnected(error)
        } else if error.is_timeout() {
            Self::TimedOut
        } else {
            Self::Lost(error)
        }
    }
}

/// Sends `request` and reads the answer, with at most `max_bytes` of body. Redacts `secret` in an error
/// answer, in case it is quoted there.
pub(crate) async fn exchange(
    client: &Client,
    request: Request,
    max_bytes: usize,
    secret: &str,
) -> Result<Answer, NoAnswer> {
    let (method, path) = (request.method().clone(), request.url().path().to_owned());
    let began = Instant::now();
    let answer = send(client, request, max_bytes, secret).await;
    let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (method, path) = (method.as_str(), path.as_str());
    match &answer {
        Ok(Answer { status, request_id, .. }) => {
            tracing::debug!(method, path, status, milliseconds, request_id, "request to Adobe");
        }
        Err(error) => {
            let error = error.as_str();
            tracing::debug!(method, path, milliseconds, error, "request to Adobe");
        }
    }
    answer
}

async fn send(
    client: &Client,
    request: Request,
    max_bytes: usize,
    secret: &str,
) -> Result<Answer, NoAnswer> {
    let mut response = client.execute(request).await?;
    let headers = response.headers();
    let date = header(headers, &DATE).and_then(http_date);
    let status = response.status().as_u16();
    let throttles = matches!(status, 429 | 503);
    let mut answer = Answer {
        status,
        retry_after: header(headers, &RETRY_AFTER)
            .and_then(|text| retry_after(text, date))
            .or_else(|| expires(header(headers, &EXPIRES).filter(|_| throttles)?, date)),
        has_retry_after: headers.contains_key(RETRY_AFTER),
        etag: header(headers, &ETAG).map(str::to_owned),
        request_id: header(headers, &HeaderName::from_static("x-request-id"))
            .map(|id| crate::flow_service::text::clean(id, 80)),
        date: date.filter(|_| !headers.contains_key(AGE)),
        limits: limits(headers),
        body: Ok(Vec::new()),
    };
    answer.body = read_body(&mut response, max_bytes).await;
    if !answer.is_success() {
        answer.body = answer.body.map(|body| redact(body, secret));
    }
    Ok(answer)
}

async fn read_body(response: &mut Response, max_bytes: usize) -> Result<Vec<u8>, BodyFault> {
    let announced = response.content_length().unwrap_or(0);
    if usize::try_from(announced).unwrap_or(usize::MAX) > max_bytes {
        return Err(BodyFault::TooLarge(max_bytes));
    }
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > max_bytes => {
                return Err(BodyFault::TooLarge(max_bytes));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) if error.is_timeout() => return Err(BodyFault::TimedOut),
            Err(error) => return Err(BodyFault::Broken(error)),
        }
    }
}

fn limits(headers: &HeaderMap) -> Vec<String> {
    let names = headers.keys().filter(|name| {
        ["ratelimit", "rate-limit", "quota"].iter().any(|part| name.as_str().contains(part))
    });
    let shown = names.filter_map(|name| Some(format!("{name}: {}", header(headers, name)?)));
    shown.map(|limit| crate::flow_service::text::clean(&limit, 80)).collect()
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn redact(body: Vec<u8>, secret: &str) -> Vec<u8> {
    if secret.is_empty() || !body.windows(secret.len()).any(|part| part == secret.as_bytes()) {
        return body;
    }
    String::from_utf8_lossy(&body).replace(secret, "[secret]").into_bytes()
}

/// An HTTP date: the form of RFC 9110, which the mail format includes.
fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

/// `Retry-After` as a wait: seconds, or a date compared with the answer's own `Date`. `None` if it is
/// not valid, or is a date and the answer has no `Date`.
fn retry_after(text: &str, date: Option<Timestamp>) -> Option<Duration> {
    let text = text.trim();
    let wait = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        Duration::try_from(http_date(text)?.duration_since(date?)).unwrap_or_default()
    };
    Some(wait.min(RETRY_AFTER_LIMIT))
}

/// `Expires` as a wait, compared with the answer's own `Date`. `None` unless it is later: then it only
/// forbids to cache the answer.
fn expires(text: &str, date: Option<Timestamp>) -> Option<Duration> {
    retry_after(text, date).filter(|wait| !wait.is_zero() && http_date(text).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let wait = |text| retry_after(text, http_date(DATE)).map(|wait| wait.as_secs());
        assert_eq!(wait("38"), Some(38));
        assert_eq!(wait(" 0 "), Some(0));
        assert_eq!(wait("99999999999999999999999999"), Some(86_400));
        assert_eq!(wait("Sun, 06 Nov 1994 08:51:37 GMT"), Some(120));
        assert_eq!(wait("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        for nonsense in ["", "-1", "1.5", "soon", "Sun, 99 Nov 1994 08:00:00 GMT"] {
            assert_eq!(wait(nonsense), None, "{nonsense}");
        }
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:51:37 GMT", None), None);
    }

    #[test]
    fn expires_is_a_wait_only_if_it_is_later_than_the_answer() {
        let wait = |text| expires(text, http_date(DATE)).map(|wait| wait.as_secs());
        assert_eq!(wait("Sun, 06 Nov 1994 08:50:07 GMT"), Some(30));
        for none in ["0", "-1", "38", DATE, "Sun, 06 Nov 1994 08:00:00 GMT", ""] {
            assert_eq!(wait(none), None, "{none}");
        }
        assert_eq!(expires("Sun, 06 Nov 1994 08:50:07 GMT", None), None);
    }

    #[test]
    fn a_quoted_secret_is_redacted() {
        assert_eq!(redact(b"a s3cret b".to_vec(), "s3cret"), b"a [secret] b");
        assert_eq!(redact(b"abc".to_vec(), ""), b"abc");
    }

    proptest! {
        #[test]
        fn no_header_text_panics(text in any::<String>()) {
            let _ = retry_after(&text, http_date(DATE));
            let _ = retry_after(&text, http_date(&text));
        }
    }
}
