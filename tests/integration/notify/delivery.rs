//! How messages are delivered: once if possible, at least once always, and never in anybody's way.

use super::site::{Site, webhook};
use crate::kit::receiver::{Receiver, Reply};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::time::Duration;

#[tokio::test]
async fn five_hundred_give_ups_at_once_are_one_message() {
    let (site, receiver) = (Site::new().await, Receiver::start().await);
    let notifier = site.started(&site.settings(&webhook("hook", &receiver.url))).await;
    site.record((0..500).map(|n| site.given_up("crm", &format!("run-{n}"))).collect()).await;
    site.until(|| receiver.count() > 0).await;
    site.pass(30).await;
    assert_eq!(receiver.count(), 1);
    let received = &receiver.received()[0];
    let json = received.json();
    assert_eq!(json["type"], "flowmend.given_up");
    assert_eq!(json["id"], received.id());
    assert_eq!(json["data"]["count"], 500);
    assert_eq!(json["data"]["groups"][0]["count"], 500);
    assert_eq!(
        json["data"]["text"],
        "flowmend: 500 recoveries were given up (sandbox prod).\n- crm, 500 runs: All \
         `retry.max_attempts` attempts are used. Error: CONNECTOR-1: <no route>\nFor details and \
         what to do: `flowmend explain run-0`"
    );
    notifier.stop().await;
}

#[tokio::test]
async fn what_happened_before_a_target_was_added_is_not_reported() {
    let (site, receiver) = (Site::new().await, Receiver::start().await);
    site.record(vec![site.given_up("crm", "old")]).await;
    let notifier = site.started(&site.settings(&webhook("hook", &receiver.url))).await;
    site.record(vec![site.given_up("crm", "new")]).await;
    site.until(|| receiver.count() > 0).await;
    site.pass(20).await;
    assert_eq!(receiver.count(), 1);
    assert_eq!(receiver.received()[0].json()["data"]["groups"][0]["run_ids"][0], "new");
    notifier.stop().await;
}

#[tokio::test]
async fn a_message_that_failed_is_repeated_with_its_id_also_after_a_restart() {
    let (site, receiver) = (Site::new().await, Receiver::start().await);
    let settings = site.settings(&webhook("hook", &receiver.url));
    receiver.answer([Reply::Status(500), Reply::Status(503)]);
    let notifier = site.started(&settings).await;
    site.record(vec![site.given_up("crm", "one")]).await;
    site.until(|| receiver.count() == 1).await;
    notifier.stop().await;
    // Happens while no daemon runs.
    site.record(vec![site.given_up("crm", "two")]).await;
    let notifier = site.start(&settings);
    site.until(|| receiver.count() == 4).await;
    site.pass(30).await;
    let received = receiver.received();
    assert_eq!(received.len(), 4);
    assert_eq!((received[0].id(), &received[0].body), (received[2].id(), &received[2].body));
    assert_eq!(received[0].id(), received[1].id());
    assert_ne!(received[0].id(), received[3].id());
    assert_eq!(received[3].json()["data"]["groups"][0]["run_ids"][0], "two");
    notifier.stop().await;
}

#[tokio::test]
async fn a_restart_after_delivery_sends_nothing_again() {
    let (site, receiver) = (Site::new().await, Receiver::start().await);
    let settings = site.settings(&webhook("hook", &receiver.url));
    let notifier = site.started(&settings).await;
    site.record(vec![site.given_up("crm", "one"), site.held("erp", "two")]).await;
    site.until(|| receiver.count() == 2).await;
    site.pass(5).await;
    notifier.stop().await;
    let notifier = site.start(&settings);
    site.pass(60).await;
    assert_eq!(receiver.count(), 2);
    notifier.stop().await;
}

#[tokio::test]
async fn a_receiver_that_asks_to_wait_is_left_alone_for_that_time_and_ten_times_only() {
    let (site, receiver) = (Site::new().await, Receiver::start().await);
    let notifier = site.started(&site.settings(&webhook("hook", &receiver.url))).await;
    receiver.answer([Reply::Wait(120)]);
    site.record(vec![site.given_up("crm", "one")]).await;
    site.until(|| receiver.count() == 1).await;
    site.pass(100).await;
    assert_eq!(receiver.count(), 1);
    site.until(|| receiver.count() == 2).await;

    receiver.answer(vec![Reply::Wait(1); 50]);
    site.record(vec![site.given_up("crm", "two")]).await;
    site.pass(100).await;
    assert_eq!(receiver.count(), 2 + 11);
    assert_eq!(site.targets().await[0].queued, 0);
    notifier.stop().await;
}

#[tokio::test]
async fn a_receiver_that_is_gone_stops_its_target_until_its_url_changes() {
    let (site, receiver) = (Site::new().await, Receiver::start().await);
    let notifier = site.started(&site.settings(&webhook("hook", &receiver.url))).await;
    receiver.answer([Reply::Status(410)]);
    site.record(vec![site.given_up("crm", "one")]).await;
    site.until(|| receiver.count() == 1).await;
    site.pass(300).await;
    assert_eq!(receiver.count(), 1);
    let target = &site.targets().await[0];
    assert_eq!(target.stopped.as_ref().unwrap().0, "the receiver answered 410");
    assert_eq!(target.queued, 1);
    notifier.stop().await;

    let other = format!("{}/other", receiver.url);
    let notifier = site.start(&site.settings(&webhook("hook", &other)));
    site.until(|| receiver.count() == 2).await;
    assert_eq!(receiver.received()[1].path, "/hook/other");
    notifier.stop().await;
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (site, receiver) = (Site::new().await, Receiver::start().await);
    let elsewhere = Receiver::start().await;
    receiver.answer([Reply::Redirect(elsewhere.url.clone())]);
    let notifier = site.started(&site.settings(&webhook("hook", &receiver.url))).await;
    site.record(vec![site.given_up("crm", "one")]).await;
    site.until(|| receiver.count() == 2).await;
    assert_eq!(elsewhere.count(), 0);
    notifier.stop().await;
}

#[tokio::test]
async fn a_dead_or_endless_receiver_delays_no_other_and_no_stop() {
    let (site, dead) = (Site::new().await, Receiver::start().await);
    let (slow, endless) = (Receiver::start().await, Receiver::start().await);
    dead.answer([Reply::Never]);
    slow.answer([Reply::Slow(Duration::from_millis(200))]);
    endless.answer([Reply::Endless]);
    let targets = [("dead", &dead), ("endless", &endless), ("slow", &slow)];
    let targets = targets.map(|(name, receiver)| webhook(name, &receiver.url)).concat();
    let notifier = site.started(&site.settings(&targets)).await;
    site.record(vec![site.given_up("crm", "one")]).await;
    site.until(|| dead.count() == 1 && slow.count() == 1).await;
    // Writing what a pass decides waits for none of them.
    let written = site.record(vec![site.given_up("crm", "two")]);
    tokio::time::timeout(Duration::from_secs(5), written).await.unwrap();
    site.until(|| slow.count() == 2 && endless.count() == 2).await;
    assert_eq!(dead.count(), 1);
    tokio::time::timeout(Duration::from_secs(2), notifier.stop()).await.unwrap();
}

#[tokio::test]
async fn a_private_address_is_refused_unless_it_is_allowed() {
    let (site, receiver) = (Site::new().await, Receiver::start().await);
    let url = receiver.url.replace("http://127.0.0.1", "https://localhost");
    let target = format!("[[notify]]\nname = \"x\"\ntype = \"webhook\"\nurl = \"{url}\"\n");
    let settings = site.settings(&target);
    let answer = flowmend::notify::test(&settings.notify[0], site.clock.as_ref()).await;
    let answer = format!("{answer:?}");
    assert!(answer.contains("it resolves to a private address"), "{answer}");
    assert!(!answer.contains("hook"), "{answer}");
    assert_eq!(receiver.count(), 0);
}

#[tokio::test]
async fn at_most_one_message_a_second_is_sent() {
    let (site, receiver) = (Site::new().await, Receiver::start().await);
    let notifier = site.started(&site.settings(&webhook("hook", &receiver.url))).await;
    site.record(vec![site.given_up("crm", "one"), site.held("crm", "two")]).await;
    site.until(|| receiver.count() == 1).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(receiver.count(), 1);
    site.until(|| receiver.count() == 2).await;
    let ids: BTreeSet<String> = receiver.received().iter().map(|it| it.id().to_owned()).collect();
    assert_eq!(ids.len(), 2);
    notifier.stop().await;
}

#[tokio::test]
async fn a_receiver_can_verify_the_signature_with_a_hash_alone() {
    let (site, receiver) = (Site::new().await, Receiver::start().await);
    let key = [7_u8; 32];
    let secret = format!("whsec_{}\n", BASE64_STANDARD.encode(key));
    std::fs::write(site.directory.path().join("secret"), secret).unwrap();
    let target = webhook("hook", &receiver.url) + "secret_file = \"secret\"\n";
    let notifier = site.started(&site.settings(&target)).await;
    site.record(vec![site.given_up("crm", "one")]).await;
    site.until(|| receiver.count() == 1).await;
    let received = &receiver.received()[0];
    let sent: i64 = received.header("webhook-timestamp").parse().unwrap();
    assert!((sent - site.now().as_second()).abs() < 60);
    let signed = format!("{}.{sent}.{}", received.id(), received.body);
    // HMAC by its definition.
    let pad = |byte: u8| -> Vec<u8> {
        let mut block = [byte; 64];
        block.iter_mut().zip(key).for_each(|(pad, key)| *pad ^= key);
        block.to_vec()
    };
    let inner = Sha256::digest([pad(0x36), signed.into_bytes()].concat());
    let outer = Sha256::digest([pad(0x5c), inner.to_vec()].concat());
    let expected = format!("v1,{}", BASE64_STANDARD.encode(outer));
    assert_eq!(received.header("webhook-signature"), expected);
    notifier.stop().await;
}
