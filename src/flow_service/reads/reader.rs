//! Reads one document, one thing, or a listing to its last page.

use super::forms::Forms;
use super::listing::{Identified, PageAccumulator};
use super::spellings::Spellings;
use crate::domain::model::ids::{RunId, SandboxName};
use crate::flow_service::error::{Answered, ApiError, Service};
use crate::flow_service::error_body::ErrorBody;
use crate::flow_service::http::auth::Auth;
use crate::flow_service::http::exchange::BodyFault;
use crate::flow_service::http::gateway::{Gateway, Permit};
use crate::flow_service::http::token::Token;
use crate::flow_service::query::{self, PropertyFilter};
use crate::flow_service::verdicts::TokenSign;
use crate::flow_service::{verdicts, wire};
use futures_util::{StreamExt, stream};
use reqwest::Url;
use serde_json::Value;
use std::collections::HashSet;

/// What all reads share. `failed_runs` lists failed runs, `by_id` reads things by id.
pub(crate) struct Reader {
    pub(crate) platform: Url,
    pub(crate) auth: Auth,
    pub(crate) gateway: Gateway,
    pub(crate) forms: Forms,
    /// Requests of one listing in flight.
    pub(crate) max_concurrent: usize,
    pub(crate) max_pages: usize,
    pub(crate) page_size: usize,
    pub(crate) failed_status_values: Vec<String>,
    /// The spellings in use: those of the settings, and those learned.
    pub(crate) spellings: Spellings,
}

impl Reader {
    /// Reads one JSON document; repeats the request while that may help.
    pub(crate) async fn get(
        &self,
        endpoint: &'static str,
        sandbox: &SandboxName,
        url: &Url,
    ) -> Result<Value, ApiError> {
        let get = || self.get_once(endpoint, sandbox, url);
        self.gateway.observer.repeat(Service::Platform, endpoint, get).await
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
            let (token, permit) = self.ready().await?;
            let headers = self.gateway.headers(sandbox, &token)?;
            let mut answer = self
                .gateway
                .read(endpoint, url.clone(), headers, &token, &permit)
                .await
                .map_err(|fault| ApiError::from_no_answer(Service::Platform, limit, fault))?;
            let body = std::mem::replace(&mut answer.body, Err(BodyFault::TimedOut));
            if answer.is_success() {
                let body = body
                    .map_err(|fault| ApiError::from_body_fault(Service::Platform, limit, fault))?;
                return serde_json::from_slice(&body).map_err(|_| unreadable("it is not JSON"));
            }
            let error = ErrorBody::read(&body.unwrap_or_default());
            let stale = !renewed && verdicts::token_sign(&answer, &error) != TokenSign::None;
            if !(stale && self.auth.drop_refused(token.generation)) {
                return Err(Box::new(Answered::new(Service::Platform, &answer, error)).into());
            }
            renewed = true;
        }
    }

    /// True if Adobe accepts `token` for reading `run`: what it then refuses is a matter of permissions.
    pub(crate) async fn accepts(&self, sandbox: &SandboxName, run: &RunId, token: &Token) -> bool {
        let url = query::resource_url(&self.platform, &["runs", run.as_str()]);
        let Ok(headers) = self.gateway.headers(sandbox, token) else { return false };
        let Ok(Some(permit)) = self.gateway.permit(|| true).await else { return false };
        let answer = self.gateway.read("run", url, headers, token, &permit).await;
        answer.is_ok_and(|answer| answer.is_success())
    }

    /// The token for one exchange and the permission to make it. Keep the permit until a refused token
    /// is dropped: otherwise the next call is sent with the same one.
    pub(crate) async fn ready(&self) -> Result<(Token, Permit<'_>), ApiError> {
        loop {
            // The token first, so that no permit is held while it is renewed.
            let token = self.auth.token().await?;
            if let Some(permit) = self.gateway.permit(|| self.auth.is_current(&token)).await? {
                return Ok((token, permit));
            }
        }
    }

    /// Reads the remaining `parts` of a listing, several at a time; the first fault ends it.
    pub(super) async fn read_rest<Part, T: Identified, Read>(
        &self,
        mut found: PageAccumulator<T>,
        parts: impl Iterator<Item = Part>,
        read: impl FnMut(Part) -> Read,
    ) -> PageAccumulator<T>
    where
        Read: Future<Output = PageAccumulator<T>>,
    {
        let mut rest = stream::iter(parts).map(read).buffered(self.max_concurrent);
        while found.fault.is_none()
            && let Some(next) = rest.next().await
        {
            found.merge(next);
        }
        found
    }

    /// Reads a listing to its last page.
    pub(crate) async fn pages<T: Identified>(
        &self,
        resource: &'static str,
        sandbox: &SandboxName,
        filters: &[PropertyFilter],
        read: fn(&Value) -> Option<T>,
    ) -> PageAccumulator<T> {
        self.pages_until(resource, sandbox, filters, read, |_| false).await
    }

    /// Reads a listing up to the first page for whose items `has_passed` returns true, or to its last one.
    pub(crate) async fn pages_until<T: Identified>(
        &self,
        resource: &'static str,
        sandbox: &SandboxName,
        filters: &[PropertyFilter],
        read: fn(&Value) -> Option<T>,
        mut has_passed: impl FnMut(&[T]) -> bool,
    ) -> PageAccumulator<T> {
        let mut found = PageAccumulator::default();
        let mut tokens = HashSet::new();
        let mut token: Option<String> = None;
        while found.pages < self.max_pages {
            let url =
                query::listing(&self.platform, resource, filters, self.page_size, token.as_deref());
            let next = match self.get(resource, sandbox, &url).await {
                Ok(body) => match wire::page(&body) {
                    Some(page) => {
                        found.pages += 1;
                        page.items.iter().for_each(|item| self.spellings.learn(item));
                        let items: Vec<T> = page.items.iter().filter_map(read).collect();
                        found.without_id += page.items.len() - items.len();
                        let next = page.next.map(query::continuation_token);
                        let next = next.filter(|_| !has_passed(&items));
                        items.into_iter().for_each(|item| found.push(item));
                        next
                    }
                    None => {
                        found.fault = Some(unreadable("it contains no list of items"));
                        return found;
                    }
                },
                Err(error) => {
                    found.fault = Some(error);
                    return found;
                }
            };
            match next {
                None => return found,
                Some(None) => {
                    found.fault = Some(unreadable("its next link contains no continuation token"));
                    return found;
                }
                Some(Some(seen)) if !tokens.insert(seen.clone()) => {
                    found.fault = Some(ApiError::PagesRepeat);
                    return found;
                }
                Some(next) => token = next,
            }
        }
        found.fault = Some(ApiError::TooManyPages { pages: self.max_pages });
        found
    }

    /// Reads one thing; returns nothing if it does not exist.
    pub(crate) async fn one<T: Identified>(
        &self,
        resource: &'static str,
        endpoint: &'static str,
        sandbox: &SandboxName,
        id: &str,
        read: fn(&Value) -> Option<T>,
    ) -> PageAccumulator<T> {
        let mut found = PageAccumulator::default();
        let url = query::resource_url(&self.platform, &[resource, id]);
        match self.get(endpoint, sandbox, &url).await {
            Ok(body) => match wire::single(&body) {
                Some(items) => items.iter().for_each(|item| {
                    self.spellings.learn(item);
                    found.push_read(read(item));
                }),
                None => found.fault = Some(unreadable("it contains no list of items")),
            },
            Err(error) if error.is_not_found() => {}
            Err(error) => found.fault = Some(error),
        }
        found
    }
}

/// Adobe's answer is not what Adobe documents.
pub(crate) fn unreadable(what: &str) -> ApiError {
    ApiError::Unreadable { service: Service::Platform, what: what.to_owned() }
}
