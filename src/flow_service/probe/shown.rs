//! What the dataflows and runs of the sample show, without another request.

use super::finding::Observed;
use super::sample::{Pair, Sample, Shown};
use crate::domain::model::failure::GENERIC_CODES;
use crate::domain::model::flow::Schedule;
use crate::domain::model::run::{Run, RunStatus};
use crate::flow_service::fields::FIRST_MILLISECONDS;
use crate::flow_service::text::clean;
use crate::flow_service::wire;
use jiff::SignedDuration;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

fn unseen(what: &str) -> Observed {
    Observed::NotSeen(what.to_owned())
}

fn no_run() -> Observed {
    unseen("no run is listed")
}

fn no_retrigger() -> Observed {
    unseen("only a re-trigger shows it, and the store knows none that Adobe accepted")
}

/// The words, each once, as a list.
fn list<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: BTreeSet<&str> = words.into_iter().collect();
    clean(&words.into_iter().collect::<Vec<_>>().join(", "), 120)
}

impl Sample {
    /// Adobe accepted a re-trigger as it is configured.
    pub(super) fn accepted(&self) -> Observed {
        match self.pairs.first() {
            Some(Pair { call, .. }) => Observed::AsAssumed(format!(
                "run {} was accepted at {} and became {}",
                call.asked, call.accepted_at, call.issued
            )),
            None => no_retrigger(),
        }
    }

    pub(super) fn target(&self) -> Observed {
        match self.pairs.iter().find(|it| it.call.asked != it.call.root) {
            Some(Pair { call, .. }) => {
                Observed::AsAssumed(format!("{}, itself a new run, was accepted", call.asked))
            }
            None => unseen("no second attempt that Adobe accepted is in the store"),
        }
    }

    pub(super) fn created_client(&self) -> Observed {
        let ours = |run: &Run| run.created_client.as_deref() == Some(&self.client_id);
        if let Some(issued) = self.pairs.iter().find_map(|it| it.issued.as_ref()) {
            let client = clean(issued.created_client.as_deref().unwrap_or("no client"), 80);
            let seen = format!("run {} of a re-trigger names {client}", issued.id);
            return match ours(issued) {
                true => Observed::AsAssumed(seen),
                false => Observed::Different(seen),
            };
        }
        if let Some(Shown { run, .. }) = self.runs.iter().find(|it| ours(&it.run)) {
            return Observed::AsAssumed(format!("run {} names {}", run.id, self.client_id));
        }
        match list(self.runs.iter().filter_map(|it| it.run.created_client.as_deref())).as_str() {
            "" => unseen("no run names a client"),
            clients => unseen(&format!("no new run of flowmend's is known; runs name {clients}")),
        }
    }

    pub(super) fn window(&self) -> Observed {
        let both = |it: &Pair| Some((it.asked.clone()?, it.issued.clone()?));
        if let Some((asked, issued)) = self.pairs.iter().find_map(both) {
            let runs = format!("{} and its new run {}", asked.id, issued.id);
            return match (asked.window, issued.window) {
                (Some(asked), Some(issued)) if asked == issued => {
                    Observed::AsAssumed(format!("{runs} show windowStart {}", asked.start))
                }
                (Some(asked), Some(issued)) => Observed::Different(format!(
                    "{runs} show windowStart {} and {}",
                    asked.start, issued.start
                )),
                _ => Observed::Different(format!("{runs} do not both show a window")),
            };
        }
        let run = self.runs.iter().map(|it| &it.run).find(|run| run.window.is_some());
        match run {
            Some(run) => unseen(&format!(
                "no re-trigger is known; run {} shows a window, and providerRefId {}",
                run.id,
                run.provider_ref.as_deref().map_or("none".to_owned(), |it| clean(it, 80))
            )),
            None => unseen("no run shows a window"),
        }
    }

    pub(super) fn started_window(&self) -> Observed {
        let started = || self.runs.iter().map(|it| &it.run).filter(|it| it.started_at.is_some());
        let lacking = started().filter(|run| run.window.is_none()).count();
        match (started().count(), lacking) {
            (0, _) => no_run(),
            (all, 0) => Observed::AsAssumed(format!("all started runs of the sample: {all}")),
            (all, lacking) => Observed::Different(format!("{lacking} of {all} runs show none")),
        }
    }

    pub(super) fn newest_first(&self) -> Observed {
        // Where the whole sandbox cannot be listed, the sample has the runs of one dataflow after the
        // other.
        let mut newest = HashMap::new();
        let is_older = |run: &Run| {
            let Some(at) = run.created_at else { return true };
            newest.insert(run.flow_id.clone(), at).is_none_or(|before| at <= before)
        };
        match self.runs.iter().map(|it| &it.run).all(is_older) {
            _ if self.runs.len() < 2 => no_run(),
            true => Observed::AsAssumed(format!("{} runs in that order", self.runs.len())),
            false => Observed::Different("the runs of a page come in another order".to_owned()),
        }
    }

    pub(super) fn flow_name(&self) -> Observed {
        let lacking = self.flows.iter().map(|(flow, _)| flow).find(|flow| flow.name.is_empty());
        match (self.flows.len(), lacking) {
            (0, _) => unseen("no dataflow is listed"),
            (all, None) => Observed::AsAssumed(format!("all dataflows of the sample: {all}")),
            (_, Some(flow)) => Observed::Different(format!("dataflow {} shows none", flow.id)),
        }
    }

    pub(super) fn slot(&self) -> Observed {
        let since_slot = |Shown { run, .. }: &Shown| {
            let (flow, _) = self.flows.iter().find(|(flow, _)| flow.id == run.flow_id)?;
            flow.schedule?.since_slot(run.created_at?, Duration::ZERO)
        };
        let late: Vec<SignedDuration> = self.runs.iter().filter_map(since_slot).collect();
        let on_slot = late.iter().filter(|late| **late <= Schedule::SLOT_WIDTH).count();
        let seen = format!("{on_slot} of {} runs were created that soon", late.len());
        match late.len() {
            0 => unseen("no run of a dataflow with a schedule is listed"),
            all if 2 * on_slot >= all => Observed::AsAssumed(seen),
            _ => Observed::Different(seen),
        }
    }

    pub(super) fn stays_failed(&self) -> Observed {
        let healed = self
            .pairs
            .iter()
            .filter(|it| it.issued.as_ref().is_some_and(|it| it.status.is_success()));
        match healed.filter_map(|it| it.asked.as_ref()).next() {
            Some(run) if run.status == RunStatus::Failed => {
                Observed::AsAssumed(format!("run {} reads failed", run.id))
            }
            Some(run) => {
                Observed::Different(format!("run {} reads {}", run.id, run.status.as_str()))
            }
            None => no_retrigger(),
        }
    }

    pub(super) fn status_words(&self) -> Observed {
        let unknown = self.runs.iter().find(|it| matches!(it.run.status, RunStatus::Unknown(_)));
        match unknown {
            Some(Shown { run, item }) => Observed::Different(format!(
                "run {} has the status \"{}\", so it is never re-triggered",
                run.id,
                clean(wire::status(item), 40)
            )),
            None if self.runs.is_empty() => no_run(),
            None => Observed::AsAssumed(list(self.runs.iter().map(|it| wire::status(&it.item)))),
        }
    }

    pub(super) fn times(&self) -> Observed {
        let items = self.runs.iter().map(|it| &it.item).chain(self.flows.iter().map(|(_, it)| it));
        let times: Vec<&Value> = items.filter_map(|item| item.get("createdAt")).collect();
        let is_odd = |it: &&&Value| it.as_i64().is_none_or(|it| it < FIRST_MILLISECONDS);
        let shown = |value: &Value| format!("createdAt {}", clean(&value.to_string(), 40));
        match (times.iter().find(is_odd), times.first()) {
            (Some(odd), _) => match odd.is_number() {
                true => {
                    Observed::Different(format!("seconds: {}; flowmend reads both", shown(odd)))
                }
                false => Observed::Different(shown(odd)),
            },
            (None, Some(time)) => Observed::AsAssumed(shown(time)),
            (None, None) => unseen("nothing with a date is listed"),
        }
    }

    pub(super) fn run_times(&self) -> Observed {
        const PATHS: [&str; 3] = ["/createdAt", "/updatedAt", "/metrics/durationSummary"];
        let ended: Vec<&Value> = self
            .runs
            .iter()
            .filter(|it| !it.run.status.is_under_way())
            .map(|it| &it.item)
            .collect();
        let lacks = |item: &&&Value, path: &str| item.pointer(path).is_none_or(Value::is_null);
        for path in PATHS {
            let lacking = ended.iter().filter(|item| lacks(item, path)).count();
            if lacking > 0 {
                let name = path.rsplit('/').next().unwrap_or_default();
                return Observed::Different(format!(
                    "{lacking} of {} runs lack {name}",
                    ended.len()
                ));
            }
        }
        match ended.len() {
            0 => no_run(),
            all => Observed::AsAssumed(format!("all ended runs of the sample: {all}")),
        }
    }

    pub(super) fn etag(&self) -> Observed {
        match self.runs.iter().find(|it| it.run.etag.is_none()) {
            _ if self.runs.is_empty() => no_run(),
            Some(Shown { run, .. }) => Observed::Different(format!("run {} shows none", run.id)),
            None => {
                let etag = self.runs.iter().find_map(|it| it.run.etag.as_ref());
                Observed::AsAssumed(etag.map_or(String::new(), |etag| clean(etag.as_str(), 60)))
            }
        }
    }

    pub(super) fn internal(&self) -> Observed {
        let internal = || self.flows.iter().map(|(flow, _)| flow).filter(|flow| flow.is_internal);
        match (internal().find(|flow| flow.is_source == Some(true)), internal().next()) {
            (Some(flow), _) => {
                let name = clean(&flow.name, 60);
                Observed::Different(format!("{name} reads from the data lake and is a source"))
            }
            (None, Some(flow)) => {
                let (name, count) = (clean(&flow.name, 60), internal().count());
                Observed::AsAssumed(format!(
                    "dataflows from the data lake: {count}, such as {name}"
                ))
            }
            (None, None) => unseen("no dataflow reads from the data lake"),
        }
    }

    pub(super) fn causes(&self) -> Observed {
        let failed =
            || self.runs.iter().map(|it| &it.run).filter(|it| it.status == RunStatus::Failed);
        let specific = |run: &Run| {
            let codes = run.errors.iter().map(|error| error.code.as_str());
            let mut codes = codes.filter(|code| !code.is_empty() && !GENERIC_CODES.contains(code));
            codes.next().map(str::to_owned)
        };
        let codes: Vec<String> = failed().filter_map(specific).collect();
        match (failed().next(), codes.first()) {
            (None, _) => unseen("no failed run is listed"),
            (Some(run), None) => {
                Observed::Different(format!("run {} shows no code but a generic one", run.id))
            }
            (Some(_), Some(code)) => Observed::AsAssumed(format!(
                "{} of {} failed runs show a code of their own, such as {code}",
                codes.len(),
                failed().count()
            )),
        }
    }
}
