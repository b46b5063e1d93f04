//! `[store]`: where recoveries are kept between passes.

use crate::settings::read::section::Section;
use std::path::PathBuf;
use std::time::Duration;

/// `[store]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSettings {
    /// The SQLite file of `store.url`. `FLOWMEND__STORE__URL`.
    pub path: PathBuf,
    /// How long a finished recovery is kept. `FLOWMEND__STORE__RETENTION`.
    pub retention: Duration,
    /// How long a daemon that does not renew its lease blocks others. `FLOWMEND__STORE__LEASE`.
    pub lease: Duration,
}

/// Reads `[store]`; `None` if a key is faulty.
pub(crate) fn read(section: &mut Section<'_>) -> Option<StoreSettings> {
    let (second, day) = (Duration::from_secs(1), Duration::from_secs(24 * 60 * 60));
    let path = section.text("url", sqlite_path);
    let retention = section.duration("retention", 60 * 60 * second..=3650 * day);
    let lease = section.duration("lease", second..=60 * 60 * second);
    Some(StoreSettings {
        path: path.map(|read| read.origin.resolve(&read.value))?,
        retention: retention?,
        lease: lease?,
    })
}

/// The path of `sqlite:///absolute` or `sqlite://relative`, not decoded. No message repeats the text:
/// the URL of a database may contain a password.
fn sqlite_path(text: &str) -> Result<String, String> {
    const EXAMPLE: &str = "write it like sqlite:///var/lib/flowmend/flowmend.db";
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        return Err(format!("PostgreSQL is not supported yet; {EXAMPLE}"));
    }
    let Some(path) = text.strip_prefix("sqlite://") else {
        return Err(format!("must start with sqlite://; {EXAMPLE}"));
    };
    if path.is_empty() || path.ends_with('/') {
        return Err(format!("has no file name; {EXAMPLE}"));
    }
    if path.contains(":memory:") {
        return Err(format!(
            "must be a file, because a store in memory forgets which runs were re-triggered; {EXAMPLE}"
        ));
    }
    if path.contains(['?', '#']) || path.contains(char::is_control) {
        return Err(format!("has a query, fragment or control character; {EXAMPLE}"));
    }
    Ok(path.to_owned())
}
