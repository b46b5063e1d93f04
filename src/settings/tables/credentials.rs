//! The credentials. The client id, its secret, the organization and the scopes come from keys of
//! `[adobe]` or from the file that Adobe Developer Console offers for download; the secret also from a
//! file of its own or a systemd credential. Keys win over the downloaded file.

use super::console_file::{self, ConsoleFile};
use crate::settings::read::file::read_text;
use crate::settings::read::origin::Origin;
use crate::settings::read::section::{REDACTED, Read, Section};
use crate::settings::read::text::{is_header_value, quoted, toml_list, toml_string};
use secrecy::{ExposeSecret, SecretString};
use std::path::{Path, PathBuf};

/// The longest credential file, in bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// The name of the systemd credential with the secret.
const SYSTEMD_CREDENTIAL: &str = "client_secret";

const ORG_ID_MISSING: &str = "the IMS organization id is required; Adobe Developer Console shows \
    it, and the credential file that it offers for download (adobe.credentials_file) contains it";
const CLIENT_ID_MISSING: &str = "the OAuth client id is required; Adobe Developer Console shows it \
    with the OAuth Server-to-Server credential, and the credential file that it offers for download \
    (adobe.credentials_file) contains it";
const SECRET_MISSING: &str = "no client secret found; set adobe.credentials_file (the file from \
    Adobe Developer Console), adobe.client_secret_file or FLOWMEND__ADOBE__CLIENT_SECRET, or pass \
    the service a systemd credential client_secret";

/// The effective credentials.
pub(crate) struct Credentials {
    pub(crate) org_id: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: SecretString,
    pub(crate) scopes: Vec<String>,
}

impl Credentials {
    /// Reads the keys and the files they name; `systemd` is the directory of systemd credentials.
    /// `None` if something is missing or faulty; the report has it by then.
    pub(crate) fn read(section: &mut Section<'_>, systemd: Option<&Path>) -> Option<Self> {
        let org_id = section.text("org_id", is_org_id);
        let client_id = section.text("client_id", is_client_id);
        let given = Given {
            secret: section.secret("client_secret"),
            file: section.text("client_secret_file", any),
        };
        let console_file = section.text("credentials_file", any);
        let scopes = section.list("scopes", scope);

        let wanted = client_id.as_ref().map(|key| key.value.as_str()).filter(|id| !id.is_empty());
        let console = console_file.filter(|file| !file.value.is_empty());
        let (console, from) = match console.map(|file| read_console(section, &file, wanted)) {
            Some(read) => read.map(|read| (read.value, read.origin))?,
            None => (ConsoleFile::default(), Origin::Unset),
        };
        let ids_differ = wanted.zip(console.client_id.as_deref()).is_some_and(|(a, b)| a != b);
        let org_id = org_id.map(|key| key.or_from(console.org_id, &from));
        let org_id = required(section, "org_id", org_id, is_org_id, ORG_ID_MISSING);
        let client_id = client_id.map(|key| key.or_from(console.client_id, &from));
        let client_id = required(section, "client_id", client_id, is_client_id, CLIENT_ID_MISSING);
        let secret = given.secret(section, console.client_secrets.first(), &from, systemd);
        if ids_differ && secret.as_ref().is_some_and(|secret| secret.origin == from) {
            let why = "differs from the client id in the file whose secret is used";
            section.report.warn(format!("adobe.client_id {why}: {from}"));
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
    /// This key if it is set, otherwise the value of the downloaded file.
    fn or_from(self, in_file: Option<String>, file: &Origin) -> Self {
        match in_file {
            Some(value) if self.value.is_empty() => Self { value, origin: file.clone() },
            _ => self,
        }
    }
}

/// Reports a required key that is set nowhere, or that the downloaded file sets to a value that does
/// not pass `check`.
fn required(
    section: &mut Section<'_>,
    key: &'static str,
    read: Option<Read<String>>,
    check: fn(&str) -> Result<(), String>,
    missing: &str,
) -> Option<String> {
    let Read { value, origin } = read?;
    if value.is_empty() {
        report_missing(section, key, origin, missing);
        return None;
    }
    if let Err(message) = check(&value) {
        section.fault_at(key, origin, message);
        return None;
    }
    section.show_instead(key, toml_string(&value), origin);
    Some(value)
}

/// The scopes of the downloaded file replace only the defaults.
fn scopes_of(
    section: &mut Section<'_>,
    key: Read<Vec<String>>,
    in_file: Vec<String>,
    file: &Origin,
) -> Option<Vec<String>> {
    if key.origin == Origin::Defaults && !in_file.is_empty() {
        if let Err(message) = in_file.iter().try_for_each(|text| scope(text).map(|_| ())) {
            section.fault_at("scopes", file.clone(), message);
            return None;
        }
        section.show_instead("scopes", toml_list(&in_file), file.clone());
        return Some(in_file);
    }
    if key.value.is_empty() {
        let message = "must not be empty; remove it to use the default scopes";
        section.fault_at("scopes", key.origin, message);
        return None;
    }
    Some(key.value)
}

/// The two keys for the secret; only one of them may be set.
struct Given {
    secret: Option<Read<String>>,
    file: Option<Read<String>>,
}

impl Given {
    /// Finds the secret: in the key, the file of the other key, the downloaded file, or the systemd
    /// credential.
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
                    "the secret is set twice, here and by adobe.client_secret_file ({}); keep one and \
                     set the other to \"\"",
                    file.origin
                );
                section.fault_at("client_secret", secret.origin, message);
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

/// Checks that the secret can be sent: one line, and not empty.
fn checked(section: &mut Section<'_>, found: Read<String>) -> Option<Read<SecretString>> {
    let message = if found.value.is_empty() {
        "must not be empty; write the client secret there"
    } else if found.value.chars().any(char::is_control) {
        "must be one line without control characters"
    } else if found.value.trim() != found.value {
        "starts or ends with a space; remove it"
    } else {
        section.show_instead("client_secret", REDACTED.to_owned(), found.origin.clone());
        return Some(Read { value: SecretString::from(found.value), origin: found.origin });
    };
    section.fault_at("client_secret", found.origin, message);
    None
}

fn read_secret_file(section: &mut Section<'_>, key: &Read<String>) -> Option<Read<String>> {
    let path = key.origin.resolve(&key.value);
    match read_text(&path, MAX_FILE_BYTES) {
        Ok(text) => Some(secret_from(section, path, &text)),
        Err(error) => {
            let message = format!("{} {error}", shown_path(&key.value, &key.origin));
            section.fault_at("client_secret_file", key.origin.clone(), message);
            None
        }
    }
}

/// The systemd credential, the last place to look; `key` is the origin of the empty key.
fn systemd_credential(
    section: &mut Section<'_>,
    directory: Option<&Path>,
    key: Origin,
) -> Option<Read<String>> {
    let path = directory.map(|directory| directory.join(SYSTEMD_CREDENTIAL));
    let Some(path) = path.filter(|path| path.try_exists().unwrap_or(true)) else {
        report_missing(section, "client_secret", key, SECRET_MISSING);
        return None;
    };
    match read_text(&path, MAX_FILE_BYTES) {
        Ok(text) => Some(secret_from(section, path, &text)),
        Err(error) => {
            let message = format!("the systemd credential {error}");
            section.fault_at("client_secret", Origin::File(path), message);
            None
        }
    }
}

/// Editors and `echo` add a line break, which is not part of the secret.
fn secret_from(section: &mut Section<'_>, path: PathBuf, text: &str) -> Read<String> {
    let origin = Origin::File(path);
    warn_if_world_readable(section, &origin);
    Read { value: text.trim_end_matches(['\r', '\n']).to_owned(), origin }
}

fn read_console(
    section: &mut Section<'_>,
    key: &Read<String>,
    client_id: Option<&str>,
) -> Option<Read<ConsoleFile>> {
    let path = key.origin.resolve(&key.value);
    let read =
        read_text(&path, MAX_FILE_BYTES).and_then(|text| console_file::parse(&text, client_id));
    let origin = Origin::File(path);
    match read {
        Ok(console) => {
            warn_if_world_readable(section, &origin);
            if console.client_secrets.len() > 1 {
                let message =
                    format!("{origin} contains several client secrets; the first is used");
                section.report.warn(message);
            }
            Some(Read { value: console, origin })
        }
        Err(message) => {
            let message = format!("{} {message}", shown_path(&key.value, &key.origin));
            section.fault_at("credentials_file", key.origin.clone(), message);
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
        let message =
            format!("{origin} contains a secret and is world-readable; run `chmod 600 {origin}`");
        section.report.warn(message);
    }
}

#[cfg(not(unix))]
fn warn_if_world_readable(_: &mut Section<'_>, _: &Origin) {}

/// Reports a key that is not set (its value is the empty default), or set to nothing.
fn report_missing(section: &mut Section<'_>, key: &str, origin: Origin, missing: &str) {
    let key = &format!("{}.{key}", section.name);
    match origin {
        Origin::Defaults => section.report.missing(key, Origin::Unset, missing),
        origin => section.report.missing(key, origin, format!("must not be empty: {missing}")),
    }
}

fn is_client_id(text: &str) -> Result<(), String> {
    match text.is_empty() || is_header_value(text) {
        true => Ok(()),
        false => Err("must not contain spaces or control characters".to_owned()),
    }
}

fn scope(text: &str) -> Result<String, String> {
    match !text.is_empty() && is_header_value(text) && !text.contains(',') {
        true => Ok(text.to_owned()),
        false => Err(format!("{} is not a valid scope; use words like \"openid\"", quoted(text))),
    }
}

fn any(_: &str) -> Result<(), String> {
    Ok(())
}

/// Checks an organization id. The message does not repeat it: it may be a misplaced secret.
fn is_org_id(text: &str) -> Result<(), String> {
    let named = text.strip_suffix("@AdobeOrg").is_some_and(|name| !name.is_empty());
    if text.is_empty() || (named && is_header_value(text)) {
        return Ok(());
    }
    Err("must end in @AdobeOrg, like 1234567890ABCDEF@AdobeOrg".to_owned())
}

/// The path of a key, for a message. A text without slash and dot may be a misplaced secret, so it is
/// not repeated.
fn shown_path(text: &str, origin: &Origin) -> String {
    match text.contains(['/', '.']) && !text.starts_with("p8") {
        true => origin.resolve(text).display().to_string(),
        false => "the file it names".to_owned(),
    }
}
