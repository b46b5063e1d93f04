//! Addresses to which flowmend sends by itself: notifications and the heartbeat. They often contain a
//! token, so no message repeats one.

use super::credential_file;
use crate::settings::read::section::{Read, Section};
use reqwest::Url;
use secrecy::SecretString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A URL that is a secret, and whether it may lead to a private address.
#[derive(Debug, Clone)]
pub struct WebAddress {
    /// The URL; valid.
    pub url: SecretString,
    /// Whether private addresses and plain http are allowed.
    pub allow_private: bool,
}

/// Reads `url`, `url_file` and `allow_private`; `Some(None)` if neither URL is set.
pub(crate) fn read(section: &mut Section<'_>) -> Option<Option<WebAddress>> {
    let allow_private = section.flag("allow_private").unwrap_or(false);
    let url = section.secret("url");
    let file = section.text("url_file", |text| Ok(text.to_owned()));
    let is_set = |read: &Read<String>| !read.value.is_empty();
    let (key, found) = match (url.filter(is_set), file.filter(is_set)) {
        (Some(url), Some(_)) => {
            let message = "is set twice, here and by url_file; remove one of the two";
            section.fault_at("url", url.origin, message);
            return None;
        }
        (Some(url), None) => ("url", url),
        (None, Some(file)) => {
            ("url_file", credential_file::read(section, "url_file", &file, line)?)
        }
        (None, None) => return Some(None),
    };
    match check(&found.value, allow_private) {
        Ok(()) => {
            let url = SecretString::from(found.value);
            Some(Some(WebAddress { url, allow_private }))
        }
        Err(message) => {
            section.fault_at(key, found.origin, message);
            None
        }
    }
}

/// One line of a file; editors add a line break.
pub(super) fn line(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("is empty; write the value on one line".to_owned()),
        text if text.chars().any(char::is_control) => {
            Err("must contain one line without control characters".to_owned())
        }
        text => Ok(text.to_owned()),
    }
}

fn check(text: &str, allow_private: bool) -> Result<(), &'static str> {
    let url = Url::parse(text).map_err(|_| "is not a full URL; start it with https://")?;
    let Some(host) = url.host_str() else { return Err("has no host; start it with https://") };
    match url.scheme() {
        "https" => {}
        "http" if allow_private => {}
        "http" => return Err("must start with https://; http needs allow_private = true"),
        _ => return Err("must start with https://"),
    }
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    match address.is_ok_and(|address| !is_public(address)) && !allow_private {
        true => Err("is a private address; set allow_private = true if that is intended"),
        false => Ok(()),
    }
}

/// Whether an address belongs to the public internet.
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || a == 0
        || a >= 224
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19));
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // NAT64 leads to the IPv4 address in its last four bytes.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            is_public_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)))
        }
        // Tunnels, and addresses for documentation.
        [0x2001, 0, ..] | [0x2001, 0xdb8, ..] | [0x2002, ..] => false,
        [first, ..] => (0x2000..0x4000).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_internet_are_public() {
        let public = ["8.8.8.8", "100.63.0.1", "2606:4700::1111", "64:ff9b::808:808"];
        let private = [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "192.0.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fd00::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "::7f00:1",
        ];
        for text in public {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
        for text in private {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
    }
}
