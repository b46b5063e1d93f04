//! The calls flowmend makes, each as one method.

use super::error::{ApiError, Service};
use super::http::auth::Auth;
use super::http::gateway::{Gateway, reading_client};
use super::http::observe::{Observer, SharedObserver};
use super::http::platform_clock::{ClockFault, PlatformClock};
use super::probe::{self, KnownRetrigger, Probed};
use super::query;
use super::reads::forms::{Feature, Forms};
use super::reads::listing::Listing;
use super::reads::reader::{Reader, unreadable};
use super::reads::spellings::Spellings;
use super::retrigger::{Patience, Retrigger};
use super::{Connection, Window, wire};
use crate::clock::Clock;
use crate::domain::model::flow::{Flow, FlowSpec};
use crate::domain::model::ids::{Etag, FlowId, FlowSpecId, RunId, SandboxName};
use crate::domain::model::run::Run;
use crate::domain::model::verdict::Verdict;
use jiff::Timestamp;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Adobe's Flow Service for one organization. Cheap to clone; clones share the token, the pace and
/// what was learned about the API.
#[derive(Clone)]
pub struct FlowService(Arc<Inner>);

struct Inner {
    reader: Reader,
    client_id: String,
    retrigger: Retrigger,
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
    /// Prepares the connection; sends nothing yet.
    ///
    /// # Errors
    /// [`ApiError::Setting`] for a setting that cannot be sent, [`ApiError::Client`] if the HTTP
    /// client cannot be set up.
    pub fn new(connection: Connection, clock: Arc<dyn Clock>) -> Result<Self, ApiError> {
        for (service, url) in
            [(Service::Platform, &connection.platform_url), (Service::Ims, &connection.ims_url)]
        {
            if url.cannot_be_a_base() || !url.has_host() {
                let what = "it must be an address like https://host".into();
                return Err(ApiError::Setting { setting: service.setting(), what });
            }
        }
        let observer = SharedObserver::default();
        let client = reading_client(&connection)?;
        let platform_clock = PlatformClock::new(Arc::clone(&clock));
        let gateway = Gateway::new(&connection, client.clone(), platform_clock, observer.clone())?;
        let reader = Reader {
            auth: Auth::new(&connection, client, clock, observer),
            gateway,
            forms: Forms::default(),
            platform: connection.platform_url,
            max_concurrent: connection.max_concurrent_requests.max(1),
            max_pages: connection.max_pages.max(1),
            page_size: connection.page_size.clamp(1, 100),
            spellings: Spellings::new(connection.failed_status_values.clone()),
            failed_status_values: connection.failed_status_values,
        };
        let retrigger =
            Retrigger { op: connection.retrigger_op, send_if_match: connection.send_if_match };
        Ok(Self(Arc::new(Inner { reader, client_id: connection.client_id, retrigger })))
    }

    /// Reports every exchange to `observer` from now on; only the first observer is used.
    pub fn observe(&self, observer: Arc<dyn Observer>) {
        self.0.reader.gateway.observer.set(observer);
    }

    /// Adobe's time: this machine's, corrected by the `Date` of the answers. Differences below two
    /// seconds are ignored, and so are those above a day.
    pub fn now(&self) -> Timestamp {
        self.0.reader.gateway.clock.now()
    }

    /// [`now`](Self::now), if it is reliable.
    ///
    /// # Errors
    /// Why it is not; then decide nothing by it.
    pub fn trusted_now(&self) -> Result<Timestamp, ClockFault> {
        self.0.reader.gateway.clock.trusted_now()
    }

    /// How much longer re-triggers are held back: Adobe throttles us (429 or 503), or the last ones
    /// ended in doubt. Until then none is sent.
    pub fn throttle_left(&self) -> Option<Duration> {
        self.0.reader.gateway.throttle_left()
    }

    /// The client id, which Adobe shows as `createdClient` of the runs that we cause.
    pub fn client_id(&self) -> &str {
        &self.0.client_id
    }

    /// Gets an access token, unless a valid one is cached.
    ///
    /// # Errors
    /// [`ApiError::Credentials`] if it is refused, otherwise why the identity service did not answer.
    pub async fn authenticate(&self) -> Result<(), ApiError> {
        self.0.reader.auth.token().await.map(drop)
    }

    /// Every flow of `sandbox`, of any state and kind.
    pub async fn flows(&self, sandbox: &SandboxName) -> Listing<Flow> {
        let begun = self.0.reader.gateway.clock.local_now();
        let found = self.0.reader.pages("flows", sandbox, &[], wire::flow).await;
        found.finish(self.0.reader.gateway.clock.at(begun), |_| true)
    }

    /// The flows with these ids. One that is missing from a complete listing does not exist, or an access
    /// label hides it.
    pub async fn flows_by_id(&self, sandbox: &SandboxName, ids: &[FlowId]) -> Listing<Flow> {
        let ids: Vec<&str> = ids.iter().map(FlowId::as_str).collect();
        let of = ("flows", "flow", Feature::FlowIds);
        self.0.reader.by_id(of, sandbox, &ids, wire::flow).await
    }

    /// The runs with these ids. One that is missing from a complete listing does not exist, or an access
    /// label hides it.
    pub async fn runs_by_id(&self, sandbox: &SandboxName, ids: &[RunId]) -> Listing<Run> {
        let ids: Vec<&str> = ids.iter().map(RunId::as_str).collect();
        let of = ("runs", "run", Feature::RunIds);
        self.0.reader.by_id(of, sandbox, &ids, wire::run).await
    }

    /// A flow spec; `None` if it does not exist.
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
        let items = wire::single(&body).ok_or_else(|| unreadable("it contains no flow spec"))?;
        // The answer may contain several versions; prefer one that names its frequency and kind.
        let mut specs: Vec<FlowSpec> =
            items.iter().filter_map(wire::flow_spec).filter(|spec| spec.id == *id).collect();
        specs.sort_by_key(|spec| (spec.frequency.is_none(), spec.is_source.is_none()));
        Ok(specs.into_iter().next())
    }

    /// The runs of `flows` within `window` whose status is one of the configured values, or is parsed as
    /// *failed*. `flows` must be sorted. With `others`, also those of the flows for which it returns
    /// true, if Adobe accepts a listing of a whole sandbox. Uses the cheapest form that Adobe accepts;
    /// see `reads::forms`. If the listing has more than `max_pages` pages, its oldest part is read, and
    /// [`Listing::until`] is where the rest begins.
    pub async fn failed_runs(
        &self,
        sandbox: &SandboxName,
        flows: &[FlowId],
        others: Option<&dyn Fn(&FlowId) -> bool>,
        window: Window,
    ) -> Listing<Run> {
        self.0.reader.failed_runs(sandbox, flows, others, window).await
    }

    /// The runs of `flow` created since `created_since`, of any status, and those without a date. A
    /// complete listing proves that there is no other run.
    pub async fn runs_of_flow(
        &self,
        sandbox: &SandboxName,
        flow: &FlowId,
        created_since: Timestamp,
    ) -> Listing<Run> {
        self.0.reader.runs_of_flow(sandbox, flow, created_since).await
    }

    /// The runs of each of `wanted` created since its time, as [`FlowService::runs_of_flow`] returns
    /// them.
    pub async fn runs_of_flows(
        &self,
        sandbox: &SandboxName,
        wanted: &[(FlowId, Timestamp)],
    ) -> Vec<(FlowId, Listing<Run>)> {
        self.0.reader.runs_of_flows(sandbox, wanted).await
    }

    /// Stops using the least trusted form of the listing of failed runs, because the listing, though
    /// accepted, left out failed runs; if a new spelling of *failed* was learned since, that is the cause.
    /// Returns `false` if every form left is trusted.
    pub fn drop_least_trusted_form(&self) -> bool {
        self.0.reader.spellings.has_news() || self.0.reader.forms.drop_least_trusted()
    }

    /// The longest time from one answer to the next while there is something to ask.
    pub fn longest_silence(&self) -> Duration {
        self.0.reader.gateway.longest_silence()
    }

    /// What the live service shows for each assumption of `docs/ADOBE.md`, in at most 25 requests that
    /// only read. `known` are some re-triggers that Adobe accepted, at most 10.
    pub async fn probe(&self, sandbox: &SandboxName, known: &[KnownRetrigger]) -> Probed {
        probe::probe(&self.0.reader, &self.0.client_id, sandbox, known).await
    }

    /// Re-triggers `run`: exactly one POST, never repeated, never redirected. If it cannot be sent
    /// within `patience`, it is not sent at all.
    pub async fn retrigger(
        &self,
        sandbox: &SandboxName,
        run: &RunId,
        etag: Option<&Etag>,
        patience: impl Into<Patience<'_>>,
    ) -> Verdict {
        let Inner { reader, retrigger, .. } = &*self.0;
        retrigger.send(reader, sandbox, run, etag, patience.into()).await
    }
}
