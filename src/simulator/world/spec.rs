//! The flow specs of the simulated service: what kinds of dataflow there are.

use serde::{Deserialize, Serialize};

/// A kind of dataflow. Ids are Adobe's, and so are names where they are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Spec {
    /// Files from cloud storage, in batches.
    CloudStorage,
    /// CRM systems and databases, in batches.
    Crm,
    /// Generic REST sources: batches in truth, but the published spec does not say so.
    Rest,
    /// Kinesis, Event Hubs, Pub/Sub.
    Streaming,
    /// The HTTP API; its spec says that it has no flow runs.
    HttpApi,
    /// Marketo: a source of undocumented frequency, whose runs cannot be re-triggered here.
    Marketo,
    /// Audience activation to files.
    Destination,
    /// From the data lake to the profile store: neither source nor destination.
    Internal,
}

impl Spec {
    /// Every spec.
    pub const ALL: [Self; 8] = [
        Self::CloudStorage,
        Self::Crm,
        Self::Rest,
        Self::Streaming,
        Self::HttpApi,
        Self::Marketo,
        Self::Destination,
        Self::Internal,
    ];

    /// The spec with this id.
    pub fn with_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|spec| spec.id() == id)
    }

    /// The id that flows name in `flowSpec.id`.
    pub fn id(self) -> &'static str {
        match self {
            Self::CloudStorage => "9753525b-82c7-4dce-8a9b-5ccfce2b9876",
            Self::Crm => "14518937-270c-4525-bdec-c2ba7cce3860",
            Self::Rest => "6499120c-0b15-42dc-936e-847ea3c24d72",
            Self::Streaming => "d69717ba-71b4-4313-b654-49f9cf126d7a",
            Self::HttpApi => "c1a19761-d2c7-4702-b9fa-fe91f0613e81",
            Self::Marketo => "15f8402c-ba66-4626-b54c-9f8e54244d61",
            Self::Destination => "71471eba-b620-49e4-90fd-23f1fa0174d8",
            Self::Internal => "b0e2a3d6-52a1-4b0f-9d1e-5a1c7f0c1b11",
        }
    }

    /// The name Adobe gives it, typing errors included.
    pub fn name(self) -> &'static str {
        match self {
            Self::CloudStorage => "CloudStorageToAEP",
            Self::Crm => "CRMToAEP",
            Self::Rest => "RestStorageToAEP",
            Self::Streaming => "Stream data with optional transformation",
            Self::HttpApi => "Steam data with transformation",
            Self::Marketo => "Marketo",
            Self::Destination => "File destination",
            Self::Internal => "Data lake to profile",
        }
    }

    /// `attributes.frequency` as published; absent from older specs and from destinations.
    pub fn published_frequency(self) -> Option<&'static str> {
        match self {
            Self::CloudStorage | Self::Crm => Some("batch"),
            Self::Streaming | Self::HttpApi => Some("streaming"),
            Self::Rest | Self::Marketo | Self::Destination | Self::Internal => None,
        }
    }

    /// Whether runs can be re-triggered, published or not.
    pub fn is_batch_source(self) -> bool {
        matches!(self, Self::CloudStorage | Self::Crm | Self::Rest)
    }

    /// Whether data leaves the platform.
    pub fn is_destination(self) -> bool {
        self == Self::Destination
    }

    /// A connection spec of the far end: where data comes from, or goes to.
    pub fn connection_spec_id(self) -> &'static str {
        match self {
            Self::CloudStorage => "ecadc60c-7455-4d87-84dc-2a0e293d997b",
            Self::Crm => "cfc0fee1-7dc0-40ef-b73e-d8b134c436f5",
            Self::Rest => "fcad62f3-09b0-41d3-be11-449d5a621b69",
            Self::Streaming => "bf9f5905-92b7-48bf-bf20-455bc6b60a4e",
            Self::HttpApi => "bc7b00d6-623a-4dfc-9fdb-f1240aeadaeb",
            Self::Marketo => "bf1f4218-73ce-4ff0-b744-48d78ffae2e4",
            Self::Destination => "4890fc95-5a1f-4983-94bb-e060c08e3f81",
            Self::Internal => "c604ff05-7f1a-43c0-8e18-33bf874cb11c",
        }
    }
}
