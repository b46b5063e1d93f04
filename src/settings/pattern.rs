//! Patterns for dataflow ids, names and error codes.

use crate::domain::policy::rule::Matcher;
use crate::settings::read::text::quoted;
use globset::{Glob, GlobSet};

/// The longest pattern, in characters. It bounds the nesting of braces, which a matcher cannot take
/// too deep.
const MAX_CHARS: usize = 400;

/// A case-sensitive glob: `*` is any text (slashes too), `?` one character, `[ab]` one of several
/// characters, `{crm,erp}-*` one of several texts, and a backslash escapes the next character. A text
/// that equals the pattern matches too, so a name with brackets can be pasted unchanged.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    glob: GlobSet,
}

impl Pattern {
    /// Reads a pattern; the error is a complete message.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err(
                "must not be empty; set a dataflow's id or name, or a glob such as \"crm-*\""
                    .into(),
            );
        }
        if text.chars().count() > MAX_CHARS {
            return Err(format!(
                "{} is too long; use at most {MAX_CHARS} characters",
                quoted(text)
            ));
        }
        // A set reports a glob that is nested too deeply; a single matcher would panic.
        let glob = Glob::new(text).and_then(|glob| GlobSet::builder().add(glob).build());
        match glob {
            Ok(glob) => Ok(Self { text: text.to_owned(), glob }),
            Err(error) => Err(format!(
                "{} is not a valid glob ({}); put a backslash before a literal special character",
                quoted(text),
                error.kind()
            )),
        }
    }

    /// Whether the pattern matches the id or the name.
    pub fn matches(&self, flow_id: &str, name: &str) -> bool {
        self.fits(flow_id) || self.fits(name)
    }

    /// Whether it may match more than one text.
    pub(crate) fn is_glob(&self) -> bool {
        self.text.contains(['*', '?', '[', '{'])
    }

    fn fits(&self, text: &str) -> bool {
        text == self.text || self.glob.is_match(text)
    }

    /// The pattern as the core uses it.
    pub(crate) fn matcher(&self) -> Matcher {
        let pattern = self.clone();
        Matcher::new(&self.text, move |text| pattern.fits(text))
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_too_deep_or_too_long_is_refused() {
        let nested = |depth: usize| "{a,".repeat(depth) + &"}".repeat(depth);
        assert!(Pattern::parse(&nested(100)).is_ok());
        assert!(Pattern::parse(&nested(101)).is_err());
        assert!(Pattern::parse(&nested(100_000)).is_err());
    }

    #[test]
    fn a_pattern_picks_by_id_or_by_name() {
        let table = [
            ("*", "any/thing at all", true),
            ("crm-*", "crm-daily", true),
            ("crm-*", "CRM-daily", false),
            ("crm-*", "my-crm-daily", false),
            ("*.csv", "exports/today.csv", true),
            ("crm", "emea/crm", false),
            ("crm-?", "crm-1", true),
            ("{crm,erp}-*", "erp-1", true),
            ("Daily [EU]", "Daily [EU]", true),
            (r"Daily \[*\]", "Daily [US]", true),
        ];
        for (pattern, name, expected) in table {
            let pattern = Pattern::parse(pattern).unwrap();
            assert_eq!(pattern.matches("id", name), expected, "{} {name}", pattern.as_str());
            assert_eq!(pattern.matches(name, "name"), expected, "{} {name}", pattern.as_str());
        }
    }
}
