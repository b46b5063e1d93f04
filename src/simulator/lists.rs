//! `GET /flows` and `GET /runs`.

use serde::Serialize;
use serde_json::json;

use super::flow::FlowKey;
use super::query::Field;
use super::query::Filterable;
use super::query::Query;
use super::query::Resource;
use super::run::Run;
use super::view::FlowView;
use super::wire::FlowItem;
use super::wire::List;
use super::wire::RunItem;
use super::world::World;

/// The flows of a sandbox that a query asks for.
pub(super) fn flows(world: &World, sandbox: &str, query: &Query) -> String {
    let mut keys: Vec<FlowKey> = match query.any_of(Field::Id) {
        Some(ids) => ids.iter().filter_map(|id| world.flow_key(id)).collect(),
        None => (0..world.flows.len()).collect(),
    };
    keys.retain(|key| world.flows[*key].sandbox == sandbox);
    keys.sort_by_key(|key| (std::cmp::Reverse(world.flows[*key].created_at), *key));
    let views = keys.into_iter().map(|key| FlowView { key, world });
    answer(world, Resource::Flows, query, views, FlowItem::new)
}

/// The runs of a sandbox that a query asks for.
pub(super) fn runs(world: &World, sandbox: &str, query: &Query) -> String {
    let delay = i64::try_from(world.quirks.listing_delay_ms).unwrap_or(i64::MAX);
    let listed_before = world.now_ms().saturating_sub(delay);
    let views = candidates(world, query)
        .filter(|run| run.created_at <= listed_before && world.flows[run.flow].sandbox == sandbox)
        .map(|run| world.view_run(run))
        .filter(|view| query.any_of(Field::Id).is_none() || view.is_readable());
    answer(world, Resource::Runs, query, views, RunItem::new)
}

/// The runs that can match at all, newest first: ids and flow ids are looked up, not searched for.
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

/// The answer as text: a page as a tree of values would take longer than all else.
fn answer<V: Filterable, T: Serialize>(
    world: &World,
    resource: Resource,
    query: &Query,
    views: impl Iterator<Item = V>,
    publish: impl Fn(&V) -> T,
) -> String {
    if query.count {
        return json!({ "count": query.count_of(views) }).to_string();
    }
    let page = query.page_of(resource, views, world.quirks.href_repeats_filters);
    let list = List::new(page.items.iter().map(publish).collect(), page.next);
    serde_json::to_string(&list).expect("what is published is valid JSON")
}
