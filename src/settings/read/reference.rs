//! The defaults file as a reference: each table and key with the comment above it. Most lists of
//! tables are examples in comments there, because they have no useful default.

/// The built-in defaults: every key with its meaning, unit, range and default.
pub const DEFAULT_TOML: &str = include_str!("../../../config/flowmend.default.toml");

/// The sections: tables of settings.
pub(crate) const SECTIONS: [&str; 9] =
    ["adobe", "poll", "retry", "limits", "breaker", "store", "http", "heartbeat", "log"];

/// The lists of tables. A later layer replaces the whole list of an earlier one.
pub(crate) const LISTS: [&str; 6] =
    ["sandbox", "dataflow", "rule", "builtin_rule", "quiet", "notify"];

/// A table of the reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: String,
    /// True for `[[name]]`.
    pub(crate) is_list: bool,
    /// True if it is a comment: its values are examples, not defaults.
    pub(crate) is_example: bool,
    pub(crate) description: String,
    pub(crate) keys: Vec<Key>,
}

/// A key of the reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    /// Its name within its table: `max_attempts`, or `retry.max_attempts` in `[[dataflow]]`.
    pub(crate) name: String,
    pub(crate) description: String,
    /// Its value as TOML.
    pub(crate) value: String,
}

/// Reads the tables of `text`, which has the layout of the defaults file.
pub(crate) fn read(text: &str) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    let mut comment: Vec<&str> = Vec::new();
    let mut is_example = false;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        is_example = match line {
            "" => false,
            _ => is_example || line.strip_prefix("# ").and_then(header).is_some(),
        };
        let line = if is_example { plain(line) } else { line };
        if let Some((name, is_list)) = header(line) {
            let (name, description) = (name.to_owned(), sentence(&mut comment));
            tables.push(Table { name, is_list, is_example, description, keys: Vec::new() });
        } else if line.is_empty() {
            comment.clear();
        } else if line.starts_with('#') {
            comment.push(plain(line));
        } else if let Some((name, value)) = line.split_once(" = ") {
            let mut value = value.to_owned();
            while value.starts_with('[') && !value.ends_with(']') {
                let Some(more) = lines.next() else { break };
                value.push_str(if is_example { plain(more) } else { more });
            }
            let key = Key { name: name.to_owned(), description: sentence(&mut comment), value };
            if let Some(table) = tables.last_mut() {
                table.keys.push(key);
            }
        }
    }
    tables
}

impl Table {
    /// The key of this name; for the name of an inner table, its first key.
    pub(crate) fn key(&self, name: &str) -> Option<&Key> {
        self.keys.iter().find(|key| {
            key.name.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }

    /// The table as TOML on one line.
    pub(crate) fn inline(&self) -> String {
        let keys: Vec<String> =
            self.keys.iter().map(|key| format!("{} = {}", key.name, key.value)).collect();
        format!("{{ {} }}", keys.join(", "))
    }
}

/// The text of a comment.
fn plain(line: &str) -> &str {
    let line = line.strip_prefix('#').unwrap_or(line);
    line.strip_prefix(' ').unwrap_or(line)
}

fn header(line: &str) -> Option<(&str, bool)> {
    let inside = line.strip_prefix('[')?.strip_suffix(']')?;
    let list = inside.strip_prefix('[').and_then(|inside| inside.strip_suffix(']'));
    let (name, is_list) = list.map_or((inside, false), |name| (name, true));
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    is_name.then_some((name, is_list))
}

/// Joins the collected comment lines, and empties the list.
fn sentence(comment: &mut Vec<&str>) -> String {
    std::mem::take(comment).join(" ").trim().to_owned()
}
