//! The operating-system lock next to the store: it shows whether the holder of the lease is alive.
//!
//! The kernel frees it when the process ends, for any reason. A stopped process keeps it. It never
//! replaces the lease; it only shows that a holder on this machine is gone.

use crate::store::Owner;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The lock file of one handle on a store. The file stays when the lock is free: if it were removed,
/// two processes could lock two files with the same name.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    held: Mutex<Option<Held>>,
}

/// A lock that this handle holds.
#[derive(Debug)]
struct Held {
    owner: Owner,
    identity: String,
    /// Keeps the lock while it is open.
    _file: File,
}

impl Lock {
    /// The lock of the store in the file `store`; the lock file is created when it is first needed.
    pub(super) fn beside(store: &Path) -> Self {
        let mut path = store.as_os_str().to_owned();
        path.push("-lock");
        Self { path: path.into(), held: Mutex::default() }
    }

    /// Tries to take the lock for `owner`, which holds the lease. Returns the lock's identity; `None` if
    /// it is not `owner`'s, or there is no lock here.
    pub(super) fn hold(&self, owner: &Owner) -> Option<String> {
        let mut held = self.held();
        if held.is_none() {
            let (file, identity) = self.open()?;
            file.try_lock().ok()?;
            *held = Some(Held { owner: owner.clone(), identity, _file: file });
        }
        held.as_ref().filter(|held| held.owner == *owner).map(|held| held.identity.clone())
    }

    /// Whether the holder that stored `identity` is alive; `None` if that is unknown, because it is
    /// another lock or on another machine.
    pub(super) fn is_alive(&self, identity: &str) -> Option<bool> {
        let held = self.held();
        if held.as_ref().is_some_and(|held| held.identity == identity) {
            return Some(true);
        }
        // Neither created nor written, because a reader may lack the right; and shared, so that two
        // readers do not take each other for the holder.
        let file = File::open(&self.path).ok()?;
        let ours = self::identity(&file).ok()?;
        (ours == identity).then(|| match file.try_lock_shared() {
            Ok(()) => Some(false),
            Err(std::fs::TryLockError::WouldBlock) => Some(true),
            Err(std::fs::TryLockError::Error(_)) => None,
        })?
    }

    /// Frees the lock if it is held for `owner`.
    pub(super) fn free(&self, owner: &Owner) {
        self.held().take_if(|held| held.owner == *owner);
    }

    /// Frees the lock for any owner.
    pub(super) fn close(&self) {
        self.held().take();
    }

    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the lock file. Without one only the end of the lease counts.
    fn open(&self) -> Option<(File, String)> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, super::mode::of_new_file(&self.path));
        let file = options.open(&self.path).ok()?;
        let identity = identity(&file).ok()?;
        Some((file, identity))
    }
}

/// Identifies the running kernel and the file itself, so that neither a copied store nor a lock file
/// that was removed and created again makes a live holder look dead.
#[cfg(unix)]
fn identity(file: &File) -> io::Result<String> {
    use std::os::unix::fs::MetadataExt;
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    let file = file.metadata()?;
    Ok(format!("{} {}:{}", boot.trim(), file.dev(), file.ino()))
}

/// Other systems do not identify their running kernel.
#[cfg(not(unix))]
fn identity(_file: &File) -> io::Result<String> {
    Err(io::ErrorKind::Unsupported.into())
}
