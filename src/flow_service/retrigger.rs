//! The re-trigger: exactly one POST, from permission to verdict.

use super::error_body::ErrorBody;
use super::reads::reader::Reader;
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
        let etag =
            etag.filter(|_| self.send_if_match).map(|tag| HeaderValue::from_str(tag.as_str()));
        let Ok(if_match) = etag.transpose() else {
            return hold("not sent: this etag is not valid in If-Match");
        };
        let gateway = &reader.gateway;
        let (token, permit) = match tokio::time::timeout(give_up_after, reader.ready()).await {
            Ok(Ok(ready)) => ready,
            Ok(Err(error)) => return verdicts::not_sent(&error),
            Err(_) => return verdicts::gave_up(give_up_after, gateway.throttle_left()),
        };
        let Ok(headers) = gateway.headers(sandbox, &token) else {
            return hold("not sent: this sandbox name is not valid in a header");
        };
        let url = query::action_url(&reader.platform, run.as_str(), &self.op);
        let answer = gateway.call("retrigger", url, headers, if_match, &token, &permit).await;
        let mut renewable = false;
        if let Ok(answer) = &answer
            && let Ok(body) = &answer.body
            && verdicts::wants_new_token(answer, &ErrorBody::read(body))
        {
            renewable = reader.auth.drop_refused(token.generation);
        }
        drop(permit);
        let mut verdict = verdicts::judge(answer, gateway.timeout);
        if let Verdict::Refused(refusal) = &mut verdict
            && refusal.reason == Reason::Unauthorized
            && !renewable
        {
            refusal.remedy = Remedy::Later(None);
        }
        verdict
    }
}

fn hold(detail: &str) -> Verdict {
    let (remedy, reason) = (Remedy::Hold, Reason::BadRequest);
    Verdict::Refused(Refusal { remedy, reason, detail: detail.into() })
}
