//! `[adobe]`: the URLs, the credentials, and how requests are made.

use super::credentials::Credentials;
use crate::flow_service::Connection;
use crate::settings::read::section::Section;
use crate::settings::read::text::quoted;
use reqwest::Url;
use std::path::Path;
use std::time::Duration;

/// `[adobe]`, with the credentials from its keys and files.
#[derive(Debug, Clone)]
pub struct Adobe {
    /// Every key but the one below. `FLOWMEND__ADOBE__PLATFORM_URL` and so on. Both URLs' paths end
    /// in a slash, so that [`Url::join`] with a relative path keeps them.
    pub connection: Connection,
    /// Whether the search for the new run of an attempt in doubt considers only runs with our client
    /// id as `createdClient`. `FLOWMEND__ADOBE__MATCH_CREATED_CLIENT`.
    pub match_created_client: bool,
}

/// Reads `[adobe]`; `None` if a key is faulty.
pub(crate) fn read(section: &mut Section<'_>, systemd: Option<&Path>) -> Option<Adobe> {
    let platform_url = section.parsed("platform_url", base_url);
    let ims_url = section.parsed("ims_url", base_url);
    let credentials = Credentials::read(section, systemd);
    let retrigger_op =
        section.parsed("retrigger_op", |text| word(text, "\"re-trigger\" or \"RE_TRIGGER\""));
    let send_if_match = section.flag("send_if_match");
    let timeouts = Duration::from_millis(100)..=Duration::from_secs(10 * 60);
    let request_timeout = section.duration("request_timeout", timeouts);
    let requests_per_second = section.number("requests_per_second", 0.001..=1000.0);
    let max_concurrent_requests = section.whole("max_concurrent_requests", 1..=64);
    let max_response_bytes = section.whole("max_response_bytes", 65_536..=1_073_741_824);
    let max_pages = section.whole("max_pages", 1..=10_000);
    let page_size = section.whole("page_size", 1..=100);
    let failed_status_values =
        section.list("failed_status_values", |text| word(text, "\"failed\""));
    let match_created_client = section.flag("match_created_client");
    let Credentials { org_id, client_id, client_secret, scopes } = credentials?;
    let connection = Connection {
        platform_url: platform_url?,
        ims_url: ims_url?,
        org_id,
        client_id,
        client_secret,
        scopes,
        retrigger_op: retrigger_op?,
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

/// The base URL of a service. No message repeats the text: it may contain a password.
fn base_url(text: &str) -> Result<Url, String> {
    const EXAMPLE: &str = "write it like https://platform.adobe.io";
    if !text.contains("://") {
        return Err(format!("is not a full URL; {EXAMPLE}"));
    }
    let invalid = |error| format!("is not a valid URL ({error}); {EXAMPLE}");
    let mut url = Url::parse(text).map_err(invalid)?;
    let Some(host) = url.host_str() else { return Err(format!("has no host; {EXAMPLE}")) };
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(host) => {}
        "http" => {
            return Err(
                "would send the credentials unencrypted; use https (plain http is only for \
                        a loopback address: 127.0.0.1, [::1], localhost)"
                    .to_owned(),
            );
        }
        _ => return Err(format!("must be an https URL; {EXAMPLE}")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("contains a user name or password; remove them".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("has a query or fragment; {EXAMPLE}, without ? and #"));
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

/// `host` is written as by [`Url::host_str`]: IPv6 in brackets.
fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    match address.parse::<std::net::IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host == "localhost",
    }
}

/// Text that needs no quoting in a query.
fn word(text: &str, like: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !text.is_empty() && text.chars().all(is_plain) {
        return Ok(text.to_owned());
    }
    Err(format!("must be a single word like {like}, not {}", quoted(text)))
}
