//! The access token: fetched once, shared by all callers, renewed before it ends.
//!
//! Adobe's OAuth server-to-server credential: one form POST, a token for 24 hours, no refresh token.
//! Adobe may throttle an integration that asks for many tokens, without saying how many are many,
//! so a renewal happens once for all who wait for it, a failed one fails all who waited, and a
//! token that was refused is renewed at most once a minute.

use super::complaint::Complaint;
use super::error::{Answered, ApiError, Service};
use super::exchange::exchange;
use super::gateway::Observe;
use crate::backoff::{Schedule, retry};
use crate::clock::Clock;
use reqwest::header::HeaderValue;
use reqwest::{Client, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A token is renewed this long before it ends, or a tenth of its life if that is shorter.
const EARLY: Duration = Duration::from_secs(500);
/// After an early renewal failed, the old token serves this long before the next try.
const EARLY_AGAIN: Duration = Duration::from_secs(30);
/// A token's life where the answer does not tell.
const LIFE_UNKNOWN: Duration = Duration::from_secs(600);
/// A shorter life is not believed: it would make every call ask for a token.
const LIFE_LEAST: Duration = Duration::from_secs(30);
/// Larger numbers in `expires_in` are milliseconds, as in Adobe's older token service.
const LIFE_MOST_SECONDS: u64 = 10_000_000;
/// Refused tokens are renewed at most this often.
const REFUSED_AGAIN: Duration = Duration::from_secs(60);

/// A token as it is sent.
#[derive(Debug, Clone)]
pub(super) struct Token {
    /// `Bearer …`, marked as sensitive, so that it is never printed.
    pub(super) header: HeaderValue,
    /// Which renewal it came from; see [`Auth::refused`].
    pub(super) generation: u64,
    renew_at: Duration,
    ends_at: Duration,
}

impl Token {
    /// The token itself, for blotting it out.
    pub(super) fn secret(&self) -> &str {
        self.header.to_str().ok().and_then(|text| text.strip_prefix("Bearer ")).unwrap_or_default()
    }
}

/// The cache of the one token there is.
pub(super) struct Auth {
    client: Client,
    url: Url,
    client_id: String,
    client_secret: SecretString,
    scopes: String,
    max_bytes: usize,
    timeout: Duration,
    clock: Arc<dyn Clock>,
    observe: Observe,
    state: Mutex<State>,
    /// Held by the one caller that renews.
    renewing: tokio::sync::Mutex<()>,
    /// Renewals that ended, well or badly; read before waiting for one, to know what one waited for.
    ended: AtomicU64,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    generation: u64,
    /// The error of the last renewal that ended, if it failed.
    failure: Option<ApiError>,
    refused_at: Option<Duration>,
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

/// What [`Auth::new`] needs.
pub(super) struct Credentials {
    pub(super) ims_url: Url,
    pub(super) client_id: String,
    pub(super) client_secret: SecretString,
    pub(super) scopes: Vec<String>,
}

impl Auth {
    pub(super) fn new(
        credentials: Credentials,
        client: Client,
        timeout: Duration,
        max_bytes: usize,
        clock: Arc<dyn Clock>,
        observe: Observe,
    ) -> Self {
        let mut url = credentials.ims_url;
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["ims", "token", "v3"]);
        }
        Self {
            client,
            url,
            client_id: credentials.client_id,
            client_secret: credentials.client_secret,
            scopes: credentials.scopes.join(","),
            max_bytes,
            timeout,
            clock,
            observe,
            state: Mutex::default(),
            renewing: tokio::sync::Mutex::default(),
            ended: AtomicU64::new(0),
        }
    }

    /// A token that is good for now.
    pub(super) async fn token(&self) -> Result<Token, ApiError> {
        let seen = self.ended.load(Ordering::Acquire);
        if let Some(token) = self.fresh() {
            return Ok(token);
        }
        let _renewing = self.renewing.lock().await;
        if let Some(token) = self.fresh() {
            return Ok(token);
        }
        let now = self.clock.monotonic();
        let (usable, generation) = {
            let state = self.lock();
            let usable = state.token.clone().filter(|token| now < token.ends_at);
            if let Some(failure) = &state.failure
                && usable.is_none()
                && self.ended.load(Ordering::Acquire) != seen
            {
                return Err(failure.clone());
            }
            (usable, state.generation + 1)
        };
        let renewed = self.renew(generation).await;
        self.ended.fetch_add(1, Ordering::AcqRel);
        let mut state = self.lock();
        match (renewed, usable) {
            (Ok(token), _) => {
                state.generation = token.generation;
                state.token = Some(token.clone());
                state.failure = None;
                Ok(token)
            }
            // Unless it was refused meanwhile.
            (Err(error), Some(mut old)) if state.token.is_some() => {
                tracing::warn!(%error, "the access token could not be renewed early; the old one serves on");
                old.renew_at = now + EARLY_AGAIN;
                state.token = Some(old.clone());
                Ok(old)
            }
            (Err(error), _) => {
                state.token = None;
                state.failure = Some(error.clone());
                Err(error)
            }
        }
    }

    /// True while calls may go with this token: it was neither refused nor replaced.
    pub(super) fn is_current(&self, token: &Token) -> bool {
        self.lock().token.as_ref().is_some_and(|current| current.generation == token.generation)
    }

    /// Drops the token of `generation`, because the platform refused it. True if it pays to ask
    /// for [`Auth::token`] again: the token is dropped, or another call has renewed it meanwhile.
    pub(super) fn refused(&self, generation: u64) -> bool {
        let mut state = self.lock();
        if state.token.as_ref().is_none_or(|token| token.generation != generation) {
            return true;
        }
        let now = self.clock.monotonic();
        if state.refused_at.is_some_and(|at| now < at + REFUSED_AGAIN) {
            return false;
        }
        state.refused_at = Some(now);
        state.token = None;
        true
    }

    /// The token, unless it is time to renew it.
    fn fresh(&self) -> Option<Token> {
        let now = self.clock.monotonic();
        self.lock().token.clone().filter(|token| now < token.renew_at && now < token.ends_at)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn renew(&self, generation: u64) -> Result<Token, ApiError> {
        let mut tries = 0_u32;
        retry(
            Schedule::SAFE_CALLS,
            || {
                tries += 1;
                if tries > 1 {
                    self.observe.retried("token");
                }
                self.renew_once(generation)
            },
            |error: &ApiError| error.retry(Service::Ims),
        )
        .await
    }

    async fn renew_once(&self, generation: u64) -> Result<Token, ApiError> {
        let secret = self.client_secret.expose_secret();
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", self.client_id.as_str()),
            ("client_secret", secret),
            ("scope", self.scopes.as_str()),
        ];
        let request = self
            .client
            .post(self.url.clone())
            .header(reqwest::header::ACCEPT, "application/json")
            .form(&form)
            .build()
            .map_err(|source| ApiError::Client { source: Arc::new(source.without_url()) })?;
        let began = self.clock.monotonic();
        let answer = exchange(&self.client, request, self.max_bytes, secret).await;
        self.observe.answered(
            "token",
            answer.as_ref().ok().map(|answer| answer.status),
            self.clock.monotonic().saturating_sub(began),
        );
        let mut answer =
            answer.map_err(|fault| ApiError::from_no_answer(Service::Ims, self.timeout, fault))?;
        let body = match std::mem::replace(&mut answer.body, Ok(Vec::new())) {
            Err(fault) if answer.is_success() => {
                return Err(ApiError::from_body_fault(Service::Ims, self.timeout, fault));
            }
            body => body.unwrap_or_default(),
        };
        if !answer.is_success() {
            let complaint = Complaint::read(&body);
            return Err(match (answer.status, &complaint.oauth) {
                (400..=407 | 409..=424 | 426..=428, Some(error)) => refusal(error, &complaint),
                _ => Box::new(Answered::new(Service::Ims, &answer, complaint)).into(),
            });
        }
        self.read(&body, generation).ok_or_else(|| ApiError::Unreadable {
            service: Service::Ims,
            what: "it holds no access token".into(),
        })
    }

    fn read(&self, body: &[u8], generation: u64) -> Option<Token> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let secret = body.get("access_token")?.as_str().filter(|token| !token.is_empty())?;
        let mut header = HeaderValue::from_str(&format!("Bearer {secret}")).ok()?;
        header.set_sensitive(true);
        let life = life(body.get("expires_in"));
        let now = self.clock.monotonic();
        Some(Token {
            header,
            generation,
            renew_at: now + (life - EARLY.min(life / 10)),
            ends_at: now + life,
        })
    }
}

fn life(expires_in: Option<&Value>) -> Duration {
    let number = match expires_in {
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    };
    match number {
        Some(milliseconds) if milliseconds > LIFE_MOST_SECONDS => {
            Duration::from_millis(milliseconds).clamp(LIFE_LEAST, Duration::from_secs(86_400))
        }
        Some(seconds) => Duration::from_secs(seconds).max(LIFE_LEAST),
        None => LIFE_UNKNOWN,
    }
}

/// Says which setting to look at. The words are those of Adobe's own client libraries; only
/// `invalid_client` with *invalid client_secret parameter* has been seen in public.
fn refusal(error: &str, complaint: &Complaint) -> ApiError {
    let setting = match error {
        "invalid_client" if complaint.says(&["client_secret"]) => {
            "adobe.client_secret (it may have been rotated)"
        }
        "invalid_client" => "adobe.client_id and adobe.client_secret",
        "invalid_scope" => "adobe.scopes",
        _ => "adobe.client_id, adobe.client_secret, adobe.scopes and adobe.ims_url",
    };
    ApiError::Credentials { error: error.to_owned(), message: complaint.message.clone(), setting }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_life_is_seconds_milliseconds_or_unknown() {
        let seconds = |value: Value| life(Some(&value)).as_secs();
        assert_eq!(seconds(json!(86_399)), 86_399);
        assert_eq!(seconds(json!("86399")), 86_399);
        assert_eq!(seconds(json!(86_399_000)), 86_399);
        assert_eq!(seconds(json!(u64::MAX)), 86_400);
        assert_eq!(seconds(json!(0)), 30);
        assert_eq!(seconds(json!(null)), 600);
    }
}
