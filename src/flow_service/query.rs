//! The Flow Service's URLs: paths, filters, and the link to the next page.
//!
//! Several `property=` parameters must all match; several values of one property are separated by
//! commas. Adobe's examples do not encode `==` and `,`, so they are sent like that; everything else
//! that is reserved is percent-encoded (`>` is not allowed in a URL).
//!
//! The link to the next page is relative to the service (`/runs?continuationToken=…` means
//! `…/flowservice/runs?…`, not the root of the host), and whether it repeats the filters is
//! documented nowhere. So only its token is used, together with the path and the filters of the first
//! request.

use jiff::Timestamp;
use percent_encoding::{
    AsciiSet, NON_ALPHANUMERIC, PercentEncode, percent_decode_str, utf8_percent_encode,
};
use reqwest::Url;
use std::fmt::Write;

/// What has to be percent-encoded.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The path of the Flow Service below `adobe.platform_url`.
const SERVICE: [&str; 3] = ["data", "foundation", "flowservice"];

/// One condition on a property, encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PropertyFilter(String);

impl PropertyFilter {
    /// `property` has one of `values`.
    pub(super) fn one_of<'a>(property: &str, values: impl IntoIterator<Item = &'a str>) -> Self {
        let values: Vec<String> =
            values.into_iter().map(|value| encode(value).to_string()).collect();
        Self(format!("{}=={}", encode(property), values.join(",")))
    }

    /// `property` is `at` or later. Sent as *greater than one millisecond before*, because Adobe's
    /// examples compare instants only with `>` and `<`.
    pub(super) fn since(property: &str, at: Timestamp) -> Self {
        let before = at.as_millisecond().saturating_sub(1);
        Self(format!("{}{}{before}", encode(property), encode(">")))
    }

    /// `property` is earlier than `at`.
    pub(super) fn before(property: &str, at: Timestamp) -> Self {
        Self(format!("{}{}{}", encode(property), encode("<"), at.as_millisecond()))
    }
}

/// The URL of a page of a listing. `limit` is documented up to 100.
pub(super) fn listing(
    platform: &Url,
    resource: &str,
    filters: &[PropertyFilter],
    limit: usize,
    token: Option<&str>,
) -> Url {
    let mut query = String::new();
    for PropertyFilter(filter) in filters {
        let _ = write!(query, "property={filter}&");
    }
    let _ = write!(query, "limit={}", limit.clamp(1, 100));
    if let Some(token) = token {
        let _ = write!(query, "&continuationToken={}", encode(token));
    }
    let mut url = resource_url(platform, &[resource]);
    url.set_query(Some(&query));
    url
}

/// The URL of something within the service. Every part is one path segment, whatever it contains.
pub(super) fn resource_url(platform: &Url, parts: &[&str]) -> Url {
    let mut url = platform.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(SERVICE).extend(parts);
    }
    url.set_query(None);
    url
}

/// The URL of an action on a run.
pub(super) fn action_url(platform: &Url, run: &str, op: &str) -> Url {
    let mut url = resource_url(platform, &["runs", run, "action"]);
    url.set_query(Some(&format!("op={}", encode(op))));
    url
}

/// The continuation token of a `next` link, whatever precedes its query: nothing, a path, or an
/// absolute URL. A `+` stays a `+`, because tokens look like base64 and never contain a space.
pub(super) fn continuation_token(href: &str) -> Option<String> {
    let query = href.split('#').next()?;
    let query = query.split_once('?').map_or(query, |(_, query)| query);
    let raw = query.split('&').find_map(|pair| pair.trim().strip_prefix("continuationToken="))?;
    let token = percent_decode_str(raw).decode_utf8().ok()?;
    (!token.is_empty()).then(|| token.into_owned())
}

/// Percent-encodes everything that is not unreserved in RFC 3986.
fn encode(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, RESERVED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn platform() -> Url {
        "https://platform.example/".parse().unwrap()
    }

    #[test]
    fn filters_are_sent_as_adobe_writes_them() {
        let filters = [
            PropertyFilter::one_of("flowId", ["a-1", "b-2"]),
            PropertyFilter::one_of("metrics.statusSummary.status", ["failed", "Failed"]),
            PropertyFilter::since(
                "updatedAt",
                Timestamp::from_millisecond(1_593_134_665_782).unwrap(),
            ),
            PropertyFilter::before(
                "updatedAt",
                Timestamp::from_millisecond(1_593_134_665_790).unwrap(),
            ),
        ];
        let url = listing(&platform(), "runs", &filters, 500, Some("a+b/c=="));
        assert_eq!(
            url.as_str(),
            "https://platform.example/data/foundation/flowservice/runs?property=flowId==a-1,b-2\
             &property=metrics.statusSummary.status==failed,Failed\
             &property=updatedAt%3E1593134665781&property=updatedAt%3C1593134665790&limit=100&continuationToken=a%2Bb%2Fc%3D%3D"
        );
    }

    #[test]
    fn a_value_can_neither_end_a_filter_nor_leave_a_path() {
        let filter = PropertyFilter::one_of("id", ["a,b&property=x==y", "ü \"q\""]);
        assert_eq!(filter.0, "id==a%2Cb%26property%3Dx%3D%3Dy,%C3%BC%20%22q%22");
        let url = action_url(&platform(), "../a/b?c#d", "re-trigger");
        assert_eq!(
            url.as_str(),
            "https://platform.example/data/foundation/flowservice/runs/..%2Fa%2Fb%3Fc%23d/action?op=re-trigger"
        );
    }

    #[test]
    fn the_address_may_have_a_path_of_its_own() {
        let below: Url = "http://127.0.0.1:1/adobe".parse().unwrap();
        let url = resource_url(&below, &["flows", "f"]);
        assert_eq!(url.as_str(), "http://127.0.0.1:1/adobe/data/foundation/flowservice/flows/f");
    }

    #[test]
    fn the_token_is_found_in_every_form_of_the_link() {
        for href in [
            "/runs?continuationToken=ab%3D%3D",
            "/runs?continuationToken=ab==",
            "runs?limit=10&continuationToken=ab%3D%3D&count=false",
            "https://platform.adobe.io/data/foundation/flowservice/runs?continuationToken=ab==#x",
            "?continuationToken=ab==",
            "continuationToken=ab==",
        ] {
            assert_eq!(continuation_token(href).as_deref(), Some("ab=="), "{href}");
        }
        assert_eq!(continuation_token("/runs?continuationToken=a+b%2Bc").as_deref(), Some("a+b+c"));
        assert_eq!(continuation_token("/runs?continuationToken=50%").as_deref(), Some("50%"));
        for none in
            ["", "/runs", "/runs?page=2", "/runs?continuationToken=", "/runs?continuationToken=%FF"]
        {
            assert_eq!(continuation_token(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn no_link_panics(href in any::<String>()) {
            let _ = continuation_token(&href);
            let _ = continuation_token(&format!("/runs?continuationToken={href}"));
        }

        #[test]
        fn a_token_comes_back_as_it_was(token in "[ -~äß€]{1,40}") {
            let href = format!("/runs?continuationToken={}", encode(&token));
            prop_assert_eq!(continuation_token(&href), Some(token));
        }
    }
}
