//! Which dataflows are selected, and which policy applies to them.

use crate::settings::support::settings_of;
use flowmend::domain::model::flow::FlowKind;
use flowmend::domain::model::ids::{FlowId, SandboxName};
use flowmend::domain::policy::in_force::DataflowPolicy;
use flowmend::domain::policy::retry::RetryPolicy;
use flowmend::settings::Settings;
use std::time::Duration;

fn policy(settings: &Settings, sandbox: &str, flow_id: &str, name: &str) -> DataflowPolicy {
    settings.policies().of(&SandboxName::new(sandbox), &FlowId::new(flow_id), name).clone()
}

/// The `match` of the `[[dataflow]]` that a policy is from.
fn pattern(policy: &DataflowPolicy) -> Option<&str> {
    policy.scope.dataflow.as_ref().map(|matcher| matcher.as_str())
}

#[test]
fn without_patterns_every_dataflow_is_selected() {
    let settings = settings_of("");
    assert!(settings.sandboxes[0].selects("id", "any name, even \n an odd one/."));
}

#[test]
fn what_is_included_and_not_excluded_is_selected() {
    let settings = settings_of(
        r#"
        [[sandbox]]
        name = "prod"
        include = ["crm-*", "0f0f-id"]
        exclude = ["*-scratch", "bad-id"]
        "#,
    );
    let table = [
        ("x", "crm-daily", true),
        ("0f0f-id", "whatever", true),
        ("x", "erp-daily", false),
        ("x", "crm-scratch", false),
        ("bad-id", "crm-daily", false),
        // Without a name it may be one that is excluded.
        ("0f0f-id", "", false),
    ];
    for (flow_id, name, expected) in table {
        assert_eq!(settings.sandboxes[0].selects(flow_id, name), expected, "{flow_id} {name}");
    }
}

#[test]
fn the_first_matching_dataflow_wins() {
    let settings = settings_of(
        r#"
        [[sandbox]]
        name = "prod"
        [[sandbox]]
        name = "dev"
        [retry]
        multiplier = 3
        [limits]
        per_dataflow = 2
        [[dataflow]]
        match = "crm-*"
        sandbox = "dev"
        retry.max_attempts = 1
        [[dataflow]]
        match = "crm-daily"
        kind = "batch"
        limits.per_dataflow = 7
        retry.initial_interval = "5m"
        [[dataflow]]
        match = "*"
        sandbox = "dev"
        retry.max_attempts = 9
        "#,
    );
    let base = RetryPolicy { multiplier: 3.0, ..RetryPolicy::default() };
    let dev = policy(&settings, "dev", "x", "crm-daily");
    assert_eq!(pattern(&dev), Some("crm-*"));
    assert_eq!(dev.retry, RetryPolicy { max_attempts: 1, ..base });
    assert_eq!((dev.per_dataflow, dev.kind), (2, None));

    let prod = policy(&settings, "prod", "x", "crm-daily");
    let initial_interval = Duration::from_secs(300);
    assert_eq!(pattern(&prod), Some("crm-daily"));
    assert_eq!(prod.retry, RetryPolicy { initial_interval, ..base });
    assert_eq!((prod.per_dataflow, prod.kind), (7, Some(FlowKind::Batch)));

    assert_eq!(pattern(&policy(&settings, "dev", "x", "erp")), Some("*"));
    let none = policy(&settings, "prod", "x", "erp");
    assert_eq!((none.retry, none.per_dataflow, none.kind), (base, 2, None));
    assert_eq!(pattern(&none), None);
}

#[test]
fn a_dataflow_is_matched_by_its_id_too() {
    let settings = settings_of("[[dataflow]]\nmatch = \"0f0f-*\"\nretry.max_attempts = 1");
    assert_eq!(pattern(&policy(&settings, "prod", "0f0f-1", "name")), Some("0f0f-*"));
}
