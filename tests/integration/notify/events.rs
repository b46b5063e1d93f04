//! Which events are reported, to whom, and in which form.

use super::site::{Site, webhook};
use crate::kit::receiver::{Received, Receiver};
use flowmend::daemon::{Cause, SandboxSigns, Standing, Trouble};
use flowmend::domain::model::journal::{Entry, Event};
use flowmend::domain::model::reason::Reason;
use flowmend::store::{Mute, Outbox};
use serde_json::{Value, json};
use std::time::Duration;

/// The types of the messages, without their prefix.
fn types(received: &[Received]) -> Vec<String> {
    let types = received.iter().map(|it| it.json()["type"].as_str().unwrap().to_owned());
    types.map(|it| it.trim_start_matches("flowmend.").to_owned()).collect()
}

#[tokio::test]
async fn a_recovery_is_reported_only_after_its_trouble_with_time_and_attempts() {
    let (site, receiver) = (Site::new().await, Receiver::start().await);
    let notifier = site.started(&site.settings(&webhook("hook", &receiver.url))).await;
    let scheduled = site.entry(Event::Scheduled, Reason::RunFailed, "crm", "a");
    site.record(vec![scheduled, site.given_up("crm", "a")]).await;
    site.until(|| receiver.count() == 1).await;
    site.clock.advance(Duration::from_secs(3600));
    site.record(vec![site.recovered("crm", "quiet"), site.recovered("crm", "a")]).await;
    site.until(|| receiver.count() == 2).await;
    site.pass(20).await;
    let received = receiver.received();
    assert_eq!(types(&received), ["given_up", "recovered"]);
    let json = received[1].json();
    assert_eq!(json["data"]["count"], 1);
    let text = json["data"]["text"].as_str().unwrap();
    assert!(text.contains("It took 1h") && text.contains("and 5 attempts."), "{text}");
    notifier.stop().await;
}

#[tokio::test]
async fn the_same_trouble_is_reported_again_only_after_an_operator_acted() {
    let (site, receiver) = (Site::new().await, Receiver::start().await);
    let notifier = site.started(&site.settings(&webhook("hook", &receiver.url))).await;
    site.record(vec![site.held("crm", "a")]).await;
    site.until(|| receiver.count() == 1).await;
    let other = |reason| site.entry(Event::Held, reason, "crm", "a");
    site.record(vec![other(Reason::NotFound)]).await;
    site.pass(30).await;
    assert_eq!(receiver.count(), 1);
    let retry = site.entry(Event::Scheduled, Reason::OperatorRetry, "crm", "a");
    site.record(vec![retry, other(Reason::FlowDisabled)]).await;
    site.until(|| receiver.count() == 2).await;
    notifier.stop().await;
}

#[tokio::test]
async fn what_an_operator_or_a_rule_has_decided_is_not_reported() {
    let (site, receiver) = (Site::new().await, Receiver::start().await);
    let notifier = site.started(&site.settings(&webhook("hook", &receiver.url))).await;
    let silent = [
        (Event::Held, Reason::Paused),
        (Event::Held, Reason::NotSelected),
        (Event::Held, Reason::KeepsFailing),
        (Event::GivenUp, Reason::IgnoredByRule),
        (Event::Dismissed, Reason::OperatorDismissed),
        (Event::FlowHealed, Reason::RunSucceeded),
    ];
    let entries = silent.iter().enumerate();
    site.record(
        entries.map(|(n, (event, why))| site.entry(*event, *why, "crm", &n.to_string())).collect(),
    )
    .await;
    site.pass(30).await;
    assert_eq!(types(&receiver.received()), [""; 0]);
    notifier.stop().await;
}

#[tokio::test]
async fn a_breaker_and_an_outage_are_reported_with_their_ends() {
    let (site, receiver) = (Site::new().await, Receiver::start().await);
    let notifier = site.started(&site.settings(&webhook("hook", &receiver.url))).await;
    let note = |event, reason, run: &str| Entry {
        root_run_id: None,
        ..site.entry(event, reason, "crm", run)
    };
    for (event, reason) in [
        (Event::FlowHeld, Reason::KeepsFailing),
        (Event::FlowHealed, Reason::RunSucceeded),
        (Event::OutageBegan, Reason::Outage),
        (Event::OutageEnded, Reason::Outage),
    ] {
        let count = receiver.count();
        site.record(vec![note(event, reason, "a")]).await;
        site.until(|| receiver.count() > count).await;
    }
    let received = receiver.received();
    let expected = ["breaker_open", "breaker_closed", "outage_began", "outage_ended"];
    assert_eq!(types(&received), expected);
    let key = |n: usize| received[n].json()["data"]["key"].clone();
    assert_eq!((key(0), key(2)), (key(1), key(3)));
    let text = received[0].json()["data"]["text"].clone();
    assert!(text.as_str().unwrap().contains("`flowmend resume --flow id-of-crm`"), "{text}");
    notifier.stop().await;
}

#[tokio::test]
async fn a_target_gets_what_it_has_chosen() {
    let (site, all, some) = (Site::new().await, Receiver::start().await, Receiver::start().await);
    let target = webhook("some", &some.url) + "events = [\"held\"]\ndataflow = \"crm-*\"\n";
    let settings = site.settings(&(webhook("all", &all.url) + &target));
    let notifier = site.started(&settings).await;
    site.record(vec![site.held("erp", "a"), site.held("crm-1", "b"), site.given_up("crm-1", "c")])
        .await;
    site.until(|| all.count() == 2 && some.count() == 1).await;
    let json = some.received()[0].json();
    assert_eq!((&json["data"]["count"], &json["type"]), (&json!(1), &json!("flowmend.held")));
    notifier.stop().await;
}

fn failing(site: &Site, passes: u64) -> SandboxSigns {
    let error = "cannot list the failed runs: invalid_client".to_owned();
    let trouble = Trouble { cause: Cause::Credentials, since: site.now(), error, passes };
    SandboxSigns { trouble: Some(trouble), ..SandboxSigns::default() }
}

#[tokio::test]
async fn failing_passes_and_a_stuck_loop_are_reported_once_also_across_a_restart() {
    let (site, receiver) = (Site::new().await, Receiver::start().await);
    let settings = site.settings(&webhook("hook", &receiver.url));
    let notifier = site.started(&settings).await;
    site.pulse.set("prod", failing(&site, 2));
    site.pass(20).await;
    assert_eq!(receiver.count(), 0);
    site.pulse.set("prod", failing(&site, 3));
    site.pulse.0.lock().unwrap().1 = false;
    site.until(|| receiver.count() == 2).await;
    notifier.stop().await;

    let notifier = site.start(&settings);
    site.pulse.set("prod", failing(&site, 9));
    site.pass(20).await;
    assert_eq!(receiver.count(), 2);
    let well = SandboxSigns { last_complete: Some(site.now()), ..SandboxSigns::default() };
    site.pulse.set("prod", well);
    site.until(|| receiver.count() == 3).await;
    site.pulse.0.lock().unwrap().1 = true;
    site.until(|| receiver.count() == 4).await;
    site.pass(20).await;
    let received = receiver.received();
    assert_eq!(types(&received), ["stuck", "loop_failing", "loop_well", "loop_well"]);
    let text = received[1].json()["data"]["text"].clone();
    let text = text.as_str().unwrap();
    assert!(text.ends_with("invalid_client\nTo find the cause: `flowmend check`"), "{text}");
    notifier.stop().await;
}

#[tokio::test]
async fn a_standby_reports_nothing() {
    let (site, receiver) = (Site::new().await, Receiver::start().await);
    let settings = site.settings(&webhook("hook", &receiver.url));
    site.started(&settings).await.stop().await;
    site.pulse.0.lock().unwrap().0.standing = Standing::Starting;
    let notifier = site.start(&settings);
    site.record(vec![site.held("crm", "a")]).await;
    site.pass(30).await;
    assert_eq!(receiver.count(), 0);
    notifier.stop().await;
}

#[tokio::test]
async fn slack_gets_text_without_markup_from_a_template() {
    let (site, receiver) = (Site::new().await, Receiver::start().await);
    let target = webhook("chat", &receiver.url).replace("\"webhook\"", "\"slack\"");
    let target = target + "template = \"{{ topic }} {{ groups[0].flow_name }} {{ count }}\"\n";
    let notifier = site.started(&site.settings(&target)).await;
    site.record(vec![site.held("<!channel>", "a")]).await;
    site.until(|| receiver.count() == 1).await;
    assert_eq!(receiver.received()[0].json(), json!({ "text": "held &lt;!channel&gt; 1" }));
    notifier.stop().await;
}

#[tokio::test]
async fn pagerduty_has_an_incident_for_each_recovery_until_there_are_many() {
    let (site, receiver) = (Site::new().await, Receiver::start().await);
    std::fs::write(site.directory.path().join("key"), "0123456789abcdef0123456789abcdef").unwrap();
    let target = webhook("page", &receiver.url).replace("\"webhook\"", "\"pagerduty\"");
    let target = target + "secret_file = \"key\"\n";
    let notifier = site.started(&site.settings(&target)).await;
    site.record(vec![site.held("crm", "a"), site.held("crm", "b")]).await;
    site.until(|| receiver.count() == 2).await;
    site.record(vec![site.recovered("crm", "b")]).await;
    site.until(|| receiver.count() == 3).await;
    let events: Vec<Value> = receiver.received().iter().map(Received::json).collect();
    let of = |n: usize, key: &str| events[n][key].as_str().unwrap().to_owned();
    assert_eq!((of(0, "event_action"), of(0, "dedup_key")), ("trigger".into(), "a".into()));
    assert_eq!((of(1, "event_action"), of(1, "dedup_key")), ("trigger".into(), "b".into()));
    assert_eq!((of(2, "event_action"), of(2, "dedup_key")), ("resolve".into(), "b".into()));
    assert_eq!(of(0, "routing_key"), "0123456789abcdef0123456789abcdef");
    assert_eq!(events[0]["payload"]["severity"], "error");
    assert_eq!(events[0]["payload"]["source"], "prod");

    site.record((0..50).map(|n| site.held("erp", &format!("many-{n}"))).collect()).await;
    site.until(|| receiver.count() == 4).await;
    site.pass(20).await;
    assert_eq!(receiver.count(), 4);
    notifier.stop().await;
}

#[tokio::test]
async fn a_muted_dataflow_is_not_reported_until_the_mute_is_over() {
    let (site, receiver) = (Site::new().await, Receiver::start().await);
    let notifier = site.started(&site.settings(&webhook("hook", &receiver.url))).await;
    let until = site.now() + Duration::from_secs(600);
    site.store.mute(&Mute { flow: "crm".to_owned(), until }).await.unwrap();
    site.record(vec![site.held("crm", "a")]).await;
    site.pass(60).await;
    assert_eq!(receiver.count(), 0);
    site.record(vec![site.held("crm", "b"), site.held("erp", "c")]).await;
    site.until(|| receiver.count() == 1).await;
    assert_eq!(receiver.received()[0].json()["data"]["count"], 1);
    site.clock.advance(Duration::from_secs(600));
    site.record(vec![site.held("crm", "d")]).await;
    site.until(|| receiver.count() == 2).await;
    notifier.stop().await;
}

#[tokio::test]
async fn after_a_long_silence_the_last_message_says_how_it_is() {
    let (site, receiver) = (Site::new().await, Receiver::start().await);
    let settings = site.settings(&webhook("hook", &receiver.url));
    site.started(&settings).await.stop().await;
    let turns = [Event::OutageBegan, Event::OutageEnded, Event::OutageBegan];
    let turns = turns.iter().enumerate();
    site.record(
        turns.map(|(n, event)| site.entry(*event, Reason::Outage, "crm", &n.to_string())).collect(),
    )
    .await;
    let notifier = site.start(&settings);
    site.until(|| receiver.count() == 2).await;
    assert_eq!(types(&receiver.received()), ["outage_ended", "outage_began"]);
    notifier.stop().await;
}

#[tokio::test]
async fn a_digest_lists_once_a_day_what_is_on_hold() {
    let (site, receiver) = (Site::new().await, Receiver::start().await);
    // It is 16:00 in UTC, and 17:00 in Berlin.
    let digest = "events = []\ndigest = \"17:30\"\ntime_zone = \"Europe/Berlin\"\n";
    let settings = site.settings(&(webhook("hook", &receiver.url) + digest));
    let notifier = site.started(&settings).await;
    for (flow, run) in [("crm", "a"), ("crm", "b"), ("erp", "c")] {
        site.hold(flow, run).await;
    }
    site.pass(20).await;
    assert_eq!(receiver.count(), 0);
    site.clock.advance(Duration::from_secs(30 * 60));
    site.until(|| receiver.count() == 1).await;
    notifier.stop().await;

    let notifier = site.start(&settings);
    site.clock.advance(Duration::from_secs(23 * 60 * 60));
    site.pass(20).await;
    assert_eq!(receiver.count(), 1);
    site.clock.advance(Duration::from_secs(60 * 60));
    site.until(|| receiver.count() == 2).await;
    let text = receiver.received()[0].json()["data"]["text"].clone();
    assert_eq!(
        text,
        "flowmend: 3 recoveries are still on hold (sandbox prod).\n- crm, 2 runs: The matching rule \
         holds failures like this one until a person acts.\n- erp: The matching rule holds failures \
         like this one until a person acts.\nTo list them: `flowmend status --state held`"
    );
    notifier.stop().await;
}
