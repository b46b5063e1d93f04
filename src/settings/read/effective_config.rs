//! The effective configuration as text, each key with its origin, for `flowmend config show`.

use super::origin::Origin;
use std::fmt;

/// The tables in the order in which they were read. The caller redacts secrets.
#[derive(Debug, Clone, Default)]
pub(crate) struct EffectiveConfig(Vec<Table>);

#[derive(Debug, Clone)]
struct Table {
    header: String,
    lines: Vec<Line>,
}

#[derive(Debug, Clone)]
struct Line {
    key: String,
    value: String,
    origin: Origin,
}

impl EffectiveConfig {
    /// Starts a table; `header` is TOML, with its brackets.
    pub(crate) fn table(&mut self, header: &str) {
        self.0.push(Table { header: header.to_owned(), lines: Vec::new() });
    }

    /// Adds a key to the last table, or replaces it. `value` is TOML.
    pub(crate) fn line(&mut self, key: &str, value: String, origin: Origin) {
        let Some(table) = self.0.last_mut() else { return };
        let line = Line { key: key.to_owned(), value, origin };
        match table.lines.iter_mut().find(|line| line.key == key) {
            Some(old) => *old = line,
            None => table.lines.push(line),
        }
    }
}

impl fmt::Display for EffectiveConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, table) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            writeln!(f, "{}", table.header)?;
            let widest = |part: fn(&Line) -> &str| {
                table.lines.iter().map(|line| part(line).chars().count()).max().unwrap_or(0)
            };
            let (keys, values) = (widest(|line| &line.key), widest(|line| &line.value).min(40));
            for Line { key, value, origin } in &table.lines {
                // A path may contain a line break; a comment must not.
                let origin = origin.to_string().replace(char::is_control, "?");
                writeln!(f, "{key:keys$} = {value:values$}  # {origin}")?;
            }
        }
        Ok(())
    }
}
