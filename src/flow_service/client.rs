//! The calls flowmend makes, each as one method.

use super::auth::{Auth, Credentials};
use super::complaint::Complaint;
use super::error::{ApiError, Service};
use super::gateway::{Gateway, Limits, Observe, Observer, is_loopback, reading_client};
use super::listing::{Harvest, Listing};
use super::platform_clock::{ClockFault, PlatformClock};
use super::query::{self, Filter};
use super::reader::{Reader, unreadable};
use super::shapes::{Feature, Shapes, concerns_form};
use super::{Connection, Window, retrigger, wire};
use crate::clock::Clock;
use crate::domain::model::flow::{Flow, FlowSpec};
use crate::domain::model::ids::{Etag, FlowId, FlowSpecId, RunId, SandboxName};
use crate::domain::model::reason::Reason;
use crate::domain::model::run::{Run, RunStatus};
use crate::domain::model::verdict::{Refusal, Remedy, Verdict};
use jiff::Timestamp;
use reqwest::header::HeaderValue;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Adobe's Flow Service for one organization. Cheap to clone; clones share token, pace and what was
/// learnt about the platform.
#[derive(Clone)]
pub struct FlowService(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) reader: Reader,
    client_id: String,
    retrigger_op: String,
    send_if_match: bool,
}

impl fmt::Debug for FlowService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlowService")
            .field("platform", &self.0.reader.platform.as_str())
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
            // A proxy cannot reach this machine's own loopback; the simulator lives there.
            direct: is_loopback(&connection.platform_url) && is_loopback(&connection.ims_url),
        };
        let observe = Observe::default();
        let reads = reading_client(&limits)?;
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
        let reader = Reader {
            platform: connection.platform_url,
            auth,
            gateway,
            shapes: Shapes::default(),
            max_concurrent: connection.max_concurrent_requests.max(1),
            max_pages: connection.max_pages.max(1),
            page_size: connection.page_size.clamp(1, 100),
            failed_status_values: connection.failed_status_values,
        };
        Ok(Self(Arc::new(Inner {
            reader,
            client_id: connection.client_id,
            retrigger_op: connection.retrigger_op,
            send_if_match: connection.send_if_match,
        })))
    }

    /// Tells `observer` of every exchange from now on; the first observer stays.
    pub fn observe(&self, observer: Arc<dyn Observer>) {
        self.0.reader.gateway.observe.set(observer);
    }

    /// The platform's time: this machine's, corrected by what the answers' `Date` says. Differences
    /// below two seconds are taken as none, those above a day are not believed.
    pub fn now(&self) -> Timestamp {
        self.0.reader.gateway.clock.now()
    }

    /// [`now`](Self::now), if it can be relied on.
    ///
    /// # Errors
    /// Why it cannot: decide nothing by it until it can.
    pub fn trusted_now(&self) -> Result<Timestamp, ClockFault> {
        self.0.reader.gateway.clock.trusted_now()
    }

    /// What is left of a pause that the platform asked for (429, or 503 with `Retry-After`). Calls
    /// made meanwhile wait for a few seconds at most; after that they are not sent.
    pub fn pause_left(&self) -> Option<Duration> {
        let gateway = &self.0.reader.gateway;
        Some(gateway.pause.left(gateway.clock.monotonic())).filter(|left| !left.is_zero())
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
        self.0.reader.auth.token().await.map(drop)
    }

    /// Every flow of `sandbox`, whatever its state and kind.
    pub async fn flows(&self, sandbox: &SandboxName) -> Listing<Flow> {
        let begun = self.0.reader.gateway.clock.local_now();
        let harvest = self.0.reader.pages("flows", sandbox, &[], wire::flow).await;
        harvest.finish(self.0.reader.gateway.clock.at(begun), |_| true)
    }

    /// The flows with these ids. One that a complete listing lacks does not exist, or is hidden by
    /// an access label.
    pub async fn flows_by_id(&self, sandbox: &SandboxName, ids: &[FlowId]) -> Listing<Flow> {
        let ids: Vec<&str> = ids.iter().map(FlowId::as_str).collect();
        let of = ("flows", "flow", Feature::FlowIds);
        self.0.reader.by_id(of, sandbox, &ids, wire::flow).await
    }

    /// The runs with these ids. One that a complete listing lacks does not exist, or is hidden by
    /// an access label.
    pub async fn runs_by_id(&self, sandbox: &SandboxName, ids: &[RunId]) -> Listing<Run> {
        let ids: Vec<&str> = ids.iter().map(RunId::as_str).collect();
        let of = ("runs", "run", Feature::RunIds);
        self.0.reader.by_id(of, sandbox, &ids, wire::run).await
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
        let url = query::resource_url(&self.0.reader.platform, &["flowSpecs", id.as_str()]);
        let body = match self.0.reader.get("flow_spec", sandbox, &url).await {
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
    /// *failed*. With `others`, also those of the flows that it says yes to, if the platform lists a
    /// whole sandbox. Asks in the cheapest form the platform accepts; see `shapes`. If they are more than
    /// `max_pages` hold, the oldest part is read, and [`Listing::until`] says where the rest begins.
    pub async fn failed_runs(
        &self,
        sandbox: &SandboxName,
        flows: &[FlowId],
        others: Option<&dyn Fn(&FlowId) -> bool>,
        window: Window,
    ) -> Listing<Run> {
        let begun = self.0.reader.gateway.clock.local_now();
        let (harvest, until) = if flows.is_empty() && others.is_none() {
            Default::default()
        } else {
            self.0.reader.failed_runs(sandbox, flows, others.is_some(), window).await
        };
        let named: HashSet<&FlowId> = flows.iter().collect();
        let is_wanted = |flow: &FlowId| named.contains(flow) || others.is_some_and(|it| it(flow));
        // The platform may have been asked for more than is wanted, and may ignore a filter.
        let values = &self.0.reader.failed_status_values;
        let mut statuses: Vec<RunStatus> =
            values.iter().map(|value| RunStatus::parse(value)).collect();
        statuses.push(RunStatus::Failed);
        let begun_at = self.0.reader.gateway.clock.at(begun);
        let listing = harvest
            .finish(begun_at, |run| is_wanted(&run.flow_id) && statuses.contains(&run.status));
        Listing { until, ..listing }
    }

    /// The runs of `flow` made since `created_since`, whatever their status, and those without a
    /// date. A complete listing is evidence that no other run was made.
    pub async fn runs_of_flow(
        &self,
        sandbox: &SandboxName,
        flow: &FlowId,
        created_since: Timestamp,
    ) -> Listing<Run> {
        let begun = self.0.reader.gateway.clock.local_now();
        let of_flow = Filter::one_of("flowId", [flow.as_str()]);
        let made = Filter::since("createdAt", created_since);
        let shapes = &self.0.reader.shapes;
        let mut harvest = Harvest::default();
        let filtered = shapes.allows(Feature::CreatedAt);
        if filtered {
            harvest =
                self.0.reader.pages("runs", sandbox, &[of_flow.clone(), made], wire::run).await;
        }
        let refusal =
            harvest.fault.clone().filter(|error| harvest.pages == 0 && concerns_form(error));
        if refusal.is_some() || !filtered {
            harvest = self.0.reader.pages("runs", sandbox, &[of_flow], wire::run).await;
            if let Some(error) = refusal.filter(|_| harvest.pages > 0) {
                shapes.refuse(Feature::CreatedAt, &error);
            }
        }
        harvest.insist_on_names();
        harvest.finish(self.0.reader.gateway.clock.at(begun), |run| {
            run.flow_id == *flow && run.created_at.is_none_or(|made| made >= created_since)
        })
    }

    /// Says that the listing of failed runs, though accepted, left out failed runs: its most doubtful
    /// form is not used again. `false` if no doubtful form is left.
    pub fn distrust_listing(&self) -> bool {
        self.0.reader.shapes.distrust()
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
        let gateway = &self.0.reader.gateway;
        let ready = self.0.reader.ready();
        let (token, turn) = match tokio::time::timeout(give_up_after, ready).await {
            Ok(Ok(ready)) => ready,
            Ok(Err(error)) => return retrigger::not_sent(&error),
            Err(_) => return retrigger::late(give_up_after, self.pause_left()),
        };
        let Ok(headers) = gateway.headers(sandbox, &token) else {
            return hold("not sent: this sandbox name cannot be put into a header");
        };
        let url = query::action_url(&self.0.reader.platform, run.as_str(), &self.0.retrigger_op);
        let answer = gateway.call("retrigger", url, headers, if_match, &token, &turn).await;
        let mut renewable = false;
        if let Ok(answer) = &answer
            && let Ok(body) = &answer.body
            && retrigger::wants_new_token(answer, &Complaint::read(body))
        {
            renewable = self.0.reader.auth.refused(token.generation);
        }
        drop(turn);
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
