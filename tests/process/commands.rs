//! Exit codes and texts of the commands, as a user sees them.

use crate::support::{SECRET, SOON, Site, until};
use flowmend::simulator::{Effect, Endpoint, FaultRule, FlowSetup, FlowState, Spec};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// A port that nobody listens on.
const NOBODY: &str =
    "adobe.platform_url = \"http://127.0.0.1:1\"\nadobe.ims_url = \"http://127.0.0.1:1\"";

#[tokio::test]
async fn check_lists_the_dataflows_with_their_policy_and_those_left_alone_with_the_reason() {
    let site = Site::new().await;
    site.configure("[[dataflow]]\nmatch = \"crm-*\"\nretry.max_attempts = 3");
    site.failure("crm-accounts");
    site.world(|world| {
        world.add_flow(FlowSetup::new("events", Spec::Streaming));
        world.add_flow(FlowSetup { state: FlowState::Disabled, ..FlowSetup::batch("switched-off") })
    });
    let check = site.run(&["check"]).await;
    check.exits(0).prints("configuration  ok").prints("credentials    ok, as simulated-client");
    check.prints("sandbox prod  ok, 1 of 3 dataflows handled").prints("DATAFLOW");
    let row = check.stdout.lines().find(|line| line.contains("crm-accounts")).unwrap();
    for word in ["failed", "3 attempts"] {
        assert!(row.contains(word), "no {word:?} in {row}");
    }
    check.prints("flow_disabled (1): The dataflow is not enabled.").prints("      switched-off\n");
    check.prints("streaming_source (1): ").prints("      events\n");
    check.prints("re-trigger     not tried: ");
    assert_eq!(check.stderr, "", "what is well is said on standard output only");
    assert!(site.ledger().retriggers.is_empty());
    assert!(!site.store().exists(), "check leaves nothing behind");
}

#[tokio::test]
async fn check_warns_of_a_configured_kind_that_adobe_contradicts() {
    let site = Site::new().await;
    site.configure("[[dataflow]]\nmatch = \"*\"\nkind = \"batch\"");
    site.world(|world| {
        world.add_flow(FlowSetup::new("crm", Spec::Crm));
        world.add_flow(FlowSetup::new("leads", Spec::Marketo));
        world.add_flow(FlowSetup::new("events", Spec::Streaming));
        world.add_flow(FlowSetup::new("lake", Spec::Internal));
    });
    let check = site.run(&["check"]).await;
    check.exits(0);
    check.prints("warning        [[dataflow]] \"*\": kind = \"batch\" has no effect on events");
    check.prints("(of kind streaming) and 1 more");
}

#[tokio::test]
async fn check_tells_faulty_settings_refused_credentials_and_no_connection_apart() {
    let site = Site::new().await;
    site.configure("[retry]\nmax_attempts = 0\nmultiplier = \"two\"\nmax_atempts = 3");
    let faulty = site.run(&["check"]).await;
    faulty.exits(78).complains("max_attempts").complains("multiplier").complains("max_atempts");
    faulty.complains("more.toml");

    site.configure("adobe.client_secret = \"wrong-secret-wrong\"");
    let refused = site.run(&["check"]).await;
    refused.exits(77).prints("credentials    FAILED").prints("invalid");
    assert!(!refused.to_string().contains("wrong-secret-wrong"), "{refused}");

    site.configure(NOBODY);
    let unreachable = site.run(&["check"]).await;
    unreachable.exits(69).prints("credentials    FAILED").prints("adobe.ims_url");

    site.configure("adobe.platform_url = \"http://127.0.0.1:1\"");
    let half = site.run(&["check"]).await;
    half.exits(69).prints("credentials    ok").prints("sandbox prod  FAILED");

    site.configure("[[sandbox]]\nname = \"prod\"\n[[sandbox]]\nname = \"no-such\"");
    let unknown = site.run(&["check"]).await;
    unknown.exits(1).prints("sandbox prod  ok").prints("sandbox no-such  FAILED");
}

#[tokio::test]
async fn check_says_where_a_missing_file_was_looked_for() {
    let site = Site::new().await;
    let missing = site.path("missing.toml");
    let missing = missing.to_str().unwrap();
    let check = site.run(&["check", "--config", missing]).await;
    check.exits(78).complains(missing);
}

#[tokio::test]
async fn once_ends_with_0_when_all_was_read_and_with_1_when_the_platform_is_away() {
    let site = Site::new().await;
    site.failure("crm");
    let once = site.run(&["once"]).await;
    once.exits(0);
    assert_eq!(once.lines("re-triggered failed run").len(), 1, "{once}");

    site.configure(NOBODY);
    let away = site.run(&["once"]).await;
    away.exits(1).complains("adobe.ims_url");
}

#[tokio::test]
async fn once_does_nothing_while_a_daemon_works_on_the_store_and_names_it() {
    let site = Site::new().await;
    let daemon = site.daemon().await;
    daemon.says("dataflows selected").await;
    let pid = daemon.id();
    site.failure("crm");
    let once = site.run(&["once"]).await;
    once.exits(1).complains("another flowmend").complains(&format!(":{pid}:"));
    once.complains("stop it first");
    assert_eq!(once.lines("re-triggered failed run").len(), 0);
    daemon.stop().await.exits(0);
    site.run(&["once"]).await.exits(0);
}

#[tokio::test]
async fn a_dry_run_posts_nothing_and_leaves_no_store() {
    let site = Site::new().await;
    let run = site.failure("crm");
    let once = site.run(&["once", "--dry-run"]).await;
    once.exits(0);
    let lines = once.lines("would re-trigger failed run");
    assert_eq!(lines.len(), 1, "{once}");
    assert_eq!(lines[0]["run_id"], run.as_str());
    assert_eq!(site.ledger().requests(Endpoint::Retrigger), 0);
    assert!(!site.store().exists(), "a dry run made a store");
}

#[tokio::test]
async fn a_dry_run_leaves_the_store_as_it_is_to_the_byte() {
    let site = Site::new().await;
    site.failure("crm");
    site.run(&["once"]).await.exits(0);
    let run = site.failure("erp");
    let posted = site.ledger().requests(Endpoint::Retrigger);
    let before = files(site.directory());

    let once = site.run(&["once", "--dry-run"]).await;
    once.exits(0);
    let daemon = site.start(&["run", "--dry-run"]);
    let told = daemon.says("would re-trigger failed run").await;
    assert_eq!(told["run_id"], run.as_str());
    daemon.stop().await.exits(0);

    assert_eq!(once.lines("would re-trigger failed run").len(), 1, "{once}");
    assert_eq!(site.ledger().requests(Endpoint::Retrigger), posted);
    let mut after = files(site.directory());
    // What SQLite needs for reading: its shared memory, and a log without an entry.
    after.remove("flowmend.db-shm");
    assert!(after.remove("flowmend.db-wal").is_none_or(|log| log.is_empty()));
    assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
    assert!(after == before, "a dry run changed the store");
}

/// Every file in a folder, by name.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(directory).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect()
}

#[tokio::test]
async fn status_without_a_store_says_so() {
    let site = Site::new().await;
    let status = site.run(&["status"]).await;
    status.exits(1).complains("there is no store yet");
    assert!(!site.store().exists());
}

#[tokio::test]
async fn status_tells_people_and_scripts_the_same() {
    let site = Site::new().await;
    let run = site.failure("crm");
    let daemon = site.daemon().await;
    daemon.says("recovered").await;
    let table = site.run(&["status", "--all"]).await;
    table.exits(0).prints("All well.").prints("1 recovery").prints("crm").prints(&run[..8]);
    let status = site.status().await;
    assert_eq!(status["states"]["recovered"], 1, "{status}");
    let recovery = &status["recoveries"][0];
    assert_eq!(recovery["root_run_id"], run.as_str());
    assert_eq!(recovery["flow_name"], "crm");
    let ledger = site.ledger();
    let call = ledger.accepted().next().unwrap();
    assert_eq!(recovery["attempts"][0]["new_run_id"], call.new_run_id().unwrap());
    assert_eq!(status["sentence"], "All well.", "{status}");
    assert_eq!(status["daemon"]["pid"], daemon.id().to_string(), "{status}");
    let explained = site.run(&["explain", &run[..8]]).await;
    explained.exits(0).prints(&run);
    site.run(&["explain", &run[..3]]).await.exits(1).complains("too short");
    daemon.stop().await.exits(0);
}

#[tokio::test]
async fn status_says_first_whether_a_daemon_runs_and_what_needs_a_person() {
    let site = Site::new().await;
    site.configure("[[rule]]\nname = \"by hand\"\ndataflow = \"erp-*\"\naction = \"hold\"");
    site.failure("crm-accounts");
    site.failure("erp-orders");
    site.run(&["once"]).await.exits(0);
    let status = site.run(&["status"]).await;
    status.exits(0).prints("No daemon is running since").prints("; 1 dataflow needs you.");
    status.prints("erp-orders: 1 failed run on hold (rule \"by hand\")");
    status.prints("\n     flowmend retry --flow erp-orders\n");

    let daemon = site.daemon().await;
    daemon.says("recovered").await;
    let status = site.run(&["status", "--flow", "erp-*", "--color", "always"]).await;
    status.exits(0).prints("1 dataflow needs you.").prints("\u{1b}[31m");
    let other = site.run(&["status", "--flow", "crm-*"]).await;
    other.exits(0).prints("All well.");
    site.run(&["status", "--flow", "erp-order"])
        .await
        .exits(1)
        .complains("did you mean erp-orders?");
    site.run(&["status", "--sandbox", "pord"]).await.exits(1).complains("configured: prod");
    for args in [&["--state", "held", "--state", "waiting"][..], &["--json"]] {
        let found = site.run(&[&["status", "--json"][..1], args].concat()).await;
        found.exits(0).prints("erp-orders");
    }
    daemon.stop().await.exits(0);
    assert!(site.run(&["status"]).await.stdout.starts_with("No daemon is running since"));
}

#[tokio::test]
async fn status_says_since_when_adobe_refuses_the_credentials() {
    let site = Site::new().await;
    site.configure("adobe.client_secret = \"wrong-secret-wrong\"");
    let daemon = site.daemon().await;
    daemon.says("pass incomplete").await;
    let mut told = String::new();
    for _ in 0..100 {
        told = site.run(&["status"]).await.stdout;
        if told.contains("credentials refused") {
            break;
        }
    }
    assert!(told.starts_with("Adobe cannot be reached since"), "{told}");
    assert!(told.contains(": credentials refused.\n"), "{told}");
    daemon.stop().await.exits(0);
}

#[tokio::test]
async fn commands_that_do_not_call_adobe_need_no_credentials() {
    let site = Site::new().await;
    let run = site.failure("crm");
    site.run(&["once"]).await.exits(0);
    let run = run.as_str();
    for (settings, is_missing) in [
        (
            "client_secret = \"\"\nclient_secret_file = \"/nonexistent/secret\"",
            "/nonexistent/secret",
        ),
        (
            "client_secret = \"\"\norg_id = \"\"\ncredentials_file = \"/nonexistent.json\"",
            "/nonexistent.json",
        ),
        ("client_secret = \"\"\nclient_id = \"\"", "client_secret"),
    ] {
        site.configure(&format!("[adobe]\n{settings}"));
        for args in [
            &["status"][..],
            &["status", "--json"],
            &["explain", run],
            &["backtest"],
            &["pause"],
            &["resume"],
            &["config", "show"],
        ] {
            site.run(args).await.exits(0);
        }
        site.run(&["retry", run]).await.exits(1).prints("not changed: it is watching");
        site.run(&["check"]).await.exits(78).complains(is_missing);
        site.run(&["once"]).await.exits(78);
    }
    site.configure("adobe.client_secret = \"\"");
    site.run(&["dismiss", &run[..8], "--reason", "x"]).await.exits(0).prints("dismissed");
    site.configure("adobe.client_secret = \"\"\nretry.max_attempts = 0");
    site.run(&["status"]).await.exits(78).complains("max_attempts");
}

/// What a user in the group of the store sees, who may write nothing.
#[tokio::test]
async fn a_user_who_may_not_write_sees_the_status() {
    use std::os::unix::fs::PermissionsExt;
    let is_root = std::fs::metadata("/proc/self")
        .is_ok_and(|it| std::os::unix::fs::MetadataExt::uid(&it) == 0);
    if !is_root {
        println!("skipped: only root can run a command as another user");
        return;
    }
    let site = Site::new().await;
    let permit = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    site.failure("crm");
    site.run(&["once"]).await.exits(0);
    let program = site.path("flowmend");
    std::fs::copy(env!("CARGO_BIN_EXE_flowmend"), &program).unwrap();
    permit(&program, 0o755);
    permit(&site.path("base.toml"), 0o644);
    permit(site.directory(), 0o755);
    permit(&site.store(), 0o644);
    let status = || {
        let files = ["base.toml", "haste.toml", "more.toml"].map(|name| site.path(name));
        let output = std::process::Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(&program)
            .args(["status", "--all"])
            .env("FLOWMEND_CONFIG", std::env::join_paths(files).unwrap())
            .output()
            .expect("there is setpriv");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        text
    };
    let before = files(site.directory());
    let told = status();
    assert!(told.starts_with("No daemon is running since"), "{told}");
    assert!(told.contains("crm"), "{told}");
    assert!(files(site.directory()) == before, "reading left something behind");

    // With a daemon there is a write-ahead log, which this user may not write either.
    let daemon = site.daemon().await;
    site.failure("erp");
    daemon.says("recovered").await;
    assert!(site.path("flowmend.db-wal").exists());
    let told = status();
    assert!(told.starts_with("All well."), "{told}");
    assert!(told.contains("erp"), "the log is read too: {told}");
    daemon.kill();
    let told = status();
    assert!(told.contains("erp"), "{told}");
}

#[tokio::test]
async fn config_default_is_the_reference_file_to_the_byte() {
    let site = Site::new().await;
    let printed = site.run(&["config", "default"]).await;
    printed.exits(0);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/flowmend.default.toml");
    assert_eq!(printed.stdout, std::fs::read_to_string(file).unwrap());
}

#[tokio::test]
async fn config_show_names_the_origin_of_each_setting_and_hides_the_secret() {
    let site = Site::new().await;
    let shown = site.command(&["config", "show"]).env("FLOWMEND__RETRY__MAX_ATTEMPTS", "9");
    let shown = shown.run().await;
    shown
        .exits(0)
        .prints("client_secret")
        .prints("base.toml")
        .prints("FLOWMEND__RETRY__MAX_ATTEMPTS");
    assert!(!shown.to_string().contains(SECRET), "{shown}");

    let variable = site.command(&["config", "show"]);
    let variable = variable.env("FLOWMEND__ADOBE__CLIENT_SECRET", "another-s3cret").run().await;
    variable.exits(0).prints("FLOWMEND__ADOBE__CLIENT_SECRET");
    assert!(!variable.to_string().contains("another-s3cret"), "{variable}");

    // A faulty neighbour must not make the complaint print what it found.
    site.configure("adobe.client_secret = \"t00-s3cret\"\nadobe.client_secret_file = \"x\"");
    let faulty = site.run(&["config", "show"]).await;
    faulty.exits(78).complains("client_secret_file");
    assert!(!faulty.to_string().contains("t00-s3cret"), "{faulty}");
}

#[tokio::test]
async fn garbled_answers_are_one_warning_and_post_nothing() {
    for endpoint in [Endpoint::Any, Endpoint::Token, Endpoint::Flows, Endpoint::Runs] {
        let site = Site::new().await;
        site.failure("crm");
        site.fault(FaultRule::always(endpoint, Effect::Garbage));
        let daemon = site.daemon().await;
        let warning = daemon.says("pass incomplete").await;
        assert_eq!((&warning["level"], &warning["sandbox"]), (&"WARN".into(), &"prod".into()));
        let requests = site.ledger().requests(Endpoint::Any);
        let later = || site.ledger().requests(Endpoint::Any) > requests;
        until(SOON, "it tries again", later).await;
        let ended = daemon.stop().await;
        ended.exits(0);
        let loud = |line: &Value| line["level"] == "WARN" && line["message"] == "pass incomplete";
        assert_eq!(ended.log().iter().filter(|line| loud(line)).count(), 1, "{ended}");
        assert_eq!(site.ledger().requests(Endpoint::Retrigger), 0, "{endpoint:?}: {ended}");
        assert_eq!(ended.lines("re-triggered failed run").len(), 0);
    }
}
