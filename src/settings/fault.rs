//! What is wrong with a configuration, where it was written, and what would be right.
//!
//! Faults are collected rather than returned one by one: whoever edits a file on a server wants to
//! hear of everything in one go. A fault never holds the value of a secret.

use config::{Value, ValueKind};
use std::fmt;
use std::path::{Path, PathBuf};

/// The longest part of a key that is repeated in a message, in characters.
const KEY_CHARS: usize = 120;

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The defaults embedded in the program.
    Defaults,
    /// A file: one of the configuration files, or a file of credentials that one of them names.
    File(PathBuf),
    /// An environment variable.
    Variable(String),
    /// Nowhere.
    Unset,
}

impl Origin {
    /// Reads the origin back from a value that was marked by [`Origin::tag`]. Tables that were
    /// merged from several layers have none of their own; the first value inside then decides.
    pub(super) fn of(value: &Value) -> Self {
        let own = value.origin().map(|tag| match tag.split_once(' ') {
            Some(("file", path)) => Self::File(PathBuf::from(path)),
            Some(("variable", name)) => Self::Variable(name.to_owned()),
            _ => Self::Defaults,
        });
        own.or_else(|| first_inside(value)).unwrap_or(Self::Defaults)
    }

    /// The text under which `config` carries this origin through the merge.
    pub(super) fn tag(&self) -> String {
        match self {
            Self::File(path) => format!("file {}", path.display()),
            Self::Variable(name) => format!("variable {name}"),
            Self::Defaults | Self::Unset => "defaults".to_owned(),
        }
    }

    /// Makes a path that was written here absolute as far as it can be: against the directory of
    /// the configuration file that names it, otherwise against the working directory.
    pub(super) fn resolve(&self, path: &str) -> PathBuf {
        match self {
            Self::File(file) => file.parent().unwrap_or(Path::new("")).join(path),
            _ => PathBuf::from(path),
        }
    }
}

fn first_inside(value: &Value) -> Option<Origin> {
    let inner = match &value.kind {
        ValueKind::Table(table) => table.iter().min_by(|a, b| a.0.cmp(b.0)).map(|(_, value)| value),
        ValueKind::Array(list) => list.first(),
        _ => None,
    };
    inner.map(Origin::of)
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Defaults => f.write_str("the built-in defaults"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Unset => f.write_str("not set"),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    key: Option<String>,
    origin: Origin,
    message: String,
}

impl Fault {
    /// A fault of one key; `message` says what is wrong and what would be right.
    pub(super) fn new(key: &str, origin: Origin, message: impl Into<String>) -> Self {
        // A quoted key of a TOML file may be any text; a message stays on its line.
        let key = key.chars().take(KEY_CHARS).flat_map(char::escape_debug).collect();
        Self { key: Some(key), origin, message: message.into() }
    }

    /// A fault of a whole source: it cannot be read, or is not TOML.
    pub(super) fn of_source(origin: Origin, message: impl Into<String>) -> Self {
        Self { key: None, origin, message: message.into() }
    }

    /// The key with its section, such as `retry.max_attempts`; `None` where a whole file is at
    /// fault. Keys within lists are found by name: `sandbox[prod].include`.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Where the value was written.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What is wrong and what would be right.
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

/// Everything that is wrong with a configuration; printed one per line, each indented by two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(pub(super) Vec<Fault>);

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
