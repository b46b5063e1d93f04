//! Lists failed runs, in the cheapest form that Adobe accepts.

use super::forms::{Feature, FlowSelection, Form, concerns_form};
use super::listing::{Listing, NewestFirst, PageAccumulator};
use super::reader::{Reader, unreadable};
use crate::domain::model::ids::{FlowId, SandboxName};
use crate::domain::model::run::{Run, RunStatus};
use crate::flow_service::{Window, error::ApiError, wire};
use jiff::Timestamp;
use std::collections::BTreeSet;

impl Reader {
    /// See [`FlowService::failed_runs`](crate::flow_service::FlowService::failed_runs).
    pub(crate) async fn failed_runs(
        &self,
        sandbox: &SandboxName,
        flows: &[FlowId],
        others: Option<&dyn Fn(&FlowId) -> bool>,
        window: Window,
    ) -> Listing<Run> {
        let begun = self.gateway.clock.local_now();
        let (found, until) = if flows.is_empty() && others.is_none() {
            Default::default()
        } else {
            self.oldest_part(sandbox, flows, others.is_some(), window).await
        };
        let is_named = |flow: &FlowId| flows.binary_search(flow).is_ok();
        let is_wanted = |flow: &FlowId| is_named(flow) || others.is_some_and(|it| it(flow));
        // The request may cover more than is wanted, and Adobe may ignore a filter.
        let values = self.failed_status_values.iter();
        let mut statuses: Vec<RunStatus> = values.map(|value| RunStatus::parse(value)).collect();
        statuses.push(RunStatus::Failed);
        let listing = found.finish(self.gateway.clock.at(begun), |run| {
            is_wanted(&run.flow_id) && statuses.contains(&run.status)
        });
        Listing { until, ..listing }
    }

    /// Reads the failed runs of `window`. If they have too many pages, reads only the oldest part that
    /// has few enough, and returns the time from which the rest must be requested.
    async fn oldest_part(
        &self,
        sandbox: &SandboxName,
        flows: &[FlowId],
        include_others: bool,
        window: Window,
    ) -> (PageAccumulator<Run>, Option<Timestamp>) {
        let now = self.gateway.clock.now();
        let (mut form, whole) = self.in_cheapest_form(sandbox, flows, include_others, window).await;
        let mut too_many = whole.has_too_many_pages();
        while too_many
            && self.forms.allows(Feature::Until)
            && let Some(half) = form.first_half(now)
        {
            form = half;
            let part = self.in_form(&form, sandbox, flows).await;
            too_many = part.has_too_many_pages();
            match &part.fault {
                // The same form was accepted without an end.
                Some(error) if part.pages == 0 && concerns_form(error) => {
                    self.forms.refuse(Feature::Until, error);
                    break;
                }
                Some(_) if too_many && part.items().any(|run| form.ends_before(run)) => {
                    let error = unreadable("it contains runs after the end of the time span");
                    self.forms.refuse(Feature::Until, &error);
                }
                Some(_) if too_many => {}
                Some(_) => return (part, None),
                None => match form.resumes_at(now) {
                    Some(rest) => return (part, Some(rest)),
                    None => break,
                },
            }
        }
        (whole, None)
    }

    /// Finds the cheapest form that Adobe accepts, and reads the failed runs in it.
    async fn in_cheapest_form(
        &self,
        sandbox: &SandboxName,
        flows: &[FlowId],
        include_others: bool,
        window: Window,
    ) -> (Form, PageAccumulator<Run>) {
        let spellings = &self.spellings.for_listing();
        let mut left_out = BTreeSet::new();
        let mut last: Option<(Feature, ApiError)> = None;
        loop {
            let form = self.forms.choose(flows.len(), include_others, window, spellings, &left_out);
            let found = self.in_form(&form, sandbox, flows).await;
            let refused = found.pages == 0;
            let Some(error) = found.fault.clone().filter(|error| refused && concerns_form(error))
            else {
                if let Some((feature, error)) = last.filter(|_| !refused) {
                    self.forms.refuse(feature, &error);
                }
                return (form, found);
            };
            if let Some(feature) = form.named_in(&error) {
                self.forms.refuse(feature, &error);
                // The features left out on suspicion may not have been the cause.
                left_out.clear();
                last = None;
            } else if let Some(feature) = form.least_trusted() {
                left_out.insert(feature);
                last = Some((feature, error));
            } else {
                return (form, found);
            }
        }
    }

    /// Reads the failed runs in one form. The first request is sent alone, to see whether Adobe accepts
    /// the form; the first fault ends the listing.
    async fn in_form(
        &self,
        form: &Form,
        sandbox: &SandboxName,
        flows: &[FlowId],
    ) -> PageAccumulator<Run> {
        if form.selection == FlowSelection::WholeSandbox {
            return self.chunk(form, sandbox, flows).await;
        }
        let mut chunks = flows.chunks(form.flows_per_request());
        let read = |chunk| self.chunk(form, sandbox, chunk);
        let first = match chunks.next() {
            Some(first) => read(first).await,
            None => PageAccumulator::default(),
        };
        self.read_rest(first, chunks, read).await
    }

    /// Reads the failed runs of the flows of one request. If Adobe answers that the resource does not
    /// exist, each flow is read by itself: a flow that was deleted, or that an access label hides, has
    /// no runs and must not hide those of the others.
    async fn chunk(
        &self,
        form: &Form,
        sandbox: &SandboxName,
        flows: &[FlowId],
    ) -> PageAccumulator<Run> {
        let named = form.selection != FlowSelection::WholeSandbox;
        let mut found = self.filtered(form, sandbox, flows).await;
        let missing = named && found.fault.as_ref().is_some_and(ApiError::names_missing_resource);
        if !missing {
            return found;
        }
        found.fault = None;
        // Adobe accepted the form, or it would not know what is missing.
        found.pages = found.pages.max(1);
        if flows.len() > 1 {
            for flow in flows {
                let mut one = self.filtered(form, sandbox, std::slice::from_ref(flow)).await;
                one.fault = one.fault.filter(|error| !error.names_missing_resource());
                found.merge(one);
                if found.fault.is_some() {
                    break;
                }
            }
        }
        found
    }

    async fn filtered(
        &self,
        form: &Form,
        sandbox: &SandboxName,
        flows: &[FlowId],
    ) -> PageAccumulator<Run> {
        let mut found = PageAccumulator::default();
        for filters in form.filters(flows) {
            found.merge(self.pages("runs", sandbox, &filters, wire::run).await);
            if found.fault.is_some() {
                return found;
            }
        }
        let Some((requests, since)) = form.without_time(flows) else { return found };
        let is_old = |run: &Run| run.begun_at().or(run.updated_at).is_some_and(|at| at < since);
        for filters in requests {
            let mut order = NewestFirst::since(since);
            let dated = |run: &Run| run.made_at().or(run.updated_at);
            let has_passed = |page: &[Run]| order.has_passed(page.iter().map(dated));
            let mut newest =
                self.pages_until("runs", sandbox, &filters, wire::run, has_passed).await;
            newest.retain(|run| !is_old(run));
            if newest.has_too_many_pages() {
                tracing::debug!("runs without a start may be missing: there are too many pages");
                newest.fault = None;
            }
            found.merge(newest);
        }
        found
    }
}
