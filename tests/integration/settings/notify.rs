//! `[[notify]]` and `[heartbeat]`: what is refused, with which messages, and that no URL or secret is
//! shown.

use crate::settings::support::{Server, faults_of};
use flowmend::domain::model::topic::Topic;
use flowmend::settings::TargetKind;
use insta::assert_snapshot;
use secrecy::ExposeSecret;

fn target(keys: &str) -> String {
    faults_of(&format!("[[notify]]\nname = \"x\"\n{keys}"))
}

#[test]
fn a_target_needs_a_name_a_type_and_an_address() {
    assert_snapshot!(faults_of("[[notify]]"), @r#"
        notify[#1].name (/etc/f.toml): is required; set a name for this target, like "on-call"
        notify[#1].type (/etc/f.toml): is required; set "webhook", "slack" or "pagerduty"
    "#);
    assert_snapshot!(target("type = \"slack\""), @r#"  notify[x].url (/etc/f.toml): is required; set the URL, or url_file to a file that contains it"#);
    assert_snapshot!(target("type = \"mail\"\nurl = \"https://a.example\""), @r#"  notify[x].type (/etc/f.toml): must be "webhook", "slack" or "pagerduty", not "mail""#);
    assert_snapshot!(target("type = \"slack\"\nurl = \"https://a.example\"\nurl_file = \"u\""), @r#"  notify[x].url (/etc/f.toml): is set twice, here and by url_file; remove one of the two"#);
    assert_snapshot!(faults_of("[[notify]]\nname = \"on call\"\ntype = \"slack\"\nurl = \"https://a.example\""), @r#"  notify[on call].name (/etc/f.toml): must be 1 to 40 letters, digits, "-", "_" or ".", not "on call""#);
    assert_snapshot!(faults_of(&"[[notify]]\nname = \"x\"\ntype = \"slack\"\nurl = \"https://a.example\"\n".repeat(2)), @r#"  notify[x].name (/etc/f.toml): must be unique; flowmend remembers by it what was sent"#);
}

#[test]
fn an_address_must_be_public_and_encrypted_and_is_never_repeated() {
    for (url, expected) in [
        ("hooks.example/T0K3N", "is not a full URL"),
        ("http://hooks.example/T0K3N", "http needs allow_private = true"),
        ("ftp://hooks.example/T0K3N", "must start with https://"),
        ("https://10.0.0.1/T0K3N", "is a private address"),
        ("https://[::ffff:127.0.0.1]/T0K3N", "is a private address"),
        ("https://2130706433/T0K3N", "is a private address"),
    ] {
        let faults = target(&format!("type = \"slack\"\nurl = \"{url}\""));
        assert!(faults.contains(expected) && !faults.contains("T0K3N"), "{url}: {faults}");
        let faults = faults_of(&format!("[heartbeat]\nurl = \"{url}\""));
        assert!(faults.contains(expected) && !faults.contains("T0K3N"), "{url}: {faults}");
    }
}

#[test]
fn events_and_templates_are_checked() {
    let hook = "type = \"slack\"\nurl = \"https://a.example\"\n";
    assert_snapshot!(target(&format!("{hook}events = [\"gave_up\"]")), @r#"  notify[x].events (/etc/f.toml): no such event: "gave_up"; did you mean "given_up"?"#);
    assert_snapshot!(target(&format!("{hook}events = [\"everything\"]")), @r#"  notify[x].events (/etc/f.toml): no such event: "everything"; use held, given_up, recovered, breaker_open, breaker_closed, outage_began, outage_ended, stuck, loop_failing, loop_well, flow_only_failing"#);
    assert_snapshot!(target(&format!("{hook}template = \"{{{{ text\"")), @r#"  notify[x].template (/etc/f.toml): is not a valid template in line 1: unexpected end of input, expected end of variable block"#);
    assert_snapshot!(target(&format!("{hook}sandbox = \"prd\"")), @r#"  notify[x].sandbox (/etc/f.toml): no [[sandbox]] is called "prd"; did you mean "prod"?"#);
}

#[test]
fn secrets_are_checked_by_their_use() {
    let faults = |kind: &str, secret: &str| {
        let keys = format!(
            "[[notify]]\nname = \"x\"\ntype = \"{kind}\"\nurl = \"https://a.example\"\nsecret_file = \"s\""
        );
        Server::needed().config("f.toml", &keys).file("s", secret).faults()
    };
    assert_snapshot!(faults("webhook", "whsec_c2hvcnQ="), @r#"  notify[x].secret_file (/etc/f.toml): must contain whsec_ and 24 to 64 bytes in Base64; create it with `echo whsec_$(openssl rand -base64 32)`"#);
    assert_snapshot!(faults("slack", "whsec_c2hvcnQ="), @r#"  notify[x].secret_file (/etc/f.toml): is for "webhook" and "pagerduty"; the URL of Slack is its secret"#);
    assert_snapshot!(faults("pagerduty", "no key"), @r#"  notify[x].secret_file (/etc/f.toml): must name a file that contains the integration key (Events API v2) of the PagerDuty service, 32 letters and digits"#);
    assert_snapshot!(target("type = \"pagerduty\""), @r#"  notify[x].secret_file (/etc/f.toml): must name a file that contains the integration key (Events API v2) of the PagerDuty service, 32 letters and digits"#);
}

#[test]
fn a_valid_target_shows_neither_its_url_nor_its_secret() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let server = Server::needed()
        .config(
            "f.toml",
            "[[notify]]\nname = \"x\"\ntype = \"webhook\"\nurl_file = \"u\"\nsecret_file = \"s\"\n\
             [heartbeat]\nurl = \"https://hc.example/T0K3N\"",
        )
        .file("u", "https://hooks.example/T0K3N\n")
        .file("s", secret);
    let settings = server.settings();
    let target = &settings.notify[0];
    assert_eq!(target.address.url.expose_secret(), "https://hooks.example/T0K3N");
    assert_eq!(target.topics, Topic::ALL);
    assert!(matches!(&target.kind, TargetKind::Webhook { secret: Some(_) }));
    for shown in [settings.render(), format!("{settings:?}")] {
        assert!(!shown.contains("T0K3N") && !shown.contains(&secret[6..]), "{shown}");
    }
    assert_eq!(server.warnings(), "");
}
