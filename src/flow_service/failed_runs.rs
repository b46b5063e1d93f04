//! The listing of failed runs, in the cheapest form that the platform accepts.

use super::Window;
use super::error::ApiError;
use super::listing::Harvest;
use super::reader::{Reader, unreadable};
use super::shapes::{Feature, Scope, Shape, concerns_form};
use super::wire;
use crate::domain::model::ids::{FlowId, SandboxName};
use crate::domain::model::run::Run;
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use std::collections::BTreeSet;

impl Reader {
    /// Reads the failed runs of `window`. Where they have too many pages, only those of its oldest part
    /// that has not: then the time is given from which on the rest has to be asked for. Those of other
    /// flows are `welcome` or not.
    pub(super) async fn failed_runs(
        &self,
        sandbox: &SandboxName,
        flows: &[FlowId],
        welcome: bool,
        window: Window,
    ) -> (Harvest<Run>, Option<Timestamp>) {
        let now = self.gateway.clock.now();
        let (mut shape, whole) = self.in_cheapest_shape(sandbox, flows, welcome, window).await;
        let mut too_many = whole.has_too_many_pages();
        while too_many
            && self.shapes.allows(Feature::Until)
            && let Some(half) = shape.first_half(now)
        {
            shape = half;
            let part = self.in_shape(&shape, sandbox, flows).await;
            too_many = part.has_too_many_pages();
            match &part.fault {
                // The same form was accepted without an end.
                Some(error) if part.pages == 0 && concerns_form(error) => {
                    self.shapes.refuse(Feature::Until, error);
                    break;
                }
                Some(_) if too_many && part.items().any(|run| shape.ends_before(run)) => {
                    self.shapes.refuse(Feature::Until, &unreadable("a later run is listed"));
                }
                Some(_) if too_many => {}
                Some(_) => return (part, None),
                None => match shape.resumes_at(now) {
                    Some(rest) => return (part, Some(rest)),
                    None => break,
                },
            }
        }
        (whole, None)
    }

    /// Looks for the cheapest form that is accepted, and reads the failed runs in it.
    async fn in_cheapest_shape(
        &self,
        sandbox: &SandboxName,
        flows: &[FlowId],
        welcome: bool,
        window: Window,
    ) -> (Shape, Harvest<Run>) {
        let mut left_out = BTreeSet::new();
        let mut last: Option<(Feature, ApiError)> = None;
        loop {
            let spellings = &self.failed_status_values;
            let shape = self.shapes.choose(flows.len(), welcome, window, spellings, &left_out);
            let harvest = self.in_shape(&shape, sandbox, flows).await;
            let refused = harvest.pages == 0;
            let Some(error) = harvest.fault.clone().filter(|error| refused && concerns_form(error))
            else {
                if let Some((feature, error)) = last.filter(|_| !refused) {
                    self.shapes.refuse(feature, &error);
                }
                return (shape, harvest);
            };
            if let Some(feature) = shape.named_in(&error) {
                self.shapes.refuse(feature, &error);
                // Whatever was left out on suspicion may have been innocent.
                left_out.clear();
                last = None;
            } else if let Some(feature) = shape.most_doubtful() {
                left_out.insert(feature);
                last = Some((feature, error));
            } else {
                return (shape, harvest);
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
        if shape.scope == Scope::Whole {
            return self.chunk(shape, sandbox, flows).await;
        }
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
        let named = shape.scope != Scope::Whole;
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
}
