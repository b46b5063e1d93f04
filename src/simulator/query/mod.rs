//! The query language of Flow Service lists, as far as flowmend and aepp use it: filters, pages, count.
//!
//! A query is parsed once and then run against the world itself, not against JSON, so that a world of
//! tens of thousands of runs answers in milliseconds. Other parts of the language (`orderby`, more
//! properties and operators) are refused. Refusals have the codes that Adobe documents.

mod condition;
mod field;
mod page;
mod params;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use crate::simulator::quirks::{FlowIdList, Quirks};
use crate::simulator::refusal::Refusal;
use condition::Condition;
use params::Params;

pub(super) use field::{Field, Filterable, Resource, Value};
pub(super) use params::replay_token;

/// A valid query.
#[derive(Debug)]
pub(super) struct Query {
    conditions: Vec<Condition>,
    limit: usize,
    offset: usize,
    /// Return only the number of matches.
    pub(super) count: bool,
    params: Params,
}

impl Query {
    /// Parses the query string of a list request.
    pub(super) fn parse(resource: Resource, query: &str, quirks: &Quirks) -> Result<Self, Refusal> {
        let (params, offset) = Params::parse(query)?;
        let conditions = params
            .property
            .iter()
            .map(|text| Condition::parse(resource, text, quirks))
            .collect::<Result<Vec<_>, _>>()?;
        let query = Self {
            limit: params.limit(resource.default_limit(), quirks.page_cap)?,
            count: params.count()?,
            conditions,
            offset,
            params,
        };
        query.permitted(resource, quirks)?;
        Ok(query)
    }

    fn permitted(&self, resource: Resource, quirks: &Quirks) -> Result<(), Refusal> {
        let flow_ids = self.any_of(Field::FlowId);
        if resource == Resource::Runs && quirks.runs_need_flow_id && flow_ids.is_none() {
            return Err(Refusal::bad_request(1423, "Runs cannot be listed without a flowId."));
        }
        let several = flow_ids.is_some_and(|ids| ids.len() > 1);
        if several && quirks.flow_id_list == FlowIdList::Refused {
            return Err(Refusal::bad_request(1443, "flowId does not take several values."));
        }
        Ok(())
    }

    /// The accepted values of a field, if the query names them.
    pub(super) fn any_of(&self, field: Field) -> Option<&HashSet<String>> {
        self.conditions.iter().find_map(|condition| condition.any_of(field))
    }

    /// Whether a record meets all conditions.
    pub(super) fn matches(&self, record: &impl Filterable) -> bool {
        self.conditions.iter().all(|condition| condition.matches(record))
    }
}
