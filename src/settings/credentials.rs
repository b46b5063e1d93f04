//! Who we are to Adobe. The client's id, its secret, the organization and the scopes come from keys
//! of `[adobe]`, from the file that Adobe's Developer Console offers for download, or, for the
//! secret, from a file of its own or a systemd credential. Keys win over the downloaded file.

use super::adobe::{is_org_id, shown_path};
use super::console::{self, Console};
use super::fault::Origin;
use super::file::read_text;
use super::section::{REDACTED, Read, Section};
use super::text::{quoted, toml_list, toml_string};
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use std::path::{Path, PathBuf};

/// A file with credentials is not longer than this, in bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// The name of the systemd credential that holds the secret.
const SYSTEMD_CREDENTIAL: &str = "client_secret";

const ORG_ID_MISSING: &str = "the IMS organization id is needed; Adobe Developer Console shows it \
    with the project's credential, and the credential file it offers for download \
    (adobe.credentials_file) holds it";
const CLIENT_ID_MISSING: &str = "the OAuth client id is needed; Adobe Developer Console shows it \
    with the project's OAuth Server-to-Server credential, and the credential file it offers for \
    download (adobe.credentials_file) holds it";
const SECRET_MISSING: &str = "no client secret is to be found; name its file in \
    adobe.client_secret_file, or the file downloaded from Adobe Developer Console in \
    adobe.credentials_file, or set FLOWMEND__ADOBE__CLIENT_SECRET, or give the service a systemd \
    credential client_secret";

/// The credentials that are in force.
pub(super) struct Credentials {
    pub(super) org_id: String,
    pub(super) client_id: String,
    pub(super) client_secret: SecretString,
    pub(super) scopes: Vec<String>,
}

impl Credentials {
    /// Reads the keys and the files they name; `systemd` is the directory of systemd credentials.
    /// `None` where something is missing or faulty; the report has it by then.
    pub(super) fn read(section: &mut Section<'_>, systemd: Option<&Path>) -> Option<Self> {
        let org_id = section.text("org_id", is_org_id);
        let client_id = section.text("client_id", is_client_id);
        let given = Given {
            secret: section.secret("client_secret"),
            file: section.text("client_secret_file", any),
        };
        let console_file = section.text("credentials_file", any);
        let scopes = section.list("scopes", is_scope);

        let wanted = client_id.as_ref().map(|key| key.value.as_str()).filter(|id| !id.is_empty());
        let console = console_file.filter(|file| !file.value.is_empty());
        let (console, from) = match console.map(|file| read_console(section, &file, wanted)) {
            Some(read) => read.map(|read| (read.value, read.origin))?,
            None => (Console::default(), Origin::Unset),
        };
        let ids_differ = wanted.zip(console.client_id.as_deref()).is_some_and(|(a, b)| a != b);
        let org_id = org_id.map(|key| key.or_from(console.org_id, &from));
        let org_id = needed(section, "org_id", org_id, is_org_id, ORG_ID_MISSING);
        let client_id = client_id.map(|key| key.or_from(console.client_id, &from));
        let client_id = needed(section, "client_id", client_id, is_client_id, CLIENT_ID_MISSING);
        let secret = given.secret(section, console.client_secrets.first(), &from, systemd);
        if ids_differ && secret.as_ref().is_some_and(|secret| secret.origin == from) {
            let why = "is not the client id of the file whose secret is used";
            section.report.warn(format!("adobe.client_id {why}, {from}"));
        }
        let scopes = scopes_of(section, scopes?, console.scopes, &from);
        Some(Self {
            org_id: org_id?,
            client_id: client_id?,
            client_secret: secret?.value,
            scopes: scopes?,
        })
    }
}

impl Read<String> {
    /// This key where it is set, otherwise what the downloaded file says.
    fn or_from(self, in_file: Option<String>, file: &Origin) -> Self {
        match in_file {
            Some(value) if self.value.is_empty() => Self { value, origin: file.clone() },
            _ => self,
        }
    }
}

/// Faults a key that neither the configuration nor the downloaded file sets, or that the file sets
/// to what does not pass `check`.
fn needed(
    section: &mut Section<'_>,
    key: &'static str,
    read: Option<Read<String>>,
    check: fn(&str) -> Result<(), String>,
    missing: &str,
) -> Option<String> {
    let Read { value, origin } = read?;
    let name = section.name(key);
    if value.is_empty() {
        report_missing(section, &name, origin, missing);
        return None;
    }
    if let Err(message) = check(&value) {
        section.report.fault(&name, origin, message);
        return None;
    }
    section.show_instead(key, toml_string(&value), origin);
    Some(value)
}

/// The scopes of the downloaded file replace the defaults, and nothing else.
fn scopes_of(
    section: &mut Section<'_>,
    key: Read<Vec<String>>,
    in_file: Vec<String>,
    file: &Origin,
) -> Option<Vec<String>> {
    if key.origin == Origin::Defaults && !in_file.is_empty() {
        if let Err(message) = in_file.iter().try_for_each(|scope| is_scope(scope)) {
            section.report.fault(&section.name("scopes"), file.clone(), message);
            return None;
        }
        section.show_instead("scopes", toml_list(&in_file), file.clone());
        return Some(in_file);
    }
    if key.value.is_empty() {
        let message = "no scope is given, and Adobe gives no token without; leave the key out for \
                       the scopes that are usual";
        section.report.fault(&section.name("scopes"), key.origin, message);
        return None;
    }
    Some(key.value)
}

/// The two keys that give the secret; only one of them may.
struct Given {
    secret: Option<Read<String>>,
    file: Option<Read<String>>,
}

impl Given {
    /// Finds the secret: in the key, in the file of the other key, in the downloaded file, in the
    /// systemd credential.
    fn secret(
        self,
        section: &mut Section<'_>,
        in_console: Option<&SecretString>,
        console: &Origin,
        systemd: Option<&Path>,
    ) -> Option<Read<SecretString>> {
        let (secret, file) = (self.secret?, self.file?);
        let found = match (secret.value.is_empty(), file.value.is_empty()) {
            (false, false) => {
                let message = format!(
                    "the secret is given twice, here and by adobe.client_secret_file ({}); keep \
                     one and set the other to \"\"",
                    file.origin
                );
                section.report.fault("adobe.client_secret", secret.origin, message);
                return None;
            }
            (false, true) => {
                warn_if_world_readable(section, &secret.origin);
                secret
            }
            (true, false) => read_secret_file(section, &file)?,
            (true, true) => match in_console {
                Some(found) => {
                    let value = found.expose_secret().to_owned();
                    Read { value, origin: console.clone() }
                }
                None => systemd_credential(section, systemd, secret.origin)?,
            },
        };
        checked(section, found)
    }
}

/// A secret that can be sent: one line, and not empty.
fn checked(section: &mut Section<'_>, found: Read<String>) -> Option<Read<SecretString>> {
    let message = if found.value.is_empty() {
        "the secret is empty; put the client secret there"
    } else if found.value.chars().any(char::is_control) {
        "the secret has several lines or control characters; a client secret is one line of text"
    } else if found.value.trim() != found.value {
        "the secret begins or ends with a space; take it out"
    } else {
        section.show_instead("client_secret", REDACTED.to_owned(), found.origin.clone());
        return Some(Read { value: SecretString::from(found.value), origin: found.origin });
    };
    section.report.fault("adobe.client_secret", found.origin, message);
    None
}

fn read_secret_file(section: &mut Section<'_>, key: &Read<String>) -> Option<Read<String>> {
    let path = key.origin.resolve(&key.value);
    match read_text(&path, MAX_FILE_BYTES) {
        Ok(text) => Some(secret_from(section, path, &text)),
        Err(error) => {
            let message = format!("{} {error}", shown_path(&key.value, &key.origin));
            section.report.fault("adobe.client_secret_file", key.origin.clone(), message);
            None
        }
    }
}

/// The systemd credential, the last place where a secret may be; `key` is where it was not.
fn systemd_credential(
    section: &mut Section<'_>,
    directory: Option<&Path>,
    key: Origin,
) -> Option<Read<String>> {
    let path = directory.map(|directory| directory.join(SYSTEMD_CREDENTIAL));
    let Some(path) = path.filter(|path| path.try_exists().unwrap_or(true)) else {
        report_missing(section, "adobe.client_secret", key, SECRET_MISSING);
        return None;
    };
    match read_text(&path, MAX_FILE_BYTES) {
        Ok(text) => Some(secret_from(section, path, &text)),
        Err(error) => {
            let message = format!("the systemd credential {error}");
            section.report.fault("adobe.client_secret", Origin::File(path), message);
            None
        }
    }
}

/// Editors and `echo` end a file with a line break, which is no part of the secret.
fn secret_from(section: &mut Section<'_>, path: PathBuf, text: &str) -> Read<String> {
    let origin = Origin::File(path);
    warn_if_world_readable(section, &origin);
    Read { value: text.trim_end_matches(['\r', '\n']).to_owned(), origin }
}

fn read_console(
    section: &mut Section<'_>,
    key: &Read<String>,
    client_id: Option<&str>,
) -> Option<Read<Console>> {
    let path = key.origin.resolve(&key.value);
    let read = read_text(&path, MAX_FILE_BYTES).and_then(|text| console::parse(&text, client_id));
    let origin = Origin::File(path);
    match read {
        Ok(console) => {
            warn_if_world_readable(section, &origin);
            if console.client_secrets.len() > 1 {
                let message = format!("{origin} holds several client secrets; the first is used");
                section.report.warn(message);
            }
            Some(Read { value: console, origin })
        }
        Err(message) => {
            let message = format!("{} {message}", shown_path(&key.value, &key.origin));
            section.report.fault("adobe.credentials_file", key.origin.clone(), message);
            None
        }
    }
}

#[cfg(unix)]
fn warn_if_world_readable(section: &mut Section<'_>, origin: &Origin) {
    use std::os::unix::fs::PermissionsExt;
    let Origin::File(path) = origin else { return };
    let mode = std::fs::metadata(path).map(|metadata| metadata.permissions().mode());
    if mode.is_ok_and(|mode| mode & 0o004 != 0) {
        let message = format!(
            "{origin} holds a secret and everybody on this machine may read it; chmod o-r it"
        );
        section.report.warn(message);
    }
}

#[cfg(not(unix))]
fn warn_if_world_readable(_: &mut Section<'_>, _: &Origin) {}

/// A key whose value is the empty default was not set at all; any other was set to nothing.
fn report_missing(section: &mut Section<'_>, key: &str, origin: Origin, missing: &str) {
    match origin {
        Origin::Defaults => section.report.missing(key, Origin::Unset, missing),
        origin => section.report.missing(key, origin, format!("is empty: {missing}")),
    }
}

/// Whether `text` can be sent as a header of a request.
pub(super) fn is_header_value(text: &str) -> bool {
    HeaderValue::from_str(text).is_ok() && text.is_ascii() && !text.contains(char::is_whitespace)
}

fn is_client_id(text: &str) -> Result<(), String> {
    match text.is_empty() || is_header_value(text) {
        true => Ok(()),
        false => Err("a client id has neither spaces nor control characters".to_owned()),
    }
}

fn is_scope(text: &str) -> Result<(), String> {
    match !text.is_empty() && is_header_value(text) && !text.contains(',') {
        true => Ok(()),
        false => Err(format!("{} is no scope; give words like \"openid\"", quoted(text))),
    }
}

fn any(_: &str) -> Result<(), String> {
    Ok(())
}
