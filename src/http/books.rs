//! The store and the settings that the pages and the API read.

use crate::settings::Settings;
use crate::store::Store;
use std::sync::Arc;
use tokio::sync::watch;

/// The store and the settings in force. Empty until the store is open.
#[derive(Debug, Default)]
pub struct Books(watch::Sender<Option<Book>>);

impl Books {
    /// Shows `store` and `settings` from now on.
    pub fn show(&self, store: Arc<dyn Store>, settings: Arc<Settings>) {
        self.0.send_replace(Some(Book { store, settings }));
    }

    /// What is shown now.
    pub(super) fn book(&self) -> Option<Book> {
        self.0.borrow().clone()
    }
}

/// What one request reads.
#[derive(Debug, Clone)]
pub(super) struct Book {
    pub(super) store: Arc<dyn Store>,
    pub(super) settings: Arc<Settings>,
}
