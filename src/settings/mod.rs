//! The settings: what they are, where they come from, and what is wrong with them.
//!
//! There are three layers; a later one overrides an earlier one, key by key: the built-in defaults
//! ([`DEFAULT_TOML`], the reference of every key), the configuration files in order, and environment
//! variables (`FLOWMEND__SECTION__KEY`). Lists (`[[sandbox]]`, `[[dataflow]]`, `scopes`) are replaced
//! as a whole. `read/` merges the layers and reads the merged tables key by key; it collects every
//! fault instead of stopping at the first. `tables/` has one file per table: its type and its checks.
//!
//! Loading only reads files. A relative path in a setting starts at the directory of the
//! configuration file that contains it, otherwise at the working directory.

mod cross_checks;
mod pattern;
mod read;
mod schema;
#[allow(clippy::module_inception, reason = "it contains `Settings`")]
mod settings;
mod tables;

pub use pattern::Pattern;
pub use read::fault::{Fault, Faults};
pub use read::layers::Sources;
pub use read::origin::Origin;
pub use read::reference::DEFAULT_TOML;
pub use read::text::format_duration;
pub(crate) use read::text::nearest;
pub use schema::schema;
pub use settings::Settings;
pub use tables::adobe::Adobe;
pub use tables::http::Http;
pub use tables::log::{Log, LogFormat};
pub use tables::poll::Poll;
pub use tables::sandbox::SandboxSettings;
pub use tables::store::StoreSettings;
