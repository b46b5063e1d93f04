//! Requests in the form that a receiver understands.

use super::notice::Notice;
use super::text::text;
use crate::domain::model::topic::Topic;
use crate::settings::{NotifyTarget, SigningKey, TargetKind};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sha2::Sha256;

/// The longest summary that PagerDuty takes, in characters.
const SUMMARY_CHARS: usize = 1024;
/// The longest key that PagerDuty takes, in characters.
const KEY_CHARS: usize = 255;

/// A request: its body and its headers besides the content type.
pub(super) struct Wire {
    pub(super) body: String,
    pub(super) headers: Vec<(&'static str, String)>,
}

/// The request that sends `notice` to `target` at `now`.
pub(super) fn wire(target: &NotifyTarget, id: &str, notice: &Notice, now: Timestamp) -> Wire {
    let text = text(notice, target.template.as_deref());
    match &target.kind {
        TargetKind::Webhook { secret } => webhook(secret.as_ref(), id, notice, &text, now),
        TargetKind::Slack => {
            Wire { body: json!({ "text": escaped(&text) }).to_string(), headers: Vec::new() }
        }
        TargetKind::PagerDuty { routing_key } => {
            let body = pagerduty(routing_key.expose_secret(), notice, &text);
            Wire { body: body.to_string(), headers: Vec::new() }
        }
    }
}

/// JSON as Standard Webhooks recommends it.
fn webhook(
    secret: Option<&SigningKey>,
    id: &str,
    notice: &Notice,
    text: &str,
    now: Timestamp,
) -> Wire {
    let mut data = json!(notice);
    data["text"] = json!(text);
    let body = json!({
        "id": id,
        "type": format!("flowmend.{}", notice.topic),
        "timestamp": notice.at,
        "data": data,
    });
    let body = body.to_string();
    let sent = now.as_second().to_string();
    let mut headers = vec![("webhook-id", id.to_owned()), ("webhook-timestamp", sent.clone())];
    if let Some(key) = secret {
        headers.push(("webhook-signature", signature(key, id, &sent, &body)));
    }
    Wire { body, headers }
}

/// The signature of Standard Webhooks, version 1.
fn signature(key: &SigningKey, id: &str, timestamp: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes any key");
    for part in [id, ".", timestamp, ".", body] {
        mac.update(part.as_bytes());
    }
    format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}

/// The end of trouble resolves the incident that its beginning triggered.
fn pagerduty(routing_key: &str, notice: &Notice, text: &str) -> Value {
    let summary: String = text.chars().take(SUMMARY_CHARS).collect();
    let key: String = notice.key.chars().take(KEY_CHARS).collect();
    let is_test = notice.topic == Topic::Test;
    let triggers = notice.topic.is_trouble() || is_test;
    let mut event = json!({
        "routing_key": routing_key,
        "event_action": if triggers { "trigger" } else { "resolve" },
        "dedup_key": key,
        "client": "flowmend",
    });
    if triggers {
        event["payload"] = json!({
            "summary": summary,
            "source": notice.sandbox.as_ref().map_or("flowmend", |sandbox| sandbox.as_str()),
            "severity": if is_test { "info" } else { "error" },
            "timestamp": notice.at,
            "class": notice.topic,
            "component": notice.groups.first().map(|group| &group.flow_name),
            "custom_details": notice,
        });
    }
    event
}

/// Slack's markup has three special characters. Without this, the name of a dataflow could mention
/// a whole channel.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_standard() {
        let key = SigningKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = r#"{"test": 2432232314}"#;
        let signature = signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn slack_reads_no_markup_in_names() {
        assert_eq!(escaped("<!channel> & co"), "&lt;!channel&gt; &amp; co");
    }
}
