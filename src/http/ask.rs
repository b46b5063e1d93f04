//! Asks the daemon on this machine.

use serde_json::Value;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// A daemon that does not answer within this time is not well.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a health check answered.
#[derive(Debug)]
pub struct Answer {
    /// True if every check is well.
    pub ok: bool,
    /// The JSON document of the checks.
    pub body: Value,
}

/// Asks the daemon that listens at `listen` for `path`.
///
/// # Errors
/// If it does not answer in time, or not with JSON.
pub async fn ask(listen: SocketAddr, path: &str) -> Result<Answer, String> {
    let url = format!("http://{}{path}", reachable(listen));
    let fault = |error: reqwest::Error| {
        let why = if error.is_timeout() { "did not answer in time" } else { "does not answer" };
        format!("the daemon at {url} {why}")
    };
    let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build().map_err(fault)?;
    let answer = client.get(&url).send().await.map_err(fault)?;
    let ok = answer.status().is_success();
    let text = answer.text().await.map_err(fault)?;
    let body = serde_json::from_str(&text)
        .map_err(|_| format!("{url} is not flowmend: it did not answer with JSON"))?;
    Ok(Answer { ok, body })
}

/// A daemon that listens everywhere is asked on this machine.
fn reachable(listen: SocketAddr) -> SocketAddr {
    match listen {
        SocketAddr::V4(it) if it.ip().is_unspecified() => {
            SocketAddr::from((Ipv4Addr::LOCALHOST, it.port()))
        }
        SocketAddr::V6(it) if it.ip().is_unspecified() => {
            SocketAddr::from((Ipv6Addr::LOCALHOST, it.port()))
        }
        listen => listen,
    }
}
