//! Which filters the service accepts, and whether it understands them.

use super::asker::Asker;
use super::finding::Observed;
use super::sample::{Sample, Shown};
use crate::domain::model::run::{Run, RunStatus};
use crate::domain::model::time::{after, before};
use crate::flow_service::fields::text;
use crate::flow_service::query::PropertyFilter;
use crate::flow_service::reads::spellings::spelling_of_failed;
use crate::flow_service::wire;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::time::Duration;

const STATUS: &str = "metrics.statusSummary.status";
/// Items may show whole seconds.
const SECOND: Duration = Duration::from_secs(1);
/// The most ids of a list that is tried.
const IDS: usize = 5;

fn of_flow(run: &Run) -> PropertyFilter {
    PropertyFilter::one_of("flowId", [run.flow_id.as_str()])
}

fn no_run() -> Observed {
    Observed::NotSeen("no run is listed".to_owned())
}

pub(super) async fn flow_list(asker: &mut Asker<'_>, sample: &Sample) -> Observed {
    let first = sample.runs.first().map(|it| &it.run);
    let other = first.and_then(|first| {
        sample.runs.iter().map(|it| &it.run).find(|run| run.flow_id != first.flow_id)
    });
    let (Some(first), Some(other)) = (first, other) else {
        return Observed::NotSeen("fewer than two dataflows have runs".to_owned());
    };
    let ids = [first, other].map(|run| run.flow_id.as_str());
    let filter = PropertyFilter::one_of("flowId", ids);
    asker.find(&[filter], &[first, other], |run| ids.contains(&run.flow_id.as_str())).await
}

pub(super) async fn created_at(asker: &mut Asker<'_>, sample: &Sample) -> Observed {
    since(asker, sample, "createdAt", |run| run.created_at).await
}

pub(super) async fn updated_at(asker: &mut Asker<'_>, sample: &Sample) -> Observed {
    since(asker, sample, "updatedAt", |run| run.updated_at).await
}

async fn since(
    asker: &mut Asker<'_>,
    sample: &Sample,
    property: &str,
    time: fn(&Run) -> Option<Timestamp>,
) -> Observed {
    let Some(run) = sample.example() else { return no_run() };
    let Some(at) = time(run) else {
        return Observed::NotSeen(format!("run {} shows no {property}", run.id));
    };
    let filters = [of_flow(run), PropertyFilter::since(property, at)];
    let fits = |it: &Run| time(it).is_none_or(|it| it >= before(at, SECOND));
    asker.find(&filters, &[run], fits).await
}

pub(super) async fn time_span(asker: &mut Asker<'_>, sample: &Sample) -> Observed {
    let Some(run) = sample.example() else { return no_run() };
    let Some(at) = run.created_at else {
        return Observed::NotSeen(format!("run {} shows no createdAt", run.id));
    };
    let end = after(at, SECOND);
    let from = PropertyFilter::since("createdAt", at);
    let filters = [of_flow(run), from, PropertyFilter::before("createdAt", end)];
    let fits = |it: &Run| it.created_at.is_none_or(|it| it >= before(at, SECOND) && it < end);
    asker.find(&filters, &[run], fits).await
}

/// An ended run, a failed one if there is one, and its status as written.
fn with_status(sample: &Sample) -> Option<(&Run, &str)> {
    let ended = sample.runs.iter().filter(|it| !it.run.status.is_under_way());
    let words = ended.filter_map(|Shown { run, item }| {
        let word = wire::status(item);
        spelling_of_failed(word).map(|_| (run, word))
    });
    words.max_by_key(|(run, _)| run.status == RunStatus::Failed)
}

pub(super) async fn status(asker: &mut Asker<'_>, sample: &Sample) -> Observed {
    let Some((run, word)) = with_status(sample) else { return no_run() };
    let spelled = spelling_of_failed(word).unwrap_or(word);
    let configured = asker.reader.failed_status_values.clone();
    if configured.is_empty() {
        return Observed::NotSeen("no filter is configured".to_owned());
    }
    let own = find_status(asker, run, &[word]).await;
    let Observed::AsAssumed(found) = own else { return own };
    if configured.iter().any(|it| it == spelled) {
        return Observed::AsAssumed(format!("`{word}` as shown; {found}"));
    }
    let other = if word == word.to_lowercase() { word.to_uppercase() } else { word.to_lowercase() };
    match find_status(asker, run, &[&other]).await {
        Observed::AsAssumed(_) => {
            Observed::AsAssumed(format!("`{other}` finds `{word}`: any case"))
        }
        _ => Observed::Different(format!(
            "`{spelled}` is not configured, and `{other}` does not find `{word}`; \
             flowmend adds the spelling when it reads it"
        )),
    }
}

pub(super) async fn status_list(asker: &mut Asker<'_>, sample: &Sample) -> Observed {
    let Some((run, word)) = with_status(sample) else { return no_run() };
    let (lower, upper) = (word.to_lowercase(), word.to_uppercase());
    let words: BTreeSet<&str> = [word, &lower, &upper].into();
    let words: Vec<&str> = words.into_iter().collect();
    find_status(asker, run, &words).await
}

async fn find_status(asker: &mut Asker<'_>, run: &Run, words: &[&str]) -> Observed {
    let filters = [of_flow(run), PropertyFilter::one_of(STATUS, words.iter().copied())];
    asker.find(&filters, &[run], |it| it.status == run.status).await
}

pub(super) async fn run_ids(asker: &mut Asker<'_>, sample: &Sample) -> Observed {
    let ids: Vec<&str> = sample.runs.iter().map(|it| it.run.id.as_str()).take(IDS).collect();
    Observed::of(ids_of(asker, "runs", &ids).await)
}

pub(super) async fn flow_ids(asker: &mut Asker<'_>, sample: &Sample) -> Observed {
    let ids: Vec<&str> = sample.flows.iter().map(|(flow, _)| flow.id.as_str()).take(IDS).collect();
    Observed::of(ids_of(asker, "flows", &ids).await)
}

async fn ids_of(
    asker: &mut Asker<'_>,
    resource: &'static str,
    ids: &[&str],
) -> Result<Observed, Observed> {
    let things = if resource == "flows" { "dataflows" } else { "runs" };
    if ids.len() < 2 {
        return Ok(Observed::NotSeen(format!("fewer than two {things} are listed")));
    }
    let filter = PropertyFilter::one_of("id", ids.iter().copied());
    let page = asker.page(resource, &[filter], asker.reader.page_size, None).await?;
    let found: Vec<&str> = page.items.iter().filter_map(|item| text(item, "/id")).collect();
    Ok(match ids.iter().find(|id| !found.contains(id)) {
        Some(missing) => Observed::Different(format!(
            "{} of {} {things}; {missing} is missing",
            found.len(),
            ids.len()
        )),
        None => Observed::AsAssumed(format!("{} of {} {things}", found.len(), ids.len())),
    })
}
