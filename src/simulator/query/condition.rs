//! One `property=path OP value[,value]`.

use std::collections::HashSet;

use super::field::{Field, Filterable, Kind, Resource, Value};
use crate::simulator::quirks::{FlowIdList, Quirks};
use crate::simulator::refusal::Refusal;

/// A test that a record must pass.
#[derive(Debug)]
pub(super) struct Condition {
    field: Field,
    test: Test,
}

#[derive(Debug)]
enum Test {
    AnyOf(HashSet<String>),
    AnyOfIgnoringCase(Vec<String>),
    Before(i64),
    After(i64),
}

impl Condition {
    pub(super) fn parse(resource: Resource, text: &str, quirks: &Quirks) -> Result<Self, Refusal> {
        let in_path = |c: char| c.is_ascii_alphanumeric() || "_.[]:-".contains(c);
        let end = text.find(|c| !in_path(c)).unwrap_or(text.len());
        let (path, rest) = text.split_at(end);
        let (operator, values) = split_operator(rest)?;
        let field = Field::parse(resource, path)?;
        if field == Field::Updated && quirks.updated_at_filter_refused {
            return Err(Refusal::bad_request(1449, "updatedAt is not a valid field."));
        }
        let test = match (operator, field.kind()) {
            ("==", Kind::Text)
                if field == Field::FlowId && quirks.flow_id_list == FlowIdList::Literal =>
            {
                Test::AnyOf(HashSet::from([values.to_owned()]))
            }
            ("==", Kind::State) if !quirks.status_filter_case_sensitive => {
                Test::AnyOfIgnoringCase(values.split(',').map(str::to_owned).collect())
            }
            ("==", Kind::Text | Kind::State) => {
                Test::AnyOf(values.split(',').map(str::to_owned).collect())
            }
            ("<", Kind::Time) => Test::Before(time(field, values)?),
            (">", Kind::Time) => Test::After(time(field, values)?),
            (_, Kind::Text) if field == Field::Id => {
                return Err(Refusal::bad_request(1448, "id supports only the operator ==."));
            }
            _ => {
                let message = format!("{path} does not support the operator {operator}.");
                return Err(Refusal::bad_request(1454, message));
            }
        };
        Ok(Self { field, test })
    }

    pub(super) fn any_of(&self, field: Field) -> Option<&HashSet<String>> {
        match &self.test {
            Test::AnyOf(values) if self.field == field => Some(values),
            _ => None,
        }
    }

    /// A record without the property passes no test.
    pub(super) fn matches(&self, record: &impl Filterable) -> bool {
        match (&self.test, record.value(self.field)) {
            (Test::AnyOf(values), Value::Text(text)) => values.contains(text),
            (Test::AnyOfIgnoringCase(values), Value::Text(text)) => {
                values.iter().any(|value| value.eq_ignore_ascii_case(text))
            }
            (Test::Before(bound), Value::Time(at)) => at < *bound,
            (Test::After(bound), Value::Time(at)) => at > *bound,
            _ => false,
        }
    }
}

/// The operator, and the values after it.
fn split_operator(text: &str) -> Result<(&str, &str), Refusal> {
    let length = match text.as_bytes() {
        [b'=', b'=', ..] => 2,
        [b'<' | b'>', ..] => 1,
        [b'~', ..] => {
            return Err(Refusal::bad_request(1440, "The operator ~ is not implemented."));
        }
        _ => return Err(Refusal::bad_request(1450, "The filter has no valid operator.")),
    };
    Ok(text.split_at(length))
}

fn time(field: Field, value: &str) -> Result<i64, Refusal> {
    value.parse().map_err(|_| {
        let number = match field {
            _ if value.contains(',') => 1443,
            Field::Created => 1452,
            _ => 1454,
        };
        Refusal::bad_request(number, format!("{value} is not a time in epoch milliseconds."))
    })
}
