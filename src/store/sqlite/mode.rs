//! Who may use the files of the store.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The mode of a new file: for its owner, and also for the group if the group may write to the
/// directory. Thus a directory shared with operators gives them the store.
pub(super) fn of_new_file(path: &Path) -> u32 {
    let directory = path.parent().map(std::fs::metadata);
    let mode = directory.and_then(Result::ok).map_or(0, |directory| directory.permissions().mode());
    if mode & 0o020 == 0 { 0o600 } else { 0o660 }
}
