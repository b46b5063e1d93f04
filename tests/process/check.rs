//! `flowmend check`: what it finds, what it warns of, and what it leaves as it was.

use crate::support::process::{Command, Finished};
use crate::support::{SECRET, Site};
use flowmend::simulator::{Endpoint, FlowSetup, Spec};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn json(check: &Finished) -> Value {
    serde_json::from_str(&check.stdout).unwrap_or_else(|_| panic!("no JSON in {check}"))
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn everything_that_matches_nothing_is_named() {
    let site = Site::new().await;
    site.world(|world| {
        world.add_sandbox("empty");
        world.add_flow(FlowSetup::batch("crm-accounts"));
        world.add_flow(FlowSetup::batch("crm-leads"));
    });
    site.configure(
        r#"
[[sandbox]]
name = "prod"
include = ["crm-*", "erp-*"]
exclude = ["*-test"]
[[sandbox]]
name = "empty"
[[dataflow]]
match = "crm-*"
retry.max_attempts = 3
[[dataflow]]
match = "crm-leads"
retry.max_attempts = 2
[[dataflow]]
match = "payments"
retry.max_attempts = 2
[[rule]]
name = "for nobody"
dataflow = "orders-*"
action = "hold"
[[rule]]
name = "from nowhere"
source = "no-such-spec"
action = "hold"
[[quiet]]
days = ["mon"]
from = "01:00"
to = "02:00"
time_zone = "UTC"
dataflow = "nightly-*"
"#,
    );
    let check = site.run(&["check"]).await;
    check.exits(0);
    for warning in [
        r#"sandbox prod: include "erp-*" matches no dataflow"#,
        r#"sandbox prod: exclude "*-test" matches no dataflow"#,
        "sandbox empty has no dataflow",
        r#"[[dataflow]] "crm-leads" is never used: an earlier [[dataflow]] matches the same"#,
        r#"[[dataflow]] "payments" matches no selected dataflow"#,
        r#"[[rule]] "for nobody" "orders-*" matches no selected dataflow"#,
        r#"[[rule]] "from nowhere": source "no-such-spec" matches no selected dataflow"#,
        r#"[[quiet]] "nightly-*" matches no selected dataflow"#,
    ] {
        check.prints(&format!("warning        {warning}"));
    }
    assert!(!check.stdout.contains(r#""crm-*" matches no"#), "{check}");
    site.run(&["check", "--deny-warnings"]).await.exits(1);
    let json = json(&site.run(&["check", "--json"]).await);
    let told = json["warnings"].as_array().unwrap().iter();
    assert_eq!(told.filter(|it| it.as_str().unwrap().contains("match")).count(), 7, "{json}");
}

#[tokio::test]
async fn what_is_left_alone_is_counted_and_json_lists_all_of_it() {
    let site = Site::new().await;
    site.configure("[[sandbox]]\nname = \"prod\"\ninclude = [\"crm-*\", \"s-*\", \"lake\"]\nexclude = [\"crm-old\"]");
    site.world(|world| {
        for name in ["crm-accounts", "crm-old", "erp"] {
            world.add_flow(FlowSetup::batch(name));
        }
        for n in 1..=7 {
            world.add_flow(FlowSetup::new(&format!("s-{n}"), Spec::Streaming));
        }
        world.add_flow(FlowSetup::new("lake", Spec::Internal));
    });
    let check = site.run(&["check"]).await;
    check.exits(0).prints("sandbox prod  ok, 1 of 11 dataflows handled");
    check.prints("streaming_source (7): Streaming sources cannot be re-triggered.\n");
    check.prints("      s-1, s-2, s-3, s-4, s-5 and 2 more (--json has all)\n");
    check.prints("internal_flow (1): ").prints("excluded (1): ").prints("not_included (1): ");
    let json = json(&site.run(&["check", "--json"]).await);
    let sandbox = &json["sandboxes"][0];
    assert_eq!(sandbox["dataflows"][0]["flow_name"], "crm-accounts", "{json}");
    let groups = sandbox["left_alone"].as_array().unwrap();
    let group = groups.iter().find(|it| it["reason"] == "streaming_source").unwrap();
    assert_eq!(group["dataflows"].as_array().unwrap().len(), 7, "{json}");
    assert!(json["retrigger"].as_str().unwrap().starts_with("not tried"), "{json}");
}

#[tokio::test]
async fn the_store_is_written_to_find_out_whether_it_can_be_and_stays_as_it_was() {
    let site = Site::new().await;
    let creates = site.run(&["check", "--offline"]).await;
    creates.exits(0).prints("store          ok, flowmend run will create ");
    assert!(!site.store().exists());

    site.run(&["once"]).await.exits(0);
    let before = std::fs::read(site.store()).unwrap();
    site.run(&["check"]).await.exits(0).prints("store          ok, can be written: ");
    assert!(std::fs::read(site.store()).unwrap() == before, "check changed the store");

    site.configure("store.url = \"sqlite://missing/flowmend.db\"");
    let missing = site.run(&["check", "--offline"]).await;
    missing.exits(1).prints("store          FAILED: ").prints("missing does not exist; create it");
}

/// The user who runs the tests may be root, whom no mode keeps from writing.
#[tokio::test]
async fn a_store_that_cannot_be_written_is_a_fault() {
    let site = Site::new().await;
    let probe = site.path("probe");
    std::fs::write(&probe, "").unwrap();
    set_mode(&probe, 0o400);
    if std::fs::OpenOptions::new().write(true).open(&probe).is_ok() {
        eprintln!("skipped: this user may write everything");
        return;
    }
    site.run(&["once"]).await.exits(0);
    set_mode(&site.store(), 0o400);
    let check = site.run(&["check", "--offline"]).await;
    set_mode(&site.store(), 0o600);
    check.exits(1).prints("store          FAILED: ").prints("read-only");
}

#[tokio::test]
async fn offline_reads_files_and_sends_nothing() {
    let site = Site::new().await;
    let check = site.run(&["check", "--offline"]).await;
    check.exits(0).prints("configuration  ok").prints("credentials    not tried (--offline)");
    assert_eq!(site.ledger().requests(Endpoint::Any), 0);
    let json = json(&site.run(&["check", "--offline", "--json"]).await);
    assert_eq!((&json["ok"], &json["credentials"]), (&true.into(), &Value::Null), "{json}");
    site.run(&["check", "--offline", "--probe"]).await.exits(2);

    std::fs::write(site.path("empty-secret"), "").unwrap();
    site.configure("adobe.client_secret = \"\"\nadobe.client_secret_file = \"empty-secret\"");
    site.run(&["check", "--offline"]).await.exits(78).complains("empty-secret");
}

#[tokio::test]
async fn every_command_says_that_no_configuration_file_was_found_and_where_it_looked() {
    for command in ["check", "status", "once"] {
        let without = Command::new(&[command]).run().await;
        without.exits(78).complains("No configuration file: /etc/flowmend/flowmend.toml");
        without.complains("--config").complains("FLOWMEND_CONFIG");
    }
    let site = Site::new().await;
    let named = site.run(&["check", "--offline"]).await;
    assert!(!named.stderr.contains("No configuration file"), "{named}");
}

#[tokio::test]
async fn the_probe_prints_one_line_per_assumption_and_compares_the_runs_of_a_retrigger() {
    let site = Site::new().await;
    let run = site.failure("crm");
    let daemon = site.daemon().await;
    daemon.says("recovered").await;
    daemon.stop().await.exits(0);
    let posts = site.ledger().requests(Endpoint::Retrigger);
    let check = site.run(&["check", "--probe"]).await;
    check.exits(0).prints("  probe: ").prints("reading only; ");
    let line = |start: &str| {
        let line = check.stdout.lines().find(|line| line.contains(start));
        line.unwrap_or_else(|| panic!("no line with {start:?} in {check}")).to_owned()
    };
    let operation = line("The operation of a re-trigger is spelled");
    assert!(operation.starts_with("  as assumed    "), "{operation}");
    assert!(operation.contains(&run), "{operation}");
    assert!(operation.ends_with("Setting: adobe.retrigger_op."), "{operation}");
    assert!(line("`createdClient` of a run").starts_with("  as assumed "), "{check}");

    site.world(|world| world.quirks.one_client = true);
    let json = json(&site.run(&["check", "--probe", "--json"]).await);
    let probe = &json["sandboxes"][0]["probe"];
    assert!(probe["requests"].as_u64().unwrap() <= 25, "{json}");
    let findings = probe["findings"].as_array().unwrap();
    let client = findings.iter().find(|it| it["assumption"] == "created_client").unwrap();
    assert_eq!(client["verdict"], "different", "{json}");
    assert!(client["seen"].as_str().unwrap().contains("acp_foundation_connectors"), "{json}");
    assert_eq!(client["settings"], serde_json::json!(["adobe.match_created_client"]), "{json}");
    assert_eq!(site.ledger().requests(Endpoint::Retrigger), posts);
    assert!(!json.to_string().contains(SECRET));
}
