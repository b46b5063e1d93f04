//! What is refused, and in which words.

use crate::settings::support::{NEEDED, SECRET, Server, faults_of};
use flowmend::settings::{DEFAULT_TOML, Origin, Settings};
use insta::assert_snapshot;
use proptest::prelude::*;

#[test]
fn all_faults_are_told_at_once() {
    let server = Server::new()
        .config(
            "f.toml",
            r#"
            [adobe]
            org_id = "ACME"
            platform_url = "http://platform.adobe.io"
            [retry]
            max_attempts = 0
            initial_intervall = "1m"
            [log]
            level = "loud"
            "#,
        )
        .variable("FLOWMEND__POLL__INTERVAL", "60");
    assert_snapshot!(server.faults(), @r#"
        adobe.platform_url (/etc/f.toml): would send the credentials unencrypted; plain http is only for a loopback address (127.0.0.1, [::1], localhost): write https
        adobe.org_id (/etc/f.toml): an IMS organization id ends in @AdobeOrg, like 1234567890ABCDEF@AdobeOrg
        adobe.client_id (not set): the OAuth client id is needed; Adobe Developer Console shows it with the project's OAuth Server-to-Server credential, and the credential file it offers for download (adobe.credentials_file) holds it
        adobe.client_secret (not set): no client secret is to be found; name its file in adobe.client_secret_file, or the file downloaded from Adobe Developer Console in adobe.credentials_file, or set FLOWMEND__ADOBE__CLIENT_SECRET, or give the service a systemd credential client_secret
        sandbox (not set): no sandbox is named, so there is nothing to look after; add [[sandbox]] with name = "prod", or set FLOWMEND__SANDBOX=prod
        poll.interval (FLOWMEND__POLL__INTERVAL): 60 has no unit; write "60s" for seconds, or use m, h or d
        retry.max_attempts (/etc/f.toml): 0 is too small; give a whole number from 1 to 100
        retry.initial_intervall (/etc/f.toml): no such key; did you mean `initial_interval`?
        log.level (/etc/f.toml): "loud" is no level; give one of off, error, warn, info, debug, trace, or "info,flowmend::store=debug"
    "#);
}

#[test]
fn a_fault_can_be_taken_apart() {
    let server = Server::needed().variable("FLOWMEND__RETRY__MAX_ATTEMPTS", "none");
    let faults = Settings::load(server.sources()).unwrap_err();
    let fault = faults.iter().next().unwrap();
    assert_eq!(fault.key(), Some("retry.max_attempts"));
    assert_eq!(*fault.origin(), Origin::Variable("FLOWMEND__RETRY__MAX_ATTEMPTS".into()));
    assert_snapshot!(fault.message(), @r#""none" is no whole number; give a whole number from 1 to 100"#);
}

#[test]
fn whole_numbers() {
    assert_snapshot!(faults_of("[retry]\nmax_attempts = 0"), @"  retry.max_attempts (/etc/f.toml): 0 is too small; give a whole number from 1 to 100");
    assert_snapshot!(faults_of("[retry]\nmax_attempts = -7"), @"  retry.max_attempts (/etc/f.toml): -7 is too small; give a whole number from 1 to 100");
    assert_snapshot!(faults_of("[retry]\nmax_attempts = 101"), @"  retry.max_attempts (/etc/f.toml): 101 is too large; give a whole number from 1 to 100");
    assert_snapshot!(faults_of("[retry]\nmax_attempts = 2.5"), @"  retry.max_attempts (/etc/f.toml): 2.5 is no whole number; give a whole number from 1 to 100");
    assert_snapshot!(faults_of("[retry]\nmax_attempts = \"5\""), @r#"  retry.max_attempts (/etc/f.toml): "5" is text; give a whole number from 1 to 100, without quotes"#);
    assert_snapshot!(faults_of("[retry]\nmax_attempts = [5]"), @"  retry.max_attempts (/etc/f.toml): a list is no whole number; give a whole number from 1 to 100");
}

#[test]
fn numbers() {
    assert_snapshot!(faults_of("[adobe]\nrequests_per_second = 0"), @"  adobe.requests_per_second (/etc/f.toml): 0 is too small; give a number from 0.001 to 1000");
    assert_snapshot!(faults_of("[adobe]\nrequests_per_second = nan"), @"  adobe.requests_per_second (/etc/f.toml): NaN is no number; give a number from 0.001 to 1000");
    assert_snapshot!(faults_of("[adobe]\nrequests_per_second = inf"), @"  adobe.requests_per_second (/etc/f.toml): inf is too large; give a number from 0.001 to 1000");
    assert_snapshot!(faults_of("[retry]\nrandomization_factor = 1"), @"  retry.randomization_factor (/etc/f.toml): 1 is too large; give a number from 0 to 0.99");
    assert_snapshot!(faults_of("[retry]\nmultiplier = \"two\""), @r#"  retry.multiplier (/etc/f.toml): "two" is text; give a number from 1 to 100, without quotes"#);
}

#[test]
fn durations() {
    assert_snapshot!(faults_of("[poll]\ninterval = 90"), @r#"  poll.interval (/etc/f.toml): 90 has no unit; write "90s" for seconds, or use m, h or d"#);
    assert_snapshot!(faults_of("[poll]\ninterval = \"90\""), @r#"  poll.interval (/etc/f.toml): 90 has no unit; write "90s" for seconds, or use m, h or d"#);
    assert_snapshot!(faults_of("[poll]\ninterval = 1.5"), @r#"  poll.interval (/etc/f.toml): 1.5 has no unit; write "1.5s" for seconds, or use m, h or d"#);
    assert_snapshot!(faults_of("[poll]\ninterval = \"soon\""), @r#"  poll.interval (/etc/f.toml): "soon" is not a duration; write it like "90s", "5m", "24h" or "30d""#);
    assert_snapshot!(faults_of("[poll]\ninterval = \"5M\""), @r#"  poll.interval (/etc/f.toml): "5M" is not a duration; write it like "90s", "5m", "24h" or "30d""#);
    assert_snapshot!(faults_of("[poll]\ninterval = \"500ms\""), @r#"  poll.interval (/etc/f.toml): "500ms" is too short; give "1s" to "24h""#);
    assert_snapshot!(faults_of("[poll]\ninterval = \"99999999999999999999d\""), @r#"  poll.interval (/etc/f.toml): "99999999999999999999d" is not a duration; write it like "90s", "5m", "24h" or "30d""#);
    assert_snapshot!(faults_of("[poll]\ninterval = true"), @r#"  poll.interval (/etc/f.toml): true is not a duration; give "1s" to "24h""#);
}

#[test]
fn words_flags_texts_and_lists() {
    assert_snapshot!(faults_of("[retry]\nwhen_in_doubt = \"pray\""), @r#"  retry.when_in_doubt (/etc/f.toml): "pray" is none of the choices; give "reconcile" or "hold""#);
    assert_snapshot!(faults_of("[retry]\nretry_empty_success = \"yes\""), @r#"  retry.retry_empty_success (/etc/f.toml): "yes" is text; give true or false, without quotes"#);
    assert_snapshot!(faults_of("[log]\nformat = 7"), @r#"  log.format (/etc/f.toml): 7 is none of the choices; give "auto" or "pretty" or "json""#);
    assert_snapshot!(faults_of("[log]\nlevel = 7"), @"  log.level (/etc/f.toml): 7 is not text; put it in double quotes");
    assert_snapshot!(faults_of("[adobe]\nscopes = \"openid\""), @r#"  adobe.scopes (/etc/f.toml): "openid" is not a list; give a list of texts, like ["a", "b"]"#);
    assert_snapshot!(faults_of("[adobe]\nscopes = [\"openid\", 7]"), @r#"  adobe.scopes (/etc/f.toml): 7 is not text; give a list of texts, like ["a", "b"]"#);
    assert_snapshot!(faults_of("[adobe]\nscopes = []"), @"  adobe.scopes (/etc/f.toml): no scope is given, and Adobe gives no token without; leave the key out for the scopes that are usual");
    assert_snapshot!(faults_of("[adobe]\nscopes = [\"openid,session\"]"), @r#"  adobe.scopes (/etc/f.toml): "openid,session" is no scope; give words like "openid""#);
    assert_snapshot!(faults_of("[adobe]\nfailed_status_values = [\"failed,Failed\"]"), @r#"  adobe.failed_status_values (/etc/f.toml): "failed,Failed" is no status; give single words like "failed""#);
    assert_snapshot!(faults_of("[adobe]\nretrigger_op = \"re-trigger&x=1\""), @r#"  adobe.retrigger_op (/etc/f.toml): "re-trigger&x=1" is no operation; give "re-trigger" or "RE_TRIGGER""#);
}

#[test]
fn unknown_keys_and_sections() {
    assert_snapshot!(faults_of("[retry]\nmax_atempts = 3"), @"  retry.max_atempts (/etc/f.toml): no such key; did you mean `max_attempts`?");
    assert_snapshot!(faults_of("[retry]\nlookback = \"1h\""), @"  retry.lookback (/etc/f.toml): no such key; did you mean `poll.lookback`?");
    assert_snapshot!(faults_of("[retry]\nzzz = 3"), @"  retry.zzz (/etc/f.toml): no such key; `flowmend config default` lists them all");
    assert_snapshot!(faults_of("[retyr]\nmax_attempts = 3"), @"  retyr (/etc/f.toml): no such section; did you mean `retry`?");
    assert_snapshot!(faults_of("interval = \"60s\""), @"  interval (/etc/f.toml): no such section; `interval` belongs below [poll]");
    assert_snapshot!(faults_of("[[whatever]]\nx = 1"), @"  whatever (/etc/f.toml): no such section; `flowmend config default` lists them all");
    assert_snapshot!(faults_of("\"retry.max_attempts\" = 3"), @"  retry.max_attempts (/etc/f.toml): no such section; `max_attempts` belongs below [retry]");
    assert_snapshot!(faults_of("\"sandbox[99999999999]\" = 3"), @"  sandbox[99999999999] (/etc/f.toml): no such section; `flowmend config default` lists them all");
    assert_snapshot!(faults_of("[retry.backoff]\nx = 1"), @"  retry.backoff (/etc/f.toml): is a table, and no setting of this section is one");
    assert_snapshot!(faults_of("[[dataflow]]\nmatch = \"a\"\nretries = 3\nretry.max = 1"), @r"
        dataflow[a].retry.max (/etc/f.toml): no such key; `flowmend config default` lists them all
        dataflow[a].retries (/etc/f.toml): no such key; `flowmend config default` lists them all
    ");
}

#[test]
fn misplaced_tables_and_lists() {
    assert_snapshot!(faults_of("retry = 3"), @"  retry (/etc/f.toml): is not a table; write [retry] and its keys below");
    assert_snapshot!(faults_of("[[retry]]\nmax_attempts = 3"), @"  retry (/etc/f.toml): is not a table; write [retry] and its keys below");
    assert_snapshot!(faults_of("[sandbox]\nname = \"prod\""), @"  sandbox (/etc/f.toml): is not a list; write [[sandbox]], with two brackets, for each");
    assert_snapshot!(faults_of("sandbox = [\"prod\"]"), @r#"  sandbox (/etc/f.toml): "prod" is not a table; write [[sandbox]] for each"#);
    assert_snapshot!(faults_of("[[dataflow]]\nmatch = \"a\"\nretry = 3"), @"  dataflow[a].retry (/etc/f.toml): is not a table; write retry.name = value, one by one");
}

#[test]
fn urls() {
    assert_snapshot!(faults_of("[adobe]\nplatform_url = \"platform.adobe.io\""), @"  adobe.platform_url (/etc/f.toml): is no URL (relative URL without a base); write it like https://platform.adobe.io");
    assert_snapshot!(faults_of("[adobe]\nplatform_url = \"http://platform.adobe.io\""), @"  adobe.platform_url (/etc/f.toml): would send the credentials unencrypted; plain http is only for a loopback address (127.0.0.1, [::1], localhost): write https");
    assert_snapshot!(faults_of("[adobe]\nplatform_url = \"ftp://platform.adobe.io\""), @"  adobe.platform_url (/etc/f.toml): is neither http nor https; write it like https://platform.adobe.io");
    assert_snapshot!(faults_of("[adobe]\nplatform_url = \"https://me:hidden@platform.adobe.io\""), @"  adobe.platform_url (/etc/f.toml): holds a user name or password; leave them out");
    assert_snapshot!(faults_of("[adobe]\nims_url = \"https://ims?x=hidden\""), @"  adobe.ims_url (/etc/f.toml): goes on after the path; write it like https://platform.adobe.io, without ? and #");
    assert_snapshot!(faults_of("[adobe]\nims_url = \"data:text/plain,hidden\""), @"  adobe.ims_url (/etc/f.toml): names no host; write it like https://platform.adobe.io");
}

#[test]
fn plain_http_is_for_loopback_addresses() {
    for host in ["127.0.0.1:8322", "127.9.9.9", "[::1]:8322", "localhost:8322"] {
        let toml = format!("[adobe]\nplatform_url = \"http://{host}/sim\"");
        let settings = Server::needed().config("f.toml", &toml).settings();
        assert!(settings.adobe.connection.platform_url.as_str().ends_with("/sim/"));
    }
    for host in ["10.0.0.1", "localhost.example.com", "[::2]", "127.0.0.1.example.com"] {
        let faults = faults_of(&format!("[adobe]\nplatform_url = \"http://{host}\""));
        assert!(faults.contains("plain http is only for a loopback address"), "{faults}");
    }
}

#[test]
fn stores() {
    assert_snapshot!(faults_of("[store]\nurl = \"postgres://me:hidden@db/flowmend\""), @"  store.url (/etc/f.toml): PostgreSQL is not supported yet; write it like sqlite:///var/lib/flowmend/flowmend.db");
    assert_snapshot!(faults_of("[store]\nurl = \"/var/lib/flowmend.db\""), @"  store.url (/etc/f.toml): is no URL of a store; write it like sqlite:///var/lib/flowmend/flowmend.db");
    assert_snapshot!(faults_of("[store]\nurl = \"sqlite://\""), @"  store.url (/etc/f.toml): names no file; write it like sqlite:///var/lib/flowmend/flowmend.db");
    assert_snapshot!(faults_of("[store]\nurl = \"sqlite://:memory:\""), @"  store.url (/etc/f.toml): a store in memory forgets which runs were re-triggered; write it like sqlite:///var/lib/flowmend/flowmend.db");
    assert_snapshot!(faults_of("[store]\nurl = \"sqlite:///a.db?mode=ro\""), @"  store.url (/etc/f.toml): goes on after the path; write it like sqlite:///var/lib/flowmend/flowmend.db, without ? and #");
}

#[test]
fn listeners() {
    assert_snapshot!(faults_of("[http]\nlisten = \"8321\""), @r#"  http.listen (/etc/f.toml): "8321" is no IP:PORT; write it like 127.0.0.1:8321 or [::1]:8321, or give "" to serve nothing"#);
    assert_snapshot!(faults_of("[http]\nlisten = \"localhost:8321\""), @r#"  http.listen (/etc/f.toml): "localhost:8321" is no IP:PORT; write it like 127.0.0.1:8321 or [::1]:8321, or give "" to serve nothing"#);
    assert_snapshot!(faults_of("[http]\nlisten = \"127.0.0.1\""), @r#"  http.listen (/etc/f.toml): "127.0.0.1" is no IP:PORT; write it like 127.0.0.1:8321 or [::1]:8321, or give "" to serve nothing"#);
    assert_snapshot!(faults_of("[http]\nlisten = 8321"), @"  http.listen (/etc/f.toml): 8321 is not text; put it in double quotes");
    assert_snapshot!(faults_of("[http]\nlistn = \"\""), @"  http.listn (/etc/f.toml): no such key; did you mean `listen`?");
}

#[test]
fn sandboxes() {
    assert_snapshot!(faults_of("sandbox = []"), @r#"  sandbox (/etc/f.toml): no sandbox is named, so there is nothing to look after; add [[sandbox]] with name = "prod", or set FLOWMEND__SANDBOX=prod"#);
    assert_snapshot!(faults_of("[[sandbox]]\ninclude = [\"*\"]"), @r#"  sandbox[#1].name (/etc/f.toml): is missing; give the sandbox's name, such as "prod""#);
    assert_snapshot!(faults_of("[[sandbox]]\nname = \"*\""), @r#"  sandbox[*].name (/etc/f.toml): "*" would be all sandboxes at once; add one [[sandbox]] for each"#);
    assert_snapshot!(faults_of("[[sandbox]]\nname = \"Prod Sandbox\""), @r#"  sandbox[Prod Sandbox].name (/etc/f.toml): "Prod Sandbox" is no sandbox name; give the name (not the title) that Adobe shows for it"#);
    assert_snapshot!(faults_of("[[sandbox]]\nname = \"prod\"\n[[sandbox]]\nname = \"prod\""), @"  sandbox[prod].name (/etc/f.toml): is named twice; put both selections into one [[sandbox]]");
    assert_snapshot!(faults_of("[[sandbox]]\nname = \"prod\"\ninclude = [\"crm-[\"]"), @r#"  sandbox[prod].include (/etc/f.toml): "crm-[" is no glob (unclosed character class; missing ']'); put a backslash before a character that is meant as it is"#);
}

#[test]
fn dataflows() {
    assert_snapshot!(faults_of("[[dataflow]]\nretry.max_attempts = 1"), @r#"  dataflow[#1].match (/etc/f.toml): is missing; give a dataflow's id or name, or a glob such as "crm-*""#);
    assert_snapshot!(faults_of("[[dataflow]]\nmatch = \"\""), @r#"  dataflow[#1].match (/etc/f.toml): is empty; give a dataflow's id or name, or a glob such as "crm-*""#);
    assert_snapshot!(faults_of("[[dataflow]]\nmatch = \"a\"\nsandbox = \"prd\""), @r#"  dataflow[a].sandbox (/etc/f.toml): "prd" is no [[sandbox]]; did you mean "prod"?"#);
    assert_snapshot!(faults_of("[[dataflow]]\nmatch = \"a\"\nkind = \"unknown\""), @r#"  dataflow[a].kind (/etc/f.toml): "unknown" is none of the choices; give "batch" or "streaming" or "destination""#);
    assert_snapshot!(faults_of("[[dataflow]]\nmatch = \"crm-*\"\nlimits.retriggers_per_day = 9"), @"  dataflow[crm-*].limits.retriggers_per_day (/etc/f.toml): counts the re-triggers of the whole sandbox; set it in [limits]");
    assert_snapshot!(faults_of("[[dataflow]]\nmatch = \"crm-*\"\nretry.max_attempts = 0"), @"  dataflow[crm-*].retry.max_attempts (/etc/f.toml): 0 is too small; give a whole number from 1 to 100");
    assert_snapshot!(faults_of("[[dataflow]]\nmatch = \"crm-*\"\nretry.max_interval = \"10s\""), @"  dataflow[crm-*].retry.max_interval (/etc/f.toml): 10s is too short for retry.initial_interval = 1m (the built-in defaults): the first delay is bounded like all others; give at least 1m, or lower retry.initial_interval");
}

#[test]
fn durations_that_do_not_go_together() {
    assert_snapshot!(faults_of("[retry]\ninitial_interval = \"2h\""), @"  retry.initial_interval (/etc/f.toml): 2h is too long for retry.max_interval = 1h (the built-in defaults): the first delay is bounded like all others; give at most 1h, or raise retry.max_interval");
    assert_snapshot!(faults_of("[retry]\nmax_interval = \"30s\""), @"  retry.max_interval (/etc/f.toml): 30s is too short for retry.initial_interval = 1m (the built-in defaults): the first delay is bounded like all others; give at least 1m, or lower retry.initial_interval");
    assert_snapshot!(faults_of("[retry]\ninitial_interval = \"1h\"\nmax_elapsed_time = \"30m\""), @"  retry.max_elapsed_time (/etc/f.toml): 30m is too short for retry.initial_interval = 1h (/etc/f.toml): no re-trigger could ever come due; give at least 1h, or lower retry.initial_interval");
    assert_snapshot!(faults_of("[retry]\nconfirm_window = \"45s\""), @"  retry.confirm_window (/etc/f.toml): 45s is too short for adobe.request_timeout = 30s (the built-in defaults): a call that timed out may still be carried out, so less than twice the timeout proves nothing; give at least 1m, or lower adobe.request_timeout");
    assert_snapshot!(faults_of("[adobe]\nrequest_timeout = \"40s\""), @"  adobe.request_timeout (/etc/f.toml): 40s is too long for store.lease = 1m (the built-in defaults): a lease of less than twice the timeout may end while a call is under way; give at most 30s, or raise store.lease");
    assert_snapshot!(faults_of("[poll]\noverlap = \"24h\""), @"  poll.overlap (/etc/f.toml): 24h is too long for poll.lookback = 24h (the built-in defaults): the overlap is a part of the look-back window; give less than 24h, or raise poll.lookback");
    assert_snapshot!(faults_of("[store]\nretention = \"24h\""), @"  store.retention (/etc/f.toml): 24h is too short for poll.lookback = 24h (the built-in defaults): a recovery forgotten while its failed run is still listed would start anew; give more than 24h, or lower poll.lookback");
}

#[test]
fn variables() {
    let of = |name: &str, value: &str| Server::needed().variable(name, value).faults();
    assert_snapshot!(of("FLOWMEND__RETRY__MAX_ATEMPTS", "3"), @"  retry.max_atempts (FLOWMEND__RETRY__MAX_ATEMPTS): no such key; did you mean FLOWMEND__RETRY__MAX_ATTEMPTS?");
    assert_snapshot!(of("FLOWMEND__RETRY__MAX_ATTEMPTS", "many"), @r#"  retry.max_attempts (FLOWMEND__RETRY__MAX_ATTEMPTS): "many" is no whole number; give a whole number from 1 to 100"#);
    assert_snapshot!(of("FLOWMEND__RETRY__MAX_ATTEMPTS__X", "3"), @"  retry.max_attempts.x (FLOWMEND__RETRY__MAX_ATTEMPTS__X): no such key; did you mean FLOWMEND__RETRY__MAX_ATTEMPTS?");
    assert_snapshot!(of("FLOWMEND__Retry__Max_Attempts", "3"), @"  retry.max_attempts (FLOWMEND__Retry__Max_Attempts): names of variables are written in capitals: FLOWMEND__RETRY__MAX_ATTEMPTS");
    assert_snapshot!(of("FLOWMEND__RETRY", "3"), @"  retry (FLOWMEND__RETRY): is a section; set its keys one by one: FLOWMEND__RETRY__…");
    assert_snapshot!(of("FLOWMEND__SANDBOX[99999999999]", "3"), @"  sandbox[99999999999] (FLOWMEND__SANDBOX[99999999999]): no such key; `flowmend config default` lists them all");
    assert_snapshot!(of("FLOWMEND__SANDBOX__NAME", "prod"), @"  sandbox.name (FLOWMEND__SANDBOX__NAME): a list is set as a whole: FLOWMEND__SANDBOX=[{ … }]");
    assert_snapshot!(of("FLOWMEND__SANDBOX", "[{ name = "), @r#"  sandbox (FLOWMEND__SANDBOX): is not a TOML list of tables; write it like prod,dev or [{ name = "prod", include = ["crm-*"] }]"#);
    assert_snapshot!(of("FLOWMEND__DATAFLOW", "crm-*"), @r#"  dataflow (FLOWMEND__DATAFLOW): is not a TOML list of tables; write it like [{ match = "crm-*", retry.max_attempts = 3 }]"#);
    assert_snapshot!(of("FLOWMEND__ADOBE__SEND_IF_MATCH", "yes"), @r#"  adobe.send_if_match (FLOWMEND__ADOBE__SEND_IF_MATCH): "yes" is neither; give true or false"#);
    assert_snapshot!(of("FLOWMEND__ADOBE__SCOPES", "[1"), @r#"  adobe.scopes (FLOWMEND__ADOBE__SCOPES): is no TOML list; give a list of texts, like ["a", "b"], or: a,b"#);
    assert_snapshot!(of("FLOWMEND__", "3"), @"  FLOWMEND__ (FLOWMEND__): names no key; write FLOWMEND__SECTION__KEY");
}

#[test]
fn files_that_cannot_be_read() {
    let server = Server::new()
        .layer("missing.toml")
        .config(
            "broken.toml",
            "[retry]\nmax_attempts = 3\n[adobe]\nclient_secret = p8e-S3cr3tOfTheClient\n",
        )
        .bytes("latin1.toml", b"[log]\nlevel = \"\xe9\"")
        .layer("latin1.toml")
        .config("large.toml", &"#".repeat(1024 * 1024 + 1))
        .config("number.toml", "[retry]\nmax_attempts = 99999999999999999999")
        .config("twice.toml", "[retry]\ntarget = \"root\"\ntarget = \"root\"");
    assert_snapshot!(server.faults(), @r"
        /etc/missing.toml: cannot be read: No such file or directory (os error 2)
        /etc/broken.toml: line 4, column 17: is not TOML: string values must be quoted, expected literal string
        /etc/latin1.toml: is not UTF-8 in line 2; save it in that encoding
        /etc/large.toml: is longer than 1048576 bytes, so it is not what it should be
        /etc/number.toml: holds a number that is too large for any setting
        /etc/twice.toml: line 3, column 1: is not TOML: duplicate key
    ");
}

#[test]
fn a_file_made_to_break_the_reader_is_refused() {
    for unit in ["a.", "[", "a = [", "a = {a = ", "[[sandbox]]\ninclude = [\"{{{{{{{{{{{{\"]\n"] {
        let server = Server::new().config("f.toml", &unit.repeat(1_000_000 / unit.len()));
        assert!(Settings::load(server.sources()).is_err());
    }
}

#[test]
fn a_file_that_cannot_be_read_hides_what_seems_missing_and_nothing_else() {
    let server = Server::new().layer("missing.toml").config("f.toml", "[poll]\ninterval = 1");
    let faults = server.faults();
    assert!(faults.contains("poll.interval") && !faults.contains("org_id"), "{faults}");
    assert!(!faults.contains("sandbox") && !faults.contains("secret"), "{faults}");
}

#[test]
fn what_is_legal_but_risky_is_told_and_accepted() {
    let server = Server::needed().config(
        "f.toml",
        r#"
        [[sandbox]]
        name = "prod"
        include = []
        [poll]
        interval = "5s"
        sweep_interval = "4s"
        lookback = "8d"
        [retry]
        max_interval = "2d"
        watch_timeout = "5m"
        [limits]
        retriggers_per_minute = 0
        [http]
        listen = "0.0.0.0:8321"
        [[dataflow]]
        match = "a"
        [[dataflow]]
        match = "a"
        retry.watch_timeout = "9m"
        "#,
    );
    assert_snapshot!(server.warnings(), @r"
        sandbox[prod].include = []: selects no dataflow at all
        limits.retriggers_per_minute = 0: no limit; after an outage every failed run is re-triggered at once
        dataflow[a].retry.watch_timeout = 9m (/etc/f.toml): batch runs often take longer; their recoveries would be given up too early
        dataflow[a] (/etc/f.toml): an earlier [[dataflow]] has the same match, so this one is never used
        http.listen = 0.0.0.0:8321: other machines may read the metrics, and nobody is asked who they are
        retry.max_interval = 2d (/etc/f.toml): longer than max_elapsed_time = 24h: no delay ever grows to it
        retry.watch_timeout = 5m (/etc/f.toml): batch runs often take longer; their recoveries would be given up too early
        poll.interval = 5s (/etc/f.toml): polling this often costs requests and finds little sooner; 60s suits most
        poll.lookback = 8d (/etc/f.toml): failures this old are re-triggered when flowmend starts for the first time
        poll.lookback = 8d (/etc/f.toml): longer than retry.max_elapsed_time: older failures are only given up at once
        poll.sweep_interval = 4s (/etc/f.toml): shorter than poll.interval: every pass sweeps the whole look-back window
    ");
}

#[test]
fn no_secret_is_ever_told() {
    let hidden = |text: String| {
        for secret in [SECRET, "hidden"] {
            assert!(!text.contains(secret), "{text}");
        }
    };
    let server = Server::needed();
    let settings = server.settings();
    hidden(format!("{settings:?} {settings:#?} {:?} {}", server.sources(), settings.render()));
    for toml in [
        "[adobe]\nclient_secret = 'p8e-S3cr3tOfTheClient",
        "[adobe]\nclient_secret = \"p8e-S3cr3tOfTheClient\"x",
        "[adobe]\nclient_secret = [\"p8e-S3cr3tOfTheClient\"]",
        "[adobe]\nclient_secret.p = \"p8e-S3cr3tOfTheClient\"",
        "[adobe]\nclient_secret = \"p8e-S3cr3tOfTheClient\\n2\"",
        "[adobe]\nclient_secert = \"p8e-S3cr3tOfTheClient\"",
        "[adobe]\nclient_secret = \"\"\nclient_secret_file = \"p8e-S3cr3tOfTheClient\"",
        "[adobe]\nclient_id = \"p8e-S3cr3tOfTheClient \"",
        "[adobe]\norg_id = \"p8e-S3cr3tOfTheClient\"",
        "adobe = \"p8e-S3cr3tOfTheClient\"",
        "[store]\nurl = \"mysql://me:hidden@db/x\"",
        "[adobe]\nims_url = \"https://me:hidden@ho st\"",
    ] {
        let server = Server::needed().config("f.toml", toml);
        let faults = Settings::load(server.sources()).unwrap_err();
        hidden(format!("{faults} {faults:?}"));
    }
    for name in ["FLOWMEND__ADOBE__CLIENT_SECERT", "FLOWMEND__ADOBE__CLIENT_SECRET__X"] {
        hidden(Server::needed().variable(name, SECRET).faults());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn garbage_is_refused_and_never_panics(text in "\\PC{0,200}") {
        let server = Server::new().config("f.toml", &text).variable("FLOWMEND__SANDBOX", &text);
        prop_assert!(Settings::load(server.sources()).is_err());
    }

    #[test]
    fn a_damaged_reference_never_panics(at in 0..DEFAULT_TOML.len(), with in "[\\[\\]{}=.\"'#a-z0-9\n-]{1,6}") {
        let mut text = DEFAULT_TOML.to_owned();
        if text.is_char_boundary(at) {
            text.insert_str(at, &with);
        }
        let server = Server::needed().config("f.toml", &text);
        if let Err(faults) = Settings::load(server.sources()) {
            prop_assert!(faults.iter().count() > 0);
        }
    }

    #[test]
    fn a_damaged_value_is_a_fault_of_its_key_or_none(value in "-?[0-9]{1,25}|[0-9.]{1,6}|\"\\PC{0,20}\"|true|\\[\\]|\\{\\}|nan|1979-05-27") {
        for key in ["max_attempts", "multiplier", "max_interval", "target", "retry_empty_success"] {
            let text = format!("{NEEDED}[retry]\n{key} = {value}");
            let server = Server::new().config("f.toml", &text);
            if let Err(faults) = Settings::load(server.sources()) {
                let named = |key: Option<&str>| key.is_none_or(|key| key.starts_with("retry."));
                prop_assert!(faults.iter().all(|fault| named(fault.key())), "{faults}");
            }
        }
    }
}

#[test]
fn rules() {
    assert_snapshot!(faults_of("[[rule]]"), @r#"  rule[#1].action (/etc/f.toml): is missing; give "retry", "hold" or "ignore""#);
    assert_snapshot!(faults_of("[[rule]]\naction = \"skip\""), @r#"  rule[#1].action (/etc/f.toml): "skip" is none of the choices; give "retry" or "hold" or "ignore""#);
    assert_snapshot!(faults_of("[[rule]]\naction = \"hold\"\ncodes = [\"[\"]"), @r#"  rule[#1].codes (/etc/f.toml): "[" is no glob (unclosed character class; missing ']'); put a backslash before a character that is meant as it is"#);
    assert_snapshot!(faults_of("[[rule]]\naction = \"hold\"\nmessage = \"(\""), @r#"  rule[#1].message (/etc/f.toml): "(" is no regular expression: unclosed group"#);
    assert_snapshot!(faults_of("[[rule]]\naction = \"hold\"\nmessage = '(\\w{1000}){1000}'"), @r#"  rule[#1].message (/etc/f.toml): "(\\w{1000}){1000}" is too large an expression; repeat less"#);
    assert_snapshot!(faults_of("[[rule]]\nname = \"data\"\naction = \"hold\"\nretry.max_attempts = 3"), @r#"  rule[data].retry (/etc/f.toml): has no effect, because this rule re-triggers nothing; leave it out, or give action = "retry""#);
    assert_snapshot!(faults_of("[[rule]]\naction = \"retry\"\nsandbox = \"prd\""), @r#"  rule[#1].sandbox (/etc/f.toml): "prd" is no [[sandbox]]; did you mean "prod"?"#);
    assert_snapshot!(faults_of("[[rule]]\naction = \"retry\"\nretry.confirm_window = \"10s\""), @"  rule[#1].retry.confirm_window (/etc/f.toml): 10s is too short for adobe.request_timeout = 30s (the built-in defaults): a call that timed out may still be carried out, so less than twice the timeout proves nothing; give at least 1m, or lower adobe.request_timeout");
    assert_snapshot!(faults_of("[[rule]]\naction = \"ignore\"\ncodes = []"), @"  rule[#1].codes (/etc/f.toml): is empty; name a code, or leave it out to match any failure");
    assert_snapshot!(faults_of("[[rule]]\naction = \"ignore\"\nmessage = \"\""), @"  rule[#1].message (/etc/f.toml): is empty; give an expression, or leave it out to match any message");
    assert_snapshot!(faults_of("[limits]\nretriggers_per_day = 80\n[poll]\nlookback = \"1h\"\n[store]\nretention = \"2h\""), @"  store.retention (/etc/f.toml): 2h is too short for limits.retriggers_per_day: what is forgotten is not counted; give at least 24h");
    assert_snapshot!(faults_of("[[rules]]\naction = \"retry\""), @"  rules (/etc/f.toml): no such section; did you mean `rule`?");
    assert_snapshot!(faults_of("[rule]\naction = \"retry\""), @"  rule (/etc/f.toml): is not a list; write [[rule]], with two brackets, for each");
}

#[test]
fn quiet_windows() {
    assert_snapshot!(faults_of("[[quiet]]"), @r#"
      quiet[#1].from (/etc/f.toml): is missing; give a time of the day, like "22:00"
      quiet[#1].to (/etc/f.toml): is missing; give a time of the day, like "22:00"
      quiet[#1].time_zone (/etc/f.toml): is missing; give a place, like "Europe/Berlin", or "UTC"
    "#);
    let of =
        |keys: &str| faults_of(&format!("[[quiet]]\nfrom = \"22:00\"\nto = \"06:00\"\n{keys}"));
    assert_snapshot!(of("time_zone = \"Berlin\""), @r#"  quiet[22:00].time_zone (/etc/f.toml): "Berlin" is no time zone; give a place, like "Europe/Berlin", or "UTC""#);
    assert_snapshot!(of("time_zone = \"UTC\"\ndays = [\"monday\"]"), @r#"  quiet[22:00].days (/etc/f.toml): "monday" is no day; give "mon", "tue", "wed", "thu", "fri", "sat", "sun""#);
    assert_snapshot!(of("time_zone = \"UTC\"\ndays = []"), @"  quiet[22:00].days (/etc/f.toml): is empty, so this window never begins; name a day, or leave it out for all");
    for time in ["24:00", "6:00", "06:00:00", "6am", "", "ü:00"] {
        let faults = faults_of(&format!(
            "[[quiet]]\nfrom = \"{time}\"\nto = \"06:00\"\ntime_zone = \"UTC\""
        ));
        assert!(faults.contains("is no time of the day"), "{time}: {faults}");
    }
    assert_snapshot!(faults_of("[[quiet]]\nfrom = \"00:00\"\nto = \"00:00\"\ntime_zone = \"UTC\""), @"  quiet[00:00].to (/etc/f.toml): makes this window last for ever; to stop re-triggering, use flowmend pause");
}

#[test]
fn what_is_legal_and_useless_in_a_policy_is_warned_of() {
    let warnings = |toml: &str| Server::needed().config("f.toml", toml).warnings();
    assert_snapshot!(warnings("[[rule]]\naction = \"retry\"\n[[rule]]\ncodes = [\"1\"]\naction = \"hold\""), @"rule[#2] (/etc/f.toml): rule[#1] before it matches every failure, so this one is never used");
    assert_snapshot!(warnings("[breaker]\ndataflow_warning = 5"), @"breaker.dataflow_warning is not below dataflow_failures: dataflows are held unwarned");
    assert_snapshot!(warnings("builtin_rule = []"), @"");
}
