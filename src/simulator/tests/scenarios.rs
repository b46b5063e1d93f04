//! The worlds that come with the product.

use std::io::Write;

use super::life::publish;
use super::*;
use crate::simulator::{Scenario, ScenarioError, Spec};

#[test]
fn the_default_world_has_every_kind_of_dataflow_and_a_day_behind_it() {
    let world = Scenario::named("default").unwrap().build(42, start_time());
    assert_eq!(world.flows.len(), 40);
    for spec in Spec::ALL.into_iter().filter(|spec| *spec != Spec::HttpApi) {
        let has_run =
            |run: &&crate::simulator::world::run::Run| world.flows[run.flow].setup.spec == spec;
        assert!(world.runs.newest_first().any(|run| has_run(&run)), "{spec:?}");
    }
    let failed = world.runs.newest_first().filter(|run| run.status == RunStatus::Failed);
    let batch = failed.filter(|run| world.flows[run.flow].setup.spec.is_batch_source()).count();
    assert!((10..120).contains(&batch), "{batch} failed batch runs in a day");
    let oldest = world.runs.newest_first().last().unwrap().created_at;
    assert!(start_time().as_millisecond() - oldest > 23 * 3_600_000);
}

#[test]
fn the_demo_keeps_failing_and_failing_keeps_having_different_reasons() {
    let mut world = Scenario::named("demo").unwrap().build(42, start_time());
    world.advance(start_time() + Duration::from_secs(120));
    let since = start_time().as_millisecond();
    let mut codes: Vec<_> = world
        .runs
        .newest_first()
        .filter(|run| run.created_at > since)
        .filter_map(|run| run.published_failure())
        .flat_map(|failure| failure.details.iter().map(|error| error.code.clone()))
        .collect();
    assert!(codes.len() >= 5, "{codes:?}");
    codes.sort();
    codes.dedup();
    assert!(codes.len() >= 3, "{codes:?}");
}

#[test]
fn every_named_scenario_is_the_same_world_for_the_same_seed() {
    for name in Scenario::NAMES {
        let scenario = Scenario::named(name).unwrap();
        let build = |seed| publish(&scenario.build(seed, start_time()));
        assert_eq!(build(5), build(5), "{name}");
        assert_ne!(build(5), build(6), "{name}");
    }
}

#[test]
fn an_outage_leaves_many_failed_runs_and_a_quiet_world_none() {
    let failed = |name: &str| {
        let world = Scenario::named(name).unwrap().build(3, start_time());
        world.runs.newest_first().filter(|run| run.status == RunStatus::Failed).count()
    };
    assert_eq!(failed("quiet"), 0);
    assert!(failed("outage") > failed("default") + 30);
}

#[test]
fn a_scenario_file_starts_from_a_name_and_changes_what_it_says() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let toml = r#"
        base = "quiet"
        pace = "realistic"
        flows = 3
        [quirks]
        answer = "items"
        status_spelling = "upper"
        [[fault]]
        endpoint = "retrigger"
        probability = 0.5
        effect = "drop_after"
        [[fault]]
        endpoint = "runs"
        times = 2
        effect = { status = { code = 429, retry_after = "5", body = "rate_limit" } }
        [[fault]]
        endpoint = "any"
        effect = { delay = 20 }
    "#;
    file.write_all(toml.as_bytes()).unwrap();
    let scenario = Scenario::load(file.path().to_str().unwrap()).unwrap();
    assert_eq!(scenario.faults.len(), 3);
    let world = scenario.build(1, start_time());
    assert_eq!(world.flows.len(), 3);
    assert_eq!(world.faults.rules.len(), 3);
    assert_eq!(world.quirks.status_spelling, crate::simulator::Spelling::Upper);
}

#[test]
fn a_scenario_file_adds_failed_runs_to_its_dataflows() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let toml = r#"
        base = "quiet"
        [[run]]
        dataflow = "quiet-flow-0003"
        id = "mine"
        codes = ["MY-1", "MY-2"]
    "#;
    file.write_all(toml.as_bytes()).unwrap();
    let world = Scenario::load(file.path().to_str().unwrap()).unwrap().build(1, start_time());
    let run = world.runs.newest_first().find(|run| run.id == "mine").unwrap();
    assert_eq!((run.status, run.created_at), (RunStatus::Failed, world.now_ms()));
    assert_eq!(world.flows[run.flow].setup.name, "quiet-flow-0003");
    let errors = &run.published_failure().unwrap().umbrella;
    assert_eq!(errors.iter().map(|it| it.code.as_str()).collect::<Vec<_>>(), ["MY-1", "MY-2"]);
}

#[test]
fn what_is_no_scenario_is_refused() {
    let unknown = Scenario::load("no-such-thing").unwrap_err();
    assert!(unknown.to_string().contains("flaky-network"), "{unknown}");
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"[[run]]\ndataflow = \"crm\"\ncodes = []\n").unwrap();
    let unknown = Scenario::load(file.path().to_str().unwrap()).unwrap_err();
    let ScenarioError::Invalid { source, .. } = unknown else { panic!("{unknown}") };
    assert!(source.to_string().contains("crm-accounts"), "{source}");
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"[quirks]\nanswr = \"items\"\n").unwrap();
    let invalid = Scenario::load(file.path().to_str().unwrap()).unwrap_err();
    assert!(matches!(invalid, ScenarioError::Invalid { .. }), "{invalid:?}");
}
