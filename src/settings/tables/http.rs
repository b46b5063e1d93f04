//! `[http]`: the pages, the API, health and metrics.

use super::credential_file;
use crate::settings::read::section::{Read, Section};
use crate::settings::read::text::quoted;
use secrecy::{ExposeSecret, SecretString};
use std::net::SocketAddr;
use subtle::ConstantTimeEq;

/// A shorter token can be guessed.
const SHORTEST_TOKEN: usize = 16;

/// `[http]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// The address of the server; `None` disables it. `FLOWMEND__HTTP__LISTEN`.
    pub listen: Option<SocketAddr>,
    /// The content of `token_file`. `FLOWMEND__HTTP__TOKEN_FILE`.
    pub token: Option<Token>,
    /// Whether `/metrics` needs no token. `FLOWMEND__HTTP__OPEN_METRICS`.
    pub open_metrics: bool,
}

/// The token of the server.
#[derive(Debug, Clone)]
pub struct Token(SecretString);

impl Token {
    /// Whether `given` is the token. The time it takes does not depend on where they differ.
    pub fn is(&self, given: &str) -> bool {
        self.0.expose_secret().as_bytes().ct_eq(given.as_bytes()).into()
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.is(other.0.expose_secret())
    }
}

impl Eq for Token {}

/// Reads `[http]`; `None` if a key is faulty.
pub(crate) fn read(section: &mut Section<'_>) -> Option<Http> {
    let listen = section.text("listen", address);
    let file = section.text("token_file", |text| Ok(text.to_owned()));
    let open_metrics = section.flag("open_metrics");
    let (listen, file) = (listen?, file?);
    let token = match file.value.is_empty() {
        true => None,
        false => credential_file::read(section, "token_file", &file, token).map(|it| it.value),
    };
    if let Read { value: Some(address), origin } = &listen
        && !address.ip().to_canonical().is_loopback()
        && file.value.is_empty()
    {
        let message = format!(
            "{address} can be reached from other machines, so a token is required; set \
             http.token_file, or listen on 127.0.0.1"
        );
        section.fault_at("listen", origin.clone(), message);
    }
    Some(Http { listen: listen.value, token, open_metrics: open_metrics? })
}

/// The content of a token file. Editors and `echo` add a line break, which is not part of it.
fn token(text: &str) -> Result<Token, String> {
    let token = text.trim_end_matches(['\r', '\n']);
    if token.len() < SHORTEST_TOKEN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!(
            "must contain one line of at least {SHORTEST_TOKEN} letters, digits and signs, without \
             spaces; write one with `openssl rand -hex 32`"
        ));
    }
    Ok(Token(SecretString::from(token)))
}

/// An address, or nothing. Host names are refused: they need a lookup and may have several addresses.
fn address(text: &str) -> Result<Option<SocketAddr>, String> {
    const WANTED: &str = "must be IP:PORT, like 127.0.0.1:8321 or [::1]:8321, or \"\" to disable";
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| format!("{WANTED}, not {}", quoted(text)))
}
