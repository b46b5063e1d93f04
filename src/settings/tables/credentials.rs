//! The credentials. The client id, its secret, the organization and the scopes come from keys of
//! `[adobe]` or from the file that Adobe Developer Console offers for download; the secret also from a
//! file of its own or a systemd credential. Keys win over the downloaded file.

use super::client_secret::SecretKeys;
use super::console_file::{self, ConsoleFile};
use super::credential_file;
use crate::settings::read::origin::Origin;
use crate::settings::read::section::{Read, Section};
use crate::settings::read::text::{is_header_value, quoted, toml_list, toml_string};
use secrecy::SecretString;
use std::path::Path;

const ORG_ID_MISSING: &str = "the IMS organization id is required; Adobe Developer Console shows \
    it, and the credential file that it offers for download (adobe.credentials_file) contains it";
const CLIENT_ID_MISSING: &str = "the OAuth client id is required; Adobe Developer Console shows it \
    with the OAuth Server-to-Server credential, and the credential file that it offers for download \
    (adobe.credentials_file) contains it";

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
        let org_id = section.text("org_id", organization_id);
        let client_id = section.text("client_id", client_id_text);
        let secret = SecretKeys::read(section);
        let console_file = section.text("credentials_file", |text| Ok(text.to_owned()));
        let scopes = section.list("scopes", scope);

        let wanted = client_id.as_ref().map(|key| key.value.as_str()).filter(|id| !id.is_empty());
        let (console, from) = match console_file.filter(|key| !key.value.is_empty()) {
            Some(key) => {
                let parse = |text: &str| console_file::parse(text, wanted);
                match credential_file::read(section, "credentials_file", &key, parse) {
                    Some(read) => (read.value, read.origin),
                    None if section.report.is_offline => (ConsoleFile::default(), Origin::Unset),
                    None => return None,
                }
            }
            None => (ConsoleFile::default(), Origin::Unset),
        };
        if console.client_secrets.len() > 1 {
            let warning = format!("{from} contains several client secrets; the first is used");
            section.report.warn(warning);
        }
        let ids_differ = wanted.zip(console.client_id.as_deref()).is_some_and(|(a, b)| a != b);
        let org_id = org_id.map(|key| key.or_from(console.org_id, &from));
        let org_id = required(section, "org_id", org_id, organization_id, ORG_ID_MISSING);
        let client_id = client_id.map(|key| key.or_from(console.client_id, &from));
        let client_id =
            required(section, "client_id", client_id, client_id_text, CLIENT_ID_MISSING);
        let secret = secret.find(section, console.client_secrets.first(), &from, systemd);
        if ids_differ && secret.as_ref().is_some_and(|secret| secret.origin == from) {
            let why = "differs from the client id in the file whose secret is used";
            section.report.warn(format!("adobe.client_id {why}: {from}"));
        }
        let scopes = scopes_of(section, scopes?, console.scopes, &from);
        let absent = || section.report.is_offline.then(String::new);
        Some(Self {
            org_id: org_id.or_else(absent)?,
            client_id: client_id.or_else(absent)?,
            client_secret: secret
                .map(|it| it.value)
                .or_else(|| absent().map(SecretString::from))?,
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
    check: fn(&str) -> Result<String, String>,
    missing: &str,
) -> Option<String> {
    let Read { value, origin } = read?;
    if value.is_empty() {
        section.missing_credential(key, origin, missing);
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

fn client_id_text(text: &str) -> Result<String, String> {
    match text.is_empty() || is_header_value(text) {
        true => Ok(text.to_owned()),
        false => Err("must not contain spaces or control characters".to_owned()),
    }
}

fn scope(text: &str) -> Result<String, String> {
    match !text.is_empty() && is_header_value(text) && !text.contains(',') {
        true => Ok(text.to_owned()),
        false => Err(format!("{} is not a valid scope; use words like \"openid\"", quoted(text))),
    }
}

/// Checks an organization id. The message does not repeat it: it may be a misplaced secret.
fn organization_id(text: &str) -> Result<String, String> {
    let named = text.strip_suffix("@AdobeOrg").is_some_and(|name| !name.is_empty());
    if text.is_empty() || (named && is_header_value(text)) {
        return Ok(text.to_owned());
    }
    Err("must end in @AdobeOrg, like 1234567890ABCDEF@AdobeOrg".to_owned())
}
