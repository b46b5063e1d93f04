//! The body of an error answer, whichever part of Adobe wrote it.
//!
//! Three writers are documented: the Flow Service (`type`, `title`, `report`, `errorMessage`), the
//! gateway in front of it (`error_code`, `message`), and the token service (`error`,
//! `error_description`). Adobe's two catalogs of Flow Service errors use some numbers twice with
//! different meanings, so a number alone never decides: see [`ErrorBody::has_code`].

use super::text::clean;
use serde_json::Value;

/// How much of a foreign message is kept, in characters.
const MESSAGE: usize = 500;

/// The readable part of an error answer. Every field may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ErrorBody {
    /// The error's full name, the last part of its `type`: `FLOW-1439-404`.
    pub(super) name: Option<String>,
    /// The catalog's number within `name`: 1439.
    pub(super) number: Option<u16>,
    /// The gateway's `error_code`: the Flow Service never received the request.
    pub(super) gateway_code: Option<String>,
    /// The token service's `error`.
    pub(super) oauth_error: Option<String>,
    /// Whether it is a JSON object, as every answer of the Flow Service is.
    pub(super) is_json: bool,
    /// The most detailed text in it, as one line.
    pub(super) message: String,
    /// `report.request-id`, which Adobe's support asks for.
    pub(super) request_id: Option<String>,
}

impl ErrorBody {
    /// Reads any body; one that is not JSON is quoted.
    pub(super) fn read(body: &[u8]) -> Self {
        match serde_json::from_slice::<Value>(body) {
            Ok(value) if value.is_object() => Self::of(&value),
            _ => Self { message: clean(&String::from_utf8_lossy(body), 120), ..Self::default() },
        }
    }

    fn of(value: &Value) -> Self {
        let text = |pointer: &str| {
            value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.trim().is_empty())
        };
        let code = ["/type", "/errorCode", "/error_code", "/code", "/title"]
            .into_iter()
            .filter_map(text)
            .find_map(catalogue_code);
        let message = [
            "/report/detailed-message",
            "/errorMessage",
            "/errorDetails",
            "/detail",
            "/message",
            "/error_description",
            "/title",
            "/error",
        ];
        let gateway_code = value.get("error_code").and_then(|code| match code {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        });
        Self {
            name: code.map(|(name, _)| name.to_owned()),
            number: code.map(|(_, number)| number),
            gateway_code: gateway_code.map(|code| clean(&code, 20)),
            is_json: true,
            oauth_error: text("/error").map(|error| clean(error, 60)),
            message: message
                .into_iter()
                .find_map(text)
                .map(|text| clean(text, MESSAGE))
                .unwrap_or_default(),
            request_id: text("/report/request-id").map(|id| clean(id, 80)),
        }
    }

    /// True if the error has one of `numbers` *and* its message contains one of `texts` (lower
    /// case): both catalogs use some numbers, never with the same message.
    pub(super) fn has_code(&self, numbers: &[u16], texts: &[&str]) -> bool {
        self.number.is_some_and(|number| numbers.contains(&number))
            && texts.iter().any(|text| self.message_contains(&[text]))
    }

    /// True if the message contains all of `texts` (lower case).
    pub(super) fn message_contains(&self, texts: &[&str]) -> bool {
        let message = self.message.to_lowercase();
        texts.iter().all(|text| message.contains(text))
    }
}

/// Splits `…/FLOW-1439-404` or `1439-404` into its name and its number.
fn catalogue_code(text: &str) -> Option<(&str, u16)> {
    let name = text.trim().rsplit('/').next()?;
    let mut parts = name.rsplit('-');
    let status = parts.next()?;
    let number = parts.next()?;
    let digits =
        |part: &str, length| length == part.len() && part.bytes().all(|byte| byte.is_ascii_digit());
    if name.len() > 60 || !digits(status, 3) || !digits(number, 4) {
        return None;
    }
    Some((name, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_catalogue_code_is_found_with_and_without_its_prefix() {
        let uri = "https://ns.adobe.com/aep/errors/FLOW-1439-404";
        assert_eq!(catalogue_code(uri), Some(("FLOW-1439-404", 1439)));
        assert_eq!(catalogue_code("1387-400"), Some(("1387-400", 1387)));
        for other in
            ["/placeholder/type/uri", "Bad Request", "", "-", "a-b-c", "403010", "99999-400"]
        {
            assert_eq!(catalogue_code(other), None, "{other}");
        }
    }

    #[test]
    fn a_number_is_believed_only_together_with_its_words() {
        let limit_and_count = ErrorBody::read(
            br#"{"type":"https://ns.adobe.com/aep/errors/FLOW-1401-400",
                 "errorMessage":"The limit and count parameters cannot be given together."}"#,
        );
        assert!(!limit_and_count.has_code(&[1401], &["action"]));
        assert!(limit_and_count.has_code(&[1401], &["limit"]));
    }

    #[test]
    fn a_page_of_markup_is_quoted_and_nothing_else() {
        let page = ErrorBody::read(b"<html>\n<h1>502 Bad Gateway</h1></html>");
        assert_eq!(page.message, "<html> <h1>502 Bad Gateway</h1></html>");
        assert_eq!((page.name, page.gateway_code), (None, None));
    }
}
