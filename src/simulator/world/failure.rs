//! Why runs fail: the codes of a failed run, and how many re-triggers heal it.

use serde::{Deserialize, Serialize};

/// One entry of an `errors` array.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct RunError {
    /// Such as `CONNECTOR-1001-500` or a bare `133`.
    pub code: String,
    /// A sentence for people.
    pub message: String,
}

/// What went wrong with a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Published in `metrics.statusSummary.errors`.
    pub umbrella: Vec<RunError>,
    /// Published in `activities[].statusSummary.extensions.errors`.
    pub details: Vec<RunError>,
    /// Published in `activities[].statusSummary.extensions.errorDetail`: the connector's own text.
    pub error_detail: Option<String>,
    /// The number of the re-trigger whose new run succeeds, counted from 1 over all re-triggers of
    /// the original failed run. [`Failure::NEVER`] if none does; 0 if the run itself succeeds in part.
    pub heals_after: u32,
    /// Whether the run that heals succeeds only in part.
    pub heals_partly: bool,
    /// Whether the run publishes `completedAtUTC`; Adobe's example of a failed promotion has none.
    pub shows_completion: bool,
}

impl Failure {
    /// No number of re-triggers helps.
    pub const NEVER: u32 = u32::MAX;

    /// A failure with these codes, healed by the first re-trigger.
    pub fn with_codes(umbrella: &[&str], details: &[&str]) -> Self {
        let errors = |codes: &[&str]| {
            let message = |code: &str| format!("The run failed with {code}.");
            codes.iter().map(|c| RunError { code: (*c).to_owned(), message: message(c) }).collect()
        };
        Self {
            umbrella: errors(umbrella),
            details: errors(details),
            error_detail: None,
            heals_after: 1,
            heals_partly: false,
            shows_completion: true,
        }
    }
}

/// A reason to fail, of those that the scenarios use.
///
/// The codes are documented; the prefix `CONNECTOR-` of connector-side detail codes is not (the
/// catalogue prints them bare) and follows that of the umbrella codes. How many re-triggers heal is
/// our guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The source did not answer in time.
    SourceTimeout,
    /// The source was not available.
    SourceUnavailable,
    /// The connector failed.
    SourceInternal,
    /// The copied data could not be promoted; no reason is given.
    Promotion,
    /// The file that the batch was to load has not arrived yet.
    NoFiles,
    /// Records that cannot be parsed.
    BadRecords,
    /// A required field is missing.
    MissingField,
    /// A data prep function failed.
    MappingFault,
    /// The source refuses the credentials; only the connector's text names the cause.
    ExpiredCredentials,
    /// The SFTP server cannot be reached; only the connector's text names the cause.
    SftpNetworkIssue,
    /// The source timed out; the new run rejects some of its records.
    TimeoutThenRejects,
    /// The batch was ingested already.
    Duplicate,
    /// Streamed records that fail validation.
    StreamValidation,
    /// A destination that did not accept the data.
    Activation,
}

impl Cause {
    /// The failure this cause leads to; `luck` (0 to 1) chooses how many re-triggers heal it.
    pub fn failure(self, luck: f64) -> Failure {
        let (umbrella, code, message, heals) = self.facts();
        let umbrella_message = match umbrella {
            "CONNECTOR-1001-500" => "Data could not be copied from the source.",
            "CONNECTOR-2001-500" => "The copied data could not be processed.",
            _ => message,
        };
        let error = |code: &str, message: &str| RunError {
            code: code.to_owned(),
            message: message.to_owned(),
        };
        Failure {
            umbrella: vec![error(umbrella, umbrella_message)],
            details: code.map(|code| error(code, message)).into_iter().collect(),
            error_detail: self.error_detail(),
            heals_after: heals.map_or(Failure::NEVER, |(least, most)| {
                least + (luck * f64::from(most - least + 1)) as u32
            }),
            heals_partly: self == Self::TimeoutThenRejects,
            shows_completion: umbrella != "CONNECTOR-2001-500",
        }
    }

    /// The text of the connector, in the form of Adobe's examples.
    fn error_detail(self) -> Option<String> {
        let (name, message) = match self {
            Self::SftpNetworkIssue => {
                ("SftpNetworkIssue", "A connection attempt failed, server '192.0.2.14'")
            }
            Self::ExpiredCredentials => {
                ("UserErrorInvalidCredential", "The user name or password is not valid")
            }
            _ => return None,
        };
        const TYPE: &str = "Microsoft.DataTransfer.Common.Shared.HybridDeliveryException";
        Some(format!("ErrorCode={name},'Type={TYPE},Message={message}'"))
    }

    /// Umbrella code, detail code, message, and the fewest and most re-triggers that heal.
    fn facts(self) -> (&'static str, Option<&'static str>, &'static str, Option<(u32, u32)>) {
        const COPY: &str = "CONNECTOR-1001-500";
        const PROMOTION: &str = "CONNECTOR-2001-500";
        const TARGET: &str = "ACTIVATION_BATCH-0000-FAILED";
        match self {
            Self::SourceTimeout => {
                (COPY, Some("CONNECTOR-1012-504"), "The source timed out.", Some((1, 2)))
            }
            Self::TimeoutThenRejects => {
                (COPY, Some("CONNECTOR-1012-504"), "The source timed out.", Some((1, 1)))
            }
            // The code 2200 stands for time-outs and for credentials.
            Self::SftpNetworkIssue => (COPY, Some("2200"), "A connection failed.", Some((1, 2))),
            Self::SourceUnavailable => {
                (COPY, Some("CONNECTOR-1011-503"), "The source is unavailable.", Some((1, 3)))
            }
            Self::SourceInternal => {
                (COPY, Some("CONNECTOR-1010-500"), "The connector failed.", Some((1, 2)))
            }
            Self::Promotion => (PROMOTION, None, "The data could not be promoted.", Some((1, 2))),
            Self::NoFiles => {
                (PROMOTION, Some("133"), "No files were found for this batch.", Some((2, 4)))
            }
            Self::BadRecords => {
                (PROMOTION, Some("INGEST-1212-400"), "The batch has records in error.", None)
            }
            Self::MissingField => {
                (PROMOTION, Some("INGEST-1555-400"), "A required field is missing.", None)
            }
            Self::MappingFault => {
                (PROMOTION, Some("MAPPER-3700-400"), "A mapping function failed.", None)
            }
            Self::ExpiredCredentials => (COPY, Some("2200"), "A connection failed.", None),
            Self::Duplicate => (PROMOTION, Some("140"), "The batch was ingested already.", None),
            Self::StreamValidation => {
                (PROMOTION, Some("DCVS-1104-400"), "Records do not match the schema.", None)
            }
            Self::Activation => (TARGET, None, "The destination did not accept the data.", None),
        }
    }
}
