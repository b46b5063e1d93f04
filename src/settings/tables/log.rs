//! `[log]`: the log format and level.

use crate::settings::read::section::Section;
use crate::settings::read::text::quoted;
use crate::settings::read::value::one_of;

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// The format of log lines. `FLOWMEND__LOG__FORMAT`.
    pub format: LogFormat,
    /// The least severe level that is logged, optionally followed by levels for modules: `info` or `info,flowmend::store=debug`. `FLOWMEND__LOG__LEVEL`.
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

/// Reads `[log]`; `None` if a key is faulty.
pub(crate) fn read(section: &mut Section<'_>) -> Option<Log> {
    let formats =
        [("auto", LogFormat::Auto), ("pretty", LogFormat::Pretty), ("json", LogFormat::Json)];
    let format = section.word("format", &formats);
    let level = section.parsed("level", filter);
    Some(Log { format: format?, level: level? })
}

fn filter(text: &str) -> Result<String, String> {
    let directive = |part: &str| {
        let (target, level) = part.split_once('=').unwrap_or(("flowmend", part));
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        LEVELS.contains(&level) && !target.is_empty() && target.chars().all(plain)
    };
    if text.split(',').all(directive) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "must be {}, or like \"info,flowmend::store=debug\", not {}",
        one_of(&LEVELS),
        quoted(text)
    ))
}
