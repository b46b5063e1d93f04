//! Notifications of the real program: from a failed run to a message, and the commands around them.

use crate::kit::receiver::{Receiver, Reply};
use crate::support::{SOON, Site, until};
use serde_json::Value;

fn configuration(receiver: &Receiver) -> String {
    format!(
        r#"
[[rule]]
action = "hold"
[[notify]]
name = "hook"
type = "webhook"
url = "{url}"
allow_private = true
[heartbeat]
url = "{url}/heartbeat"
allow_private = true
"#,
        url = receiver.url
    )
}

fn is_heartbeat(path: &str) -> bool {
    path.ends_with("/heartbeat")
}

#[tokio::test]
async fn a_run_on_hold_is_reported_once_across_a_crash_and_passes_feed_the_heartbeat() {
    let (site, receiver) = (Site::new().await, Receiver::start().await);
    site.configure(&configuration(&receiver));
    let daemon = site.daemon().await;
    let count = |wanted: bool| {
        let received = receiver.received();
        received.iter().filter(|it| is_heartbeat(&it.path) == wanted).count()
    };
    until(SOON, "a heartbeat", || count(true) > 0).await;
    let run = site.failure("crm-accounts");
    until(SOON, "a message", || count(false) > 0).await;
    daemon.kill();
    let daemon = site.daemon().await;
    let beats = count(true);
    until(SOON, "more heartbeats", || count(true) > beats + 3).await;
    daemon.stop().await.exits(0);
    let received = receiver.received();
    let messages: Vec<_> = received.iter().filter(|it| !is_heartbeat(&it.path)).collect();
    let ids: std::collections::BTreeSet<&str> = messages.iter().map(|it| it.id()).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    let json = messages[0].json();
    assert_eq!(json["type"], "flowmend.held");
    assert!(json["data"]["text"].as_str().unwrap().ends_with(&format!("`flowmend explain {run}`")));
}

#[tokio::test]
async fn a_target_can_be_tested_listed_and_muted() {
    let (site, receiver) = (Site::new().await, Receiver::start().await);
    site.configure(&configuration(&receiver));
    site.run(&["notify", "test"]).await.exits(0).prints("hook: delivered");
    site.run(&["notify", "test", "other"]).await.exits(1).complains("configured: hook");
    receiver.answer([Reply::Status(410)]);
    let gone = site.run(&["notify", "test", "hook"]).await;
    gone.exits(1).prints("hook: FAILED: 410: check the URL");

    site.daemon().await.stop().await.exits(0);
    site.run(&["notify", "mute", "--flow", "crm", "--for", "2h"]).await.exits(0);
    let list = site.run(&["notify", "list", "--json"]).await;
    let json: Value = serde_json::from_str(&list.stdout).unwrap();
    assert_eq!(json["targets"][0]["name"], "hook");
    assert_eq!(json["mutes"][0]["flow"], "crm");
    assert_eq!(site.run(&["config", "show"]).await.stdout.find(&receiver.url), None);
}
