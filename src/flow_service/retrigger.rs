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

/// How re-triggers are sent.
pub(super) struct Retrigger {
    pub(super) op: String,
    pub(super) send_if_match: bool,
}

impl Retrigger {
    /// Re-triggers `run`, unless the call cannot be sent within `give_up_after` of real time.
    pub(super) async fn send(
        &self,
        reader: &Reader,
        sandbox: &SandboxName,
        run: &RunId,
        etag: Option<&Etag>,
        give_up_after: Duration,
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
        let (token, permit) = match tokio::time::timeout(give_up_after, reader.ready()).await {
            Ok(Ok(ready)) => ready,
            Ok(Err(error)) => return verdicts::not_sent(&error),
            Err(_) => return verdicts::gave_up(give_up_after, gateway.throttle_left()),
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
