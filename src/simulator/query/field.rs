//! The properties that lists can be filtered and ordered by.

use crate::simulator::refusal::Refusal;

/// What is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resource {
    Flows,
    Runs,
}

impl Resource {
    /// Items of a page when no limit is given. Undocumented; a public wrapper asks for few, too.
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
    Name,
    State,
    FlowId,
    FlowSpecId,
    IsSourceFlow,
    IsDestinationFlow,
    LastRunState,
    LastRunStarted,
    Status,
    Started,
    Completed,
    Created,
    Updated,
}

/// What kind of value a property has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// A word of state, whose case may not matter.
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

/// Published, but not filterable here.
const UNHANDLED: [&str; 8] = [
    "metrics.",
    "activities",
    "sourceConnectionIds",
    "targetConnectionIds",
    "inheritedAttributes.",
    "transformations",
    "scheduleParams.",
    "created",
];

impl Field {
    pub(super) fn parse(resource: Resource, path: &str) -> Result<Self, Refusal> {
        let field = match resource {
            Resource::Runs => Self::of_run(path),
            Resource::Flows => Self::of_flow(path),
        };
        field.ok_or_else(|| {
            let known = UNHANDLED.iter().any(|start| path.starts_with(start));
            let number = if known { 1423 } else { 1449 };
            Refusal::bad_request(number, format!("Filtering by the field {path} is not possible."))
        })
    }

    fn of_run(path: &str) -> Option<Self> {
        Some(match path {
            "id" => Self::Id,
            "flowId" => Self::FlowId,
            "flowSpec.id" => Self::FlowSpecId,
            // Published nowhere, and yet documented as a filter.
            "state" => Self::State,
            "metrics.statusSummary.status" => Self::Status,
            "metrics.durationSummary.startedAtUTC" => Self::Started,
            "metrics.durationSummary.completedAtUTC" => Self::Completed,
            "createdAt" => Self::Created,
            "updatedAt" => Self::Updated,
            _ => return None,
        })
    }

    fn of_flow(path: &str) -> Option<Self> {
        Some(match path {
            "id" => Self::Id,
            "name" => Self::Name,
            "state" => Self::State,
            "flowSpec.id" => Self::FlowSpecId,
            "inheritedAttributes.properties.isSourceFlow" => Self::IsSourceFlow,
            "inheritedAttributes.properties.isDestinationFlow" => Self::IsDestinationFlow,
            "lastRunDetails.state" => Self::LastRunState,
            "lastRunDetails.startedAtUTC" => Self::LastRunStarted,
            "createdAt" => Self::Created,
            "updatedAt" => Self::Updated,
            _ => return None,
        })
    }

    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Id
            | Self::Name
            | Self::FlowId
            | Self::FlowSpecId
            | Self::IsSourceFlow
            | Self::IsDestinationFlow => Kind::Text,
            Self::State | Self::Status | Self::LastRunState => Kind::State,
            Self::Started
            | Self::Completed
            | Self::Created
            | Self::Updated
            | Self::LastRunStarted => Kind::Time,
        }
    }
}
