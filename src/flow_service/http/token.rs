//! An access token and how long it is valid.

use reqwest::header::HeaderValue;
use serde_json::Value;
use std::time::Duration;

/// A token is renewed this long before it expires, or a tenth of its lifetime if that is shorter.
const RENEW_BEFORE: Duration = Duration::from_secs(500);
/// The lifetime if the answer does not contain one.
const LIFETIME_UNKNOWN: Duration = Duration::from_secs(600);
/// The shortest lifetime: with a shorter one every call would request a token.
const LIFETIME_MIN: Duration = Duration::from_secs(30);
/// Larger numbers in `expires_in` are milliseconds, as in Adobe's older token service.
const MAX_SECONDS: u64 = 10_000_000;

/// A token as it is sent. All instants are on a clock that never goes back.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    /// `Bearer …`, marked as sensitive, so that it is never printed.
    pub(super) header: HeaderValue,
    /// The renewal that it came from; see [`Auth::drop_refused`](super::auth::Auth::drop_refused).
    pub(crate) generation: u64,
    pub(super) renew_at: Duration,
    pub(super) expires_at: Duration,
}

impl Token {
    /// Reads the token service's answer, received at `now`; `None` if it contains no token.
    pub(super) fn read(body: &[u8], generation: u64, now: Duration) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let secret = body.get("access_token")?.as_str().filter(|token| !token.is_empty())?;
        let mut header = HeaderValue::from_str(&format!("Bearer {secret}")).ok()?;
        header.set_sensitive(true);
        let lifetime = lifetime(body.get("expires_in"));
        let renew_at = now + (lifetime - RENEW_BEFORE.min(lifetime / 10));
        Some(Self { header, generation, renew_at, expires_at: now + lifetime })
    }

    /// The token itself, for redacting it.
    pub(super) fn secret(&self) -> &str {
        self.header.to_str().ok().and_then(|text| text.strip_prefix("Bearer ")).unwrap_or_default()
    }
}

fn lifetime(expires_in: Option<&Value>) -> Duration {
    let number = match expires_in {
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    };
    match number {
        Some(milliseconds) if milliseconds > MAX_SECONDS => {
            Duration::from_millis(milliseconds).clamp(LIFETIME_MIN, Duration::from_secs(86_400))
        }
        Some(seconds) => Duration::from_secs(seconds).max(LIFETIME_MIN),
        None => LIFETIME_UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_lifetime_is_seconds_milliseconds_or_unknown() {
        let seconds = |value: Value| lifetime(Some(&value)).as_secs();
        assert_eq!(seconds(json!(86_399)), 86_399);
        assert_eq!(seconds(json!("86399")), 86_399);
        assert_eq!(seconds(json!(86_399_000)), 86_399);
        assert_eq!(seconds(json!(u64::MAX)), 86_400);
        assert_eq!(seconds(json!(0)), 30);
        assert_eq!(seconds(json!(null)), 600);
    }
}
