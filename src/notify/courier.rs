//! One request to one receiver, bounded in time and size. No error contains the URL.

use super::notice::{Notice, shortened};
use super::public_only::PublicOnly;
use super::wire::{Wire, wire};
use crate::settings::{NotifyTarget, WebAddress};
use crate::telemetry::chain;
use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use secrecy::ExposeSecret;
use std::sync::Arc;
use std::time::Duration;

/// The longest time of one request.
const TIMEOUT: Duration = Duration::from_secs(15);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How much of an answer is read, in bytes.
const ANSWER_BYTES: usize = 4096;

/// Sends to one address.
#[derive(Debug)]
pub struct Courier {
    client: Client,
    address: WebAddress,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The receiver accepted it.
    Delivered,
    /// The receiver asks to wait (429), for the given time if it names one.
    Wait(Option<Duration>),
    /// The receiver does not exist (any more): 404 or 410.
    Gone(u16),
    /// Anything else, in words.
    Failed(String),
}

impl Courier {
    /// A client for `address`.
    ///
    /// # Errors
    /// If the client cannot be built; in words.
    pub fn new(address: &WebAddress) -> Result<Self, String> {
        let mut builder = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("flowmend/", env!("CARGO_PKG_VERSION")));
        if !address.allow_private {
            builder = builder.dns_resolver(Arc::new(PublicOnly));
        }
        let client = builder.build().map_err(described)?;
        Ok(Self { client, address: address.clone() })
    }

    /// Sends `notice` to `target` once.
    pub async fn send(
        &self,
        target: &NotifyTarget,
        id: &str,
        notice: &Notice,
        now: Timestamp,
    ) -> Answer {
        let Wire { body, headers } = wire(target, id, notice, now);
        let mut request = self.client.post(self.address.url.expose_secret()).body(body);
        request = request.header(CONTENT_TYPE, "application/json");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        answer(request, now).await
    }

    /// Requests the address, with `suffix` after its path.
    pub(super) async fn ping(&self, suffix: &str, now: Timestamp) -> Answer {
        let Ok(mut url) = Url::parse(self.address.url.expose_secret()) else {
            return Answer::Failed("the URL is not valid".to_owned());
        };
        if !suffix.is_empty() {
            url.set_path(&format!("{}{suffix}", url.path().trim_end_matches('/')));
        }
        answer(self.client.get(url), now).await
    }
}

async fn answer(request: RequestBuilder, now: Timestamp) -> Answer {
    match request.send().await {
        Ok(response) => {
            let (status, wait) = (response.status(), retry_after(response.headers(), now));
            let text = beginning(response).await;
            match status {
                status if status.is_success() => Answer::Delivered,
                StatusCode::TOO_MANY_REQUESTS => Answer::Wait(wait),
                StatusCode::NOT_FOUND | StatusCode::GONE => Answer::Gone(status.as_u16()),
                status if status.is_redirection() => {
                    Answer::Failed(format!("{status}: redirects are not followed"))
                }
                status if text.is_empty() => Answer::Failed(status.to_string()),
                status => Answer::Failed(format!("{status}: {text}")),
            }
        }
        Err(error) => Answer::Failed(described(error)),
    }
}

/// The beginning of the answer, as one line.
async fn beginning(mut response: Response) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < ANSWER_BYTES {
        match response.chunk().await {
            Ok(Some(chunk)) => bytes.extend(&chunk[..chunk.len().min(ANSWER_BYTES)]),
            Ok(None) | Err(_) => break,
        }
    }
    shortened(String::from_utf8_lossy(&bytes).trim())
}

/// `Retry-After` as seconds or as a date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(Duration::try_from(now.duration_until(date)).unwrap_or_default())
}

/// The URL may contain a token.
fn described(error: reqwest::Error) -> String {
    match error.is_timeout() {
        true => format!("no answer within {} s", TIMEOUT.as_secs()),
        false => chain(&error.without_url()),
    }
}
