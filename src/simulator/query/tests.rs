//! The filter language, without HTTP.

use jiff::Timestamp;
use serde_json::Value;

use super::Resource;
use crate::simulator::http::lists;
use crate::simulator::{FlowIdList, FlowSetup, FlowState, Quirks, RunSetup, Spec, World};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// Flows `a` (enabled), `b` (disabled), `x` (a destination); runs `r1` to `r4` of `a`, `b`, `a`,
/// `x`, created at the seconds 1 to 4, of which `r1` and `r4` failed.
fn world() -> World {
    let mut world = World::empty(1, at(0));
    let flow = |id: &str, spec, state, second| FlowSetup {
        id: Some(id.to_owned()),
        state,
        created_at: Some(at(second)),
        ..FlowSetup::new(&format!("flow {id}"), spec)
    };
    world.add_flow(flow("a", Spec::CloudStorage, FlowState::Enabled, -30));
    world.add_flow(flow("b", Spec::Crm, FlowState::Disabled, -10));
    world.add_flow(flow("x", Spec::Destination, FlowState::Enabled, -20));
    for (n, setup) in [
        (1, RunSetup::failed("a")),
        (2, RunSetup::succeeded("b")),
        (3, RunSetup::succeeded("a")),
        (4, RunSetup::failed("x")),
    ] {
        let setup = setup.with_id(&format!("r{n}")).created_at(at(n)).completed_at(at(n + 10));
        world.add_run(setup).unwrap();
    }
    world.advance(at(100));
    world
}

fn list(world: &World, resource: Resource, query: &str) -> Result<Value, String> {
    let body =
        lists::list(world, "prod", resource, query).map_err(|refusal| refusal.code().to_owned())?;
    Ok(serde_json::from_str(&body).unwrap())
}

fn ids(world: &World, resource: Resource, query: &str) -> Result<String, String> {
    let body = list(world, resource, query)?;
    let items = body["items"].as_array().expect("a list has items");
    Ok(items.iter().filter_map(|item| item["id"].as_str()).collect::<Vec<_>>().join(" "))
}

#[test]
fn runs_are_filtered_as_documented() {
    let world = world();
    for (query, expected) in [
        ("", "r4 r3 r2 r1"),
        ("property=flowId==a", "r3 r1"),
        ("property=flowId==a,b", "r3 r2 r1"),
        ("property=flowId==missing", ""),
        ("property=flowId%3D%3Da", "r3 r1"),
        ("property=id==r1,r3", "r3 r1"),
        ("property=id==r1,r3&property=flowId==b", ""),
        ("property=metrics.statusSummary.status==Failed", "r4 r1"),
        ("property=metrics.statusSummary.status==failed&property=flowId==a", "r1"),
        ("property=metrics.statusSummary.status==failed,success", "r4 r3 r2 r1"),
        ("property=createdAt>2000", "r4 r3"),
        ("property=createdAt>1000&property=createdAt<4000", "r3 r2"),
        ("property=updatedAt<12001", "r2 r1"),
        ("property=metrics.durationSummary.startedAtUTC<2000", "r1"),
        ("limit=2&count=false", "r4 r3"),
    ] {
        assert_eq!(ids(&world, Resource::Runs, query).as_deref(), Ok(expected), "{query}");
    }
}

#[test]
fn flows_are_filtered_as_documented() {
    let world = world();
    for (query, expected) in [
        ("", "b x a"),
        ("property=inheritedAttributes.properties.isSourceFlow==true", "b a"),
        ("property=inheritedAttributes.properties.isDestinationFlow==true", "x"),
    ] {
        assert_eq!(ids(&world, Resource::Flows, query).as_deref(), Ok(expected), "{query}");
    }
}

#[test]
fn a_query_that_adobe_refuses_is_refused_by_the_same_code() {
    let world = world();
    for (query, expected) in [
        ("property=flowId~a", "1440-400"),
        ("property=createdAt!>5", "1450-400"),
        ("property=flowId!=a", "1450-400"),
        ("property=flowId=a", "1450-400"),
        ("property=colour==red", "1449-400"),
        ("property=createdAt<1,2", "1443-400"),
        ("property=id>r1", "1448-400"),
        ("property=flowId>a", "1454-400"),
        ("property=createdAt>yesterday", "1452-400"),
        ("property=createdAt==5", "1454-400"),
        ("property=id,flowId", "1450-400"),
        ("orderby=createdAt", "1451-400"),
        ("limit=5&count=true", "1401-400"),
        ("limit=0", "1400-400"),
        ("limit=many", "1400-400"),
        ("start=5", "1451-400"),
        ("continuationToken=zz", "1400-400"),
    ] {
        let found = ids(&world, Resource::Runs, query);
        assert_eq!(found, Err(expected.to_owned()), "{query}");
    }
}

#[test]
fn a_count_is_only_a_number() {
    let world = world();
    let body = list(&world, Resource::Runs, "count=true&property=flowId==a").unwrap();
    assert_eq!(body, serde_json::json!({ "count": 2 }));
}

/// Reads all pages; between them `meanwhile` may change the world.
fn read_pages(
    world: &mut World,
    first: &str,
    follow: impl Fn(&str) -> String,
    mut meanwhile: impl FnMut(&mut World),
) -> Vec<String> {
    let mut seen = Vec::new();
    let mut query = first.to_owned();
    loop {
        let body = list(world, Resource::Runs, &query).unwrap();
        let items = body["items"].as_array().unwrap();
        seen.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        let Some(href) = body["_links"]["next"]["href"].as_str() else { return seen };
        query = follow(href.strip_prefix("/runs?").unwrap());
        meanwhile(world);
    }
}

#[test]
fn a_token_carries_the_query_whether_or_not_it_is_sent_again() {
    let first = "property=metrics.statusSummary.status==failed&limit=1";
    let alone = read_pages(&mut world(), first, str::to_owned, |_| {});
    let again = read_pages(&mut world(), first, |token| format!("{token}&{first}"), |_| {});
    assert_eq!(alone, ["r4", "r1"]);
    assert_eq!(again, alone);
}

#[test]
fn an_href_holds_nothing_but_the_token_unless_a_quirk_repeats_the_filters() {
    let mut world = world();
    let first = "property=flowId==a&limit=1";
    let href = |world: &World| {
        let body = list(world, Resource::Runs, first).unwrap();
        body["_links"]["next"]["href"].as_str().unwrap().to_owned()
    };
    assert!(href(&world).starts_with("/runs?continuationToken="));
    world.quirks.href_repeats_filters = true;
    assert!(href(&world).starts_with("/runs?property=flowId%3D%3Da&limit=1&continuationToken="));
    assert_eq!(read_pages(&mut world, first, str::to_owned, |_| {}), ["r3", "r1"]);
}

#[test]
fn runs_made_between_pages_lead_to_duplicates_and_never_to_omissions() {
    let mut made = 0;
    let seen = read_pages(&mut world(), "limit=2", str::to_owned, |world| {
        made += 1;
        if made == 1 {
            world.add_run(RunSetup::succeeded("a").with_id("new")).unwrap();
        }
    });
    assert_eq!(seen, ["r4", "r3", "r3", "r2", "r1"]);
}

#[test]
fn pages_are_small_by_default_and_never_larger_than_the_cap() {
    let mut world = world();
    for _ in 0..150 {
        world.add_run(RunSetup::succeeded("a")).unwrap();
    }
    let length = |world: &World, query: &str| {
        list(world, Resource::Runs, query).unwrap()["items"].as_array().unwrap().len()
    };
    assert_eq!(length(&world, ""), 10);
    assert_eq!(length(&world, "limit=1000"), 100);
    world.quirks.page_cap = 5;
    assert_eq!(length(&world, "limit=1000"), 5);
}

#[test]
fn quirks_narrow_what_can_be_asked() {
    let mut world = world();
    let mut ask = |quirks: Quirks, query: &str| {
        world.quirks = quirks;
        ids(&world, Resource::Runs, query)
    };
    let list = |flow_id_list| Quirks { flow_id_list, ..Quirks::default() };
    let refused = |code: &str| Err(code.to_owned());
    assert_eq!(ask(list(FlowIdList::Refused), "property=flowId==a,b"), refused("1443-400"));
    assert_eq!(ask(list(FlowIdList::Refused), "property=flowId==b"), Ok("r2".to_owned()));
    assert_eq!(ask(list(FlowIdList::Literal), "property=flowId==a,b"), Ok(String::new()));
    let quirks = Quirks { runs_need_flow_id: true, ..Quirks::default() };
    assert_eq!(ask(quirks, ""), refused("1423-400"));
    let quirks = Quirks { updated_at_filter_refused: true, ..Quirks::default() };
    assert_eq!(ask(quirks, "property=updatedAt>1"), refused("1449-400"));
}
