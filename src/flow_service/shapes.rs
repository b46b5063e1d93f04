//! The forms a listing may be asked for in, and which of them the platform turned out to accept.
//!
//! A filter on any property is promised in general, and comma lists are; the ones that would save
//! most requests are shown nowhere. So the cheapest form is asked for first. A refusal (400) that
//! names one feature drops it; one that names none makes us leave out the most doubtful feature and
//! ask again, one more each time, until a form is accepted. Only the last feature left out is then
//! proven guilty and dropped; the others are tried again with the next listing. What was learnt
//! holds for the life of the process.

use super::Window;
use super::error::{Answered, ApiError};
use super::query::Filter;
use crate::domain::model::ids::FlowId;
use crate::domain::model::run::Run;
use crate::domain::model::time::{after, before};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Ids in one comma list: below 2,000 characters, which every proxy lets pass.
pub(crate) const IDS_PER_REQUEST: usize = 50;
/// What a listing of a whole sandbox is taken to cost, in requests. Its size is not known before.
const WHOLE_SANDBOX_COST: usize = 4;
/// Where changes cannot be asked for, runs made up to this long before are listed too: a run that
/// failed just now was made earlier. Equals the default of `retry.watch_timeout`; what took longer
/// is found by the next sweep.
const LONGEST_RUN: Duration = Duration::from_secs(6 * 60 * 60);

/// Something the platform may refuse to understand, the most doubtful first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Feature {
    /// A filter on `updatedAt`. Shown nowhere.
    UpdatedAt,
    /// Runs without a filter on `flowId`. Shown nowhere.
    WholeSandbox,
    /// Several values of `flowId`. Follows from the comma list, not shown.
    FlowList,
    /// Several values of the status. Follows from the comma list, not shown.
    StatusList,
    /// A filter on `createdAt`. Its error messages are documented, its use is not shown.
    CreatedAt,
    /// A filter on the status. Shown.
    Status,
    /// Several ids of runs. Shown.
    RunIds,
    /// Several ids of flows. Shown.
    FlowIds,
    /// An end of the time besides its beginning: two filters on one property. Shown nowhere, and asked
    /// for only where a listing has too many pages.
    Until,
}

/// How the flows of a listing of runs are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Whole,
    Lists,
    Each,
}

/// One form of the listing of failed runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) scope: Scope,
    time: Span,
    /// One request for each; `None` asks for every status.
    statuses: Vec<Option<Filter>>,
    features: BTreeSet<Feature>,
}

/// The time that a listing is about.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Span {
    property: &'static str,
    since: Timestamp,
    until: Option<Timestamp>,
    /// How much earlier than wanted it begins; see [`LONGEST_RUN`].
    lead: Duration,
}

/// What was learnt.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    refused: Mutex<BTreeSet<Feature>>,
}

impl Shapes {
    pub(super) fn allows(&self, feature: Feature) -> bool {
        !self.lock().contains(&feature)
    }

    /// The cheapest form for `flows` flows, without what was refused and without `left_out`; that of
    /// the whole sandbox where other flows are `welcome`.
    pub(super) fn choose(
        &self,
        flows: usize,
        welcome: bool,
        window: Window,
        spellings: &[String],
        left_out: &BTreeSet<Feature>,
    ) -> Shape {
        let refused = self.lock();
        let may = |feature| !refused.contains(&feature) && !left_out.contains(&feature);
        let mut features = BTreeSet::new();
        let mut with = |feature| may(feature) && features.insert(feature);

        let lists = if may(Feature::FlowList) { flows.div_ceil(IDS_PER_REQUEST) } else { flows };
        let whole = welcome || lists > WHOLE_SANDBOX_COST;
        let scope = if whole && with(Feature::WholeSandbox) {
            Scope::Whole
        } else if flows > 1 && with(Feature::FlowList) {
            Scope::Lists
        } else {
            Scope::Each
        };
        let time = match window {
            Window::UpdatedSince(since) if with(Feature::UpdatedAt) => {
                Span { property: "updatedAt", since, until: None, lead: Duration::ZERO }
            }
            Window::UpdatedSince(since) => made_since(since, LONGEST_RUN, &mut with),
            Window::BegunSince(since) => made_since(since, Duration::ZERO, &mut with),
        };
        const STATUS: &str = "metrics.statusSummary.status";
        let one = |spelling: &String| Some(Filter::one_of(STATUS, [spelling.as_str()]));
        let statuses = if spellings.is_empty() || !with(Feature::Status) {
            vec![None]
        } else if spellings.len() > 1 && with(Feature::StatusList) {
            vec![Some(Filter::one_of(STATUS, spellings.iter().map(String::as_str)))]
        } else {
            spellings.iter().map(one).collect()
        };
        Shape { scope, time, statuses, features }
    }

    /// Drops `feature` for the life of the process.
    pub(super) fn refuse(&self, feature: Feature, error: &ApiError) {
        if self.lock().insert(feature) {
            tracing::warn!(
                ?feature,
                %error,
                "the platform does not accept this form of a listing; another one is used from now on"
            );
        }
    }

    /// Drops the most doubtful feature that may have led to a listing with omissions; `false` if
    /// there is none left. The window's own filters are kept: without them nothing bounds a listing.
    pub(super) fn distrust(&self) -> bool {
        const SILENT: [Feature; 4] =
            [Feature::StatusList, Feature::FlowList, Feature::WholeSandbox, Feature::Status];
        let mut refused = self.lock();
        let next = SILENT.into_iter().find(|feature| !refused.contains(feature));
        if let Some(feature) = next {
            refused.insert(feature);
            tracing::warn!(
                ?feature,
                "the listing of failed runs leaves some out; another form is used from now on"
            );
        }
        next.is_some()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<Feature>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `createdAt` where it is accepted, because every run has it and it is never before the start by
/// more than a moment in Adobe's examples; else `startedAtUTC`, whose use is documented.
fn made_since(since: Timestamp, lead: Duration, with: &mut impl FnMut(Feature) -> bool) -> Span {
    let property = match with(Feature::CreatedAt) {
        true => "createdAt",
        false => "metrics.durationSummary.startedAtUTC",
    };
    Span { property, since: before(since, lead), until: None, lead }
}

impl Shape {
    /// The filters of each request for these flows; for [`Scope::Whole`] they are not named.
    pub(super) fn filters(&self, flows: &[FlowId]) -> Vec<Vec<Filter>> {
        let flows = match self.scope {
            Scope::Whole => None,
            _ => Some(Filter::one_of("flowId", flows.iter().map(FlowId::as_str))),
        };
        let Span { property, since, until, .. } = self.time;
        let end = until.map(|until| Filter::before(property, until));
        let since = Filter::since(property, since);
        let one = |status: &Option<Filter>| {
            flows.iter().chain(status).chain([&since]).chain(&end).cloned().collect()
        };
        self.statuses.iter().map(one).collect()
    }

    /// The first half of the time this form asks for, where that has an end or ends at `now`; `None`
    /// where it cannot be halved.
    pub(super) fn first_half(&self, now: Timestamp) -> Option<Self> {
        let since = self.time.since.as_millisecond();
        let until = self.time.until.unwrap_or(now).as_millisecond();
        let half = until.saturating_sub(since) / 2;
        let middle = Timestamp::from_millisecond(since + half).ok().filter(|_| half > 0)?;
        let time = Span { until: Some(middle), ..self.time.clone() };
        Some(Self { time, ..self.clone() })
    }

    /// From when on the rest of the window has to be asked for, after a form with an end was read.
    /// `None` where that is later than `now`, and so could not be kept as progress.
    pub(super) fn resumes_at(&self, now: Timestamp) -> Option<Timestamp> {
        Some(after(self.time.until?, self.time.lead)).filter(|at| *at <= now)
    }

    /// True if `run` does not belong into this form's time: the platform ignores the end of it.
    pub(super) fn ends_before(&self, run: &Run) -> bool {
        let at = match self.time.property {
            "updatedAt" => run.updated_at,
            "createdAt" => run.created_at,
            _ => run.started_at,
        };
        self.time.until.zip(at).is_some_and(|(until, at)| at >= until)
    }

    /// Flows named in one request.
    pub(super) fn flows_per_request(&self) -> usize {
        match self.scope {
            Scope::Whole => usize::MAX,
            Scope::Lists => IDS_PER_REQUEST,
            Scope::Each => 1,
        }
    }

    /// The feature that `error` names, if it names exactly one of this form's.
    pub(super) fn named_in(&self, error: &ApiError) -> Option<Feature> {
        let ApiError::Answered(answered) = error else { return None };
        let names = |feature: &Feature| match feature {
            Feature::UpdatedAt => answered.complaint.says(&["updatedat"]),
            Feature::CreatedAt => answered.complaint.says(&["createdat"]),
            Feature::WholeSandbox | Feature::FlowList => answered.complaint.says(&["flowid"]),
            Feature::Status if self.features.contains(&Feature::StatusList) => false,
            Feature::StatusList | Feature::Status => answered.complaint.says(&["statussummary"]),
            Feature::RunIds | Feature::FlowIds | Feature::Until => false,
        };
        let mut named = self.features.iter().copied().filter(names);
        named.next().filter(|_| named.next().is_none())
    }

    /// The most doubtful feature.
    pub(super) fn most_doubtful(&self) -> Option<Feature> {
        self.features.first().copied()
    }
}

/// True for a refusal that may concern the form of the request: a 400 that neither the gateway made
/// nor the checks of token, organization and sandbox (2000 and up), or a request line too long.
pub(super) fn concerns_form(error: &ApiError) -> bool {
    let ApiError::Answered(answered) = error else { return false };
    let Answered { status, complaint, .. } = answered.as_ref();
    match status {
        400 => complaint.gateway.is_none() && complaint.number.is_none_or(|number| number < 2000),
        414 | 431 => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn since() -> Window {
        Window::UpdatedSince(Timestamp::from_second(1_700_000_000).unwrap())
    }

    fn scope(shapes: &Shapes, flows: usize, left_out: &[Feature]) -> Scope {
        shapes.choose(flows, false, since(), &[], &left_out.iter().copied().collect()).scope
    }

    #[test]
    fn the_cheapest_scope_is_chosen() {
        let shapes = Shapes::default();
        assert_eq!(scope(&shapes, 1, &[]), Scope::Each);
        assert_eq!(scope(&shapes, 2, &[]), Scope::Lists);
        assert_eq!(scope(&shapes, 200, &[]), Scope::Lists);
        assert_eq!(scope(&shapes, 201, &[]), Scope::Whole);
        assert_eq!(scope(&shapes, 201, &[Feature::WholeSandbox]), Scope::Lists);
        assert_eq!(scope(&shapes, 4, &[Feature::FlowList]), Scope::Each);
        assert_eq!(scope(&shapes, 5, &[Feature::FlowList]), Scope::Whole);
        assert_eq!(scope(&shapes, 5, &[Feature::FlowList, Feature::WholeSandbox]), Scope::Each);
    }

    #[test]
    fn every_feature_can_be_left_out_until_only_documented_ones_remain() {
        let spellings = ["failed".to_owned(), "Failed".to_owned()];
        let shapes = Shapes::default();
        let mut left_out = BTreeSet::new();
        let mut order = Vec::new();
        loop {
            let shape = shapes.choose(500, false, since(), &spellings, &left_out);
            let Some(feature) = shape.most_doubtful() else {
                assert_eq!(shape.scope, Scope::Each);
                assert_eq!(shape.statuses, [None]);
                break;
            };
            order.push(feature);
            assert!(left_out.insert(feature), "{feature:?} was left out before");
        }
        use Feature as F;
        let expected =
            [F::UpdatedAt, F::WholeSandbox, F::FlowList, F::StatusList, F::CreatedAt, F::Status];
        assert_eq!(order, expected);
    }
}
