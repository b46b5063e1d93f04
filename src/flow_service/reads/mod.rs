//! Everything that is read: documents, single things, listings.
//!
//! Reading order: `reader` → `listing` → `by_id`, `failed_runs`, `peers` → `forms`.

mod by_id;
mod failed_runs;
pub(crate) mod forms;
pub(crate) mod listing;
mod peers;
pub(crate) mod reader;
pub(crate) mod spellings;
