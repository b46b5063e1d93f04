//! The properties that lists can be filtered by.

use crate::simulator::refusal::Refusal;

/// The kind of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resource {
    Flows,
    Runs,
}

impl Resource {
    /// Items of a page when no limit is given. Undocumented.
    pub(super) fn default_limit(self) -> usize {
        match self {
            Self::Flows => 20,
            Self::Runs => 10,
        }
    }

    /// Path below the base of the service.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Flows => "/flows",
            Self::Runs => "/runs",
        }
    }
}

/// A property of a flow or a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Id,
    FlowId,
    IsSourceFlow,
    IsDestinationFlow,
    Status,
    Started,
    Created,
    Updated,
}

/// What kind of value a property has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// A status; [`Quirks`](crate::simulator::Quirks) decide whether its case matters.
    State,
    /// Epoch milliseconds.
    Time,
}

/// The value of a property.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    Text(&'a str),
    Time(i64),
    Absent,
}

/// Something with properties.
pub(crate) trait Filterable {
    fn value(&self, field: Field) -> Value<'_>;
}

impl Field {
    pub(super) fn parse(resource: Resource, path: &str) -> Result<Self, Refusal> {
        use Resource::{Flows, Runs};
        Ok(match (resource, path) {
            (_, "id") => Self::Id,
            (_, "createdAt") => Self::Created,
            (_, "updatedAt") => Self::Updated,
            (Runs, "flowId") => Self::FlowId,
            (Runs, "metrics.statusSummary.status") => Self::Status,
            (Runs, "metrics.durationSummary.startedAtUTC") => Self::Started,
            (Flows, "inheritedAttributes.properties.isSourceFlow") => Self::IsSourceFlow,
            (Flows, "inheritedAttributes.properties.isDestinationFlow") => Self::IsDestinationFlow,
            _ => {
                let message = format!("{path} is not a valid field.");
                return Err(Refusal::bad_request(1449, message));
            }
        })
    }

    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Id | Self::FlowId | Self::IsSourceFlow | Self::IsDestinationFlow => Kind::Text,
            Self::Status => Kind::State,
            Self::Started | Self::Created | Self::Updated => Kind::Time,
        }
    }
}
