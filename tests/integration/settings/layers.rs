//! Where a value comes from, and which source wins.

use crate::settings::support::{NEEDED, SECRET, Server, settings_of, variables};
use flowmend::domain::policy::breaker::Breaker;
use flowmend::domain::policy::retry::{Limits, RetryPolicy, Target, WhenInDoubt};
use flowmend::settings::{DEFAULT_TOML, LogFormat, Settings, Sources};
use insta::assert_snapshot;
use std::path::Path;
use std::time::Duration;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn the_defaults_file_equals_the_default_policy() {
    let settings = Server::needed().settings();
    assert_eq!(settings.retry, RetryPolicy::default());
    assert_eq!(settings.limits, Limits::default());
    assert_eq!(settings.breaker, Breaker::default());
    let rendered = settings.render();
    let retry = rendered.split("[retry]").nth(1).unwrap().split("\n\n").next().unwrap();
    assert_eq!(retry.matches("# the built-in defaults").count(), 12, "{retry}");
}

#[test]
fn everything_else_has_the_defaults_of_the_reference() {
    let settings = Server::needed().settings();
    assert_eq!(settings.adobe.connection.platform_url.as_str(), "https://platform.adobe.io/");
    assert_eq!(settings.adobe.connection.ims_url.as_str(), "https://ims-na1.adobelogin.com/");
    assert_eq!(settings.adobe.connection.scopes.len(), 5);
    assert_eq!(settings.adobe.connection.request_timeout, seconds(30));
    assert_eq!(settings.adobe.connection.requests_per_second, 5.0);
    assert_eq!(settings.adobe.connection.max_response_bytes, 16 * 1024 * 1024);
    assert_eq!(settings.adobe.connection.failed_status_values, ["failed", "Failed", "FAILED"]);
    assert!(settings.adobe.match_created_client && !settings.adobe.connection.send_if_match);
    assert_eq!(settings.poll.interval, seconds(60));
    assert_eq!(settings.poll.lookback, seconds(24 * 60 * 60));
    assert_eq!(settings.poll.overlap, seconds(5 * 60));
    assert_eq!(settings.poll.max_adopted_per_pass, 2_000);
    assert_eq!(settings.store.path, Path::new("/var/lib/flowmend/flowmend.db"));
    assert_eq!(settings.store.retention, seconds(30 * 24 * 60 * 60));
    assert_eq!(settings.store.lease, seconds(60));
    assert_eq!(settings.http.listen, Some("127.0.0.1:8321".parse().unwrap()));
    assert_eq!(settings.log.format, LogFormat::Auto);
    assert_eq!(settings.log.level, "info");
    assert!(settings.warnings.is_empty(), "{:?}", settings.warnings);
}

#[test]
fn a_later_file_wins_key_by_key_and_a_variable_wins_over_both() {
    let settings = Server::needed()
        .config("a.toml", "[retry]\nmax_attempts = 2\nmultiplier = 3\ntarget = \"root\"")
        .config("b.toml", "[retry]\nmax_attempts = 3\nwhen_in_doubt = \"hold\"")
        .variable("FLOWMEND__RETRY__MAX_ATTEMPTS", "4")
        .settings();
    assert_eq!(settings.retry.max_attempts, 4);
    assert_eq!(settings.retry.multiplier, 3.0);
    assert_eq!(settings.retry.target, Target::Root);
    assert_eq!(settings.retry.when_in_doubt, WhenInDoubt::Hold);
}

#[test]
fn every_kind_of_value_can_be_given_by_a_variable() {
    let settings = Server::needed()
        .variable("FLOWMEND__ADOBE__REQUESTS_PER_SECOND", "0.5")
        .variable("FLOWMEND__ADOBE__SEND_IF_MATCH", "true")
        .variable("FLOWMEND__ADOBE__SCOPES", "openid, AdobeID")
        .variable("FLOWMEND__ADOBE__FAILED_STATUS_VALUES", "[]")
        .variable("FLOWMEND__ADOBE__CLIENT_ID", "00123")
        .variable("FLOWMEND__POLL__INTERVAL", "2m")
        .variable("FLOWMEND__STORE__URL", "sqlite://here.db")
        .variable("FLOWMEND__HTTP__LISTEN", "[::1]:0")
        .variable("FLOWMEND__LOG__FORMAT", "json")
        .variable("FLOWMEND__SANDBOX", "prod, dev")
        .variable("FLOWMEND__DATAFLOW", r#"[{ match = "crm-*", retry.max_attempts = 9 }]"#)
        .settings();
    assert_eq!(settings.adobe.connection.requests_per_second, 0.5);
    assert!(settings.adobe.connection.send_if_match);
    assert_eq!(settings.adobe.connection.scopes, ["openid", "AdobeID"]);
    assert!(settings.adobe.connection.failed_status_values.is_empty());
    assert_eq!(settings.adobe.connection.client_id, "00123");
    assert_eq!(settings.poll.interval, seconds(120));
    assert_eq!(settings.store.path, Path::new("here.db"));
    assert_eq!(settings.http.listen, Some("[::1]:0".parse().unwrap()));
    assert_eq!(settings.log.format, LogFormat::Json);
    let names: Vec<&str> = settings.sandboxes.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["prod", "dev"]);
    assert_eq!(settings.dataflows[0].retry.max_attempts, 9);
}

#[test]
fn the_listener_is_switched_off_by_an_empty_text_from_a_file_or_a_variable() {
    assert_eq!(settings_of("[http]\nlisten = \"\"").http.listen, None);
    let variable = Server::needed().variable("FLOWMEND__HTTP__LISTEN", "");
    assert_eq!(variable.settings().http.listen, None);
}

#[test]
fn variables_alone_are_enough() {
    let sources = Sources {
        files: vec![],
        environment: variables(&[
            ("FLOWMEND__ADOBE__ORG_ID", "ACME@AdobeOrg"),
            ("FLOWMEND__ADOBE__CLIENT_ID", "client"),
            ("FLOWMEND__ADOBE__CLIENT_SECRET", SECRET),
            ("FLOWMEND__SANDBOX", r#"[{ name = "prod", exclude = ["scratch-*"] }]"#),
        ]),
    };
    let settings = Settings::load(&sources).unwrap();
    assert!(!settings.sandboxes[0].selects("id", "scratch-1"));
}

#[test]
fn a_later_list_replaces_the_earlier_one() {
    let settings = settings_of("[[sandbox]]\nname = \"dev\"");
    let names: Vec<&str> = settings.sandboxes.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["dev"]);
}

#[test]
fn foreign_variables_are_ignored() {
    let server = Server::needed()
        .variable("FLOWMEND_PORT", "tcp://10.0.0.1:8321")
        .variable("FLOWMEND_SERVICE_HOST", "10.0.0.1")
        .variable("FLOWMEND_PORT_8321_TCP_ADDR", "10.0.0.1")
        .variable("FLOWMEND_CONFIG", "/etc/flowmend/flowmend.toml")
        .variable("PATH", "/bin");
    assert_eq!(server.warnings(), "");
}

#[test]
fn a_variable_that_lacks_an_underscore_triggers_a_warning() {
    let server = Server::needed().variable("FLOWMEND_RETRY_MAX_ATTEMPTS", "3");
    assert_snapshot!(server.warnings(), @"the variable FLOWMEND_RETRY_MAX_ATTEMPTS is ignored; did you mean FLOWMEND__RETRY__MAX_ATTEMPTS?");
    assert_eq!(server.settings().retry.max_attempts, 5);
}

#[test]
fn relative_paths_count_from_the_file_that_holds_them() {
    let server = Server::needed().config("conf.d/s.toml", "[store]\nurl = \"sqlite://data/f.db\"");
    assert_eq!(server.settings().store.path, server.path("conf.d/data/f.db"));
}

#[test]
fn the_effective_configuration_names_the_origin_of_each_key() {
    let server = Server::new()
        .config(
            "f.toml",
            r#"
            [adobe]
            credentials_file = "console.json"
            [[sandbox]]
            name = "prod"
            [[dataflow]]
            match = 'say "hi"'
            retry.max_attempts = 3
            [poll]
            interval = "90s"
            "#,
        )
        .file(
            "console.json",
            r#"{"CLIENT_SECRETS":["p8e-S3cr3tOfTheClient"],"ORG_ID":"ACME@AdobeOrg","CLIENT_ID":"abc"}"#,
        )
        .variable("FLOWMEND__LOG__LEVEL", "debug");
    let rendered = server.plain(&server.settings().render());
    let lines = |wanted: &[&str]| -> String {
        let lines = rendered.lines().filter(|line| wanted.iter().any(|key| line.starts_with(key)));
        lines
            .map(|line| format!("{}\n", line.split_whitespace().collect::<Vec<_>>().join(" ")))
            .collect()
    };
    let keys = [
        "[",
        "org_id",
        "client_",
        "name",
        "include",
        "exclude",
        "match",
        "retry.",
        "level",
        "interval",
        "page_size",
    ];
    assert_snapshot!(lines(&keys), @r#"
        [adobe]
        org_id = "ACME@AdobeOrg" # /etc/console.json
        client_id = "abc" # /etc/console.json
        client_secret = "[redacted]" # /etc/console.json
        client_secret_file = "" # the built-in defaults
        page_size = 100 # the built-in defaults
        match_created_client = true # the built-in defaults
        [[sandbox]]
        name = "prod" # /etc/f.toml
        include = ["*"] # the built-in defaults
        exclude = [] # the built-in defaults
        [poll]
        interval = "90s" # /etc/f.toml
        [retry]
        [limits]
        [[dataflow]]
        match = "say \"hi\"" # /etc/f.toml
        retry.max_attempts = 3 # /etc/f.toml
        [[builtin_rule]]
        name = "already ingested" # the built-in defaults
        [[builtin_rule]]
        name = "try later" # the built-in defaults
        [[builtin_rule]]
        name = "too many files" # the built-in defaults
        [[builtin_rule]]
        name = "source refused" # the built-in defaults
        [[builtin_rule]]
        name = "source refused by message" # the built-in defaults
        [[builtin_rule]]
        name = "source not reachable" # the built-in defaults
        [[builtin_rule]]
        name = "source settings" # the built-in defaults
        [[builtin_rule]]
        name = "needs a person" # the built-in defaults
        [[builtin_rule]]
        name = "no files" # the built-in defaults
        retry.max_attempts = 3 # the built-in defaults
        retry.initial_interval = "15m" # the built-in defaults
        [[builtin_rule]]
        name = "passing fault" # the built-in defaults
        [breaker]
        [store]
        [http]
        [heartbeat]
        [log]
        level = "debug" # FLOWMEND__LOG__LEVEL
    "#);
}

#[test]
fn what_is_rendered_is_a_configuration_again() {
    let first = Server::needed()
        .config("f.toml", "[[dataflow]]\nmatch = 'a\\\"b'\nsandbox = \"prod\"\nkind = \"batch\"\nretry.multiplier = 1.5\nlimits.per_dataflow = 2\n[[rule]]\nmessage = '\\d\"x\"'\naction = \"retry\"\nretry.max_attempts = 2\n[[quiet]]\nfrom = \"22:00\"\nto = \"06:00\"\ntime_zone = \"Europe/Berlin\"")
        .settings();
    let again = Server::new().config("again.toml", &first.render()).settings();
    assert_eq!(again.retry, first.retry);
    assert_eq!(again.poll, first.poll);
    assert_eq!(again.store, first.store);
    assert_eq!(again.http, first.http);
    let scope = |settings: &Settings| format!("{:?}", settings.dataflows[0].scope);
    assert_eq!(scope(&again), scope(&first));
    assert_eq!(again.dataflows[0].retry, first.dataflows[0].retry);
    assert_eq!(format!("{:?}", again.rules), format!("{:?}", first.rules));
    assert_eq!(format!("{:?}", again.quiet), format!("{:?}", first.quiet));
    assert_eq!(again.breaker, first.breaker);
}

#[test]
fn every_key_of_the_reference_is_explained() {
    let (mut explained, mut is_rule) = (false, false);
    for line in DEFAULT_TOML.lines() {
        if line.starts_with('[') {
            is_rule = line == "[[builtin_rule]]";
        }
        match line {
            // A built-in rule has one comment; its keys are explained in [[rule]].
            line if is_rule && explained && line.contains(" = ") => {}
            "" => explained = false,
            line if line.starts_with('#') => explained = true,
            line if line.starts_with([' ', ']', '[']) => {}
            line => assert!(std::mem::take(&mut explained), "no comment above: {line}"),
        }
    }
}

#[test]
fn the_reference_shows_every_key_of_every_list_and_they_are_accepted() {
    let is_toml = |line: &str| {
        line.starts_with("[[") || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '))
    };
    let shown: Vec<&str> = DEFAULT_TOML
        .lines()
        .filter_map(|line| line.strip_prefix("# ").filter(|line| is_toml(line)))
        .collect();
    assert_eq!(shown.len(), 41, "{shown:?}");
    let settings = Server::new()
        .config("needed.toml", NEEDED.split("[[sandbox]]").next().unwrap())
        .config("shown.toml", &shown.join("\n"))
        .settings();
    assert_eq!(settings.dataflows[0].retry.max_attempts, 3);
    assert_eq!(settings.rules[0].name, "slow source");
    assert_eq!(settings.quiet.len(), 1);
    assert_eq!(settings.notify[0].name, "on-call");
}

#[test]
fn the_example_needs_nothing_but_the_credentials() {
    let example = include_str!("../../../config/flowmend.example.toml");
    let server = Server::new().config("flowmend.toml", example).file(
        "credentials.json",
        r#"{"CLIENT_SECRETS":["s"],"ORG_ID":"ACME@AdobeOrg","CLIENT_ID":"abc"}"#,
    );
    assert_eq!(server.warnings(), "");
}
