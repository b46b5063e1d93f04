//! Reads the files that contain a credential.

use crate::settings::read::file::read_text;
use crate::settings::read::origin::Origin;
use crate::settings::read::section::{Read, Section};

/// The longest credential file, in bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Reads the file whose path is `named`, the value of `key`. The error of `parse` continues a
/// sentence that starts with the file.
pub(crate) fn read<T>(
    section: &mut Section<'_>,
    key: &str,
    named: &Read<String>,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Option<Read<T>> {
    let path = named.origin.resolve(&named.value);
    let text = read_text(&path, MAX_FILE_BYTES);
    if section.report.is_offline && text.is_err() {
        return None;
    }
    match text.and_then(|text| parse(&text)) {
        Ok(value) => {
            let origin = Origin::File(path);
            warn_if_world_readable(section, &origin);
            Some(Read { value, origin })
        }
        Err(error) => {
            let message = format!("{} {error}", shown_path(named));
            section.fault_at(key, named.origin.clone(), message);
            None
        }
    }
}

/// Warns if everybody on this machine can read the file `origin`.
#[cfg(unix)]
pub(crate) fn warn_if_world_readable(section: &mut Section<'_>, origin: &Origin) {
    use std::os::unix::fs::PermissionsExt;
    let Origin::File(path) = origin else { return };
    let mode = std::fs::metadata(path).map(|metadata| metadata.permissions().mode());
    if mode.is_ok_and(|mode| mode & 0o004 != 0) {
        let warning =
            format!("{origin} contains a secret and is world-readable; run `chmod 600 {origin}`");
        section.report.warn(warning);
    }
}

/// Other systems have no such permission.
#[cfg(not(unix))]
pub(crate) fn warn_if_world_readable(_: &mut Section<'_>, _: &Origin) {}

/// The path, for a message. A text without slash and dot may be a misplaced secret, so it is not
/// repeated.
fn shown_path(named: &Read<String>) -> String {
    match named.value.contains(['/', '.']) && !named.value.starts_with("p8") {
        true => named.origin.resolve(&named.value).display().to_string(),
        false => "the file it names".to_owned(),
    }
}
