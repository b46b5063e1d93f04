//! The patterns that pick dataflows.

use super::text::quoted;
use crate::domain::policy::rule::Matcher;
use globset::{Glob, GlobSet};

/// The longest pattern, in characters. It keeps nested braces within what a matcher can be made of.
const MAX_CHARS: usize = 400;

/// A glob for the ids and names of dataflows, case-sensitive: `*` is any text (slashes too), `?`
/// one character, `[ab]` one of several, `{crm,erp}-*` one of several texts, and a backslash takes
/// the meaning from the character that follows. An id or name that is spelt exactly like the
/// pattern matches as well, so a name with brackets can be pasted as it is.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    glob: GlobSet,
}

impl Pattern {
    /// Reads a pattern; the error is a finished message.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err(
                "is empty; give a dataflow's id or name, or a glob such as \"crm-*\"".into()
            );
        }
        if text.chars().count() > MAX_CHARS {
            return Err(format!("{} is longer than {MAX_CHARS} characters", quoted(text)));
        }
        // A set, because making one reports a glob too deep for a matcher, where making a single
        // matcher would panic.
        let glob = Glob::new(text).and_then(|glob| GlobSet::builder().add(glob).build());
        match glob {
            Ok(glob) => Ok(Self { text: text.to_owned(), glob }),
            Err(error) => Err(format!(
                "{} is no glob ({}); put a backslash before a character that is meant as it is",
                quoted(text),
                error.kind()
            )),
        }
    }

    /// Whether the pattern picks the dataflow with this id and name.
    pub fn matches(&self, flow_id: &str, name: &str) -> bool {
        self.fits(flow_id) || self.fits(name)
    }

    /// Whether it may match more than one text.
    pub(super) fn is_glob(&self) -> bool {
        self.text.contains(['*', '?', '[', '{'])
    }

    fn fits(&self, text: &str) -> bool {
        text == self.text || self.glob.is_match(text)
    }

    /// The pattern for single texts, as the core takes it.
    pub(super) fn matcher(&self) -> Matcher {
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
