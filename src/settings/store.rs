//! `[store]`: where recoveries are kept between passes.

use super::fault::Origin;
use super::section::Section;
use std::path::PathBuf;
use std::time::Duration;

/// `[store]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSettings {
    /// The SQLite file that `store.url` names. `FLOWMEND__STORE__URL`.
    pub path: PathBuf,
    /// How long a finished recovery is kept. `FLOWMEND__STORE__RETENTION`.
    pub retention: Duration,
    /// How long a daemon that stopped answering keeps others from acting. `FLOWMEND__STORE__LEASE`.
    pub lease: Duration,
}

/// Reads `[store]`; `None` where a key was faulty.
pub(super) fn read(section: &mut Section<'_>) -> Option<StoreSettings> {
    let (second, day) = (Duration::from_secs(1), Duration::from_secs(24 * 60 * 60));
    let path = section.parsed("url", sqlite_path);
    let retention = section.duration("retention", 60 * 60 * second..=3650 * day);
    let lease = section.duration("lease", second..=60 * 60 * second);
    Some(StoreSettings { path: path?, retention: retention?, lease: lease? })
}

/// The path in `sqlite:///absolute` or `sqlite://relative`, taken as it is written. No message
/// repeats the text: the URL of a database may hold a password.
fn sqlite_path(text: &str, origin: &Origin) -> Result<PathBuf, String> {
    const EXAMPLE: &str = "write it like sqlite:///var/lib/flowmend/flowmend.db";
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        return Err(format!("PostgreSQL is not supported yet; {EXAMPLE}"));
    }
    let Some(path) = text.strip_prefix("sqlite://") else {
        return Err(format!("is no URL of a store; {EXAMPLE}"));
    };
    if path.is_empty() || path.ends_with('/') {
        return Err(format!("names no file; {EXAMPLE}"));
    }
    if path.contains(":memory:") {
        return Err(format!("a store in memory forgets which runs were re-triggered; {EXAMPLE}"));
    }
    if path.contains(['?', '#']) || path.contains(char::is_control) {
        return Err(format!("goes on after the path; {EXAMPLE}, without ? and #"));
    }
    Ok(origin.resolve(path))
}
