//! The heartbeat, as healthchecks.io expects it.

use super::site::Site;
use crate::kit::receiver::{Receiver, Reply};
use flowmend::daemon::{Cause, SandboxSigns, Trouble};
use flowmend::settings::Settings;

fn settings(site: &Site, receiver: &Receiver) -> Settings {
    site.settings(&format!(
        "[heartbeat]\nurl = \"{}/?x=1\"\nallow_private = true\n[poll]\ninterval = \"60s\"\n",
        receiver.url
    ))
}

fn ended(site: &Site, is_complete: bool) {
    let trouble = Trouble {
        cause: Cause::Unreachable,
        since: site.now(),
        error: "unreachable".to_owned(),
        passes: 1,
    };
    let trouble = (!is_complete).then_some(trouble);
    let pass_ended = Some(site.now());
    site.pulse.set("prod", SandboxSigns { pass_ended, trouble, ..SandboxSigns::default() });
}

#[tokio::test]
async fn a_pass_is_reported_once_and_at_most_once_per_interval() {
    let (site, receiver) = (Site::new().await, Receiver::start().await);
    let notifier = site.start(&settings(&site, &receiver));
    site.pass(10).await;
    assert_eq!(receiver.count(), 0);
    ended(&site, true);
    site.until(|| receiver.count() == 1).await;
    for _ in 0..5 {
        ended(&site, true);
        site.pass(10).await;
    }
    assert_eq!(receiver.count(), 1);
    ended(&site, false);
    site.until(|| receiver.count() == 2).await;
    site.pass(200).await;
    let paths: Vec<String> = receiver.received().into_iter().map(|it| it.path).collect();
    assert_eq!(paths, ["/hook/?x=1", "/hook/fail?x=1"]);
    notifier.stop().await;
}

#[tokio::test]
async fn a_dead_heartbeat_delays_no_stop() {
    let (site, receiver) = (Site::new().await, Receiver::start().await);
    receiver.answer([Reply::Never]);
    let notifier = site.start(&settings(&site, &receiver));
    ended(&site, true);
    site.until(|| receiver.count() == 1).await;
    tokio::time::timeout(std::time::Duration::from_secs(2), notifier.stop()).await.unwrap();
}

#[tokio::test]
async fn the_url_of_the_heartbeat_is_not_shown() {
    let (site, receiver) = (Site::new().await, Receiver::start().await);
    let settings = settings(&site, &receiver);
    assert!(!settings.render().contains("hook"), "{}", settings.render());
    assert!(!format!("{settings:?}").contains("/hook"));
}
