//! Outages: re-triggered runs fail in the whole sandbox, or for one source.
//!
//! There are no counters. [`outages`] computes outages from the outcomes of re-triggered runs, so a
//! crash cannot leave a wrong counter. Each extent (the sandbox, and each source) has three phases:
//!
//! 1. **Normal.** An outage starts with `breaker.failures` failures of several dataflows within
//!    `breaker.window`, without a success among them. Two per dataflow of the extent are enough, so that
//!    a few dataflows do not use up their attempts before the outage is noticed.
//! 2. **Dark**, until the first success. One canary at a time runs. After each failed canary, the
//!    next one waits twice as long, from [`GAP_MIN`] to [`GAP_MAX`]. So the first hour costs at
//!    most 5 canaries, and 24 hours cost at most 28, for all recoveries of the extent together.
//! 3. **Recovering.** Failures are counted from zero, as in normal times; only `breaker.failures`
//!    of them without a success lead back to the dark phase. Each success doubles how many runs may
//!    be in progress. At [`RELEASED`], or when `breaker.window` passes without another failure, the
//!    outage is over.
//!
//! **Which extent.** A failure that one outage explains does not count for another. One source
//! makes up at most half of the failures that start an outage of the sandbox; what a source in an
//! outage adds does not count there. While the sandbox is dark, no outage of a source starts.

use crate::domain::model::ids::FlowId;
use crate::domain::model::journal::{Entry, Event};
use crate::domain::model::reason::Reason;
use crate::domain::model::time::{after, before};
use crate::domain::policy::breaker::{Breaker, Outcome};
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

/// The wait before the first canary of an outage …
pub const GAP_MIN: Duration = Duration::from_secs(60);
/// … and the longest one between two canaries.
pub const GAP_MAX: Duration = Duration::from_secs(60 * 60);
/// The outage is over when this many runs may be in progress at a time.
pub const RELEASED: u32 = 64;

/// Where runs fail.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Extent {
    /// The whole sandbox.
    Sandbox,
    /// The dataflows of one source: the id of their connection spec.
    Source(String),
}

impl Extent {
    /// The extent of the outage whose start or end is recorded in `entry`.
    pub fn of(entry: &Entry) -> Option<Self> {
        match (entry.event, entry.reason) {
            (Event::OutageBegan | Event::OutageEnded, Reason::Outage) => Some(Self::Sandbox),
            (Event::OutageBegan | Event::OutageEnded, Reason::SourceOutage) => {
                entry.detail.clone().map(Self::Source)
            }
            _ => None,
        }
    }

    /// The reason of an entry about an outage of this extent.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Sandbox => Reason::Outage,
            Self::Source(_) => Reason::SourceOutage,
        }
    }

    /// The detail of an entry about the start or the end of such an outage.
    pub fn detail(&self) -> Option<String> {
        self.source().map(str::to_owned)
    }

    /// The source, if it is one.
    pub fn source(&self) -> Option<&str> {
        match self {
            Self::Sandbox => None,
            Self::Source(source) => Some(source),
        }
    }
}

/// The recorded outages, and the outcomes seen since.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutageRecord {
    /// The newest start or end of each extent.
    pub turns: Vec<(Extent, Outcome)>,
    /// The outcomes of re-triggered runs, oldest first.
    pub outcomes: Vec<Outcome>,
}

/// A current outage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// Where runs fail.
    pub extent: Extent,
    /// The failure that started it.
    pub began: Outcome,
    /// How many re-triggered runs of the extent may be in progress at a time.
    pub allowed: u32,
    /// No re-trigger before this.
    pub next_canary: Timestamp,
}

/// What the outcomes of a sandbox show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outages {
    /// The current outages, at most one per extent.
    pub lasting: Vec<Outage>,
    /// Recorded outages that are over, each with the success that ended it.
    pub ended: Vec<(Extent, Outcome)>,
}

impl Outages {
    /// The outages that concern a dataflow of this source.
    pub fn covering(&self, source: Option<&str>) -> impl Iterator<Item = &Outage> {
        self.lasting.iter().filter(move |outage| match &outage.extent {
            Extent::Sandbox => true,
            Extent::Source(failing) => Some(failing.as_str()) == source,
        })
    }

    /// The outage that blocks a re-trigger of this source at `now`, while `under_way` runs of each
    /// extent are in progress.
    pub fn closed(
        &self,
        source: Option<&str>,
        now: Timestamp,
        under_way: impl Fn(&Extent) -> u32,
    ) -> Option<&Outage> {
        self.covering(source)
            .find(|outage| now < outage.next_canary || under_way(&outage.extent) >= outage.allowed)
    }
}

/// Computes the outages at `now` from `outcomes`, oldest first.
///
/// `on_record` has the newest start or end of each extent, as [`Outcome::named_by`] reads it (an
/// end `succeeded`): what came before it is not counted again. `outcomes` go back to the oldest
/// outage that has not ended, and at least `breaker.window`. `dataflows` returns the number of
/// dataflows of a source, or of the sandbox.
pub fn outages<'s>(
    on_record: Vec<(Extent, Outcome)>,
    outcomes: &[Outcome],
    source_of: impl Fn(&FlowId) -> Option<&'s str>,
    dataflows: impl Fn(Option<&str>) -> usize,
    breaker: &Breaker,
    now: Timestamp,
) -> Outages {
    if breaker.failures == 0 {
        return Outages::default();
    }
    let needed = |source| (breaker.failures as usize).min(2 * dataflows(source).max(2));
    let mut extents: BTreeMap<Extent, Course<'_>> = BTreeMap::new();
    for (extent, turn) in on_record {
        extents.insert(extent, Course::recall(turn));
    }
    let mut sandbox = extents.remove(&Extent::Sandbox).unwrap_or_default();
    for outcome in outcomes {
        let source = source_of(&outcome.flow_id);
        let seen = Seen { outcome, source };
        let explained = source.is_some_and(|source| {
            let course = extents.entry(Extent::Source(source.to_owned())).or_default();
            let needed = needed(Some(source));
            let starts = |failures: &[Seen<'_>]| several_dataflows(failures, needed);
            course.see(seen, breaker, !sandbox.is_dark(), starts);
            course.phase.is_some()
        });
        if explained {
            sandbox.failures.retain(|failure| failure.source != source);
        }
        if outcome.succeeded || !explained {
            let needed = needed(None);
            sandbox.see(seen, breaker, true, |failures| several_sources(failures, needed));
        }
        if sandbox.is_dark() {
            extents.values_mut().for_each(|course| course.failures.clear());
        }
    }
    extents.insert(Extent::Sandbox, sandbox);

    let mut all = Outages::default();
    for (extent, mut course) in extents {
        course.pass(now, breaker);
        all.ended.extend(course.ended.map(|ended| (extent.clone(), ended)));
        all.lasting.extend(course.phase.map(|phase| phase.outage(extent)));
    }
    all
}

/// Whether failures in a row are an outage of one source.
fn several_dataflows(failures: &[Seen<'_>], needed: usize) -> bool {
    let dataflows: HashSet<_> = failures.iter().map(|it| &it.outcome.flow_id).collect();
    failures.len() >= needed && dataflows.len() > 1
}

/// Whether failures in a row are an outage of the sandbox: one source counts for at most half.
fn several_sources(failures: &[Seen<'_>], needed: usize) -> bool {
    let mut by_source: HashMap<Option<&str>, usize> = HashMap::new();
    for failure in failures {
        *by_source.entry(failure.source).or_default() += 1;
    }
    // Dataflows of unknown source may belong to many sources.
    let counted = by_source.into_iter().map(|(source, count)| match source {
        Some(_) => count.min(needed.div_ceil(2)),
        None => count,
    });
    counted.sum::<usize>() >= needed && several_dataflows(failures, needed)
}

/// An outcome and the source of its dataflow.
#[derive(Debug, Clone, Copy)]
struct Seen<'a> {
    outcome: &'a Outcome,
    source: Option<&'a str>,
}

/// The state of one extent.
#[derive(Debug, Default)]
struct Course<'a> {
    /// Outcomes before this are already recorded.
    from: Option<Timestamp>,
    /// The failures within the window since the last success.
    failures: Vec<Seen<'a>>,
    /// The current outage.
    phase: Option<Phase>,
    /// The success that ended the recorded one.
    ended: Option<Outcome>,
}

/// The phase of an outage.
#[derive(Debug)]
struct Phase {
    began: Outcome,
    on_record: bool,
    allowed: u32,
    /// The number of canaries that failed since the outage became dark.
    canaries: u32,
    next_canary: Timestamp,
    /// The newest success; `None` in the dark phase.
    success: Option<Outcome>,
}

impl Phase {
    fn begin(began: Outcome, on_record: bool) -> Self {
        let next_canary = after(began.at, GAP_MIN);
        Self { began, on_record, allowed: 1, canaries: 0, next_canary, success: None }
    }

    /// A canary failed. A run that fails earlier than a canary can was already in progress before.
    fn canary_failed(&mut self, at: Timestamp) {
        if at >= self.next_canary {
            self.canaries = self.canaries.saturating_add(1);
            let doubled = GAP_MIN.saturating_mul(1 << self.canaries.min(16));
            self.next_canary = after(at, doubled.min(GAP_MAX));
        }
    }

    fn succeeded(&mut self, success: &Outcome) {
        self.allowed = self.allowed.saturating_mul(2);
        self.next_canary = success.at;
        self.success = Some(success.clone());
    }

    fn relapse(&mut self, at: Timestamp) {
        *self = Self {
            next_canary: after(at, GAP_MIN),
            ..Self::begin(self.began.clone(), self.on_record)
        };
    }

    fn outage(self, extent: Extent) -> Outage {
        let Self { began, allowed, next_canary, .. } = self;
        Outage { extent, began, allowed, next_canary }
    }
}

impl<'a> Course<'a> {
    /// Takes over the record: `turn` is the start of an outage, or the success that ended it.
    fn recall(turn: Outcome) -> Self {
        let from = Some(turn.at);
        let phase = (!turn.succeeded).then(|| Phase::begin(turn, true));
        Self { from, phase, ..Self::default() }
    }

    fn is_dark(&self) -> bool {
        self.phase.as_ref().is_some_and(|phase| phase.success.is_none())
    }

    /// Adds one outcome; a failure that does not `count` cannot start an outage.
    fn see(
        &mut self,
        seen: Seen<'a>,
        breaker: &Breaker,
        counts: bool,
        starts: impl Fn(&[Seen<'_>]) -> bool,
    ) {
        let outcome = seen.outcome;
        if self.from.is_some_and(|from| outcome.at < from) {
            return;
        }
        self.pass(outcome.at, breaker);
        if outcome.succeeded {
            self.succeeded(outcome);
            return;
        }
        match &mut self.phase {
            Some(phase) if phase.success.is_none() => phase.canary_failed(outcome.at),
            _ if counts => self.failures.push(seen),
            _ => {}
        }
        if starts(&self.failures) {
            self.failures.clear();
            match &mut self.phase {
                Some(phase) => phase.relapse(outcome.at),
                None => self.phase = Some(Phase::begin(outcome.clone(), false)),
            }
        }
    }

    fn succeeded(&mut self, outcome: &Outcome) {
        self.failures.clear();
        let Some(phase) = &mut self.phase else { return };
        phase.succeeded(outcome);
        if phase.allowed >= RELEASED {
            self.end();
        }
    }

    /// Moves on to `now`: old failures are dropped, and an outage without recent failures ends.
    fn pass(&mut self, now: Timestamp, breaker: &Breaker) {
        let oldest = before(now, breaker.window);
        self.failures.retain(|failure| failure.outcome.at >= oldest);
        let success = self.phase.as_ref().and_then(|phase| phase.success.as_ref());
        if self.failures.is_empty() && success.is_some_and(|success| success.at < oldest) {
            self.end();
        }
    }

    fn end(&mut self) {
        // The end of an outage whose start was never logged is not logged either.
        let logged = self.phase.take().filter(|phase| phase.on_record);
        self.ended = logged.and_then(|phase| phase.success).or(self.ended.take());
    }
}

#[cfg(test)]
mod tests;
