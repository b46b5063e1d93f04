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
    AnyTime(Vec<i64>),
    Time(Comparison, i64),
}

#[derive(Clone, Copy, Debug)]
enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug)]
enum Operator {
    Equal,
    Order(Comparison),
}

impl Condition {
    /// `None` for a projection (`property=name,id`), which this service ignores.
    pub(super) fn parse(
        resource: Resource,
        text: &str,
        quirks: &Quirks,
    ) -> Result<Option<Self>, Refusal> {
        let in_path = |c: char| c.is_ascii_alphanumeric() || "_.[]:-".contains(c);
        let Some(end) = text.find(|c| !in_path(c)) else { return Ok(None) };
        let (path, rest) = text.split_at(end);
        if rest.starts_with(',') {
            return Ok(None);
        }
        let (operator, values) = split_operator(rest)?;
        let field = Field::parse(resource, path)?;
        if field == Field::Updated && quirks.updated_at_filter_refused {
            return Err(Refusal::bad_request(1449, "updatedAt is not a valid field."));
        }
        let values = if field == Field::FlowId && quirks.flow_id_list == FlowIdList::Literal {
            vec![values]
        } else {
            values.split(',').collect()
        };
        let values: Vec<&str> = values.into_iter().map(unquote).collect();
        Test::new(field, operator, &values, quirks).map(|test| Some(Self { field, test }))
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
            (Test::AnyTime(values), Value::Time(at)) => values.contains(&at),
            (Test::Time(comparison, bound), Value::Time(at)) => comparison.holds(at, *bound),
            _ => false,
        }
    }
}

impl Test {
    fn new(
        field: Field,
        operator: Operator,
        values: &[&str],
        quirks: &Quirks,
    ) -> Result<Self, Refusal> {
        match (operator, field.kind()) {
            (Operator::Equal, Kind::State) if !quirks.status_filter_case_sensitive => {
                Ok(Self::AnyOfIgnoringCase(values.iter().map(|v| (*v).to_owned()).collect()))
            }
            (Operator::Equal, Kind::Text | Kind::State) => {
                Ok(Self::AnyOf(values.iter().map(|v| (*v).to_owned()).collect()))
            }
            (Operator::Equal, Kind::Time) => {
                let times = values.iter().map(|value| time(field, value));
                times.collect::<Result<_, _>>().map(Self::AnyTime)
            }
            (Operator::Order(comparison), Kind::Time) => match values {
                [value] => Ok(Self::Time(comparison, time(field, value)?)),
                _ => Err(Refusal::bad_request(1443, "Only == takes several values.")),
            },
            (Operator::Order(_), _) if field == Field::Id => {
                Err(Refusal::bad_request(1448, "id can only be compared by ==."))
            }
            (Operator::Order(_), _) => {
                Err(Refusal::bad_request(1454, "This type of value cannot be ordered."))
            }
        }
    }
}

impl Comparison {
    fn holds(self, value: i64, bound: i64) -> bool {
        match self {
            Self::Less => value < bound,
            Self::LessOrEqual => value <= bound,
            Self::Greater => value > bound,
            Self::GreaterOrEqual => value >= bound,
        }
    }
}

fn split_operator(text: &str) -> Result<(Operator, &str), Refusal> {
    let operators = [
        ("==", Operator::Equal),
        ("<=", Operator::Order(Comparison::LessOrEqual)),
        (">=", Operator::Order(Comparison::GreaterOrEqual)),
        ("<", Operator::Order(Comparison::Less)),
        (">", Operator::Order(Comparison::Greater)),
    ];
    let known = operators
        .into_iter()
        .find_map(|(sign, operator)| text.strip_prefix(sign).map(|values| (operator, values)));
    match known {
        Some(split) => Ok(split),
        None if text.starts_with('~') => {
            Err(Refusal::bad_request(1440, "The operator ~ is not implemented."))
        }
        None => Err(Refusal::bad_request(1450, "The filter has no valid operator.")),
    }
}

/// Adobe's pages show values both bare and in double quotes.
fn unquote(value: &str) -> &str {
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
}

fn time(field: Field, value: &str) -> Result<i64, Refusal> {
    value.parse().map_err(|_| {
        let number = if field == Field::Created { 1452 } else { 1454 };
        Refusal::bad_request(number, format!("{value} is not a time in epoch milliseconds."))
    })
}
