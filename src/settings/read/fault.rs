//! Faults of a configuration. They are collected, so that one run reports all of them. A fault never
//! contains the value of a secret.

use super::origin::Origin;
use std::fmt;

/// The longest part of a key that a message repeats, in characters.
const KEY_CHARS: usize = 120;

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The key with its section, such as `retry.max_attempts` or `sandbox[prod].include`; `None` for
    /// a fault of a whole file.
    pub key: Option<String>,
    /// Where the value was written.
    pub origin: Origin,
    /// What is wrong and what to do.
    pub message: String,
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
pub struct Faults(pub Vec<Fault>);

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
