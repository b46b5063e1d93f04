//! The effective settings as text, each with where it came from, for `flowmend config show`.

use super::fault::Origin;
use std::fmt;

/// Tables of settings in the order in which they were read. Secrets are put in redacted.
#[derive(Debug, Clone, Default)]
pub(super) struct Shown(Vec<Table>);

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

impl Shown {
    /// Begins a table; `header` is written as in TOML, brackets included.
    pub(super) fn table(&mut self, header: &str) {
        self.0.push(Table { header: header.to_owned(), lines: Vec::new() });
    }

    /// Adds a key to the table begun last; added again, it replaces what was there. `value` is
    /// written as in TOML.
    pub(super) fn line(&mut self, key: &str, value: String, origin: Origin) {
        let Some(table) = self.0.last_mut() else { return };
        let line = Line { key: key.to_owned(), value, origin };
        match table.lines.iter_mut().find(|line| line.key == key) {
            Some(old) => *old = line,
            None => table.lines.push(line),
        }
    }
}

impl fmt::Display for Shown {
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
                // A path may hold a line break, and a comment may not.
                let origin = origin.to_string().replace(char::is_control, "?");
                writeln!(f, "{key:keys$} = {value:values$}  # {origin}")?;
            }
        }
        Ok(())
    }
}
