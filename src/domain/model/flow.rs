//! A dataflow, and whether its runs may be re-triggered at all.
//!
//! Adobe's tutorial allows the re-trigger for batch sources only. Adobe reports the kind in several
//! places, and some of them are often empty. So [`classify`] uses the most reliable one first, and
//! returns [`FlowKind::Unknown`] instead of a guess: an unknown kind is never re-triggered.

use crate::domain::model::ids::{FlowId, FlowSpecId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A dataflow as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// Its id.
    pub id: FlowId,
    /// The name people gave it.
    pub name: String,
    /// Whether it is enabled.
    pub state: FlowState,
    /// The flow spec that it was made from.
    pub spec_id: Option<FlowSpecId>,
    /// `inheritedAttributes.properties.isSourceFlow`, if present.
    pub is_source: Option<bool>,
    /// True if `inheritedAttributes` shows a *destination*, by its flag or by a source connection
    /// that only destinations have (the profile store, the data lake export).
    pub is_destination: bool,
    /// True if its source connection is the data lake.
    pub is_internal: bool,
    /// The connection spec of its first source connection: which source system it reads.
    pub source_spec: Option<String>,
    /// When it runs by itself.
    pub schedule: Option<Schedule>,
    /// The newest run, as Adobe lists it with the dataflow.
    pub last_run: Option<LastRun>,
}

impl Flow {
    /// Adds what this reading lacks and an earlier one showed, except what may really be gone: Adobe may
    /// leave out any field but the id and the state for a while. A dataflow never changes its kind.
    pub fn completed_by(self, earlier: &Self) -> Self {
        Self {
            spec_id: self.spec_id.or_else(|| earlier.spec_id.clone()),
            is_source: self.is_source.or(earlier.is_source),
            is_destination: self.is_destination || earlier.is_destination,
            is_internal: self.is_internal || earlier.is_internal,
            source_spec: self.source_spec.or_else(|| earlier.source_spec.clone()),
            ..self
        }
    }
}

/// `flow.scheduleParams`: when a dataflow runs by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Its first slot.
    pub start: Timestamp,
    /// From one slot to the next; `None` if there is only one.
    pub every: Option<Duration>,
}

impl Schedule {
    /// A scheduled run is created at most this long after its slot.
    pub const SLOT_WIDTH: SignedDuration = SignedDuration::from_secs(30);

    /// How long before `at` the nearest slot is; one up to `early` after `at` counts, too.
    pub fn since_slot(&self, at: Timestamp, early: Duration) -> Option<SignedDuration> {
        let early = SignedDuration::try_from(early).ok()?;
        let age = self.start.duration_until(at).checked_add(early)?;
        if age.is_negative() {
            return None;
        }
        let past = match self.every.filter(|every| !every.is_zero()) {
            Some(every) => age.as_millis() % i128::try_from(every.as_millis()).ok()?,
            None => age.as_millis(),
        };
        SignedDuration::from_millis(i64::try_from(past).ok()?).checked_sub(early)
    }
}

/// `flow.lastRunDetails`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRun {
    /// The run.
    pub id: crate::domain::model::ids::RunId,
    /// Its status.
    pub status: crate::domain::model::run::RunStatus,
    /// When it began.
    pub started_at: Option<Timestamp>,
}

/// Whether a dataflow is enabled. Only an enabled one can be re-triggered (Flow Service error
/// 1388).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlowState {
    /// `enabled`.
    Enabled,
    /// Any other state, as Adobe writes it: disabled, draft, initializing …
    Other(String),
}

impl FlowState {
    /// Reads the state, in any case.
    pub fn parse(text: &str) -> Self {
        if text.eq_ignore_ascii_case("enabled") {
            Self::Enabled
        } else {
            Self::Other(text.to_owned())
        }
    }

    /// Adobe's word for it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Enabled => "enabled",
            Self::Other(text) => text,
        }
    }
}

/// What a flow spec says about the flows made from it (`attributes` of `GET /flowSpecs/{id}`).
/// Older versions of the same specs lack both attributes, so missing means unknown, never false.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowSpec {
    /// Its id.
    pub id: FlowSpecId,
    /// `attributes.isSourceFlow`.
    pub is_source: Option<bool>,
    /// `attributes.frequency`.
    pub frequency: Option<Frequency>,
}

/// How a flow spec moves data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frequency {
    /// In runs, on a schedule.
    Batch,
    /// Continuously; its "runs" are summaries.
    Streaming,
}

/// The kind of a dataflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowKind {
    /// The only kind that may be re-triggered.
    Batch,
    /// A streaming source.
    Streaming,
    /// A destination: data leaves the platform.
    Destination,
    /// Data that moves inside the platform, from the data lake to another store.
    Internal,
    /// Adobe does not report it.
    Unknown,
}

impl FlowKind {
    /// The word used in tables and in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::Streaming => "streaming",
            Self::Destination => "destination",
            Self::Internal => "internal",
            Self::Unknown => "unknown",
        }
    }
}

/// Returns the kind of `flow`: by its spec, then by the attributes it inherits, then by what the
/// user configured. `configured` fills a gap; it never overrides what Adobe reports.
pub fn classify(flow: &Flow, spec: Option<&FlowSpec>, configured: Option<FlowKind>) -> FlowKind {
    let spec_source = spec.and_then(|spec| spec.is_source);
    if flow.is_destination || spec_source == Some(false) || flow.is_source == Some(false) {
        return FlowKind::Destination;
    }
    if flow.is_internal {
        return FlowKind::Internal;
    }
    let is_source = spec_source.or(flow.is_source).unwrap_or(false);
    match spec.and_then(|spec| spec.frequency) {
        Some(Frequency::Streaming) => FlowKind::Streaming,
        Some(Frequency::Batch) if is_source => FlowKind::Batch,
        _ => configured.unwrap_or(FlowKind::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(is_source: Option<bool>, is_destination: bool) -> Flow {
        Flow {
            id: FlowId::new("f"),
            name: "f".into(),
            state: FlowState::Enabled,
            spec_id: None,
            is_source,
            is_destination,
            is_internal: false,
            source_spec: None,
            schedule: None,
            last_run: None,
        }
    }

    fn spec(is_source: Option<bool>, frequency: Option<Frequency>) -> FlowSpec {
        FlowSpec { id: FlowSpecId::new("s"), is_source, frequency }
    }

    #[test]
    fn the_nearest_slot_is_found_before_and_a_little_after_an_instant() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let early = Duration::from_secs(10);
        let quarterly = Schedule { start: at(1_000), every: Some(Duration::from_secs(900)) };
        let once = Schedule { start: at(1_000), every: None };
        let table = [
            (quarterly, 980, None),
            (quarterly, 995, Some(-5)),
            (quarterly, 1_000, Some(0)),
            (quarterly, 1_885, Some(885)),
            (quarterly, 1_895, Some(-5)),
            (quarterly, 1_920, Some(20)),
            (once, 1_020, Some(20)),
            (once, 1_920, Some(920)),
        ];
        for (schedule, second, expected) in table {
            let seconds = schedule.since_slot(at(second), early).map(|it| it.as_secs());
            assert_eq!(seconds, expected, "{second}");
        }
    }

    #[test]
    fn only_a_source_that_the_platform_calls_batch_is_batch() {
        use FlowKind as K;
        use Frequency::{Batch, Streaming};
        let table = [
            (Some(true), Some(Batch), None, false, K::Batch),
            (None, Some(Batch), Some(true), false, K::Batch),
            (None, Some(Batch), None, false, K::Unknown),
            (Some(true), None, Some(true), false, K::Unknown),
            (Some(true), Some(Streaming), Some(true), false, K::Streaming),
            (None, Some(Streaming), None, false, K::Streaming),
            (Some(false), Some(Batch), None, false, K::Destination),
            (Some(true), Some(Batch), Some(false), false, K::Destination),
            (Some(true), Some(Batch), Some(true), true, K::Destination),
            (None, None, None, false, K::Unknown),
        ];
        for (spec_source, frequency, flow_source, destination, expected) in table {
            let got = classify(
                &flow(flow_source, destination),
                Some(&spec(spec_source, frequency)),
                None,
            );
            assert_eq!(
                got, expected,
                "{spec_source:?} {frequency:?} {flow_source:?} {destination}"
            );
        }
    }

    #[test]
    fn a_configured_kind_fills_a_gap_and_overrules_nothing() {
        let batch = Some(FlowKind::Batch);
        assert_eq!(classify(&flow(None, false), None, batch), FlowKind::Batch);
        assert_eq!(classify(&flow(None, true), None, batch), FlowKind::Destination);
        let internal = Flow { is_internal: true, ..flow(None, false) };
        assert_eq!(classify(&internal, None, batch), FlowKind::Internal);
        let streaming = spec(Some(true), Some(Frequency::Streaming));
        assert_eq!(classify(&flow(None, false), Some(&streaming), batch), FlowKind::Streaming);
    }
}
