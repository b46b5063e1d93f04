//! The query parameters, and the continuation token that carries them.
//!
//! A token holds the query and an offset, in hexadecimal. Like Adobe's it is opaque, safe in a URL and
//! can be followed alone. Parameters sent with a token override those in it.

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::field::Resource;
use crate::simulator::refusal::Refusal;

/// The parameters of a list, as text.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Params {
    pub(super) property: Vec<String>,
    limit: Option<String>,
    count: Option<String>,
}

#[derive(Deserialize, Serialize)]
struct Token {
    offset: usize,
    params: Params,
}

/// A token that leads to the page of `query` again.
pub(crate) fn replay_token(query: &str) -> Option<String> {
    let (params, offset) = Params::parse(query).ok()?;
    Some(params.token(offset))
}

impl Params {
    /// The parameters, and how many matches to skip.
    pub(super) fn parse(query: &str) -> Result<(Self, usize), Refusal> {
        let mut sent = Self::default();
        let mut token = None;
        for (name, value) in decode(query) {
            match name.as_str() {
                "property" => sent.property.push(value),
                "limit" => sent.limit = Some(value),
                "count" => sent.count = Some(value),
                "continuationToken" => token = Some(value),
                _ => {
                    let message = format!("{name} is not a query parameter.");
                    return Err(Refusal::bad_request(1451, message));
                }
            }
        }
        let Some(token) = token else { return Ok((sent, 0)) };
        let carried = Token::read(&token)
            .ok_or_else(|| Refusal::bad_request(1400, "The continuationToken is not valid."))?;
        Ok((sent.or(carried.params), carried.offset))
    }

    fn or(self, carried: Self) -> Self {
        Self {
            property: if self.property.is_empty() { carried.property } else { self.property },
            limit: self.limit.or(carried.limit),
            count: self.count.or(carried.count),
        }
    }

    pub(super) fn limit(&self, default: usize, cap: usize) -> Result<usize, Refusal> {
        let Some(text) = &self.limit else { return Ok(default.min(cap)) };
        match text.parse::<usize>() {
            Ok(limit) if limit > 0 => Ok(limit.min(cap)),
            _ => Err(Refusal::bad_request(1400, format!("{text} is not a valid limit."))),
        }
    }

    pub(super) fn count(&self) -> Result<bool, Refusal> {
        // In any case: aepp sends `True` and `False`.
        match self.count.as_ref().map(|text| text.to_ascii_lowercase()).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") if self.limit.is_some() => {
                Err(Refusal::bad_request(1401, "limit and count exclude each other."))
            }
            Some("true") => Ok(true),
            Some(other) => Err(Refusal::bad_request(
                1400,
                format!("count must be true or false, not {other}."),
            )),
        }
    }

    /// The link to the next page, relative to the base of the service and not to its host.
    pub(super) fn href(&self, resource: Resource, offset: usize, repeat: bool) -> String {
        let mut href = format!("{}?", resource.path());
        if repeat {
            let limit = self.limit.iter().map(|value| ("limit", value));
            let property = self.property.iter().map(|value| ("property", value));
            for (name, value) in property.chain(limit) {
                href.push_str(&format!("{name}={}&", utf8_percent_encode(value, NON_ALPHANUMERIC)));
            }
        }
        href + "continuationToken=" + &self.token(offset)
    }

    fn token(&self, offset: usize) -> String {
        Token { offset, params: self.clone() }.write()
    }
}

impl Token {
    fn write(&self) -> String {
        let json = serde_json::to_vec(self).expect("numbers and text are valid JSON");
        json.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn read(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        let bytes = digits.chunks(2).map(|pair| {
            let pair = std::str::from_utf8(pair).ok()?;
            u8::from_str_radix(pair, 16).ok()
        });
        serde_json::from_slice(&bytes.collect::<Option<Vec<u8>>>()?).ok()
    }
}

fn decode(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let split = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    split.map(|(name, value)| (decode_percent(name), decode_percent(value))).collect()
}

fn decode_percent(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}
