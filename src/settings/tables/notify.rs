//! `[[notify]]`: whom flowmend notifies, and about what.

use super::credential_file;
use super::quiet;
use super::sandbox::{SandboxSettings, read_scope};
use super::web_address::{self, WebAddress, line};
use crate::domain::model::topic::Topic;
use crate::domain::policy::rule::Scope;
use crate::settings::read::report::Report;
use crate::settings::read::section::{Section, read_list};
use crate::settings::read::text::{nearest, quoted};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use config::{Map, Value};
use jiff::civil::Time;
use jiff::tz::TimeZone;
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;

/// Where PagerDuty takes events, unless `url` is set.
const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";
/// The longest template, in characters.
const TEMPLATE_CHARS: usize = 10_000;

/// One `[[notify]]`.
#[derive(Debug, Clone)]
pub struct NotifyTarget {
    /// Its name, unique.
    pub name: String,
    /// Which messages it understands.
    pub kind: TargetKind,
    /// Where messages are sent.
    pub address: WebAddress,
    /// What it is notified about.
    pub topics: Vec<Topic>,
    /// Which dataflows it is notified about.
    pub scope: Scope,
    /// A valid template of the text, instead of the built-in text.
    pub template: Option<String>,
    /// When it gets the daily digest.
    pub digest: Option<Digest>,
}

/// When a daily digest is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// The time of day.
    pub at: Time,
    /// Its time zone.
    pub time_zone: TimeZone,
}

/// Which messages a target understands.
#[derive(Debug, Clone)]
pub enum TargetKind {
    /// JSON, signed as in Standard Webhooks if there is a secret.
    Webhook {
        /// The key of the signature.
        secret: Option<SigningKey>,
    },
    /// `{"text": …}`.
    Slack,
    /// PagerDuty Events v2.
    PagerDuty {
        /// The integration key of the service.
        routing_key: SecretString,
    },
}

/// The key of a signature, as in `whsec_…`.
#[derive(Clone)]
pub struct SigningKey(Vec<u8>);

impl SigningKey {
    /// The key from its text: Base64, usually with `whsec_` before it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let encoded = text.strip_prefix("whsec_").unwrap_or(text);
        let bytes = BASE64_STANDARD.decode(encoded).ok()?;
        (24..=64).contains(&bytes.len()).then_some(Self(bytes))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey([redacted])")
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Webhook,
    Slack,
    PagerDuty,
}

/// Reads all `[[notify]]`; faulty ones are skipped.
pub(crate) fn read_all(
    lists: &mut Map<String, Value>,
    sandboxes: &[SandboxSettings],
    report: &mut Report,
) -> Arc<[NotifyTarget]> {
    let mut targets = Vec::<NotifyTarget>::new();
    read_list("notify", "name", lists, report, |section| {
        let Some(target) = read(section, sandboxes) else { return };
        if targets.iter().any(|other| other.name == target.name) {
            section.fault("name", "must be unique; flowmend remembers by it what was sent");
        }
        targets.push(target);
    });
    targets.into()
}

fn read(section: &mut Section<'_>, sandboxes: &[SandboxSettings]) -> Option<NotifyTarget> {
    section.require("name", "set a name for this target, like \"on-call\"");
    section.require("type", "set \"webhook\", \"slack\" or \"pagerduty\"");
    let name = section.parsed("name", target_name);
    let kinds =
        [("webhook", Kind::Webhook), ("slack", Kind::Slack), ("pagerduty", Kind::PagerDuty)];
    let kind = section.word("type", &kinds);
    let address = web_address::read(section);
    let secret = read_secret(section);
    section.list_by_default("events", &Topic::ALL.map(Topic::as_str));
    let topics = section.list("events", topic);
    let scope = read_scope(section, sandboxes);
    let template = section.parsed("template", template);
    let digest = section.parsed("digest", |text| match text {
        "" => Ok(None),
        text => quiet::time(text).map(Some),
    });
    let time_zone = section.parsed("time_zone", quiet::zone).unwrap_or(TimeZone::UTC);
    let digest = digest.flatten().map(|at| Digest { at, time_zone });
    if digest.is_some() && kind == Some(Kind::PagerDuty) {
        section
            .fault("digest", "is not for \"pagerduty\", whose incidents stay open by themselves");
    }
    let kind = target_kind(section, kind?, secret?)?;
    let address = match (address?, &kind) {
        (Some(address), _) => address,
        (None, TargetKind::PagerDuty { .. }) => {
            WebAddress { url: SecretString::from(PAGERDUTY), allow_private: false }
        }
        (None, _) => {
            section
                .fault("url", "is required; set the URL, or url_file to a file that contains it");
            return None;
        }
    };
    let template = template.filter(|text| !text.is_empty());
    Some(NotifyTarget {
        name: name?,
        kind,
        address,
        topics: topics?.value,
        scope,
        template,
        digest,
    })
}

/// The content of `secret_file`; `Some(None)` if it is not set.
fn read_secret(section: &mut Section<'_>) -> Option<Option<SecretString>> {
    match section.text("secret_file", |text| Ok(text.to_owned())) {
        Some(file) if !file.value.is_empty() => {
            let read = credential_file::read(section, "secret_file", &file, line)?;
            Some(Some(SecretString::from(read.value)))
        }
        _ => Some(None),
    }
}

fn target_kind(
    section: &mut Section<'_>,
    kind: Kind,
    secret: Option<SecretString>,
) -> Option<TargetKind> {
    match (kind, secret) {
        (Kind::Webhook, None) => {
            section.warn(
                "messages are not signed; set secret_file so that the receiver can verify them",
            );
            Some(TargetKind::Webhook { secret: None })
        }
        (Kind::Webhook, Some(secret)) => {
            let key = SigningKey::parse(secret.expose_secret());
            if key.is_none() {
                section.fault(
                    "secret_file",
                    "must contain whsec_ and 24 to 64 bytes in Base64; create it with \
                     `echo whsec_$(openssl rand -base64 32)`",
                );
            }
            Some(TargetKind::Webhook { secret: Some(key?) })
        }
        (Kind::Slack, None) => Some(TargetKind::Slack),
        (Kind::Slack, Some(_)) => {
            let message = "is for \"webhook\" and \"pagerduty\"; the URL of Slack is its secret";
            section.fault("secret_file", message);
            None
        }
        (Kind::PagerDuty, Some(routing_key))
            if routing_key.expose_secret().chars().all(|c| c.is_ascii_alphanumeric()) =>
        {
            Some(TargetKind::PagerDuty { routing_key })
        }
        (Kind::PagerDuty, _) => {
            let message = "must name a file that contains the integration key (Events API v2) of \
                           the PagerDuty service, 32 letters and digits";
            section.fault("secret_file", message);
            None
        }
    }
}

fn target_name(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    match !text.is_empty() && text.len() <= 40 && text.chars().all(is_plain) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "must be 1 to 40 letters, digits, \"-\", \"_\" or \".\", not {}",
            quoted(text)
        )),
    }
}

fn topic(text: &str) -> Result<Topic, String> {
    let words = Topic::ALL.map(Topic::as_str);
    Topic::ALL.into_iter().find(|topic| topic.as_str() == text).ok_or_else(|| {
        match nearest(text, words) {
            Some(near) => format!("no such event: {}; did you mean \"{near}\"?", quoted(text)),
            None => format!("no such event: {}; use {}", quoted(text), words.join(", ")),
        }
    })
}

/// Checks a template without running it.
fn template(text: &str) -> Result<String, String> {
    if text.chars().count() > TEMPLATE_CHARS {
        return Err(format!("is too long; use at most {TEMPLATE_CHARS} characters"));
    }
    match minijinja::Environment::new().template_from_str(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => {
            let line = error.line().map_or(String::new(), |line| format!(" in line {line}"));
            let why = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
            Err(format!("is not a valid template{line}: {why}"))
        }
    }
}
