//! Where a store lives, and can be opened again and again.

use flowmend::store::{SqliteStore, Store};
use tempfile::TempDir;

/// A place for one store. It starts empty, and goes with everything in it when it is dropped.
pub(crate) trait Place {
    /// A place where no store has been yet.
    async fn fresh() -> Self;

    /// A handle to the store here; the first one makes it.
    async fn open(&self) -> Box<dyn Store>;
}

/// A file in a directory of its own.
pub(crate) struct SqliteFile {
    directory: TempDir,
}

impl Place for SqliteFile {
    async fn fresh() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    async fn open(&self) -> Box<dyn Store> {
        let path = self.directory.path().join("flowmend.db");
        Box::new(SqliteStore::open(&path).await.unwrap())
    }
}
