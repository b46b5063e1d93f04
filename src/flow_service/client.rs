//! The calls flowmend makes, each as one method.

use super::auth::{Auth, Credentials};
use super::complaint::Complaint;
use super::error::{Answered, ApiError, Service};
use super::exchange::BodyFault;
use super::gateway::{Gateway, Limits, Observe, Observer, reading_client};
use super::listing::{Harvest, Identified, Listing};
use super::platform_clock::PlatformClock;
use super::query::{self, Filter};
use super::shapes::{Feature, IDS_PER_REQUEST, Shape, Shapes, concerns_form};
use super::{Connection, Window, retrigger, wire};
use crate::backoff::{Schedule, retry};
use crate::clock::Clock;
use crate::domain::flow::{Flow, FlowSpec};
use crate::domain::ids::{Etag, FlowId, FlowSpecId, RunId, SandboxName};
use crate::domain::reason::Reason;
use crate::domain::run::{Run, RunStatus};
use crate::domain::verdict::{Refusal, Remedy, Verdict};
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use reqwest::Url;
use reqwest::header::HeaderValue;
use serde_json::Value;
use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Adobe's Flow Service for one organization. Cheap to clone; clones share token, pace and what was
/// learnt about the platform.
#[derive(Clone)]
pub struct FlowService(Arc<Inner>);

struct Inner {
    platform: Url,
    client_id: String,
    retrigger_op: String,
    send_if_match: bool,
    max_concurrent: usize,
    max_pages: usize,
    page_size: usize,
    failed_status_values: Vec<String>,
    auth: Auth,
    gateway: Gateway,
    shapes: Shapes,
    observe: Observe,
}

impl fmt::Debug for FlowService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlowService")
            .field("platform", &self.0.platform.as_str())
            .field("client_id", &self.0.client_id)
            .finish_non_exhaustive()
    }
}

impl FlowService {
    /// Prepares the connection; nothing is sent yet.
    ///
    /// # Errors
    /// [`ApiError::Setting`] for a setting that cannot be sent, [`ApiError::Client`] if the HTTP
    /// client cannot be set up.
    pub fn new(connection: Connection, clock: Arc<dyn Clock>) -> Result<Self, ApiError> {
        for (setting, url) in
            [(Service::Platform, &connection.platform_url), (Service::Ims, &connection.ims_url)]
        {
            if url.cannot_be_a_base() || !url.has_host() {
                let what = "it must be an address like https://host".into();
                return Err(ApiError::Setting { setting: setting.setting(), what });
            }
        }
        let limits = Limits {
            timeout: connection.request_timeout,
            requests_per_second: connection.requests_per_second,
            max_concurrent: connection.max_concurrent_requests,
            max_bytes: connection.max_response_bytes,
        };
        let observe = Observe::default();
        let reads = reading_client(limits.timeout)?;
        let gateway = Gateway::new(
            &connection.org_id,
            &connection.client_id,
            &limits,
            reads.clone(),
            PlatformClock::new(Arc::clone(&clock)),
            observe.clone(),
        )?;
        let credentials = Credentials {
            ims_url: connection.ims_url,
            client_id: connection.client_id.clone(),
            client_secret: connection.client_secret,
            scopes: connection.scopes,
        };
        let auth =
            Auth::new(credentials, reads, limits.timeout, limits.max_bytes, clock, observe.clone());
        Ok(Self(Arc::new(Inner {
            platform: connection.platform_url,
            client_id: connection.client_id,
            retrigger_op: connection.retrigger_op,
            send_if_match: connection.send_if_match,
            max_concurrent: connection.max_concurrent_requests.max(1),
            max_pages: connection.max_pages.max(1),
            page_size: connection.page_size.clamp(1, 100),
            failed_status_values: connection.failed_status_values,
            auth,
            gateway,
            shapes: Shapes::default(),
            observe,
        })))
    }

    /// Tells `observer` of every exchange from now on; the first observer stays.
    pub fn observe(&self, observer: Arc<dyn Observer>) {
        self.0.observe.set(observer);
    }

    /// The platform's time: this machine's, corrected by what the answers' `Date` says. Differences
    /// below two seconds are taken as none, those above a day are not believed.
    pub fn now(&self) -> Timestamp {
        self.0.gateway.clock.now()
    }

    /// The client id, which the platform shows as `createdClient` of what we make.
    pub fn client_id(&self) -> &str {
        &self.0.client_id
    }

    /// Gets an access token, unless one is at hand.
    ///
    /// # Errors
    /// [`ApiError::Credentials`] if it is refused, otherwise why the identity service did not answer.
    pub async fn authenticate(&self) -> Result<(), ApiError> {
        self.0.auth.token().await.map(drop)
    }

    /// Every flow of `sandbox`, whatever its state and kind.
    pub async fn flows(&self, sandbox: &SandboxName) -> Listing<Flow> {
        let begun = self.0.gateway.clock.local_now();
        let harvest = self.0.pages("flows", sandbox, &[], wire::flow).await;
        harvest.finish(self.0.gateway.clock.at(begun), |_| true)
    }

    /// The flows with these ids. One that a complete listing lacks does not exist, or is hidden by
    /// an access label.
    pub async fn flows_by_id(&self, sandbox: &SandboxName, ids: &[FlowId]) -> Listing<Flow> {
        let ids: Vec<&str> = ids.iter().map(FlowId::as_str).collect();
        let of = ("flows", "flow", Feature::FlowIds);
        self.0.by_id(of, sandbox, &ids, wire::flow).await
    }

    /// The runs with these ids. One that a complete listing lacks does not exist, or is hidden by
    /// an access label.
    pub async fn runs_by_id(&self, sandbox: &SandboxName, ids: &[RunId]) -> Listing<Run> {
        let ids: Vec<&str> = ids.iter().map(RunId::as_str).collect();
        let of = ("runs", "run", Feature::RunIds);
        self.0.by_id(of, sandbox, &ids, wire::run).await
    }

    /// A flow spec; `None` if the platform does not know it.
    ///
    /// # Errors
    /// Why it could not be read.
    pub async fn flow_spec(
        &self,
        sandbox: &SandboxName,
        id: &FlowSpecId,
    ) -> Result<Option<FlowSpec>, ApiError> {
        if !wire::is_usable_id(id.as_str()) {
            return Ok(None);
        }
        let url = query::resource_url(&self.0.platform, &["flowSpecs", id.as_str()]);
        let body = match self.0.get("flow_spec", sandbox, &url).await {
            Err(error) if error.is_not_found() => return Ok(None),
            body => body?,
        };
        let items = wire::single(&body).ok_or_else(|| unreadable("it holds no flow spec"))?;
        // Several versions may come; one that tells what it is says more than one that does not.
        let mut specs: Vec<FlowSpec> =
            items.iter().filter_map(wire::flow_spec).filter(|spec| spec.id == *id).collect();
        specs.sort_by_key(|spec| (spec.frequency.is_none(), spec.is_source.is_none()));
        Ok(specs.into_iter().next())
    }

    /// The runs of `flows` within `window` whose status is one of the configured values, or reads as
    /// *failed*. Asks in the cheapest form the platform accepts; see [`super::shapes`].
    pub async fn failed_runs(
        &self,
        sandbox: &SandboxName,
        flows: &[FlowId],
        window: Window,
    ) -> Listing<Run> {
        let begun = self.0.gateway.clock.local_now();
        let harvest = if flows.is_empty() {
            Harvest::default()
        } else {
            self.0.failed_runs(sandbox, flows, window).await
        };
        // The platform may have been asked for more than is wanted, and may ignore a filter.
        let flows: HashSet<&FlowId> = flows.iter().collect();
        let values = &self.0.failed_status_values;
        let mut statuses: Vec<RunStatus> =
            values.iter().map(|value| RunStatus::parse(value)).collect();
        statuses.push(RunStatus::Failed);
        harvest.finish(self.0.gateway.clock.at(begun), |run| {
            flows.contains(&run.flow_id) && statuses.contains(&run.status)
        })
    }

    /// The runs of `flow` made since `created_since`, whatever their status, and those without a
    /// date. A complete listing is evidence that no other run was made.
    pub async fn runs_of_flow(
        &self,
        sandbox: &SandboxName,
        flow: &FlowId,
        created_since: Timestamp,
    ) -> Listing<Run> {
        let begun = self.0.gateway.clock.local_now();
        let of_flow = Filter::one_of("flowId", [flow.as_str()]);
        let made = Filter::since("createdAt", created_since);
        let shapes = &self.0.shapes;
        let mut harvest = Harvest::default();
        let filtered = shapes.allows(Feature::CreatedAt);
        if filtered {
            harvest = self.0.pages("runs", sandbox, &[of_flow.clone(), made], wire::run).await;
        }
        let refusal =
            harvest.fault.clone().filter(|error| harvest.pages == 0 && concerns_form(error));
        if refusal.is_some() || !filtered {
            harvest = self.0.pages("runs", sandbox, &[of_flow], wire::run).await;
            if let Some(error) = refusal.filter(|_| harvest.pages > 0) {
                shapes.refuse(Feature::CreatedAt, &error);
            }
        }
        harvest.insist_on_names();
        harvest.finish(self.0.gateway.clock.at(begun), |run| {
            run.flow_id == *flow && run.created_at.is_none_or(|made| made >= created_since)
        })
    }

    /// Re-triggers `run`: exactly one POST, never repeated, never redirected. If it has not been
    /// sent within `give_up_after` of real time (because of the token, the pace or other calls), it
    /// is not sent at all.
    pub async fn retrigger(
        &self,
        sandbox: &SandboxName,
        run: &RunId,
        etag: Option<&Etag>,
        give_up_after: Duration,
    ) -> Verdict {
        let hold = |detail: &str| {
            let (remedy, reason) = (Remedy::Hold, Reason::BadRequest);
            Verdict::Refused(Refusal { remedy, reason, detail: detail.into() })
        };
        if !wire::is_usable_id(run.as_str()) {
            return hold("not sent: this run id cannot be part of an address");
        }
        let etag =
            etag.filter(|_| self.0.send_if_match).map(|tag| HeaderValue::from_str(tag.as_str()));
        let Ok(if_match) = etag.transpose() else {
            return hold("not sent: this etag cannot be put into If-Match");
        };
        let ready = async {
            let token = self.0.auth.token().await?;
            Ok::<_, ApiError>((token, self.0.gateway.turn().await))
        };
        let (token, turn) = match tokio::time::timeout(give_up_after, ready).await {
            Ok(Ok(ready)) => ready,
            Ok(Err(error)) => return retrigger::without_token(&error),
            Err(_) => {
                let detail = format!("not sent: its turn did not come within {give_up_after:?}");
                return Verdict::Refused(Refusal::later(Reason::NotSent, detail));
            }
        };
        let url = query::action_url(&self.0.platform, run.as_str(), &self.0.retrigger_op);
        let gateway = &self.0.gateway;
        let answer = gateway.call("retrigger", sandbox, url, if_match, &token, turn).await;
        let mut renewable = true;
        if let Ok(answer) = &answer
            && let Ok(body) = &answer.body
            && retrigger::wants_new_token(answer, &Complaint::read(body))
        {
            renewable = self.0.auth.refused(token.generation).await;
        }
        let mut verdict = retrigger::judge(answer, gateway.timeout);
        if let Verdict::Refused(refusal) = &mut verdict
            && refusal.reason == Reason::Unauthorized
            && !renewable
        {
            refusal.remedy = Remedy::Later(None);
        }
        verdict
    }
}

/// What kind of thing is read by id: the listing's resource and endpoint, the endpoint of a single
/// one, and the feature that saves requests.
type ById = (&'static str, &'static str, Feature);

impl Inner {
    /// Reads one JSON document. Repeated while that may help.
    async fn get(
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
                    self.observe.retried(endpoint);
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
            let token = self.auth.token().await?;
            let turn = self.gateway.turn().await;
            let mut answer = self
                .gateway
                .read(endpoint, sandbox, url.clone(), &token, turn)
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
            if !(stale && self.auth.refused(token.generation).await) {
                return Err(Box::new(Answered::new(Service::Platform, &answer, complaint)).into());
            }
            renewed = true;
        }
    }

    /// Reads a listing to its last page.
    async fn pages<T: Identified>(
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

    /// Looks for the cheapest form that is accepted, and reads the failed runs in it.
    async fn failed_runs(
        &self,
        sandbox: &SandboxName,
        flows: &[FlowId],
        window: Window,
    ) -> Harvest<Run> {
        let mut left_out = BTreeSet::new();
        let mut last: Option<(Feature, ApiError)> = None;
        loop {
            let shape =
                self.shapes.choose(flows.len(), window, &self.failed_status_values, &left_out);
            let harvest = self.in_shape(&shape, sandbox, flows).await;
            let refused = harvest.pages == 0;
            let Some(error) = harvest.fault.clone().filter(|error| refused && concerns_form(error))
            else {
                if let Some((feature, error)) = last.filter(|_| !refused) {
                    self.shapes.refuse(feature, &error);
                }
                return harvest;
            };
            if let Some(feature) = shape.named_in(&error) {
                self.shapes.refuse(feature, &error);
            } else if let Some(feature) = shape.most_doubtful() {
                left_out.insert(feature);
                last = Some((feature, error));
            } else {
                return harvest;
            }
        }
    }

    /// Reads the failed runs in one form. The first request goes alone, to see whether the form is
    /// accepted; the first fault ends it.
    async fn in_shape(
        &self,
        shape: &Shape,
        sandbox: &SandboxName,
        flows: &[FlowId],
    ) -> Harvest<Run> {
        let mut chunks = flows.chunks(shape.flows_per_request());
        let mut harvest = Harvest::default();
        if let Some(first) = chunks.next() {
            harvest.merge(self.chunk(shape, sandbox, first).await);
        }
        let mut rest = stream::iter(chunks)
            .map(|chunk| self.chunk(shape, sandbox, chunk))
            .buffered(self.max_concurrent);
        while harvest.fault.is_none()
            && let Some(next) = rest.next().await
        {
            harvest.merge(next);
        }
        harvest
    }

    /// Reads the failed runs of the flows of one request. If the platform says that it does not
    /// know the resource, it is asked for one flow at a time: a flow that was deleted, or hidden by
    /// an access label, has no runs and must not hide those of the others.
    async fn chunk(&self, shape: &Shape, sandbox: &SandboxName, flows: &[FlowId]) -> Harvest<Run> {
        let named = shape.flows_per_request() != usize::MAX;
        let mut harvest = self.filtered(shape, sandbox, flows).await;
        let missing = named && harvest.fault.as_ref().is_some_and(ApiError::names_missing_resource);
        if !missing {
            return harvest;
        }
        harvest.fault = None;
        // The platform understood the question, or it could not have said what is missing.
        harvest.pages = harvest.pages.max(1);
        if flows.len() > 1 {
            for flow in flows {
                let mut one = self.filtered(shape, sandbox, std::slice::from_ref(flow)).await;
                one.fault = one.fault.filter(|error| !error.names_missing_resource());
                harvest.merge(one);
                if harvest.fault.is_some() {
                    break;
                }
            }
        }
        harvest
    }

    async fn filtered(
        &self,
        shape: &Shape,
        sandbox: &SandboxName,
        flows: &[FlowId],
    ) -> Harvest<Run> {
        let mut harvest = Harvest::default();
        for filters in shape.filters(flows) {
            harvest.merge(self.pages("runs", sandbox, &filters, wire::run).await);
            if harvest.fault.is_some() {
                break;
            }
        }
        harvest
    }

    /// Reads things by id, many in one request where the platform accepts that.
    async fn by_id<T: Identified>(
        &self,
        of: ById,
        sandbox: &SandboxName,
        ids: &[&str],
        read: fn(&Value) -> Option<T>,
    ) -> Listing<T> {
        let begun = self.gateway.clock.local_now();
        let wanted: BTreeSet<&str> =
            ids.iter().copied().filter(|id| wire::is_usable_id(id)).collect();
        let ids: Vec<&str> = wanted.iter().copied().collect();
        let mut harvest = Harvest::default();
        for chunk in ids.chunks(IDS_PER_REQUEST.min(self.page_size)) {
            harvest.merge(match self.list_of_ids(of, sandbox, chunk, read).await {
                Some(listed) => listed,
                None => self.one_by_one(of, sandbox, chunk, read).await,
            });
            if harvest.fault.is_some() {
                break;
            }
        }
        harvest.insist_on_names();
        harvest.finish(self.gateway.clock.at(begun), |item| wanted.contains(item.id()))
    }

    /// `None` if they have to be asked for one by one.
    async fn list_of_ids<T: Identified>(
        &self,
        of: ById,
        sandbox: &SandboxName,
        ids: &[&str],
        read: fn(&Value) -> Option<T>,
    ) -> Option<Harvest<T>> {
        let (resource, endpoint, feature) = of;
        if ids.len() < 2 || !self.shapes.allows(feature) {
            return None;
        }
        let filter = Filter::one_of("id", ids.iter().copied());
        let harvest = self.pages(resource, sandbox, &[filter], read).await;
        match &harvest.fault {
            Some(error) if concerns_form(error) && harvest.pages == 0 => {
                self.shapes.refuse(feature, error);
                None
            }
            Some(error) if error.is_not_found() => None,
            Some(_) => Some(harvest),
            // Nothing at all, of several: is that so, or is the list taken for one strange id?
            None if harvest.is_empty() => {
                let probe = self.one(resource, endpoint, sandbox, ids[0], read).await;
                if probe.is_empty() && probe.fault.is_none() {
                    return Some(harvest);
                }
                if !probe.is_empty() {
                    self.shapes.refuse(feature, &unreadable("a list of ids finds none of them"));
                }
                None
            }
            None => Some(harvest),
        }
    }

    async fn one_by_one<T: Identified>(
        &self,
        (resource, endpoint, _): ById,
        sandbox: &SandboxName,
        ids: &[&str],
        read: fn(&Value) -> Option<T>,
    ) -> Harvest<T> {
        let mut harvest = Harvest::default();
        let mut answers = stream::iter(ids)
            .map(|id| self.one(resource, endpoint, sandbox, id, read))
            .buffered(self.max_concurrent);
        while harvest.fault.is_none()
            && let Some(next) = answers.next().await
        {
            harvest.merge(next);
        }
        harvest
    }

    async fn one<T: Identified>(
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

fn unreadable(what: &str) -> ApiError {
    ApiError::Unreadable { service: Service::Platform, what: what.to_owned() }
}
