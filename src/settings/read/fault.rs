//! Faults of a configuration. They are collected, so that one run reports all of them. A fault never
//! contains the value of a secret.

use super::origin::Origin;
use std::fmt;

/// The longest part of a key that a message repeats, in characters.
const KEY_CHARS: usize = 120;

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    key: Option<String>,
    origin: Origin,
    message: String,
}

impl Fault {
    /// A fault of one key; `message` says what is wrong and what to do.
    pub(crate) fn new(key: &str, origin: Origin, message: impl Into<String>) -> Self {
        // A quoted TOML key may be any text; a message must stay on one line.
        let key = key.chars().take(KEY_CHARS).flat_map(char::escape_debug).collect();
        Self { key: Some(key), origin, message: message.into() }
    }

    /// A fault of a whole file: it cannot be read or parsed.
    pub(crate) fn of_source(origin: Origin, message: impl Into<String>) -> Self {
        Self { key: None, origin, message: message.into() }
    }

    /// The key with its section, such as `retry.max_attempts` or `sandbox[prod].include`; `None` for
    /// a fault of a whole file.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Where the value was written.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What is wrong and what to do.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{key} ({}): {}", self.origin, self.message),
            None => write!(f, "{}: {}", self.origin, self.message),
        }
    }
}

/// All faults of a configuration; printed one per line, each indented by two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(pub(crate) Vec<Fault>);

impl Faults {
    /// The faults: files first, then keys in the order of the reference file.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "  {fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
