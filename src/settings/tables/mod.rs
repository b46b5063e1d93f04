//! One file per table of the configuration: its type, its ranges and its checks.

pub(crate) mod adobe;
pub(crate) mod breaker;
pub(crate) mod client_secret;
pub(crate) mod console_file;
pub(crate) mod credential_file;
pub(crate) mod credentials;
pub(crate) mod dataflow;
pub(crate) mod heartbeat;
pub(crate) mod http;
pub(crate) mod limits;
pub(crate) mod log;
pub(crate) mod notify;
pub(crate) mod poll;
pub(crate) mod quiet;
pub(crate) mod retry;
pub(crate) mod rule;
pub(crate) mod sandbox;
pub(crate) mod store;
pub(crate) mod web_address;
