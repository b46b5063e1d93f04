//! `[adobe]`: where the platform is, who we are there, and how gently we ask.

use super::credentials::{Credentials, is_header_value};
use super::fault::Origin;
use super::section::Section;
use super::text::quoted;
use crate::flow_service::Connection;
use reqwest::Url;
use std::path::Path;
use std::time::Duration;

/// `[adobe]`, with the credentials that its keys or files hold.
#[derive(Debug, Clone)]
pub struct Adobe {
    /// What the client of the platform is made from: every key but the one below.
    /// `FLOWMEND__ADOBE__PLATFORM_URL` and so on. Both URLs' paths end in a slash, so that
    /// [`Url::join`] with a relative path keeps them.
    pub connection: Connection,
    /// Whether `createdClient` tells our runs from others when the run of a doubtful call is looked
    /// for. `FLOWMEND__ADOBE__MATCH_CREATED_CLIENT`.
    pub match_created_client: bool,
}

/// Reads `[adobe]`; `None` where a key was faulty.
pub(super) fn read(section: &mut Section<'_>, systemd: Option<&Path>) -> Option<Adobe> {
    let platform_url = section.parsed("platform_url", |text, _| base_url(text));
    let ims_url = section.parsed("ims_url", |text, _| base_url(text));
    let credentials = Credentials::read(section, systemd);
    let retrigger_op = section.text("retrigger_op", is_operation);
    let send_if_match = section.flag("send_if_match");
    let timeouts = Duration::from_millis(100)..=Duration::from_secs(10 * 60);
    let request_timeout = section.duration("request_timeout", timeouts);
    let requests_per_second = section.number("requests_per_second", 0.001..=1000.0);
    let max_concurrent_requests = section.whole("max_concurrent_requests", 1..=64);
    let max_response_bytes = section.whole("max_response_bytes", 65_536..=1_073_741_824);
    let max_pages = section.whole("max_pages", 1..=10_000);
    let page_size = section.whole("page_size", 1..=100);
    let failed_status_values = section.list("failed_status_values", is_status);
    let match_created_client = section.flag("match_created_client");
    let Credentials { org_id, client_id, client_secret, scopes } = credentials?;
    let connection = Connection {
        platform_url: platform_url?,
        ims_url: ims_url?,
        org_id,
        client_id,
        client_secret,
        scopes,
        retrigger_op: retrigger_op?.value,
        send_if_match: send_if_match?,
        request_timeout: request_timeout?,
        requests_per_second: requests_per_second?,
        max_concurrent_requests: max_concurrent_requests? as usize,
        max_response_bytes: max_response_bytes? as usize,
        max_pages: max_pages? as usize,
        page_size: page_size? as usize,
        failed_status_values: failed_status_values?.value,
    };
    Some(Adobe { connection, match_created_client: match_created_client? })
}

/// The base of a service. No message repeats the text: it may hold a password.
fn base_url(text: &str) -> Result<Url, String> {
    const EXAMPLE: &str = "write it like https://platform.adobe.io";
    let mut url = Url::parse(text).map_err(|error| format!("is no URL ({error}); {EXAMPLE}"))?;
    let Some(host) = url.host_str() else { return Err(format!("names no host; {EXAMPLE}")) };
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(host) => {}
        "http" => {
            return Err("would send the credentials unencrypted; plain http is only for a \
                        loopback address (127.0.0.1, [::1], localhost): write https"
                .to_owned());
        }
        _ => return Err(format!("is neither http nor https; {EXAMPLE}")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user name or password; leave them out".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("goes on after the path; {EXAMPLE}, without ? and #"));
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

/// `host` as [`Url::host_str`] writes it: IPv6 in brackets.
fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    match address.parse::<std::net::IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host == "localhost",
    }
}

fn is_operation(text: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !text.is_empty() && text.chars().all(plain) {
        return Ok(());
    }
    Err(format!("{} is no operation; give \"re-trigger\" or \"RE_TRIGGER\"", quoted(text)))
}

fn is_status(text: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !text.is_empty() && text.chars().all(plain) {
        return Ok(());
    }
    Err(format!("{} is no status; give single words like \"failed\"", quoted(text)))
}

/// An organization's id. It is not repeated either: pasted credentials go astray.
pub(super) fn is_org_id(text: &str) -> Result<(), String> {
    let named = text.strip_suffix("@AdobeOrg").is_some_and(|name| !name.is_empty());
    if text.is_empty() || (named && is_header_value(text)) {
        return Ok(());
    }
    Err("an IMS organization id ends in @AdobeOrg, like 1234567890ABCDEF@AdobeOrg".to_owned())
}

/// Explains a path that a key names. A path without slash and dot may be a secret pasted into the
/// wrong key, so only others are repeated.
pub(super) fn shown_path(text: &str, origin: &Origin) -> String {
    match text.contains(['/', '.']) && !text.starts_with("p8") {
        true => origin.resolve(text).display().to_string(),
        false => "the file it names".to_owned(),
    }
}
