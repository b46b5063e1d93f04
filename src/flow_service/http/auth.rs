//! The access token: fetched once, shared by all callers, renewed before it expires.
//!
//! Adobe's OAuth server-to-server credential: one form POST, a token for 24 hours, no refresh token.
//! Adobe may throttle an integration that requests many tokens, and documents no limit. So one
//! renewal serves all callers that wait for it, a failed one fails all of them, and a refused token
//! is renewed at most once a minute.

use super::exchange::exchange;
use super::observe::SharedObserver;
use super::token::Token;
use crate::clock::Clock;
use crate::flow_service::error::{Answered, ApiError, Service};
use crate::flow_service::{Connection, error_body::ErrorBody};
use reqwest::{Client, Url};
use secrecy::{ExposeSecret, SecretString};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// After an early renewal failed, the old token is used this long before the next try.
const EARLY_RETRY: Duration = Duration::from_secs(30);
/// Refused tokens are renewed at most this often.
const REFUSED_RETRY: Duration = Duration::from_secs(60);

/// Caches the only token.
pub(crate) struct Auth {
    client: Client,
    url: Url,
    client_id: String,
    client_secret: SecretString,
    scopes: String,
    max_bytes: usize,
    timeout: Duration,
    clock: Arc<dyn Clock>,
    observer: SharedObserver,
    state: Mutex<State>,
    /// Held by the one caller that renews.
    renewing: tokio::sync::Mutex<()>,
    /// Renewals that ended, successful or not; a caller reads it before it waits for one, to know
    /// whether one ended meanwhile.
    ended: AtomicU64,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    generation: u64,
    /// The error of the last renewal, if it failed.
    failure: Option<ApiError>,
    refused_at: Option<Duration>,
}

impl Auth {
    pub(crate) fn new(
        connection: &Connection,
        client: Client,
        clock: Arc<dyn Clock>,
        observer: SharedObserver,
    ) -> Self {
        let mut url = connection.ims_url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["ims", "token", "v3"]);
        }
        Self {
            client,
            url,
            client_id: connection.client_id.clone(),
            client_secret: connection.client_secret.clone(),
            scopes: connection.scopes.join(","),
            max_bytes: connection.max_response_bytes,
            timeout: connection.request_timeout,
            clock,
            observer,
            state: Mutex::default(),
            renewing: tokio::sync::Mutex::default(),
            ended: AtomicU64::new(0),
        }
    }

    /// A token that is valid now.
    pub(crate) async fn token(&self) -> Result<Token, ApiError> {
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
            let usable = state.token.clone().filter(|token| now < token.expires_at);
            if let Some(failure) = &state.failure
                && usable.is_none()
                && self.ended.load(Ordering::Acquire) != seen
            {
                return Err(failure.clone());
            }
            (usable, state.generation + 1)
        };
        let renewed =
            self.observer.repeat(Service::Ims, "token", || self.renew_once(generation)).await;
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
                tracing::warn!(%error, "cannot renew the access token early; using the old one");
                old.renew_at = now + EARLY_RETRY;
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

    /// True if this token was neither refused nor replaced.
    pub(crate) fn is_current(&self, token: &Token) -> bool {
        self.lock().token.as_ref().is_some_and(|current| current.generation == token.generation)
    }

    /// Drops the token of `generation`, because Adobe refused it. Returns true if [`Auth::token`]
    /// can now return another one: this one is dropped, or another call has renewed it meanwhile.
    pub(crate) fn drop_refused(&self, generation: u64) -> bool {
        let mut state = self.lock();
        if state.token.as_ref().is_none_or(|token| token.generation != generation) {
            return true;
        }
        let now = self.clock.monotonic();
        if state.refused_at.is_some_and(|at| now < at + REFUSED_RETRY) {
            return false;
        }
        state.refused_at = Some(now);
        state.token = None;
        true
    }

    /// The token, unless it is time to renew it.
    fn fresh(&self) -> Option<Token> {
        let now = self.clock.monotonic();
        self.lock().token.clone().filter(|token| now < token.renew_at && now < token.expires_at)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.observer.answered(
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
            let error = ErrorBody::read(&body);
            return Err(match (answer.status, &error.oauth_error) {
                (400..=407 | 409..=424 | 426..=428, Some(code)) => refusal(code, &error),
                _ => Box::new(Answered::new(Service::Ims, &answer, error)).into(),
            });
        }
        Token::read(&body, generation, self.clock.monotonic()).ok_or_else(|| ApiError::Unreadable {
            service: Service::Ims,
            what: "it contains no access token".into(),
        })
    }
}

/// Names the setting to check. The codes are those of Adobe's own client libraries; only
/// `invalid_client` with *invalid client_secret parameter* has been seen in public.
fn refusal(code: &str, error: &ErrorBody) -> ApiError {
    let setting = match code {
        "invalid_client" if error.message_contains(&["client_secret"]) => {
            "adobe.client_secret (it may have been rotated)"
        }
        "invalid_client" => "adobe.client_id and adobe.client_secret",
        "invalid_scope" => "adobe.scopes",
        _ => "adobe.client_id, adobe.client_secret, adobe.scopes and adobe.ims_url",
    };
    ApiError::Credentials { error: code.to_owned(), message: error.message.clone(), setting }
}
