//! Where the credentials come from, and which source wins.

use crate::settings::support::{SECRET, Server};
use insta::assert_snapshot;
use secrecy::ExposeSecret;

const FLAT: &str = r#"{
    "CLIENT_SECRETS": ["p8e-S3cr3tOfTheClient"],
    "ORG_ID": "ACME@AdobeOrg",
    "CLIENT_ID": "flat-client",
    "SCOPES": ["openid", "AdobeID"],
    "TECHNICAL_ACCOUNT_ID": "x@techacct.adobe.com",
    "TECHNICAL_ACCOUNT_EMAIL": "x@techacct.adobe.com"
}"#;

const PROJECT: &str = r#"{
    "project": {
        "id": "1",
        "org": { "id": "2", "name": "Acme", "ims_org_id": "ACME@AdobeOrg" },
        "workspace": {
            "details": {
                "credentials": [
                    { "id": "3", "integration_type": "apikey", "api_key": { "client_id": "k" } },
                    {
                        "id": "4",
                        "integration_type": "oauth_server_to_server",
                        "oauth_server_to_server": {
                            "client_id": "project-client",
                            "client_secrets": ["p8e-S3cr3tOfTheClient"],
                            "technical_account_email": "x@techacct.adobe.com",
                            "scopes": ["openid", "session"]
                        }
                    }
                ]
            }
        }
    }
}"#;

/// A server with a sandbox and with `adobe` below `[adobe]`.
fn server(adobe: &str) -> Server {
    Server::new().config("f.toml", &format!("[adobe]\n{adobe}\n[[sandbox]]\nname = \"prod\""))
}

const IDS: &str = "org_id = \"ACME@AdobeOrg\"\nclient_id = \"client\"\n";

#[track_caller]
fn secret(server: &Server) -> String {
    server.settings().adobe.connection.client_secret.expose_secret().to_owned()
}

#[test]
fn the_console_file_of_a_credential_is_enough() {
    let server = server("credentials_file = \"c.json\"").file("c.json", FLAT);
    let adobe = server.settings().adobe.connection;
    assert_eq!(adobe.org_id, "ACME@AdobeOrg");
    assert_eq!(adobe.client_id, "flat-client");
    assert_eq!(adobe.scopes, ["openid", "AdobeID"]);
    assert_eq!(secret(&server), SECRET);
    assert_eq!(server.warnings(), "");
}

#[test]
fn the_console_file_of_a_project_is_enough() {
    let server = server("credentials_file = \"c.json\"").file("c.json", PROJECT);
    let adobe = server.settings().adobe.connection;
    assert_eq!(adobe.org_id, "ACME@AdobeOrg");
    assert_eq!(adobe.client_id, "project-client");
    assert_eq!(adobe.scopes, ["openid", "session"]);
    assert_eq!(secret(&server), SECRET);
}

#[test]
fn the_older_names_are_understood() {
    let older = r#"{"API_KEY":"k","IMS_ORG_ID":"ACME@AdobeOrg","CLIENT_SECRET":"s"}"#;
    let server = server("credentials_file = \"c.json\"").file("c.json", older);
    let adobe = server.settings().adobe.connection;
    assert_eq!((adobe.client_id.as_str(), adobe.scopes.len()), ("k", 5));
    assert_eq!(secret(&server), "s");
}

#[test]
fn keys_win_over_the_console_file() {
    let keys = format!(
        "{IDS}scopes = [\"openid\"]\nclient_secret = \"own\"\ncredentials_file = \"c.json\""
    );
    let server = server(&keys).file("c.json", FLAT);
    let adobe = server.settings().adobe.connection;
    assert_eq!(
        (adobe.client_id.as_str(), adobe.scopes.as_slice()),
        ("client", &["openid".into()][..])
    );
    assert_eq!(secret(&server), "own");
    assert_eq!(server.warnings(), "");
}

#[test]
fn a_client_id_with_the_secret_of_another_triggers_a_warning() {
    let keys = "client_id = \"client\"\ncredentials_file = \"c.json\"";
    let server = server(keys).file("c.json", FLAT);
    assert_snapshot!(server.warnings(), @"adobe.client_id differs from the client id in the file whose secret is used: /etc/c.json");
}

#[test]
fn of_several_credentials_in_a_project_the_named_one_is_taken() {
    let one = |id: &str| {
        format!(
            r#"{{"oauth_server_to_server":{{"client_id":"{id}","client_secrets":["of-{id}"]}}}}"#
        )
    };
    let project = format!(
        r#"{{"project":{{"org":{{"ims_org_id":"ACME@AdobeOrg"}},"workspace":{{"details":{{"credentials":[{},{}]}}}}}}}}"#,
        one("a"),
        one("b")
    );
    let named = server("client_id = \"b\"\ncredentials_file = \"c.json\"").file("c.json", &project);
    assert_eq!(secret(&named), "of-b");
    let unnamed = server("credentials_file = \"c.json\"").file("c.json", &project);
    assert_snapshot!(unnamed.faults(), @"  adobe.credentials_file (/etc/f.toml): /etc/c.json has several OAuth Server-to-Server credentials; set adobe.client_id to the one to use");
}

#[test]
fn of_several_secrets_the_first_is_used_with_a_warning() {
    let two = r#"{"CLIENT_ID":"c","ORG_ID":"ACME@AdobeOrg","CLIENT_SECRETS":["first","second"]}"#;
    let server = server("credentials_file = \"c.json\"").file("c.json", two);
    assert_eq!(secret(&server), "first");
    assert_snapshot!(server.warnings(), @"/etc/c.json contains several client secrets; the first is used");
}

#[test]
fn invalid_console_files_are_refused() {
    let of = |text: &str| server("credentials_file = \"c.json\"").file("c.json", text).faults();
    assert_snapshot!(of("{\"CLIENT_SECRETS\": [\"p8e-S3cr3tOfTheClient\""), @"  adobe.credentials_file (/etc/f.toml): /etc/c.json is not valid JSON (line 1, column 43)");
    assert_snapshot!(of("[\"p8e-S3cr3tOfTheClient\"]"), @"  adobe.credentials_file (/etc/f.toml): /etc/c.json is not a credential file (no CLIENT_ID, CLIENT_SECRETS, ORG_ID or project); download it again from Adobe Developer Console");
    assert_snapshot!(of("{\"project\": {}}"), @"  adobe.credentials_file (/etc/f.toml): /etc/c.json has no OAuth Server-to-Server credential; add one to the project in Adobe Developer Console and download it again");
    assert_snapshot!(server("credentials_file = \"none.json\"").faults(), @"  adobe.credentials_file (/etc/f.toml): /etc/none.json cannot be read: No such file or directory (os error 2)");
}

#[test]
fn a_secret_file_loses_the_line_break_at_its_end() {
    for text in ["p8e-S3cr3tOfTheClient", "p8e-S3cr3tOfTheClient\n", "p8e-S3cr3tOfTheClient\r\n"] {
        let server = server(&format!("{IDS}client_secret_file = \"sub/s\"")).file("sub/s", text);
        assert_eq!(secret(&server), SECRET);
    }
}

#[test]
fn the_systemd_credential_is_used_where_nothing_else_names_a_secret() {
    let systemd = server(IDS).credential("client_secret", "from-systemd\n");
    assert_eq!(secret(&systemd), "from-systemd");
    let key = server(&format!("{IDS}client_secret = \"own\"")).credential("client_secret", "x");
    assert_eq!(secret(&key), "own");
    let console = server("credentials_file = \"c.json\"").file("c.json", FLAT);
    assert_eq!(secret(&console.credential("client_secret", "x")), SECRET);
    let incomplete = r#"{"CLIENT_ID":"c","ORG_ID":"ACME@AdobeOrg"}"#;
    let both = server("credentials_file = \"c.json\"").file("c.json", incomplete);
    assert_eq!(secret(&both.credential("client_secret", "from-systemd")), "from-systemd");
    let other = server(&format!("{IDS}client_secret = \"own\"")).credential("other", "x");
    assert_eq!(secret(&other), "own");
}

#[test]
fn a_secret_may_be_any_one_line() {
    let server = server(IDS).variable("FLOWMEND__ADOBE__CLIENT_SECRET", "00123");
    assert_eq!(secret(&server), "00123");
}

#[test]
fn two_secrets_are_refused() {
    let server = server(&format!("{IDS}client_secret_file = \"s\""))
        .file("s", SECRET)
        .variable("FLOWMEND__ADOBE__CLIENT_SECRET", SECRET);
    assert_snapshot!(server.faults(), @r#"  adobe.client_secret (FLOWMEND__ADOBE__CLIENT_SECRET): the secret is set twice, here and by adobe.client_secret_file (/etc/f.toml); keep one and set the other to """#);
}

#[test]
fn invalid_secrets_are_refused() {
    let file = |text: &str| {
        server(&format!("{IDS}client_secret_file = \"dir/s\"")).file("dir/s", text).faults()
    };
    assert_snapshot!(file(""), @"  adobe.client_secret (/etc/dir/s): must not be empty; write the client secret there");
    assert_snapshot!(file("\n"), @"  adobe.client_secret (/etc/dir/s): must not be empty; write the client secret there");
    assert_snapshot!(file("one\ntwo\n"), @"  adobe.client_secret (/etc/dir/s): must be one line without control characters");
    assert_snapshot!(file(" one"), @"  adobe.client_secret (/etc/dir/s): starts or ends with a space; remove it");
    assert_snapshot!(server(IDS).variable("FLOWMEND__ADOBE__CLIENT_SECRET", "").faults(), @"  adobe.client_secret (FLOWMEND__ADOBE__CLIENT_SECRET): must not be empty: no client secret found; set adobe.credentials_file (the file from Adobe Developer Console), adobe.client_secret_file or FLOWMEND__ADOBE__CLIENT_SECRET, or pass the service a systemd credential client_secret");
    assert_snapshot!(server(&format!("{IDS}client_secret = 7")).faults(), @"  adobe.client_secret (/etc/f.toml): must be text in double quotes");
    assert_snapshot!(server(&format!("{IDS}client_secret_file = \"./none\"")).faults(), @"  adobe.client_secret_file (/etc/f.toml): /etc/./none cannot be read: No such file or directory (os error 2)");
    assert_snapshot!(server(IDS).credential("client_secret", "").faults(), @"  adobe.client_secret (/etc/run/client_secret): must not be empty; write the client secret there");
}

#[test]
fn missing_credentials_are_reported_with_where_to_get_them() {
    assert_snapshot!(server("").faults(), @r"
        adobe.org_id (not set): the IMS organization id is required; Adobe Developer Console shows it, and the credential file that it offers for download (adobe.credentials_file) contains it
        adobe.client_id (not set): the OAuth client id is required; Adobe Developer Console shows it with the OAuth Server-to-Server credential, and the credential file that it offers for download (adobe.credentials_file) contains it
        adobe.client_secret (not set): no client secret found; set adobe.credentials_file (the file from Adobe Developer Console), adobe.client_secret_file or FLOWMEND__ADOBE__CLIENT_SECRET, or pass the service a systemd credential client_secret
    ");
}

#[test]
fn invalid_ids_are_refused() {
    let of = |keys: &str| server(&format!("client_secret = \"s\"\n{keys}")).faults();
    assert_snapshot!(of("client_id = \"c\"\norg_id = \"ACME\""), @"  adobe.org_id (/etc/f.toml): must end in @AdobeOrg, like 1234567890ABCDEF@AdobeOrg");
    assert_snapshot!(of("client_id = \"c d\"\norg_id = \"@AdobeOrg\""), @r"
        adobe.org_id (/etc/f.toml): must end in @AdobeOrg, like 1234567890ABCDEF@AdobeOrg
        adobe.client_id (/etc/f.toml): must not contain spaces or control characters
    ");
}

#[test]
fn a_world_readable_secret_triggers_a_warning() {
    let in_file = server(&format!("{IDS}client_secret_file = \"s\"")).file("s", SECRET);
    assert_snapshot!(in_file.readable_by_all("s").warnings(), @"/etc/s contains a secret and is world-readable; run `chmod 600 /etc/s`");
    let console = server("credentials_file = \"c.json\"").file("c.json", FLAT);
    assert_snapshot!(console.readable_by_all("c.json").warnings(), @"/etc/c.json contains a secret and is world-readable; run `chmod 600 /etc/c.json`");
    let in_config = server(&format!("{IDS}client_secret = \"own\""));
    assert_snapshot!(in_config.readable_by_all("f.toml").warnings(), @"/etc/f.toml contains a secret and is world-readable; run `chmod 600 /etc/f.toml`");
}
