//! Which settings are refused, and with which messages.

use crate::settings::support::{NEEDED, SECRET, Server, faults_of};
use flowmend::settings::{DEFAULT_TOML, Origin, Settings};
use insta::assert_snapshot;
use proptest::prelude::*;

#[test]
fn all_faults_are_reported_at_once() {
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
        adobe.platform_url (/etc/f.toml): would send the credentials unencrypted; use https (plain http is only for a loopback address: 127.0.0.1, [::1], localhost)
        adobe.org_id (/etc/f.toml): must end in @AdobeOrg, like 1234567890ABCDEF@AdobeOrg
        adobe.client_id (not set): the OAuth client id is required; Adobe Developer Console shows it with the OAuth Server-to-Server credential, and the credential file that it offers for download (adobe.credentials_file) contains it
        adobe.client_secret (not set): no client secret found; set adobe.credentials_file (the file from Adobe Developer Console), adobe.client_secret_file or FLOWMEND__ADOBE__CLIENT_SECRET, or pass the service a systemd credential client_secret
        sandbox (not set): no sandbox configured; add [[sandbox]] with name = "prod", or set FLOWMEND__SANDBOX=prod
        poll.interval (FLOWMEND__POLL__INTERVAL): 60 has no unit; write "60s" for seconds, or use m, h or d
        retry.max_attempts (/etc/f.toml): must be a whole number from 1 to 100, not 0
        retry.initial_intervall (/etc/f.toml): no such key; did you mean `initial_interval`?
        log.level (/etc/f.toml): must be "off", "error", "warn", "info", "debug" or "trace", or like "info,flowmend::store=debug", not "loud"
    "#);
}

#[test]
fn a_fault_has_a_key_an_origin_and_a_message() {
    let server = Server::needed().variable("FLOWMEND__RETRY__MAX_ATTEMPTS", "none");
    let faults = Settings::load(server.sources()).unwrap_err();
    let fault = &faults.0[0];
    assert_eq!(fault.key.as_deref(), Some("retry.max_attempts"));
    assert_eq!(fault.origin, Origin::Variable("FLOWMEND__RETRY__MAX_ATTEMPTS".into()));
    assert_snapshot!(fault.message, @r#"must be a whole number from 1 to 100, not "none""#);
}

#[test]
fn whole_numbers() {
    assert_snapshot!(faults_of("[retry]\nmax_attempts = 0"), @"  retry.max_attempts (/etc/f.toml): must be a whole number from 1 to 100, not 0");
    assert_snapshot!(faults_of("[retry]\nmax_attempts = -7"), @"  retry.max_attempts (/etc/f.toml): must be a whole number from 1 to 100, not -7");
    assert_snapshot!(faults_of("[retry]\nmax_attempts = 101"), @"  retry.max_attempts (/etc/f.toml): must be a whole number from 1 to 100, not 101");
    assert_snapshot!(faults_of("[retry]\nmax_attempts = 2.5"), @"  retry.max_attempts (/etc/f.toml): must be a whole number from 1 to 100, not 2.5");
    assert_snapshot!(faults_of("[retry]\nmax_attempts = \"5\""), @r#"  retry.max_attempts (/etc/f.toml): must be a whole number from 1 to 100 without quotes, not "5""#);
    assert_snapshot!(faults_of("[retry]\nmax_attempts = [5]"), @"  retry.max_attempts (/etc/f.toml): must be a whole number from 1 to 100, not a list");
}

#[test]
fn numbers() {
    assert_snapshot!(faults_of("[adobe]\nrequests_per_second = 0"), @"  adobe.requests_per_second (/etc/f.toml): must be a number from 0.001 to 1000, not 0");
    assert_snapshot!(faults_of("[adobe]\nrequests_per_second = nan"), @"  adobe.requests_per_second (/etc/f.toml): must be a number from 0.001 to 1000, not NaN");
    assert_snapshot!(faults_of("[adobe]\nrequests_per_second = inf"), @"  adobe.requests_per_second (/etc/f.toml): must be a number from 0.001 to 1000, not inf");
    assert_snapshot!(faults_of("[retry]\nrandomization_factor = 1"), @"  retry.randomization_factor (/etc/f.toml): must be a number from 0 to 0.99, not 1");
    assert_snapshot!(faults_of("[retry]\nmultiplier = \"two\""), @r#"  retry.multiplier (/etc/f.toml): must be a number from 1 to 100 without quotes, not "two""#);
}

#[test]
fn durations() {
    assert_snapshot!(faults_of("[poll]\ninterval = 90"), @r#"  poll.interval (/etc/f.toml): 90 has no unit; write "90s" for seconds, or use m, h or d"#);
    assert_snapshot!(faults_of("[poll]\ninterval = \"90\""), @r#"  poll.interval (/etc/f.toml): 90 has no unit; write "90s" for seconds, or use m, h or d"#);
    assert_snapshot!(faults_of("[poll]\ninterval = 1.5"), @r#"  poll.interval (/etc/f.toml): 1.5 has no unit; write "1.5s" for seconds, or use m, h or d"#);
    assert_snapshot!(faults_of("[poll]\ninterval = \"soon\""), @r#"  poll.interval (/etc/f.toml): "soon" is not a valid duration; write it like "90s", "5m", "24h" or "30d""#);
    assert_snapshot!(faults_of("[poll]\ninterval = \"5M\""), @r#"  poll.interval (/etc/f.toml): "5M" is not a valid duration; write it like "90s", "5m", "24h" or "30d""#);
    assert_snapshot!(faults_of("[poll]\ninterval = \"500ms\""), @r#"  poll.interval (/etc/f.toml): must be a duration from "1s" to "24h", not "500ms""#);
    assert_snapshot!(faults_of("[poll]\ninterval = \"99999999999999999999d\""), @r#"  poll.interval (/etc/f.toml): "99999999999999999999d" is not a valid duration; write it like "90s", "5m", "24h" or "30d""#);
    assert_snapshot!(faults_of("[poll]\ninterval = true"), @r#"  poll.interval (/etc/f.toml): must be a duration from "1s" to "24h", not true"#);
}

#[test]
fn words_flags_texts_and_lists() {
    assert_snapshot!(faults_of("[retry]\nwhen_in_doubt = \"pray\""), @r#"  retry.when_in_doubt (/etc/f.toml): must be "reconcile" or "hold", not "pray""#);
    assert_snapshot!(faults_of("[retry]\nretry_empty_success = \"yes\""), @r#"  retry.retry_empty_success (/etc/f.toml): must be true or false without quotes, not "yes""#);
    assert_snapshot!(faults_of("[log]\nformat = 7"), @r#"  log.format (/etc/f.toml): must be "auto", "pretty" or "json", not 7"#);
    assert_snapshot!(faults_of("[log]\nlevel = 7"), @"  log.level (/etc/f.toml): must be text in double quotes, not 7");
    assert_snapshot!(faults_of("[adobe]\nscopes = \"openid\""), @r#"  adobe.scopes (/etc/f.toml): must be a list of texts, like ["a", "b"], not "openid""#);
    assert_snapshot!(faults_of("[adobe]\nscopes = [\"openid\", 7]"), @r#"  adobe.scopes (/etc/f.toml): must be a list of texts, like ["a", "b"]; 7 is not text"#);
    assert_snapshot!(faults_of("[adobe]\nscopes = []"), @"  adobe.scopes (/etc/f.toml): must not be empty; remove it to use the default scopes");
    assert_snapshot!(faults_of("[adobe]\nscopes = [\"openid,session\"]"), @r#"  adobe.scopes (/etc/f.toml): "openid,session" is not a valid scope; use words like "openid""#);
    assert_snapshot!(faults_of("[adobe]\nfailed_status_values = [\"failed,Failed\"]"), @r#"  adobe.failed_status_values (/etc/f.toml): must be a single word like "failed", not "failed,Failed""#);
    assert_snapshot!(faults_of("[adobe]\nretrigger_op = \"re-trigger&x=1\""), @r#"  adobe.retrigger_op (/etc/f.toml): must be a single word like "re-trigger" or "RE_TRIGGER", not "re-trigger&x=1""#);
}

#[test]
fn unknown_keys_and_sections() {
    assert_snapshot!(faults_of("[retry]\nmax_atempts = 3"), @"  retry.max_atempts (/etc/f.toml): no such key; did you mean `max_attempts`?");
    assert_snapshot!(faults_of("[retry]\nlookback = \"1h\""), @"  retry.lookback (/etc/f.toml): no such key; did you mean `poll.lookback`?");
    assert_snapshot!(faults_of("[retry]\nzzz = 3"), @"  retry.zzz (/etc/f.toml): no such key; `flowmend config default` lists them all");
    assert_snapshot!(faults_of("[retyr]\nmax_attempts = 3"), @"  retyr (/etc/f.toml): no such section; did you mean `retry`?");
    assert_snapshot!(faults_of("interval = \"60s\""), @"  interval (/etc/f.toml): no such section; write `interval` below [poll]");
    assert_snapshot!(faults_of("[[whatever]]\nx = 1"), @"  whatever (/etc/f.toml): no such section; `flowmend config default` lists them all");
    assert_snapshot!(faults_of("\"retry.max_attempts\" = 3"), @"  retry.max_attempts (/etc/f.toml): no such section; write `max_attempts` below [retry]");
    assert_snapshot!(faults_of("\"sandbox[99999999999]\" = 3"), @"  sandbox[99999999999] (/etc/f.toml): no such section; `flowmend config default` lists them all");
    assert_snapshot!(faults_of("[retry.backoff]\nx = 1"), @"  retry.backoff (/etc/f.toml): must be a single value, not a table");
    assert_snapshot!(faults_of("[[dataflow]]\nmatch = \"a\"\nretries = 3\nretry.max = 1"), @r"
        dataflow[a].retry.max (/etc/f.toml): no such key; `flowmend config default` lists them all
        dataflow[a].retries (/etc/f.toml): no such key; `flowmend config default` lists them all
    ");
}

#[test]
fn misplaced_tables_and_lists() {
    assert_snapshot!(faults_of("retry = 3"), @"  retry (/etc/f.toml): must be a table; write [retry] and its keys below it");
    assert_snapshot!(faults_of("[[retry]]\nmax_attempts = 3"), @"  retry (/etc/f.toml): must be a table; write [retry] and its keys below it");
    assert_snapshot!(faults_of("[sandbox]\nname = \"prod\""), @"  sandbox (/etc/f.toml): must be a list of tables; write [[sandbox]], with two brackets, for each");
    assert_snapshot!(faults_of("sandbox = [\"prod\"]"), @"  sandbox (/etc/f.toml): must be a list of tables; write [[sandbox]], with two brackets, for each");
    assert_snapshot!(faults_of("[[dataflow]]\nmatch = \"a\"\nretry = 3"), @"  dataflow[a].retry (/etc/f.toml): must be a table; write retry.name = value for each key");
}

#[test]
fn urls() {
    assert_snapshot!(faults_of("[adobe]\nplatform_url = \"platform.adobe.io\""), @"  adobe.platform_url (/etc/f.toml): is not a full URL; write it like https://platform.adobe.io");
    assert_snapshot!(faults_of("[adobe]\nplatform_url = \"http://platform.adobe.io\""), @"  adobe.platform_url (/etc/f.toml): would send the credentials unencrypted; use https (plain http is only for a loopback address: 127.0.0.1, [::1], localhost)");
    assert_snapshot!(faults_of("[adobe]\nplatform_url = \"ftp://platform.adobe.io\""), @"  adobe.platform_url (/etc/f.toml): must be an https URL; write it like https://platform.adobe.io");
    assert_snapshot!(faults_of("[adobe]\nplatform_url = \"https://me:hidden@platform.adobe.io\""), @"  adobe.platform_url (/etc/f.toml): contains a user name or password; remove them");
    assert_snapshot!(faults_of("[adobe]\nims_url = \"https://ims?x=hidden\""), @"  adobe.ims_url (/etc/f.toml): has a query or fragment; write it like https://platform.adobe.io, without ? and #");
    assert_snapshot!(faults_of("[adobe]\nims_url = \"data:text/plain,hidden\""), @"  adobe.ims_url (/etc/f.toml): is not a full URL; write it like https://platform.adobe.io");
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
    assert_snapshot!(faults_of("[store]\nurl = \"/var/lib/flowmend.db\""), @"  store.url (/etc/f.toml): must start with sqlite://; write it like sqlite:///var/lib/flowmend/flowmend.db");
    assert_snapshot!(faults_of("[store]\nurl = \"sqlite://\""), @"  store.url (/etc/f.toml): has no file name; write it like sqlite:///var/lib/flowmend/flowmend.db");
    assert_snapshot!(faults_of("[store]\nurl = \"sqlite://:memory:\""), @"  store.url (/etc/f.toml): must be a file, because a store in memory forgets which runs were re-triggered; write it like sqlite:///var/lib/flowmend/flowmend.db");
    assert_snapshot!(faults_of("[store]\nurl = \"sqlite:///a.db?mode=ro\""), @"  store.url (/etc/f.toml): has a query, fragment or control character; write it like sqlite:///var/lib/flowmend/flowmend.db");
}

#[test]
fn listeners() {
    assert_snapshot!(faults_of("[http]\nlisten = \"8321\""), @r#"  http.listen (/etc/f.toml): must be IP:PORT, like 127.0.0.1:8321 or [::1]:8321, or "" to disable, not "8321""#);
    assert_snapshot!(faults_of("[http]\nlisten = \"localhost:8321\""), @r#"  http.listen (/etc/f.toml): must be IP:PORT, like 127.0.0.1:8321 or [::1]:8321, or "" to disable, not "localhost:8321""#);
    assert_snapshot!(faults_of("[http]\nlisten = \"127.0.0.1\""), @r#"  http.listen (/etc/f.toml): must be IP:PORT, like 127.0.0.1:8321 or [::1]:8321, or "" to disable, not "127.0.0.1""#);
    assert_snapshot!(faults_of("[http]\nlisten = 8321"), @"  http.listen (/etc/f.toml): must be text in double quotes, not 8321");
    assert_snapshot!(faults_of("[http]\nlisten = \"0.0.0.0:8321\""), @"  http.listen (/etc/f.toml): 0.0.0.0:8321 can be reached from other machines, so a token is required; set http.token_file, or listen on 127.0.0.1");
    assert_snapshot!(faults_of("[http]\nlistn = \"\""), @"  http.listn (/etc/f.toml): no such key; did you mean `listen`?");
}

#[test]
fn sandboxes() {
    assert_snapshot!(faults_of("sandbox = []"), @r#"  sandbox (/etc/f.toml): no sandbox configured; add [[sandbox]] with name = "prod", or set FLOWMEND__SANDBOX=prod"#);
    assert_snapshot!(faults_of("[[sandbox]]\ninclude = [\"*\"]"), @r#"  sandbox[#1].name (/etc/f.toml): is required; set the sandbox's name, such as "prod""#);
    assert_snapshot!(faults_of("[[sandbox]]\nname = \"*\""), @r#"  sandbox[*].name (/etc/f.toml): must be one sandbox, not "*"; add a [[sandbox]] for each"#);
    assert_snapshot!(faults_of("[[sandbox]]\nname = \"Prod Sandbox\""), @r#"  sandbox[Prod Sandbox].name (/etc/f.toml): "Prod Sandbox" is not a valid sandbox name; use the name that Adobe shows for it, not the title"#);
    assert_snapshot!(faults_of("[[sandbox]]\nname = \"prod\"\n[[sandbox]]\nname = \"prod\""), @"  sandbox[prod].name (/etc/f.toml): must be unique; put both selections into one [[sandbox]]");
    assert_snapshot!(faults_of("[[sandbox]]\nname = \"prod\"\ninclude = [\"crm-[\"]"), @r#"  sandbox[prod].include (/etc/f.toml): "crm-[" is not a valid glob (unclosed character class; missing ']'); put a backslash before a literal special character"#);
}

#[test]
fn dataflows() {
    assert_snapshot!(faults_of("[[dataflow]]\nretry.max_attempts = 1"), @r#"  dataflow[#1].match (/etc/f.toml): is required; set a dataflow's id or name, or a glob such as "crm-*""#);
    assert_snapshot!(faults_of("[[dataflow]]\nmatch = \"\""), @r#"  dataflow[#1].match (/etc/f.toml): must not be empty; set a dataflow's id or name, or a glob such as "crm-*""#);
    assert_snapshot!(faults_of("[[dataflow]]\nmatch = \"a\"\nsandbox = \"prd\""), @r#"  dataflow[a].sandbox (/etc/f.toml): no [[sandbox]] is called "prd"; did you mean "prod"?"#);
    assert_snapshot!(faults_of("[[dataflow]]\nmatch = \"a\"\nkind = \"unknown\""), @r#"  dataflow[a].kind (/etc/f.toml): must be "batch", "streaming" or "destination", not "unknown""#);
    assert_snapshot!(faults_of("[[dataflow]]\nmatch = \"crm-*\"\nlimits.retriggers_per_day = 9"), @"  dataflow[crm-*].limits.retriggers_per_day (/etc/f.toml): applies to a whole sandbox; set it in [limits]");
    assert_snapshot!(faults_of("[[dataflow]]\nmatch = \"crm-*\"\nretry.max_attempts = 0"), @"  dataflow[crm-*].retry.max_attempts (/etc/f.toml): must be a whole number from 1 to 100, not 0");
    assert_snapshot!(faults_of("[[dataflow]]\nmatch = \"crm-*\"\nretry.max_interval = \"10s\""), @"  dataflow[crm-*].retry.max_interval (/etc/f.toml): must be at least 1m, not 10s, because retry.initial_interval = 1m (the built-in defaults): the maximum applies to the first delay too; raise it or lower retry.initial_interval");
}

#[test]
fn durations_that_conflict() {
    assert_snapshot!(faults_of("[retry]\ninitial_interval = \"2h\""), @"  retry.initial_interval (/etc/f.toml): must be at most 1h, not 2h, because retry.max_interval = 1h (the built-in defaults): the maximum applies to the first delay too; lower it or raise retry.max_interval");
    assert_snapshot!(faults_of("[retry]\nmax_interval = \"30s\""), @"  retry.max_interval (/etc/f.toml): must be at least 1m, not 30s, because retry.initial_interval = 1m (the built-in defaults): the maximum applies to the first delay too; raise it or lower retry.initial_interval");
    assert_snapshot!(faults_of("[retry]\ninitial_interval = \"1h\"\nmax_elapsed_time = \"30m\""), @"  retry.max_elapsed_time (/etc/f.toml): must be at least 1h, not 30m, because retry.initial_interval = 1h (/etc/f.toml): otherwise no run is ever re-triggered; raise it or lower retry.initial_interval");
    assert_snapshot!(faults_of("[retry]\nconfirm_window = \"45s\""), @"  retry.confirm_window (/etc/f.toml): must be at least 1m, not 45s, because adobe.request_timeout = 30s (the built-in defaults): Adobe may still run a call that timed out, so less than twice the timeout proves nothing; raise it or lower adobe.request_timeout");
    assert_snapshot!(faults_of("[adobe]\nrequest_timeout = \"40s\""), @"  adobe.request_timeout (/etc/f.toml): must be at most 30s, not 40s, because store.lease = 1m (the built-in defaults): a lease shorter than twice the timeout may expire during a call; lower it or raise store.lease");
    assert_snapshot!(faults_of("[poll]\noverlap = \"24h\""), @"  poll.overlap (/etc/f.toml): must be less than 24h, not 24h, because poll.lookback = 24h (the built-in defaults): the overlap is part of the look-back window; lower it or raise poll.lookback");
    assert_snapshot!(faults_of("[store]\nretention = \"24h\""), @"  store.retention (/etc/f.toml): must be more than 24h, not 24h, because poll.lookback = 24h (the built-in defaults): a recovery deleted while Adobe still lists its failed run would start again; raise it or lower poll.lookback");
}

#[test]
fn variables() {
    let of = |name: &str, value: &str| Server::needed().variable(name, value).faults();
    assert_snapshot!(of("FLOWMEND__RETRY__MAX_ATEMPTS", "3"), @"  retry.max_atempts (FLOWMEND__RETRY__MAX_ATEMPTS): no such key; did you mean FLOWMEND__RETRY__MAX_ATTEMPTS?");
    assert_snapshot!(of("FLOWMEND__RETRY__MAX_ATTEMPTS", "many"), @r#"  retry.max_attempts (FLOWMEND__RETRY__MAX_ATTEMPTS): must be a whole number from 1 to 100, not "many""#);
    assert_snapshot!(of("FLOWMEND__RETRY__MAX_ATTEMPTS__X", "3"), @"  retry.max_attempts.x (FLOWMEND__RETRY__MAX_ATTEMPTS__X): no such key; did you mean FLOWMEND__RETRY__MAX_ATTEMPTS?");
    assert_snapshot!(of("FLOWMEND__Retry__Max_Attempts", "3"), @"  retry.max_attempts (FLOWMEND__Retry__Max_Attempts): must be in capitals: FLOWMEND__RETRY__MAX_ATTEMPTS");
    assert_snapshot!(of("FLOWMEND__RETRY", "3"), @"  retry (FLOWMEND__RETRY): is a section, not a key; set its keys one by one: FLOWMEND__RETRY__…");
    assert_snapshot!(of("FLOWMEND__SANDBOX[99999999999]", "3"), @"  sandbox[99999999999] (FLOWMEND__SANDBOX[99999999999]): no such key; `flowmend config default` lists them all");
    assert_snapshot!(of("FLOWMEND__SANDBOX__NAME", "prod"), @"  sandbox.name (FLOWMEND__SANDBOX__NAME): set the whole list: FLOWMEND__SANDBOX=[{ … }]");
    assert_snapshot!(of("FLOWMEND__SANDBOX", "[{ name = "), @r#"  sandbox (FLOWMEND__SANDBOX): must be a TOML list of tables, like prod,dev or [{ name = "prod", include = ["crm-*"] }]"#);
    assert_snapshot!(of("FLOWMEND__DATAFLOW", "crm-*"), @r#"  dataflow (FLOWMEND__DATAFLOW): must be a TOML list of tables, like [{ match = "crm-*", retry.max_attempts = 3 }]"#);
    assert_snapshot!(of("FLOWMEND__ADOBE__SEND_IF_MATCH", "yes"), @r#"  adobe.send_if_match (FLOWMEND__ADOBE__SEND_IF_MATCH): must be true or false, not "yes""#);
    assert_snapshot!(of("FLOWMEND__ADOBE__SCOPES", "[1"), @r#"  adobe.scopes (FLOWMEND__ADOBE__SCOPES): must be a list of texts, like ["a", "b"], or like a,b"#);
    assert_snapshot!(of("FLOWMEND__", "3"), @"  FLOWMEND__ (FLOWMEND__): has no key after the prefix; write FLOWMEND__SECTION__KEY");
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
        /etc/broken.toml: line 4, column 17: is not valid TOML: string values must be quoted, expected literal string
        /etc/latin1.toml: is not valid UTF-8 (line 2); save it as UTF-8
        /etc/large.toml: is longer than 1048576 bytes; check that it is the right file
        /etc/number.toml: contains a number that is too large for any setting
        /etc/twice.toml: line 3, column 1: is not valid TOML: duplicate key
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
fn an_unreadable_file_suppresses_only_the_faults_of_missing_keys() {
    let server = Server::new().layer("missing.toml").config("f.toml", "[poll]\ninterval = 1");
    let faults = server.faults();
    assert!(faults.contains("poll.interval") && !faults.contains("org_id"), "{faults}");
    assert!(!faults.contains("sandbox") && !faults.contains("secret"), "{faults}");
}

#[test]
fn risky_settings_are_accepted_with_a_warning() {
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
        dataflow[a].retry.watch_timeout = 9m (/etc/f.toml): batch runs often take longer; flowmend would give up too early
        dataflow[a] (/etc/f.toml): never used, because an earlier [[dataflow]] has the same match
        retry.max_interval = 2d (/etc/f.toml): longer than max_elapsed_time = 24h, so no delay ever reaches it
        retry.watch_timeout = 5m (/etc/f.toml): batch runs often take longer; flowmend would give up too early
        poll.interval = 5s (/etc/f.toml): polling this often uses API quota for little gain; 60s is usually enough
        poll.lookback = 8d (/etc/f.toml): failures this old are re-triggered when flowmend starts for the first time
        poll.lookback = 8d (/etc/f.toml): longer than retry.max_elapsed_time: older failures are given up at once
        poll.sweep_interval = 4s (/etc/f.toml): shorter than poll.interval: every pass is a full scan
    ");
}

#[test]
fn no_message_contains_a_secret() {
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
    fn garbage_is_refused_without_a_panic(text in "\\PC{0,200}") {
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
            prop_assert!(!faults.0.is_empty());
        }
    }

    #[test]
    fn a_damaged_value_is_a_fault_of_its_key_or_none(value in "-?[0-9]{1,25}|[0-9.]{1,6}|\"\\PC{0,20}\"|true|\\[\\]|\\{\\}|nan|1979-05-27") {
        for key in ["max_attempts", "multiplier", "max_interval", "target", "retry_empty_success"] {
            let text = format!("{NEEDED}[retry]\n{key} = {value}");
            let server = Server::new().config("f.toml", &text);
            if let Err(faults) = Settings::load(server.sources()) {
                let named = |key: Option<&str>| key.is_none_or(|key| key.starts_with("retry."));
                prop_assert!(faults.0.iter().all(|fault| named(fault.key.as_deref())), "{faults}");
            }
        }
    }
}

#[test]
fn rules() {
    assert_snapshot!(faults_of("[[rule]]"), @r#"  rule[#1].action (/etc/f.toml): is required; set "retry", "hold" or "ignore""#);
    assert_snapshot!(faults_of("[[rule]]\naction = \"skip\""), @r#"  rule[#1].action (/etc/f.toml): must be "retry", "hold" or "ignore", not "skip""#);
    assert_snapshot!(faults_of("[[rule]]\naction = \"hold\"\ncodes = [\"[\"]"), @r#"  rule[#1].codes (/etc/f.toml): "[" is not a valid glob (unclosed character class; missing ']'); put a backslash before a literal special character"#);
    assert_snapshot!(faults_of("[[rule]]\naction = \"hold\"\nmessage = \"(\""), @r#"  rule[#1].message (/etc/f.toml): "(" is not a valid regular expression: unclosed group"#);
    assert_snapshot!(faults_of("[[rule]]\naction = \"hold\"\nmessage = '(\\w{1000}){1000}'"), @r#"  rule[#1].message (/etc/f.toml): "(\\w{1000}){1000}" is too large; use fewer repetitions"#);
    assert_snapshot!(faults_of("[[rule]]\nname = \"data\"\naction = \"hold\"\nretry.max_attempts = 3"), @r#"  rule[data].retry (/etc/f.toml): has no effect, because this rule re-triggers nothing; remove it, or set action = "retry""#);
    assert_snapshot!(faults_of("[[rule]]\naction = \"retry\"\nsandbox = \"prd\""), @r#"  rule[#1].sandbox (/etc/f.toml): no [[sandbox]] is called "prd"; did you mean "prod"?"#);
    assert_snapshot!(faults_of("[[rule]]\naction = \"retry\"\nretry.confirm_window = \"10s\""), @"  rule[#1].retry.confirm_window (/etc/f.toml): must be at least 1m, not 10s, because adobe.request_timeout = 30s (the built-in defaults): Adobe may still run a call that timed out, so less than twice the timeout proves nothing; raise it or lower adobe.request_timeout");
    assert_snapshot!(faults_of("[[rule]]\naction = \"ignore\"\ncodes = []"), @"  rule[#1].codes (/etc/f.toml): must not be empty; add a code, or remove it to match any failure");
    assert_snapshot!(faults_of("[[rule]]\naction = \"ignore\"\nmessage = \"\""), @"  rule[#1].message (/etc/f.toml): must not be empty; set an expression, or remove it to match any message");
    assert_snapshot!(faults_of("[limits]\nretriggers_per_day = 80\n[poll]\nlookback = \"1h\"\n[store]\nretention = \"2h\""), @"  store.retention (/etc/f.toml): must be at least 24h, not 2h: limits.retriggers_per_day counts what the store keeps");
    assert_snapshot!(faults_of("[[rules]]\naction = \"retry\""), @"  rules (/etc/f.toml): no such section; did you mean `rule`?");
    assert_snapshot!(faults_of("[rule]\naction = \"retry\""), @"  rule (/etc/f.toml): must be a list of tables; write [[rule]], with two brackets, for each");
}

#[test]
fn quiet_windows() {
    assert_snapshot!(faults_of("[[quiet]]"), @r#"
        quiet[#1].from (/etc/f.toml): is required; set a time of day, like "22:00"
        quiet[#1].to (/etc/f.toml): is required; set a time of day, like "22:00"
        quiet[#1].time_zone (/etc/f.toml): is required; set a zone, like "Europe/Berlin" or "UTC"
    "#);
    let of =
        |keys: &str| faults_of(&format!("[[quiet]]\nfrom = \"22:00\"\nto = \"06:00\"\n{keys}"));
    assert_snapshot!(of("time_zone = \"Berlin\""), @r#"  quiet[22:00].time_zone (/etc/f.toml): must be a time zone like "Europe/Berlin" or "UTC", not "Berlin""#);
    assert_snapshot!(of("time_zone = \"UTC\"\ndays = [\"monday\"]"), @r#"  quiet[22:00].days (/etc/f.toml): must be "mon", "tue", "wed", "thu", "fri", "sat" or "sun", not "monday""#);
    assert_snapshot!(of("time_zone = \"UTC\"\ndays = []"), @"  quiet[22:00].days (/etc/f.toml): must not be empty; add a day, or remove it for all days");
    for time in ["24:00", "6:00", "06:00:00", "6am", "", "ü:00"] {
        let faults = faults_of(&format!(
            "[[quiet]]\nfrom = \"{time}\"\nto = \"06:00\"\ntime_zone = \"UTC\""
        ));
        assert!(faults.contains("must be a time of day"), "{time}: {faults}");
    }
    assert_snapshot!(faults_of("[[quiet]]\nfrom = \"00:00\"\nto = \"00:00\"\ntime_zone = \"UTC\""), @"  quiet[00:00].to (/etc/f.toml): makes this window permanent; to stop re-triggering, run `flowmend pause`");
}

#[test]
fn rules_and_thresholds_without_effect_are_accepted_with_a_warning() {
    let warnings = |toml: &str| Server::needed().config("f.toml", toml).warnings();
    assert_snapshot!(warnings("[[rule]]\naction = \"retry\"\n[[rule]]\ncodes = [\"1\"]\naction = \"hold\""), @"rule[#2] (/etc/f.toml): never used, because rule[#1] matches every failure");
    assert_snapshot!(warnings("[breaker]\ndataflow_warning = 5"), @"breaker.dataflow_warning is not below dataflow_failures: dataflows are put on hold without a warning");
    assert_snapshot!(warnings("builtin_rule = []"), @"");
}
