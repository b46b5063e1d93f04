//! `[http]`: where the daemon can be asked how it fares.

use super::section::Section;
use super::text::quoted;
use std::net::SocketAddr;

/// `[http]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// Where `/livez` and `/metrics` are served; `None`: nowhere. `FLOWMEND__HTTP__LISTEN`.
    pub listen: Option<SocketAddr>,
}

/// Reads `[http]`; `None` where a key was faulty.
pub(super) fn read(section: &mut Section<'_>) -> Option<Http> {
    let listen = section.parsed("listen", |text, _| address(text))?;
    if let Some(address) = listen.filter(|address| !address.ip().to_canonical().is_loopback()) {
        section.report.warn(format!(
            "http.listen = {address}: other machines may read the metrics, and nobody is asked \
             who they are"
        ));
    }
    Some(Http { listen })
}

/// An address, or nothing. Names are not accepted: what they stand for is known only when asked,
/// and may be several addresses.
fn address(text: &str) -> Result<Option<SocketAddr>, String> {
    const EXAMPLE: &str =
        "write it like 127.0.0.1:8321 or [::1]:8321, or give \"\" to serve nothing";
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| format!("{} is no IP:PORT; {EXAMPLE}", quoted(text)))
}
