//! `orderby=name`, `-name`, `+name`, or several of them by commas.

use std::cmp::Ordering;

use super::field::{Field, Filterable, Resource, Value};
use crate::simulator::refusal::Refusal;

/// Fields to order by, the first first.
#[derive(Debug)]
pub(super) struct Order(Vec<Key>);

#[derive(Debug)]
struct Key {
    field: Field,
    descending: bool,
}

impl Order {
    pub(super) fn parse(resource: Resource, text: &str) -> Result<Self, Refusal> {
        text.split(',').map(|key| Key::parse(resource, key)).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn compare<R: Filterable>(&self, a: &R, b: &R) -> Ordering {
        let by_key = |key: &Key| key.compare(a, b);
        self.0.iter().map(by_key).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }
}

impl Key {
    fn parse(resource: Resource, text: &str) -> Result<Self, Refusal> {
        let (descending, name) = match text.strip_prefix('-') {
            Some(name) => (true, name),
            // A plus sign that was not encoded arrives as a space.
            None => (false, text.strip_prefix(['+', ' ']).unwrap_or(text)),
        };
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return Err(Refusal::bad_request(1432, "The sign of orderby is not valid."));
        }
        let field = match (name, resource) {
            ("createdAt", _) => Field::Created,
            ("updatedAt", _) => Field::Updated,
            ("name", Resource::Flows) => Field::Name,
            _ => return Err(Refusal::bad_request(1433, format!("Cannot order by {name}."))),
        };
        Ok(Self { field, descending })
    }

    fn compare<R: Filterable>(&self, a: &R, b: &R) -> Ordering {
        let order = match (a.value(self.field), b.value(self.field)) {
            (Value::Text(a), Value::Text(b)) => a.cmp(b),
            (Value::Time(a), Value::Time(b)) => a.cmp(&b),
            _ => Ordering::Equal,
        };
        if self.descending { order.reverse() } else { order }
    }
}
