//! The client secret: in a key, a file of its own, the downloaded credential file, or a systemd
//! credential.

use super::credential_file::{self, warn_if_world_readable};
use crate::settings::read::origin::Origin;
use crate::settings::read::section::{REDACTED, Read, Section};
use secrecy::{ExposeSecret, SecretString};
use std::path::Path;

/// The name of the systemd credential with the secret.
const SYSTEMD_CREDENTIAL: &str = "client_secret";

const MISSING: &str = "no client secret found; set adobe.credentials_file (the file from \
    Adobe Developer Console), adobe.client_secret_file or FLOWMEND__ADOBE__CLIENT_SECRET, or pass \
    the service a systemd credential client_secret";

/// The two keys for the secret; only one of them may be set.
pub(crate) struct SecretKeys {
    secret: Option<Read<String>>,
    file: Option<Read<String>>,
}

impl SecretKeys {
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        Self {
            secret: section.secret("client_secret"),
            file: section.text("client_secret_file", |text| Ok(text.to_owned())),
        }
    }

    /// Finds the secret: in the key, the file of the other key, the downloaded file `console`, or the
    /// directory of systemd credentials.
    pub(crate) fn find(
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
                    "the secret is set twice, here and by adobe.client_secret_file ({}); keep one \
                     and set the other to \"\"",
                    file.origin
                );
                section.fault_at("client_secret", secret.origin, message);
                return None;
            }
            (false, true) => {
                warn_if_world_readable(section, &secret.origin);
                secret
            }
            (true, false) => credential_file::read(section, "client_secret_file", &file, line)?,
            (true, true) => match in_console {
                Some(found) => {
                    Read { value: found.expose_secret().to_owned(), origin: console.clone() }
                }
                None => systemd_credential(section, systemd, secret.origin)?,
            },
        };
        checked(section, found)
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
        section.missing_credential("client_secret", key, MISSING);
        return None;
    };
    let origin = Origin::Variable("CREDENTIALS_DIRECTORY".to_owned());
    let named = Read { value: path.display().to_string(), origin };
    credential_file::read(section, "client_secret", &named, line)
}

/// Editors and `echo` add a line break, which is not part of the secret.
fn line(text: &str) -> Result<String, String> {
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
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
