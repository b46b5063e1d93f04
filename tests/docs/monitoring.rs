//! Alerts, dashboard and pages name the metrics that a scrape shows, and no others.

use flowmend::clock::SystemClock;
use flowmend::domain::model::ids::SandboxName;
use flowmend::domain::model::journal::Entry;
use flowmend::metrics::{Format, Metrics, PassOutcome};
use regex::Regex;
use std::collections::BTreeSet;
use std::time::Duration;

const OPERATIONS: &str = include_str!("../../docs/OPERATIONS.md");
const RULES: &str = include_str!("../../deploy/prometheus/flowmend.rules.yml");
const DASHBOARD: &str = include_str!("../../deploy/grafana/flowmend.json");

/// The names of samples in a scrape, without the suffixes of histograms.
fn scraped() -> BTreeSet<String> {
    let metrics = Metrics::new();
    let prod = SandboxName::new("prod");
    metrics.watch(&prod);
    let now = flowmend::clock::Clock::now(&SystemClock::new());
    metrics.pass_ended(&prod, PassOutcome::Complete(now), Duration::ZERO);
    metrics.requested("runs", None, Duration::ZERO);
    metrics.open_recoveries(&prod, &[]);
    metrics.noted(&skipped());
    let text = metrics.encode(Format::Prometheus).unwrap();
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types.filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

fn skipped() -> Entry {
    let entry = serde_json::json!({
        "at": "2026-03-01T00:00:00Z", "sandbox": "prod", "flow_id": "f", "flow_name": "crm",
        "run_id": "r", "event": "skipped", "reason": "too_old",
    });
    serde_json::from_value(entry).unwrap()
}

fn named_in(text: &str) -> BTreeSet<String> {
    let name = Regex::new(r"\b(?:flowmend|process)_[a-z_]+[a-z]").unwrap();
    let names = name.find_iter(text).map(|it| it.as_str());
    // Not metrics: a file, a key of the example.
    let names = names.filter(|it| !["flowmend_uid", "process_id"].contains(it));
    names.map(|it| it.trim_end_matches("_bucket").to_owned()).collect()
}

#[test]
fn every_metric_that_an_alert_the_dashboard_or_a_page_names_is_in_a_scrape() {
    let scraped = scraped();
    for (place, text) in [("rules", RULES), ("dashboard", DASHBOARD), ("OPERATIONS", OPERATIONS)] {
        let unknown: Vec<String> = named_in(text).difference(&scraped).cloned().collect();
        assert!(unknown.is_empty(), "{place} names {unknown:?}, which no scrape shows");
    }
}

#[test]
fn every_metric_is_explained_in_the_operations_page() {
    for metric in scraped() {
        assert!(OPERATIONS.contains(&format!("`{metric}")), "OPERATIONS.md lacks {metric}");
    }
}

#[test]
fn every_alert_has_a_runbook() {
    let links = Regex::new(r"runbook_url: docs/OPERATIONS.md#([a-z]+)").unwrap();
    let anchors: Vec<String> = OPERATIONS
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .map(|title| title.trim().to_lowercase())
        .collect();
    let mut count = 0;
    for link in links.captures_iter(RULES) {
        assert!(anchors.contains(&link[1].to_owned()), "OPERATIONS.md has no section {}", &link[1]);
        count += 1;
    }
    assert_eq!(count, RULES.matches("- alert:").count());
}

#[test]
fn the_dashboard_is_json_with_panels() {
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
    assert!(dashboard["panels"].as_array().is_some_and(|panels| panels.len() > 5));
}
