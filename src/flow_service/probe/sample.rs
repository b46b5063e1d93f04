//! The dataflows and runs that a probe reads first.

use super::asker::Asker;
use super::finding::{KnownRetrigger, Observed};
use super::pages;
use crate::domain::model::flow::{Flow, Frequency};
use crate::domain::model::ids::{FlowId, RunId};
use crate::domain::model::run::Run;
use crate::flow_service::query::{self, PropertyFilter};
use crate::flow_service::text::clean;
use crate::flow_service::{fields, wire};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};

/// The most flow specs that are read.
const SPECS: usize = 6;
/// How many dataflows are listed one by one if the whole sandbox cannot be.
const ALONE: usize = 3;

/// A run and how it is shown.
pub(super) struct Shown {
    pub(super) run: Run,
    pub(super) item: Value,
}

/// A re-trigger, and how its two runs read now.
pub(super) struct Pair {
    pub(super) call: KnownRetrigger,
    pub(super) asked: Option<Run>,
    pub(super) issued: Option<Run>,
}

/// What was read.
pub(super) struct Sample {
    pub(super) client_id: String,
    /// Of the first page.
    pub(super) flows: Vec<(Flow, Value)>,
    /// The newest ones, newest first.
    pub(super) runs: Vec<Shown>,
    pub(super) pairs: Vec<Pair>,
    pub(super) whole_sandbox: Observed,
    pub(super) page_size: Observed,
    pub(super) next_page: Observed,
    pub(super) kind: Observed,
}

impl Sample {
    pub(super) async fn read(
        asker: &mut Asker<'_>,
        client_id: &str,
        known: &[KnownRetrigger],
    ) -> Self {
        let unseen = |what: &str| Observed::NotSeen(what.to_owned());
        let mut sample = Self {
            client_id: client_id.to_owned(),
            flows: Vec::new(),
            runs: Vec::new(),
            pairs: Vec::new(),
            whole_sandbox: unseen("no run is listed"),
            page_size: unseen("there is only one page"),
            next_page: unseen("there is only one page"),
            kind: unseen("no dataflow is listed"),
        };
        let flows_size = sample.read_flows(asker).await;
        let runs_size = sample.read_runs(asker).await;
        let small_size = sample.read_small_pages(asker).await;
        sample.read_pairs(asker, known).await;
        sample.read_specs(asker).await;
        let sizes = [flows_size, runs_size, small_size].into_iter().flatten();
        if let Some(worst) = sizes.max_by_key(|it| matches!(it, Observed::Different(_))) {
            sample.page_size = worst;
        }
        sample
    }

    async fn read_flows(&mut self, asker: &mut Asker<'_>) -> Option<Observed> {
        let limit = asker.reader.page_size;
        match asker.page("flows", &[], limit, None).await {
            Ok(page) => {
                let size = pages::size(&page, limit);
                let read =
                    page.items.into_iter().filter_map(|item| Some((wire::flow(&item)?, item)));
                self.flows = read.collect();
                size
            }
            Err(observed) => {
                self.kind = observed;
                None
            }
        }
    }

    async fn read_runs(&mut self, asker: &mut Asker<'_>) -> Option<Observed> {
        let limit = asker.reader.page_size;
        match asker.page("runs", &[], limit, None).await {
            Ok(page) => {
                let size = pages::size(&page, limit);
                self.add_runs(page.items);
                let flows: BTreeSet<&FlowId> = self.runs.iter().map(|it| &it.run.flow_id).collect();
                if !flows.is_empty() {
                    let (runs, flows) = (self.runs.len(), flows.len());
                    let seen = format!("runs on the first page: {runs}, of {flows} dataflows");
                    self.whole_sandbox = Observed::AsAssumed(seen);
                }
                size
            }
            Err(observed) => {
                self.whole_sandbox = observed;
                let with_runs = self.flows.iter().filter(|(flow, _)| flow.last_run.is_some());
                let ids: Vec<FlowId> =
                    with_runs.map(|(flow, _)| flow.id.clone()).take(ALONE).collect();
                for id in ids {
                    let of_flow = PropertyFilter::one_of("flowId", [id.as_str()]);
                    if let Ok(page) = asker.page("runs", &[of_flow], limit, None).await {
                        self.add_runs(page.items);
                    }
                }
                None
            }
        }
    }

    fn add_runs(&mut self, items: Vec<Value>) {
        let read =
            items.into_iter().filter_map(|item| Some(Shown { run: wire::run(&item)?, item }));
        self.runs.extend(read);
    }

    async fn read_small_pages(&mut self, asker: &mut Asker<'_>) -> Option<Observed> {
        let flow = self.busiest_flow().filter(|(_, runs)| *runs > 2);
        let (size, next) = match flow {
            Some((flow, _)) => pages::follow(asker, "runs", Some(flow.as_str())).await,
            None if self.flows.len() > 2 => pages::follow(asker, "flows", None).await,
            None => return None,
        };
        self.next_page = next;
        size
    }

    /// The dataflow with the most runs, and how many.
    fn busiest_flow(&self) -> Option<(FlowId, usize)> {
        let mut counts: HashMap<&FlowId, usize> = HashMap::new();
        self.runs.iter().for_each(|it| *counts.entry(&it.run.flow_id).or_default() += 1);
        let busiest = counts.into_iter().max_by_key(|(id, count)| (*count, id.as_str().to_owned()));
        busiest.map(|(flow, count)| (flow.clone(), count))
    }

    /// A run with others before and after it, if there is one.
    pub(super) fn example(&self) -> Option<&Run> {
        let (flow, count) = self.busiest_flow()?;
        self.runs.iter().map(|it| &it.run).filter(|run| run.flow_id == flow).nth(count / 2)
    }

    /// Finds the runs of known re-triggers in the sample, or else by their ids.
    async fn read_pairs(&mut self, asker: &mut Asker<'_>, known: &[KnownRetrigger]) {
        let mut runs: Vec<Run> = self.runs.iter().map(|it| it.run.clone()).collect();
        let ids: BTreeSet<&str> =
            known.iter().flat_map(|call| [call.asked.as_str(), call.issued.as_str()]).collect();
        if !ids.iter().all(|id| runs.iter().any(|run| run.id.as_str() == *id)) {
            let filter = PropertyFilter::one_of("id", ids);
            let page = asker.page("runs", &[filter], asker.reader.page_size, None).await;
            let items = page.map(|page| page.items).unwrap_or_default();
            runs.extend(items.iter().filter_map(wire::run));
        }
        let find = |id: &RunId| runs.iter().find(|run| run.id == *id).cloned();
        let pair = |call: &KnownRetrigger| {
            let (asked, issued) = (find(&call.asked), find(&call.issued));
            Pair { asked, issued, call: call.clone() }
        };
        self.pairs = known.iter().map(pair).collect();
    }

    /// Reads the flow specs of some sources.
    async fn read_specs(&mut self, asker: &mut Asker<'_>) {
        let sources =
            self.flows.iter().filter(|(flow, _)| !flow.is_destination && !flow.is_internal);
        let ids: BTreeSet<String> =
            sources.filter_map(|(flow, _)| Some(flow.spec_id.as_ref()?.to_string())).collect();
        let (mut shown, mut unclear) = (Vec::new(), false);
        for id in ids.iter().take(SPECS) {
            let url = query::resource_url(&asker.reader.platform, &["flowSpecs", id]);
            let body = match asker.ask("flow_spec", url).await {
                Ok(body) => body,
                Err(observed) => {
                    self.kind = observed;
                    return;
                }
            };
            let specs = wire::single(&body).unwrap_or_default();
            let name = specs.iter().find_map(|spec| fields::text(spec, "/name"));
            let frequency = specs.iter().filter_map(wire::flow_spec).find_map(|it| it.frequency);
            unclear |= frequency.is_none();
            let frequency = match frequency {
                Some(Frequency::Batch) => "batch",
                Some(Frequency::Streaming) => "streaming",
                None => "no frequency",
            };
            shown.push(format!("{}: {frequency}", clean(name.unwrap_or(id), 40)));
        }
        self.kind = match (shown.is_empty(), unclear) {
            (true, _) => return,
            (_, true) => Observed::Different(shown.join(", ")),
            (_, false) => Observed::AsAssumed(shown.join(", ")),
        };
    }
}
