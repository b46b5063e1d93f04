//! Where a value was written.

use config::{Map, Value, ValueKind};
use std::fmt;
use std::path::{Path, PathBuf};

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The built-in defaults.
    Defaults,
    /// A configuration file, or a credential file that one of them names.
    File(PathBuf),
    /// An environment variable.
    Variable(String),
    /// Nowhere.
    Unset,
}

impl Origin {
    /// The origin of a value that was marked by [`Origin::mark`].
    pub(crate) fn of(value: &Value) -> Self {
        match value.origin().and_then(|tag| tag.split_once(' ')) {
            Some(("file", path)) => Self::File(PathBuf::from(path)),
            Some(("variable", name)) => Self::Variable(name.to_owned()),
            _ => Self::Defaults,
        }
    }

    /// `value` and everything in it, marked with this origin.
    pub(crate) fn mark(&self, value: Value) -> Value {
        let tag = match self {
            Self::File(path) => format!("file {}", path.display()),
            Self::Variable(name) => format!("variable {name}"),
            Self::Defaults | Self::Unset => "defaults".to_owned(),
        };
        marked(value, &tag)
    }

    /// Resolves a path that was written here: against the directory of the configuration file,
    /// otherwise against the working directory.
    pub(crate) fn resolve(&self, path: &str) -> PathBuf {
        match self {
            Self::File(file) => file.parent().unwrap_or(Path::new("")).join(path),
            _ => PathBuf::from(path),
        }
    }
}

fn marked(value: Value, tag: &String) -> Value {
    let kind = match value.kind {
        ValueKind::Table(table) => {
            let table = table.into_iter().map(|(key, value)| (key, marked(value, tag)));
            ValueKind::Table(table.collect::<Map<_, _>>())
        }
        ValueKind::Array(items) => {
            ValueKind::Array(items.into_iter().map(|item| marked(item, tag)).collect())
        }
        plain => plain,
    };
    Value::new(Some(tag), kind)
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
