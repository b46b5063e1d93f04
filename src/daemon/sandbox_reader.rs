//! What is needed to read a sandbox. What it reads is in `gather.rs` and the files that it uses.

use crate::domain::policy::schedule::Jitter;
use crate::flow_service::FlowService;
use crate::settings::{SandboxSettings, Settings};
use crate::store::Store;

/// Reads one sandbox from Adobe and from the store.
#[derive(Debug, Clone, Copy)]
pub(super) struct SandboxReader<'a> {
    pub(super) service: &'a FlowService,
    pub(super) store: &'a dyn Store,
    pub(super) settings: &'a Settings,
    pub(super) sandbox: &'a SandboxSettings,
    pub(super) jitter: Jitter,
}
