//! What keeps a daemon from reading a sandbox completely.

use jiff::Timestamp;
use serde::Serialize;

/// Why passes over a sandbox are incomplete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// The kind of the cause.
    pub cause: Cause,
    /// When the first of these passes ended.
    pub since: Timestamp,
    /// The error of the latest pass with its causes.
    pub error: String,
    /// How many passes in a row were incomplete.
    pub passes: u64,
}

macro_rules! causes {
    ($($(#[doc = $doc:literal])* $variant:ident = $word:literal;)*) => {
        /// The kinds of causes for an incomplete pass.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
        pub enum Cause {
            $($(#[doc = $doc])* #[serde(rename = $word)] $variant,)*
        }

        impl Cause {
            /// Every cause.
            pub const ALL: &'static [Cause] = &[$(Cause::$variant,)*];

            /// Its name in the store, in metrics and in JSON.
            pub fn as_str(self) -> &'static str {
                match self { $(Cause::$variant => $word,)* }
            }

            /// The cause with this name; `None` if this version does not know it.
            pub fn parse(word: &str) -> Option<Cause> {
                Self::ALL.iter().copied().find(|cause| cause.as_str() == word)
            }
        }
    };
}

causes! {
    /// Adobe refused the credentials.
    Credentials = "credentials";
    /// Adobe could not be reached.
    Unreachable = "unreachable";
    /// Adobe answered, but not as expected.
    Platform = "platform";
    /// The store failed.
    Store = "store";
    /// The time cannot be trusted.
    Clock = "clock";
    /// Reading took too long.
    TooSlow = "too_slow";
    /// The lease was lost.
    Lease = "lease";
    /// The pass panicked.
    Panic = "panic";
}
