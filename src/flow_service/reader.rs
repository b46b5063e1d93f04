//! Reading: one document, one thing, or a listing to its last page.

use super::auth::{Auth, Token};
use super::complaint::Complaint;
use super::error::{Answered, ApiError, Service};
use super::exchange::BodyFault;
use super::gateway::{Gateway, Turn};
use super::listing::{Harvest, Identified};
use super::query::{self, Filter};
use super::shapes::Shapes;
use super::{retrigger, wire};
use crate::backoff::{Schedule, retry};
use crate::domain::model::ids::SandboxName;
use reqwest::Url;
use serde_json::Value;
use std::collections::HashSet;

/// Everything that reads from the platform share this; how failed runs are listed is in
/// `failed_runs`, how things are read by id in `by_id`.
pub(super) struct Reader {
    pub(super) platform: Url,
    pub(super) auth: Auth,
    pub(super) gateway: Gateway,
    pub(super) shapes: Shapes,
    /// Requests of one listing that may be under way.
    pub(super) max_concurrent: usize,
    pub(super) max_pages: usize,
    pub(super) page_size: usize,
    pub(super) failed_status_values: Vec<String>,
}

impl Reader {
    /// Reads one JSON document. Repeated while that may help.
    pub(super) async fn get(
        &self,
        endpoint: &'static str,
        sandbox: &SandboxName,
        url: &Url,
    ) -> Result<Value, ApiError> {
        let mut tries = 0_u32;
        retry(
            Schedule::SAFE_CALLS,
            || {
                tries += 1;
                if tries > 1 {
                    self.gateway.observe.retried(endpoint);
                }
                self.get_once(endpoint, sandbox, url)
            },
            |error: &ApiError| error.retry(Service::Platform),
        )
        .await
    }

    /// Reads once; twice if the token was refused and could be renewed.
    async fn get_once(
        &self,
        endpoint: &'static str,
        sandbox: &SandboxName,
        url: &Url,
    ) -> Result<Value, ApiError> {
        let limit = self.gateway.timeout;
        let mut renewed = false;
        loop {
            let (token, turn) = self.ready().await?;
            let headers = self.gateway.headers(sandbox, &token)?;
            let mut answer = self
                .gateway
                .read(endpoint, url.clone(), headers, &token, &turn)
                .await
                .map_err(|fault| ApiError::from_no_answer(Service::Platform, limit, fault))?;
            let body = std::mem::replace(&mut answer.body, Err(BodyFault::TimedOut));
            if answer.is_success() {
                let body = body
                    .map_err(|fault| ApiError::from_body_fault(Service::Platform, limit, fault))?;
                return serde_json::from_slice(&body).map_err(|_| unreadable("it is not JSON"));
            }
            let complaint = Complaint::read(&body.unwrap_or_default());
            let stale = !renewed && retrigger::wants_new_token(&answer, &complaint);
            if !(stale && self.auth.refused(token.generation)) {
                return Err(Box::new(Answered::new(Service::Platform, &answer, complaint)).into());
            }
            renewed = true;
        }
    }

    /// Leave to make one exchange, and the token to make it with. Keep the turn until a refused token
    /// is reported: otherwise the next call leaves with the same one.
    pub(super) async fn ready(&self) -> Result<(Token, Turn<'_>), ApiError> {
        loop {
            // The token first, so that no turn is held while it is renewed.
            let token = self.auth.token().await?;
            if let Some(turn) = self.gateway.turn(|| self.auth.is_current(&token)).await? {
                return Ok((token, turn));
            }
        }
    }

    /// Reads a listing to its last page.
    pub(super) async fn pages<T: Identified>(
        &self,
        resource: &'static str,
        sandbox: &SandboxName,
        filters: &[Filter],
        read: fn(&Value) -> Option<T>,
    ) -> Harvest<T> {
        let mut harvest = Harvest::default();
        let mut tokens = HashSet::new();
        let mut token: Option<String> = None;
        while harvest.pages < self.max_pages {
            let url =
                query::listing(&self.platform, resource, filters, self.page_size, token.as_deref());
            let next = match self.get(resource, sandbox, &url).await {
                Ok(body) => match wire::page(&body) {
                    Some(page) => {
                        harvest.pages += 1;
                        page.items.iter().for_each(|item| harvest.push_read(read(item)));
                        page.next.map(query::continuation_token)
                    }
                    None => {
                        harvest.fault = Some(unreadable("it holds no list of items"));
                        return harvest;
                    }
                },
                Err(error) => {
                    harvest.fault = Some(error);
                    return harvest;
                }
            };
            match next {
                None => return harvest,
                Some(None) => {
                    harvest.fault = Some(unreadable("its next link names no continuation token"));
                    return harvest;
                }
                Some(Some(seen)) if !tokens.insert(seen.clone()) => {
                    harvest.fault = Some(ApiError::PagesRepeat);
                    return harvest;
                }
                Some(next) => token = next,
            }
        }
        harvest.fault = Some(ApiError::TooManyPages { pages: self.max_pages });
        harvest
    }

    /// Reads one thing; nothing where the platform does not know it.
    pub(super) async fn one<T: Identified>(
        &self,
        resource: &'static str,
        endpoint: &'static str,
        sandbox: &SandboxName,
        id: &str,
        read: fn(&Value) -> Option<T>,
    ) -> Harvest<T> {
        let mut harvest = Harvest::default();
        let url = query::resource_url(&self.platform, &[resource, id]);
        match self.get(endpoint, sandbox, &url).await {
            Ok(body) => match wire::single(&body) {
                Some(items) => items.iter().for_each(|item| harvest.push_read(read(item))),
                None => harvest.fault = Some(unreadable("it holds no list of items")),
            },
            Err(error) if error.is_not_found() => {}
            Err(error) => harvest.fault = Some(error),
        }
        harvest
    }
}

/// The platform's answer is not what Adobe documents.
pub(super) fn unreadable(what: &str) -> ApiError {
    ApiError::Unreadable { service: Service::Platform, what: what.to_owned() }
}
