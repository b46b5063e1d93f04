//! `GET /flows` and `GET /runs`.

use serde::Serialize;
use serde_json::json;

use crate::simulator::query::{Field, Filterable, Query, Resource};
use crate::simulator::refusal::Refusal;
use crate::simulator::wire::view::FlowView;
use crate::simulator::wire::{FlowItem, List, RunItem};
use crate::simulator::world::World;
use crate::simulator::world::flow::FlowKey;
use crate::simulator::world::run::Run;

/// The answer to a list request, as JSON.
pub(crate) fn list(
    world: &World,
    sandbox: &str,
    resource: Resource,
    query: &str,
) -> Result<String, Refusal> {
    let query = Query::parse(resource, query, &world.quirks)?;
    Ok(match resource {
        Resource::Flows => flows(world, sandbox, &query),
        Resource::Runs => runs(world, sandbox, &query),
    })
}

fn flows(world: &World, sandbox: &str, query: &Query) -> String {
    let mut keys: Vec<FlowKey> = match query.any_of(Field::Id) {
        Some(ids) => ids.iter().filter_map(|id| world.flow_key(id)).collect(),
        None => (0..world.flows.len()).collect(),
    };
    keys.retain(|key| world.flows[*key].setup.sandbox == sandbox);
    keys.sort_by_key(|key| (std::cmp::Reverse(world.flows[*key].created_at), *key));
    let views = keys.into_iter().map(|key| FlowView { key, world });
    answer(world, Resource::Flows, query, views, FlowItem::new)
}

fn runs(world: &World, sandbox: &str, query: &Query) -> String {
    let delay = i64::try_from(world.quirks.listing_delay_ms).unwrap_or(i64::MAX);
    let listed_before = world.now_ms().saturating_sub(delay);
    let views = candidates(world, query)
        .filter(|run| {
            run.created_at <= listed_before && world.flows[run.flow].setup.sandbox == sandbox
        })
        .map(|run| world.view_run(run))
        .filter(|view| query.any_of(Field::Id).is_none() || view.is_readable());
    answer(world, Resource::Runs, query, views, RunItem::new)
}

/// The runs that can match at all, newest first: ids and flow ids are looked up in indexes.
fn candidates<'w>(world: &'w World, query: &Query) -> Box<dyn Iterator<Item = &'w Run> + 'w> {
    if let Some(ids) = query.any_of(Field::Id) {
        return Box::new(world.runs.with_ids(ids.iter().map(String::as_str)).into_iter());
    }
    if let Some(flow_ids) = query.any_of(Field::FlowId) {
        let flows: Vec<_> = flow_ids.iter().filter_map(|id| world.flow_key(id)).collect();
        return Box::new(world.runs.of_flows(&flows).into_iter());
    }
    Box::new(world.runs.newest_first())
}

/// The answer as text: building a page as a tree of values would take most of the time.
fn answer<V: Filterable, T: Serialize>(
    world: &World,
    resource: Resource,
    query: &Query,
    views: impl Iterator<Item = V>,
    publish: impl Fn(&V) -> T,
) -> String {
    if query.count {
        return json!({ "count": views.filter(|view| query.matches(view)).count() }).to_string();
    }
    let page = query.page_of(resource, views, world.quirks.href_repeats_filters);
    let list = List::new(page.items.iter().map(publish).collect(), page.next);
    serde_json::to_string(&list).expect("what is published is valid JSON")
}
