//! Adobe's Flow Service, as far as flowmend needs it.
//!
//! There are two kinds of calls, which do not even share connections:
//!
//! - **Reads** (and the token request) may be repeated. They go through [`crate::backoff`], share
//!   connections, and return a [`Listing`] that knows whether it is complete. An incomplete listing
//!   may prove that something exists, never that something is missing.
//! - **The re-trigger** is one POST and is never repeated: not by us, not by the HTTP library, not
//!   after a redirect, not even with a new token. It has no idempotency key, and calling twice
//!   creates two runs. It ends with a [`Verdict`](crate::domain::model::verdict::Verdict), and an
//!   answer that does not prove that no run was created is *in doubt*, not failed.
//!
//! Answers are judged by HTTP status, the full name of the error and its message, never by a number
//! alone: Adobe's two error catalogs use some numbers twice. Comments say what Adobe documents,
//! what has been seen in public code and what is inferred. What is documented nowhere is tried and,
//! if refused, remembered (`reads::forms`).
//!
//! Reading order: `client` → `retrigger`, `verdicts` → `reads` → `query`, `wire`,
//! `run_errors`; below them `http`.

mod client;
mod error;
mod error_body;
mod fields;
mod http;
mod probe;
mod query;
mod reads;
mod retrigger;
mod run_errors;
mod text;
mod verdicts;
mod wire;

pub use client::FlowService;
pub use error::{Answered, ApiError, Service};
pub use http::observe::Observer;
pub use http::platform_clock::ClockFault;
pub use probe::{Assumption, Finding, KnownRetrigger, Observed, Probed};
pub(crate) use reads::forms::IDS_PER_REQUEST;
pub use reads::listing::Listing;
pub use retrigger::Patience;
pub(crate) use text::clean;

use jiff::Timestamp;
use secrecy::SecretString;
use std::time::Duration;

/// How to reach Adobe, with which credential, and how fast.
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
    /// The scopes of the token; sent joined by commas.
    pub scopes: Vec<String>,
    /// `re-trigger`, as in Adobe's tutorial; its API description has `RE_TRIGGER`.
    pub retrigger_op: String,
    /// Send the run's etag as `If-Match` with the re-trigger.
    pub send_if_match: bool,
    /// For a whole exchange, including the body; half of it, at most 10 s, to connect.
    pub request_timeout: Duration,
    /// Requests to the Flow Service, evenly spaced; 0 for no limit.
    pub requests_per_second: f64,
    /// Requests to the Flow Service in flight, at least 1.
    pub max_concurrent_requests: usize,
    /// The largest answer that is read, in bytes after decompression.
    pub max_response_bytes: usize,
    /// Pages read of one request's listing, at least 1.
    pub max_pages: usize,
    /// Items per page, 1 to 100.
    pub page_size: usize,
    /// The spellings of the status *failed* in a filter (`failed`, `Failed`); without any, no filter is
    /// sent. A listing contains the runs with one of these statuses, and failed ones always.
    pub failed_status_values: Vec<String>,
}

/// Which failed runs to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// Those that changed since then. If Adobe does not accept such a filter, those created since six
    /// hours before then.
    UpdatedSince(Timestamp),
    /// Those created since then.
    CreatedSince(Timestamp),
}
