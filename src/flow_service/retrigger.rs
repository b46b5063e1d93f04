//! The re-trigger: exactly one POST, from permission to verdict.

use super::error::ApiError;
use super::error_body::ErrorBody;
use super::http::exchange::Answer;
use super::reads::reader::Reader;
use super::verdicts::TokenSign;
use super::{query, verdicts, wire};
use crate::domain::model::ids::{Etag, RunId, SandboxName};
use crate::domain::model::reason::Reason;
use crate::domain::model::verdict::{Refusal, Remedy, Verdict};
use reqwest::header::HeaderValue;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How re-triggers are sent.
pub(super) struct Retrigger {
    pub(super) op: String,
    pub(super) send_if_match: bool,
}

/// How long a call may wait for the token, the pace and other calls before it is sent.
#[derive(Debug, Clone, Copy)]
pub struct Patience<'a> {
    /// The longest wait, in real time.
    pub limit: Duration,
    /// Ends the wait at once when it is cancelled. A call that was sent is not affected.
    pub stop: Option<&'a CancellationToken>,
}

impl From<Duration> for Patience<'_> {
    fn from(limit: Duration) -> Self {
        Self { limit, stop: None }
    }
}

impl Patience<'_> {
    async fn stopped(self) {
        match self.stop {
            Some(stop) => stop.cancelled().await,
            None => std::future::pending().await,
        }
    }
}

impl Retrigger {
    /// Re-triggers `run`, unless the call cannot be sent within `patience`.
    pub(super) async fn send(
        &self,
        reader: &Reader,
        sandbox: &SandboxName,
        run: &RunId,
        etag: Option<&Etag>,
        patience: Patience<'_>,
    ) -> Verdict {
        if !wire::is_usable_id(run.as_str()) {
            return hold("not sent: this run id cannot be part of a URL");
        }
        // Without an etag: any version.
        let etag = self.send_if_match.then(|| etag.map_or("*", Etag::as_str));
        let Ok(if_match) = etag.map(HeaderValue::from_str).transpose() else {
            return hold("not sent: this etag is not valid in If-Match");
        };
        let gateway = &reader.gateway;
        let ready = tokio::select! {
            ready = tokio::time::timeout(patience.limit, reader.ready()) => ready,
            () = patience.stopped() => return verdicts::stopped(),
        };
        let (token, permit) = match ready {
            Ok(Ok(ready)) => ready,
            Ok(Err(error)) => return verdicts::not_sent(&error),
            Err(_) => return verdicts::gave_up(patience.limit, gateway.throttle_left()),
        };
        // The calls before this one may have ended in doubt while it waited.
        if let Some(left) = gateway.throttle_left() {
            return verdicts::not_sent(&ApiError::Throttled { left });
        }
        let Ok(headers) = gateway.headers(sandbox, &token) else {
            return hold("not sent: this sandbox name is not valid in a header");
        };
        let url = query::action_url(&reader.platform, run.as_str(), &self.op);
        let answer = gateway.call("retrigger", url, headers, if_match, &token, &permit).await;
        let sign = match &answer {
            Ok(answer @ Answer { body: Ok(body), .. }) => {
                verdicts::token_sign(answer, &ErrorBody::read(body))
            }
            _ => TokenSign::None,
        };
        let renewable = sign != TokenSign::None && reader.auth.drop_refused(token.generation);
        let mut verdict = verdicts::judge(answer, gateway.timeout);
        gateway.called(verdicts::is_trouble(&verdict));
        drop(permit);
        if let Verdict::Refused(refusal) = &mut verdict
            && refusal.reason == Reason::Unauthorized
            && !renewable
        {
            refusal.remedy = Remedy::Later(None);
            if sign == TokenSign::Suspect && reader.accepts(sandbox, run, &token).await {
                (refusal.remedy, refusal.reason) = (Remedy::Hold, Reason::Forbidden);
            }
        }
        verdict
    }
}

fn hold(detail: &str) -> Verdict {
    let (remedy, reason) = (Remedy::Hold, Reason::BadRequest);
    Verdict::Refused(Refusal { remedy, reason, detail: detail.into() })
}
