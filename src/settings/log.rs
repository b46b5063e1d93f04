//! `[log]`: how much is written, and for whom.

use super::section::Section;
use super::text::quoted;

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// For whom lines are written. `FLOWMEND__LOG__FORMAT`.
    pub format: LogFormat,
    /// The least severe level that is written, optionally followed by others for parts of the
    /// program: `info` or `info,flowmend::store=debug`. `FLOWMEND__LOG__LEVEL`.
    pub level: String,
}

/// `log.format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Pretty on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Pretty,
    /// One JSON object per line.
    Json,
}

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Reads `[log]`; `None` where a key was faulty.
pub(super) fn read(section: &mut Section<'_>) -> Option<Log> {
    let formats =
        [("auto", LogFormat::Auto), ("pretty", LogFormat::Pretty), ("json", LogFormat::Json)];
    let format = section.word("format", &formats);
    let level = section.text("level", is_filter);
    Some(Log { format: format?, level: level?.value })
}

fn is_filter(text: &str) -> Result<(), String> {
    let directive = |part: &str| {
        let (target, level) = part.split_once('=').unwrap_or(("flowmend", part));
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        LEVELS.contains(&level) && !target.is_empty() && target.chars().all(plain)
    };
    if text.split(',').all(directive) {
        return Ok(());
    }
    Err(format!(
        "{} is no level; give one of {}, or \"info,flowmend::store=debug\"",
        quoted(text),
        LEVELS.join(", ")
    ))
}
