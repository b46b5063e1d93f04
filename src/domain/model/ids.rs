//! The ids and names that Adobe uses. Each is a type of its own, so that a flow id can never be
//! passed as a run id. Each is opaque text, because Adobe promises no format.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the text unchanged.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text as Adobe writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// A dataflow (`flow.id`).
    FlowId
);
id!(
    /// One execution of a dataflow (`run.id`).
    RunId
);
id!(
    /// The specification a dataflow was made from (`flow.flowSpec.id`).
    FlowSpecId
);
id!(
    /// A sandbox, as in the header `x-sandbox-name`.
    SandboxName
);
id!(
    /// An entity tag exactly as received, its own double quotes included.
    Etag
);
