//! `[http]`: the health and metrics endpoint.

use crate::settings::read::section::Section;
use crate::settings::read::text::quoted;
use std::net::SocketAddr;

/// `[http]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// The address of `/livez` and `/metrics`; `None` disables them. `FLOWMEND__HTTP__LISTEN`.
    pub listen: Option<SocketAddr>,
}

/// Reads `[http]`; `None` if a key is faulty.
pub(crate) fn read(section: &mut Section<'_>) -> Option<Http> {
    let listen = section.parsed("listen", address)?;
    if let Some(address) = listen.filter(|address| !address.ip().to_canonical().is_loopback()) {
        section.report.warn(format!(
            "http.listen = {address}: other machines can read the metrics, without authentication"
        ));
    }
    Some(Http { listen })
}

/// An address, or nothing. Host names are refused: they need a lookup and may have several addresses.
fn address(text: &str) -> Result<Option<SocketAddr>, String> {
    const WANTED: &str = "must be IP:PORT, like 127.0.0.1:8321 or [::1]:8321, or \"\" to disable";
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| format!("{WANTED}, not {}", quoted(text)))
}
