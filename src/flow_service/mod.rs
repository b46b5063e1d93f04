//! Adobe's Flow Service, as far as flowmend needs it.
//!
//! Two kinds of calls are made, and they are kept apart down to the connection they use:
//!
//! - **Reads** (and the token) may be repeated. They go through [`crate::backoff`], share
//!   connections, and give a [`Listing`] that knows whether it is complete. An incomplete listing
//!   may show that something is there, never that something is missing.
//! - **The re-trigger** is one POST and is never repeated: not by us, not by the HTTP library, not
//!   because of a redirect, not even with a new token. It has no idempotency key, and calling twice
//!   makes two runs. Its end is a [`Verdict`](crate::domain::model::verdict::Verdict), and what does not
//!   say for certain that no run was made is *in doubt*, not failed.
//!
//! Answers are judged on their HTTP status, the full name of the error and its words, never on a
//! bare number: Adobe's two catalogues of errors use some numbers twice. What Adobe documents,
//! what has been seen in public code and what is inferred is said where it matters; what is
//! documented nowhere is tried and, if refused, remembered (`shapes`).
//!
//! Reading order: `client` → `retrigger` → `reader`, `failed_runs`, `shapes` → `query`, `wire`; below
//! them `auth`, `gateway` and `exchange`.

mod auth;
mod by_id;
mod client;
mod complaint;
mod error;
mod exchange;
mod failed_runs;
mod gateway;
mod listing;
mod pause;
mod peers;
mod platform_clock;
mod query;
mod reader;
mod retrigger;
mod run_errors;
mod shapes;
mod text;
mod wire;

pub use client::FlowService;
pub use error::{Answered, ApiError, Service};
pub use gateway::Observer;
pub use listing::Listing;
pub use platform_clock::ClockFault;
pub(crate) use shapes::IDS_PER_REQUEST;

use jiff::Timestamp;
use secrecy::SecretString;
use std::time::Duration;

/// How to reach Adobe, as whom, and how gently.
#[derive(Debug, Clone)]
pub struct Connection {
    /// `https://platform.adobe.io`; may have a path of its own.
    pub platform_url: reqwest::Url,
    /// `https://ims-na1.adobelogin.com`.
    pub ims_url: reqwest::Url,
    /// `…@AdobeOrg`.
    pub org_id: String,
    /// The credential's client id, also sent as `x-api-key`.
    pub client_id: String,
    /// The credential's secret.
    pub client_secret: SecretString,
    /// What the token is for; sent joined by commas.
    pub scopes: Vec<String>,
    /// `re-trigger`. Adobe's tutorial spells it like that, its API description `RE_TRIGGER`.
    pub retrigger_op: String,
    /// Send the run's etag as `If-Match` with the re-trigger.
    pub send_if_match: bool,
    /// For a whole exchange, its body included; half of it, at most 10 s, for making the connection.
    pub request_timeout: Duration,
    /// Requests to the platform, evenly spaced; 0 for no limit.
    pub requests_per_second: f64,
    /// Requests to the platform that may be under way, at least 1.
    pub max_concurrent_requests: usize,
    /// No larger answer is read, in bytes after decompression.
    pub max_response_bytes: usize,
    /// Pages read of one request's listing, at least 1.
    pub max_pages: usize,
    /// Items per page, 1 to 100.
    pub page_size: usize,
    /// How the status *failed* may be spelled in a filter (`failed`, `Failed`); without any, no
    /// filter is sent. Runs with one of these statuses are listed, and failed ones always.
    pub failed_status_values: Vec<String>,
}

/// Which failed runs to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// Those that changed since then. If the platform does not let itself be asked that, those made
    /// since six hours before then.
    UpdatedSince(Timestamp),
    /// Those made since then.
    BegunSince(Timestamp),
}
