//! Sends the requests of a probe: each once, and only so many.

use super::finding::Observed;
use crate::domain::model::ids::SandboxName;
use crate::domain::model::run::Run;
use crate::flow_service::error::{Answered, ApiError, Service};
use crate::flow_service::error_body::ErrorBody;
use crate::flow_service::http::exchange::Answer;
use crate::flow_service::query::{self, PropertyFilter};
use crate::flow_service::reads::forms::concerns_form;
use crate::flow_service::reads::reader::{Reader, unreadable};
use crate::flow_service::wire;
use jiff::SignedDuration;
use reqwest::Url;
use serde_json::Value;
use std::collections::BTreeSet;

/// The most requests of one probe.
const MOST_REQUESTS: usize = 25;

/// One page as it was answered.
pub(super) struct Page {
    pub(super) items: Vec<Value>,
    pub(super) next: Option<String>,
}

/// Reads from one sandbox, and notes what every answer shows.
pub(super) struct Asker<'a> {
    pub(super) reader: &'a Reader,
    pub(super) sandbox: &'a SandboxName,
    /// Requests so far.
    pub(super) requests: usize,
    /// Answers so far, of any status.
    pub(super) answers: usize,
    /// Answers with 429 or 503.
    pub(super) throttled: usize,
    /// Headers about limits, with their last value.
    pub(super) limits: BTreeSet<String>,
    /// Adobe's time minus this machine's, by the first answer that has a `Date`.
    pub(super) offset: Option<SignedDuration>,
}

impl<'a> Asker<'a> {
    pub(super) fn new(reader: &'a Reader, sandbox: &'a SandboxName) -> Self {
        let limits = BTreeSet::new();
        Self { reader, sandbox, requests: 0, answers: 0, throttled: 0, limits, offset: None }
    }

    /// Reads one JSON document.
    pub(super) async fn ask(
        &mut self,
        endpoint: &'static str,
        url: Url,
    ) -> Result<Value, Observed> {
        if self.requests == MOST_REQUESTS {
            let why = format!("not asked: {MOST_REQUESTS} requests were made");
            return Err(Observed::NotSeen(why));
        }
        self.requests += 1;
        self.exchange(endpoint, url).await.map_err(|error| failed(&error))
    }

    async fn exchange(&mut self, endpoint: &'static str, url: Url) -> Result<Value, ApiError> {
        let (platform, gateway) = (Service::Platform, &self.reader.gateway);
        let limit = gateway.timeout;
        let (token, permit) = self.reader.ready().await?;
        let headers = gateway.headers(self.sandbox, &token)?;
        let sent = gateway.clock.local_now();
        let answer = gateway.read(endpoint, url, headers, &token, &permit).await;
        let mut answer =
            answer.map_err(|fault| ApiError::from_no_answer(platform, limit, fault))?;
        drop(permit);
        let offset = answer.date.map(|date| sent.duration_until(date));
        self.offset = self.offset.or(offset);
        self.note(&mut answer);
        let is_success = answer.is_success();
        match std::mem::replace(&mut answer.body, Ok(Vec::new())) {
            Ok(body) if is_success => {
                serde_json::from_slice(&body).map_err(|_| unreadable("it is not JSON"))
            }
            Err(fault) if is_success => Err(ApiError::from_body_fault(platform, limit, fault)),
            body => {
                let error = ErrorBody::read(&body.unwrap_or_default());
                Err(Box::new(Answered::new(platform, &answer, error)).into())
            }
        }
    }

    fn note(&mut self, answer: &mut Answer) {
        self.answers += 1;
        self.throttled += usize::from(matches!(answer.status, 429 | 503));
        for limit in std::mem::take(&mut answer.limits) {
            let name = limit.split(':').next().unwrap_or_default().to_owned();
            self.limits.retain(|known| !known.starts_with(&name));
            self.limits.insert(limit);
        }
    }

    /// Reads one page.
    pub(super) async fn page(
        &mut self,
        resource: &'static str,
        filters: &[PropertyFilter],
        limit: usize,
        token: Option<&str>,
    ) -> Result<Page, Observed> {
        let url = query::listing(&self.reader.platform, resource, filters, limit, token);
        let body = self.ask(resource, url).await?;
        let page = wire::page(&body)
            .ok_or_else(|| Observed::Different("the answer has no list of items".to_owned()))?;
        Ok(Page { items: page.items.to_vec(), next: page.next.map(str::to_owned) })
    }

    /// Whether a listing contains all of `expected`, and only what `fits`.
    pub(super) async fn find(
        &mut self,
        filters: &[PropertyFilter],
        expected: &[&Run],
        fits: impl Fn(&Run) -> bool,
    ) -> Observed {
        let page = match self.page("runs", filters, self.reader.page_size, None).await {
            Ok(page) => page,
            Err(observed) => return observed,
        };
        let found: Vec<Run> = page.items.iter().filter_map(wire::run).collect();
        let is_missing = |run: &&&Run| !found.iter().any(|it| it.id == run.id);
        if let Some(run) = expected.iter().find(is_missing) {
            return Observed::Different(format!("the answer lacks run {}", run.id));
        }
        match found.iter().find(|run| !fits(run)) {
            Some(run) => {
                let what = format!("the answer contains run {}, which the filter excludes", run.id);
                Observed::Different(what)
            }
            None => {
                let ids: Vec<&str> = expected.iter().map(|run| run.id.as_str()).collect();
                Observed::AsAssumed(format!("runs: {}, with {}", found.len(), ids.join(" and ")))
            }
        }
    }
}

/// A refused form is an observation; any other fault shows nothing.
fn failed(error: &ApiError) -> Observed {
    match error {
        ApiError::Answered(answered) if concerns_form(error) => {
            let code = answered.code.as_deref().unwrap_or("no code");
            let what = format!("refused with {} ({code}): {}", answered.status, answered.message);
            Observed::Different(what)
        }
        error => Observed::NotSeen(format!("not read: {error}")),
    }
}
