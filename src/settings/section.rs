//! Reads one table of the merged configuration, key by key. Whatever is wrong goes to the report
//! and reading goes on, so that one load tells of everything.

use super::fault::Origin;
use super::report::Report;
use super::shape::Shape;
use super::text::{format_duration, nearest, toml_list, toml_string};
use super::value;
use config::{Map, Value, ValueKind};
use std::ops::RangeInclusive;
use std::time::Duration;

/// A table of settings that is being read. `None` from any of its readers means that the key is
/// absent or faulty; the latter is in the report by then.
pub(super) struct Section<'a> {
    /// What the keys are called in messages: `retry.`, `dataflow[crm-*].retry.`
    path: String,
    /// What the keys are called in the shown table: nothing, or `retry.` within a `[[dataflow]]`.
    local: String,
    /// What the keys are called in the schema: `retry.`, `dataflow.retry.`
    place: String,
    left: Map<String, Value>,
    taken: Vec<&'static str>,
    pub(super) report: &'a mut Report,
}

/// A value as it was read, and where it was written.
pub(super) struct Read<T> {
    pub(super) value: T,
    pub(super) origin: Origin,
}

impl<'a> Section<'a> {
    /// Begins with a table that is called `name` in messages and `header` where it is shown.
    pub(super) fn new(
        name: &str,
        header: &str,
        table: Map<String, Value>,
        report: &'a mut Report,
    ) -> Self {
        report.shown.table(header);
        Self {
            path: format!("{name}."),
            local: String::new(),
            place: format!("{}.", header.trim_matches(['[', ']'])),
            left: table,
            taken: vec![],
            report,
        }
    }

    /// The name of `key` in messages.
    pub(super) fn name(&self, key: &str) -> String {
        format!("{}{key}", self.path)
    }

    /// Gives a list to a key that has none: the defaults file cannot hold the keys of a table that
    /// is not there.
    pub(super) fn list_by_default(&mut self, key: &str, items: &[&str]) {
        self.report.shapes.default(format!("{}{key}", self.place), items);
        let items: Vec<Value> = items.iter().map(|item| Value::from(*item)).collect();
        self.left.entry(key.to_owned()).or_insert_with(|| Value::from(items));
    }

    /// Faults a key that is absent and has to be there.
    pub(super) fn require(&mut self, key: &str, table: &Origin, message: &str) {
        self.report.shapes.require(format!("{}{key}", self.place));
        if !self.left.contains_key(key) {
            self.report.fault(&self.name(key), table.clone(), message);
        }
    }

    pub(super) fn whole(&mut self, key: &'static str, range: RangeInclusive<u32>) -> Option<u32> {
        self.accepts(key, Shape::Whole(range.clone()));
        let range = u64::from(*range.start())..=u64::from(*range.end());
        let read = |given: &Value| {
            let number = value::whole(given, &range)?;
            u32::try_from(number).map_err(|error| error.to_string())
        };
        self.take(key, read, u32::to_string).map(|read| read.value)
    }

    pub(super) fn number(&mut self, key: &'static str, range: RangeInclusive<f64>) -> Option<f64> {
        self.accepts(key, Shape::Number(range.clone()));
        let read = |given: &Value| value::number(given, &range);
        self.take(key, read, |number| format!("{number:?}")).map(|read| read.value)
    }

    pub(super) fn duration(
        &mut self,
        key: &'static str,
        range: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        self.accepts(key, Shape::Duration(range.clone()));
        let read = |given: &Value| value::duration(given, &range);
        let show = |duration: &Duration| toml_string(&format_duration(*duration));
        let Read { value, origin } = self.take(key, read, show)?;
        self.report.note(self.name(key), value, origin);
        Some(value)
    }

    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        self.accepts(key, Shape::Flag);
        self.take(key, value::flag, bool::to_string).map(|read| read.value)
    }

    pub(super) fn word<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&'static str, T)],
    ) -> Option<T> {
        self.accepts(key, Shape::Word(words.iter().map(|(word, _)| *word).collect()));
        let places: Vec<(&str, usize)> =
            words.iter().enumerate().map(|(place, (word, _))| (*word, place)).collect();
        let read = |given: &Value| value::word(given, &places);
        let place = self.take(key, read, |place| toml_string(words[*place].0))?.value;
        Some(words[place].1)
    }

    /// Text that passes `check`, whose `Err` is a finished message.
    pub(super) fn text(
        &mut self,
        key: &'static str,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> Option<Read<String>> {
        self.accepts(key, Shape::Text);
        let read = |given: &Value| value::text(given).and_then(|text| check(&text).map(|()| text));
        self.take(key, read, |text| toml_string(text))
    }

    /// Text that is neither repeated in a message nor shown.
    pub(super) fn secret(&mut self, key: &'static str) -> Option<Read<String>> {
        self.accepts(key, Shape::Text);
        let show = |text: &String| if text.is_empty() { r#""""# } else { REDACTED }.to_owned();
        self.take(key, value::secret, show)
    }

    /// A list of texts that pass `check` each.
    pub(super) fn list(
        &mut self,
        key: &'static str,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> Option<Read<Vec<String>>> {
        self.accepts(key, Shape::Texts);
        let read = |given: &Value| {
            let items = value::list(given)?;
            items.iter().try_for_each(|item| check(item))?;
            Ok(items)
        };
        self.take(key, read, |items| toml_list(items))
    }

    /// Text turned into a `T` by `parse`, whose `Err` is a finished message.
    pub(super) fn parsed<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str, &Origin) -> Result<T, String>,
    ) -> Option<T> {
        self.accepts(key, Shape::Text);
        let read = |given: &Value| {
            let text = value::text(given)?;
            Ok((parse(&text, &Origin::of(given))?, text))
        };
        self.take(key, read, |(_, text)| toml_string(text)).map(|read| read.value.0)
    }

    /// Shows another value for `key` than the one written, with where it came from.
    pub(super) fn show_instead(&mut self, key: &str, value: String, origin: Origin) {
        let local = format!("{}{key}", self.local);
        self.report.shown.line(&local, value, origin);
    }

    /// A table within this one, read by `read` and then finished; nothing happens where there is
    /// none.
    pub(super) fn inner<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> Option<T> {
        let table = self.take_table(key)?;
        let mut inner = Section {
            path: format!("{}.", self.name(key)),
            local: format!("{}{key}.", self.local),
            place: format!("{}{key}.", self.place),
            left: table,
            taken: vec![],
            report: self.report,
        };
        let result = read(&mut inner);
        inner.finish();
        Some(result)
    }

    /// Faults a key that is known elsewhere but has no place here.
    pub(super) fn refuse(&mut self, key: &'static str, message: &str) {
        if let Some(value) = self.left.remove(key) {
            self.report.fault(&self.name(key), Origin::of(&value), message);
        }
    }

    /// Faults every key that nobody asked for.
    pub(super) fn finish(self) {
        let mut left: Vec<(String, Value)> = self.left.into_iter().collect();
        left.sort_by(|a, b| a.0.cmp(&b.0));
        for (key, value) in left {
            let name = format!("{}{key}", self.path);
            let message = no_such_key(&key, &self.taken, &self.report.known);
            self.report.fault(&name, Origin::of(&value), message);
        }
    }

    /// Notes what `key` accepts, whether it is there or not: the schema is made of that.
    fn accepts(&mut self, key: &str, shape: Shape) {
        self.report.shapes.accept(format!("{}{key}", self.place), shape);
    }

    fn take_table(&mut self, key: &'static str) -> Option<Map<String, Value>> {
        self.taken.push(key);
        let given = self.left.remove(key)?;
        let origin = Origin::of(&given);
        match given.kind {
            ValueKind::Table(table) => Some(table),
            _ => {
                let message = format!("is not a table; write {key}.name = value, one by one");
                self.report.fault(&self.name(key), origin, message);
                None
            }
        }
    }

    fn take<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Value) -> Result<T, String>,
        show: impl FnOnce(&T) -> String,
    ) -> Option<Read<T>> {
        self.taken.push(key);
        let given = self.left.remove(key)?;
        let origin = Origin::of(&given);
        match read(&given) {
            Ok(value) => {
                self.show_instead(key, show(&value), origin.clone());
                Some(Read { value, origin })
            }
            Err(message) => {
                self.report.fault(&self.name(key), origin, message);
                None
            }
        }
    }
}

/// How a secret is shown.
pub(super) const REDACTED: &str = "\"[redacted]\"";

/// What to say of a key that does not exist: the near one of its own table, or the same one of
/// another table.
fn no_such_key<'a>(
    key: &str,
    siblings: &[&'static str],
    everywhere: impl IntoIterator<Item = &'a String>,
) -> String {
    let near = nearest(key, siblings.iter().copied()).map(str::to_owned);
    let elsewhere =
        || everywhere.into_iter().find(|known| known.rsplit('.').next() == Some(key)).cloned();
    match near.or_else(elsewhere) {
        Some(meant) => format!("no such key; did you mean `{meant}`?"),
        None => "no such key; `flowmend config default` lists them all".to_owned(),
    }
}
