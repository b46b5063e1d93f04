//! Reads one table of the merged configuration, key by key. Faults go to the report and reading
//! continues, so that one load reports everything.

use super::origin::Origin;
use super::report::{CheckedDuration, Report};
use super::shape::Shape;
use super::text::{format_duration, nearest, toml_list, toml_string};
use super::value;
use config::{Map, Value, ValueKind};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

/// How a secret is shown.
pub(crate) const REDACTED: &str = "\"[redacted]\"";

/// A table that is being read. Its readers return `None` if the key is absent or faulty; a fault is
/// in the report by then.
pub(crate) struct Section<'a> {
    /// The table's name in messages: `retry`, `dataflow[crm-*]`, `dataflow[crm-*].retry`.
    pub(crate) name: String,
    /// The prefix of its keys in the effective configuration: empty, or `retry.` in a `[[dataflow]]`.
    local: String,
    /// The prefix of its keys in the schema: `retry.`, `dataflow.retry.`
    place: String,
    /// Where the table was written.
    origin: Origin,
    left: Map<String, Value>,
    taken: Vec<&'static str>,
    pub(crate) report: &'a mut Report,
}

/// A value, and where it was written.
pub(crate) struct Read<T> {
    pub(crate) value: T,
    pub(crate) origin: Origin,
}

/// Reads the section `name` with `read`, and reports the keys that `read` did not ask for.
pub(crate) fn read_section<T>(
    name: &str,
    tables: &mut Map<String, Value>,
    report: &mut Report,
    read: impl FnOnce(&mut Section<'_>) -> T,
) -> T {
    let table = match tables.remove(name).map(|table| table.kind) {
        Some(ValueKind::Table(table)) => table,
        _ => Map::new(),
    };
    let header = format!("[{name}]");
    Section::new(name.to_owned(), &header, table, Origin::Unset, report).read_with(read)
}

/// Reads each table of the list `name` with `read`, and reports the keys that `read` did not ask
/// for. In messages a table is named by the text of its key `label`, otherwise by its position.
pub(crate) fn read_list(
    name: &str,
    label: &str,
    tables: &mut Map<String, Value>,
    report: &mut Report,
    mut read: impl FnMut(&mut Section<'_>),
) {
    let Some(ValueKind::Array(items)) = tables.remove(name).map(|list| list.kind) else { return };
    for (index, item) in items.into_iter().enumerate() {
        let origin = Origin::of(&item);
        let ValueKind::Table(table) = item.kind else { continue };
        let name_of_item = match table.get(label).map(|value| &value.kind) {
            Some(ValueKind::String(text)) if !text.is_empty() => {
                let text: String = text.chars().filter(|c| !c.is_control()).take(40).collect();
                format!("{name}[{text}]")
            }
            _ => format!("{name}[#{}]", index + 1),
        };
        let header = format!("[[{name}]]");
        Section::new(name_of_item, &header, table, origin, report).read_with(&mut read);
    }
}

impl<'a> Section<'a> {
    fn new(
        name: String,
        header: &str,
        table: Map<String, Value>,
        origin: Origin,
        report: &'a mut Report,
    ) -> Self {
        report.effective.table(header);
        let place = format!("{}.", header.trim_matches(['[', ']']));
        Self { name, local: String::new(), place, origin, left: table, taken: vec![], report }
    }

    fn read_with<T>(mut self, read: impl FnOnce(&mut Section<'_>) -> T) -> T {
        let result = read(&mut self);
        self.report_unknown_keys();
        result
    }

    /// Reports a fault of `key` in this table.
    pub(crate) fn fault(&mut self, key: &str, message: impl Into<String>) {
        let origin = self.origin.clone();
        self.fault_at(key, origin, message);
    }

    /// Reports a fault of `key` that was written at `origin`.
    pub(crate) fn fault_at(&mut self, key: &str, origin: Origin, message: impl Into<String>) {
        self.report.fault(&format!("{}.{key}", self.name), origin, message);
    }

    /// Reports a credential that is set to nothing, or has only its empty default, if it is needed.
    pub(crate) fn missing_credential(&mut self, key: &str, origin: Origin, message: &str) {
        if self.report.is_offline {
            return;
        }
        let key = format!("{}.{key}", self.name);
        match origin {
            Origin::Defaults => self.report.missing(&key, Origin::Unset, message),
            origin => self.report.missing(&key, origin, format!("must not be empty: {message}")),
        }
    }

    /// Warns about this table.
    pub(crate) fn warn(&mut self, warning: &str) {
        let warning = format!("{} ({}): {warning}", self.name, self.origin);
        self.report.warn(warning);
    }

    /// Sets a list that is absent: the defaults file cannot contain the keys of a table that is not
    /// there.
    pub(crate) fn list_by_default(&mut self, key: &str, items: &[&str]) {
        let place = format!("{}{key}", self.place);
        self.report.shapes.defaults.insert(place, items.iter().map(|it| (*it).into()).collect());
        let items: Vec<Value> = items.iter().map(|item| Value::from(*item)).collect();
        self.left.entry(key.to_owned()).or_insert_with(|| Value::from(items));
    }

    /// Reports a required key that is absent.
    pub(crate) fn require(&mut self, key: &str, advice: &str) {
        self.report.shapes.required.insert(format!("{}{key}", self.place));
        if !self.left.contains_key(key) {
            self.fault(key, format!("is required; {advice}"));
        }
    }

    pub(crate) fn whole(&mut self, key: &'static str, range: RangeInclusive<u32>) -> Option<u32> {
        let read = |given: &Value| value::whole(given, &range);
        Some(self.take(key, Shape::Whole(range.clone()), read, u32::to_string)?.value)
    }

    pub(crate) fn number(&mut self, key: &'static str, range: RangeInclusive<f64>) -> Option<f64> {
        let read = |given: &Value| value::number(given, &range);
        let show = |number: &f64| format!("{number:?}");
        Some(self.take(key, Shape::Number(range.clone()), read, show)?.value)
    }

    pub(crate) fn duration(
        &mut self,
        key: &'static str,
        range: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        let read = |given: &Value| value::duration(given, &range);
        let show = |duration: &Duration| toml_string(&format_duration(*duration));
        let Read { value, origin } = self.take(key, Shape::Duration(range.clone()), read, show)?;
        let checked = CheckedDuration { duration: value, origin };
        self.report.durations.insert(format!("{}.{key}", self.name), checked);
        Some(value)
    }

    pub(crate) fn flag(&mut self, key: &'static str) -> Option<bool> {
        Some(self.take(key, Shape::Flag, value::flag, bool::to_string)?.value)
    }

    pub(crate) fn word<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&'static str, T)],
    ) -> Option<T> {
        let shape = Shape::Word(words.iter().map(|(word, _)| *word).collect());
        let read = |given: &Value| value::word(given, words);
        Some(self.take(key, shape, read, |(word, _)| toml_string(word))?.value.1)
    }

    /// Text turned into a `T` by `parse`, whose `Err` is a complete message.
    pub(crate) fn text<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Read<T>> {
        let read = |given: &Value| {
            let text = value::text(given)?;
            Ok((parse(&text)?, text))
        };
        let read = self.take(key, Shape::Text, read, |(_, text)| toml_string(text))?;
        Some(Read { value: read.value.0, origin: read.origin })
    }

    /// As [`text`](Self::text), without its origin.
    pub(crate) fn parsed<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        Some(self.text(key, parse)?.value)
    }

    /// Text that is neither repeated in a message nor shown.
    pub(crate) fn secret(&mut self, key: &'static str) -> Option<Read<String>> {
        let show = |text: &String| if text.is_empty() { r#""""# } else { REDACTED }.to_owned();
        self.take(key, Shape::Text, value::secret, show)
    }

    /// A list of texts, each turned into a `T` by `parse`, whose `Err` is a complete message.
    pub(crate) fn list<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Read<Vec<T>>> {
        let read = |given: &Value| {
            let items = value::list(given)?;
            let parsed: Vec<T> = items.iter().map(|item| parse(item)).collect::<Result<_, _>>()?;
            Ok((parsed, items))
        };
        let read = self.take(key, Shape::Texts, read, |(_, items)| toml_list(items))?;
        Some(Read { value: read.value.0, origin: read.origin })
    }

    /// Shows another value for `key` than the one written, with where it came from.
    pub(crate) fn show_instead(&mut self, key: &str, value: String, origin: Origin) {
        self.report.effective.line(&format!("{}{key}", self.local), value, origin);
    }

    /// Reads the table within this one, if there is one.
    pub(crate) fn inner<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> Option<T> {
        self.taken.push(key);
        let given = self.left.remove(key)?;
        let origin = Origin::of(&given);
        let ValueKind::Table(table) = given.kind else {
            let message = format!("must be a table; write {key}.name = value for each key");
            self.fault_at(key, origin, message);
            return None;
        };
        let inner = Section {
            name: format!("{}.{key}", self.name),
            local: format!("{}{key}.", self.local),
            place: format!("{}{key}.", self.place),
            origin,
            left: table,
            taken: vec![],
            report: self.report,
        };
        Some(inner.read_with(read))
    }

    /// Reports a key that exists elsewhere and is not allowed here.
    pub(crate) fn refuse(&mut self, key: &'static str, message: &str) {
        if let Some(value) = self.left.remove(key) {
            self.fault_at(key, Origin::of(&value), message);
        }
    }

    fn report_unknown_keys(mut self) {
        let mut left: Vec<(String, Value)> = self.left.drain().collect();
        left.sort_by(|a, b| a.0.cmp(&b.0));
        for (key, value) in left {
            let message = no_such_key(&key, &self.taken, &self.report.known);
            self.fault_at(&key, Origin::of(&value), message);
        }
    }

    /// Takes `key` out of the table. Its shape is kept even if the key is absent: the schema is made
    /// from the shapes.
    fn take<T>(
        &mut self,
        key: &'static str,
        shape: Shape,
        read: impl FnOnce(&Value) -> Result<T, String>,
        show: impl FnOnce(&T) -> String,
    ) -> Option<Read<T>> {
        self.report.shapes.keys.insert(format!("{}{key}", self.place), shape);
        self.taken.push(key);
        let given = self.left.remove(key)?;
        let origin = Origin::of(&given);
        match read(&given) {
            Ok(value) => {
                self.show_instead(key, show(&value), origin.clone());
                Some(Read { value, origin })
            }
            Err(message) => {
                self.fault_at(key, origin, message);
                None
            }
        }
    }
}

/// The message for an unknown key. It names a near key of the same table, or the same key of another.
fn no_such_key(key: &str, siblings: &[&'static str], known: &BTreeSet<String>) -> String {
    let near = nearest(key, siblings.iter().copied());
    let elsewhere =
        || known.iter().map(String::as_str).find(|it| it.rsplit('.').next() == Some(key));
    match near.or_else(elsewhere) {
        Some(meant) => format!("no such key; did you mean `{meant}`?"),
        None => "no such key; `flowmend config default` lists them all".to_owned(),
    }
}
