//! SIGTERM, SIGINT and SIGHUP.

use crate::support::{SOON, Site, until};
use flowmend::simulator::{Effect, Endpoint, FaultRule};
use std::time::Duration;

/// Longer than a pass, and much shorter than the drain time of a call that hangs.
const AT_ONCE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn sigterm_and_sigint_end_an_idle_daemon_at_once_and_with_0() {
    for signal in ["TERM", "INT"] {
        let site = Site::new().await;
        site.configure("poll.interval = \"10m\"");
        let daemon = site.daemon().await;
        daemon.says("dataflows selected").await;
        daemon.signal(signal);
        let ended = daemon.end_within(AT_ONCE).await;
        ended.exits(0);
        let stopping = ended.log().into_iter().find(|line| line["signal"].is_string());
        assert_eq!(stopping.unwrap()["signal"], format!("SIG{signal}"));
        assert_eq!(ended.lines("stopped").len(), 1, "{ended}");
        assert_eq!(ended.stdout, "");
    }
}

#[tokio::test]
async fn a_stopping_daemon_does_not_wait_for_a_reading_that_hangs() {
    let site = Site::new().await;
    site.configure(
        "adobe.request_timeout = \"1m\"\nretry.confirm_window = \"2m\"\nstore.lease = \"2m\"",
    );
    site.failure("crm");
    site.fault(FaultRule::always(Endpoint::Runs, Effect::Hang));
    let daemon = site.daemon().await;
    until(SOON, "it reads", || site.ledger().requests(Endpoint::Runs) >= 1).await;
    daemon.signal("TERM");
    daemon.end_within(AT_ONCE).await.exits(0);
}

#[tokio::test]
async fn a_stopping_daemon_waits_for_the_answer_to_a_call_under_way() {
    let site = Site::new().await;
    site.failure("crm");
    site.fault(FaultRule::always(Endpoint::Retrigger, Effect::Delay(700)));
    let daemon = site.daemon().await;
    site.asked_to_retrigger(1).await;
    daemon.signal("TERM");
    let ended = daemon.end_within(AT_ONCE).await;
    ended.exits(0);
    assert_eq!(ended.lines("re-triggered failed run").len(), 1, "{ended}");
    assert!(site.ledger().accepted().all(|call| call.answered));
    assert_eq!(site.status().await["states"]["watching"], 1);
}

#[tokio::test]
async fn a_call_that_hangs_while_stopping_is_in_doubt_and_settled_by_the_next_start() {
    for (effect, signal) in [(Effect::Hang, "TERM"), (Effect::HangAfter, "INT")] {
        let site = Site::new().await;
        site.failure("crm");
        site.fault(FaultRule::once(Endpoint::Retrigger, effect));
        let daemon = site.daemon().await;
        site.asked_to_retrigger(1).await;
        daemon.signal(signal);
        // The time limit of one request, and a margin.
        let ended = daemon.end_within(Duration::from_secs(1) + AT_ONCE).await;
        ended.exits(0);
        assert_eq!(ended.lines("re-trigger in doubt").len(), 1, "{ended}");
        assert_eq!(site.status().await["states"]["in_doubt"], 1);

        let daemon = site.daemon().await;
        daemon.says("recovered").await;
        daemon.stop().await.exits(0);
        assert_eq!(site.ledger().accepted().count(), 1, "healed by one re-trigger");
    }
}

#[tokio::test]
async fn a_faulty_file_at_sighup_leaves_the_old_configuration_in_force_and_is_told() {
    let site = Site::new().await;
    site.configure("retry.max_attempts = 3");
    let daemon = site.daemon().await;
    daemon.says("dataflows selected").await;
    for faulty in ["retry.max_attempts = 0", "this is no TOML", "[retri]\nmax_attempts = 4"] {
        let told = daemon.count("configuration not reloaded: the old one stays in force");
        site.configure(faulty);
        daemon.signal("HUP");
        daemon.says_times("configuration not reloaded: the old one stays in force", told + 1).await;
    }
    site.failure("crm");
    let line = daemon.says("re-triggered failed run").await;
    assert_eq!(line["max_attempts"], 3);
    let ended = daemon.stop().await;
    ended.exits(0).complains("max_attempts").complains("more.toml").complains("retri");
    assert_eq!(ended.lines("configuration reloaded").len(), 0);
    let lines = ended.lines("configuration not reloaded: the old one stays in force");
    assert!(lines.iter().all(|line| line["level"] == "ERROR"));
}

#[tokio::test]
async fn a_sound_file_at_sighup_takes_effect_without_a_restart() {
    let site = Site::new().await;
    site.configure("retry.max_attempts = 3");
    let daemon = site.daemon().await;
    site.failure("crm");
    assert_eq!(daemon.says("re-triggered failed run").await["max_attempts"], 3);

    site.configure(
        "retry.max_attempts = 8\n[[sandbox]]\nname = \"prod\"\nexclude = [\"scratch-*\"]",
    );
    daemon.signal("HUP");
    daemon.says("configuration reloaded").await;
    let excluded = site.failure("scratch-1");
    site.failure("erp");
    let lines = daemon.says_times("re-triggered failed run", 2).await;
    assert_eq!((&lines[1]["flow_name"], &lines[1]["max_attempts"]), (&"erp".into(), &8.into()));
    daemon.says_times("recovered", 2).await;

    // And back again: nothing was forgotten meanwhile.
    site.configure("retry.max_attempts = 8");
    daemon.signal("HUP");
    daemon.says_times("configuration reloaded", 2).await;
    let lines = daemon.says_times("re-triggered failed run", 3).await;
    assert_eq!(lines[2]["run_id"], excluded.as_str());
    daemon.stop().await.exits(0);
}

#[tokio::test]
async fn sighup_during_a_call_loses_and_doubles_nothing() {
    let site = Site::new().await;
    site.failure("crm");
    site.fault(FaultRule::always(Endpoint::Retrigger, Effect::Delay(500)));
    let daemon = site.daemon().await;
    site.asked_to_retrigger(1).await;
    for _ in 0..5 {
        daemon.signal("HUP");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    daemon.says("recovered").await;
    let ended = daemon.stop().await;
    ended.exits(0);
    assert_eq!(site.ledger().accepted().count(), 1);
    assert_eq!(ended.lines("re-trigger in doubt").len(), 0, "{ended}");
}

#[tokio::test]
async fn what_cannot_change_while_running_is_named_at_sighup() {
    let site = Site::new().await;
    let daemon = site.daemon().await;
    site.configure(&format!(
        "log.level = \"debug\"\nhttp.listen = \"\"\n[store]\nurl = \"sqlite://{}\"",
        site.path("other.db").display()
    ));
    daemon.signal("HUP");
    daemon.says("configuration reloaded").await;
    let ended = daemon.stop().await;
    ended.exits(0).complains("[store] changed").complains("[log] changed");
    ended.complains("[http] changed");
    assert!(!site.path("other.db").exists());
}
