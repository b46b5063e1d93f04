//! The forms of a listing's request, and which of them Adobe accepts.
//!
//! Adobe documents filters on any property, and comma lists, but shows no example of those that save
//! most requests. So the cheapest form is sent first. A refusal (400) that names one feature drops
//! it. After one that names none, the least trusted feature is left out and the request is repeated,
//! until a form is accepted. Only the last feature left out is then known to be the cause and dropped;
//! the others are tried again with the next listing. What was learned is kept until the process ends.

use crate::domain::model::ids::FlowId;
use crate::domain::model::run::Run;
use crate::domain::model::time::{after, before};
use crate::flow_service::Window;
use crate::flow_service::error::{Answered, ApiError};
use crate::flow_service::query::PropertyFilter;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Ids in one comma list: below 2,000 characters, which every proxy accepts.
pub(crate) const IDS_PER_REQUEST: usize = 50;
/// The assumed cost of listing a whole sandbox, in requests; its size is unknown before.
const WHOLE_SANDBOX_COST: usize = 4;
/// If Adobe accepts no filter on changes, the listing begins this much earlier: a run that failed just
/// now was created earlier. Equals the default of `retry.watch_timeout`; the next sweep finds runs that
/// took longer.
const LONGEST_RUN: Duration = Duration::from_secs(6 * 60 * 60);

/// Something that Adobe may not support, the least trusted first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Feature {
    /// A filter on `updatedAt`. No example.
    UpdatedAt,
    /// Runs without a filter on `flowId`. No example.
    WholeSandbox,
    /// Several values of `flowId`. Follows from the comma list, no example.
    FlowList,
    /// Several values of the status. Follows from the comma list, no example.
    StatusList,
    /// A filter on `createdAt`. Its error messages are documented, no example.
    CreatedAt,
    /// A filter on the status. Adobe's examples have it.
    Status,
    /// Several ids of runs. Adobe's examples have it.
    RunIds,
    /// Several ids of flows. Adobe's examples have it.
    FlowIds,
    /// An end of the time span besides its start: two filters on one property. No example; used only if
    /// a listing has too many pages.
    Until,
}

/// How a listing of runs selects flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FlowSelection {
    WholeSandbox,
    Lists,
    OneByOne,
}

/// One form of the listing of failed runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) selection: FlowSelection,
    time: Span,
    /// One request for each; `None` lists every status.
    statuses: Vec<Option<PropertyFilter>>,
    features: BTreeSet<Feature>,
}

/// The time span of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Span {
    property: &'static str,
    since: Timestamp,
    until: Option<Timestamp>,
    /// How much earlier than requested it starts; see [`LONGEST_RUN`].
    lead: Duration,
}

/// Which features Adobe refused.
#[derive(Debug, Default)]
pub(crate) struct Forms {
    refused: Mutex<BTreeSet<Feature>>,
}

impl Forms {
    pub(crate) fn allows(&self, feature: Feature) -> bool {
        !self.lock().contains(&feature)
    }

    /// The cheapest form for `flows` flows without the refused features and without `left_out`; lists
    /// the whole sandbox if it should `include_others` and Adobe accepts that.
    pub(crate) fn choose(
        &self,
        flows: usize,
        include_others: bool,
        window: Window,
        spellings: &[String],
        left_out: &BTreeSet<Feature>,
    ) -> Form {
        let refused = self.lock();
        let may = |feature| !refused.contains(&feature) && !left_out.contains(&feature);
        let mut features = BTreeSet::new();
        let mut with = |feature| may(feature) && features.insert(feature);

        let lists = if may(Feature::FlowList) { flows.div_ceil(IDS_PER_REQUEST) } else { flows };
        let whole = include_others || lists > WHOLE_SANDBOX_COST;
        let selection = if whole && with(Feature::WholeSandbox) {
            FlowSelection::WholeSandbox
        } else if flows > 1 && with(Feature::FlowList) {
            FlowSelection::Lists
        } else {
            FlowSelection::OneByOne
        };
        let time = match window {
            Window::UpdatedSince(since) if with(Feature::UpdatedAt) => {
                Span { property: "updatedAt", since, until: None, lead: Duration::ZERO }
            }
            Window::UpdatedSince(since) => created_since(since, LONGEST_RUN, &mut with),
            Window::CreatedSince(since) => created_since(since, Duration::ZERO, &mut with),
        };
        const STATUS: &str = "metrics.statusSummary.status";
        let one = |spelling: &String| Some(PropertyFilter::one_of(STATUS, [spelling.as_str()]));
        let statuses = if spellings.is_empty() || !with(Feature::Status) {
            vec![None]
        } else if spellings.len() > 1 && with(Feature::StatusList) {
            vec![Some(PropertyFilter::one_of(STATUS, spellings.iter().map(String::as_str)))]
        } else {
            spellings.iter().map(one).collect()
        };
        Form { selection, time, statuses, features }
    }

    /// Drops `feature` for the life of the process.
    pub(crate) fn refuse(&self, feature: Feature, error: &ApiError) {
        if self.lock().insert(feature) {
            tracing::warn!(
                ?feature,
                %error,
                "Adobe does not accept this form of a listing; using another one from now on"
            );
        }
    }

    /// Drops the least trusted feature that may have caused a listing with omissions; `false` if none is
    /// left. The window's own filters stay: without them a listing has no bounds.
    pub(crate) fn drop_least_trusted(&self) -> bool {
        const SILENT: [Feature; 4] =
            [Feature::StatusList, Feature::FlowList, Feature::WholeSandbox, Feature::Status];
        let mut refused = self.lock();
        let next = SILENT.into_iter().find(|feature| !refused.contains(feature));
        if let Some(feature) = next {
            refused.insert(feature);
            tracing::warn!(
                ?feature,
                "the listing of failed runs is incomplete; using another form from now on"
            );
        }
        next.is_some()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<Feature>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `createdAt` if it is accepted, because every run has it, and in Adobe's examples it is only a moment
/// before the start; else `startedAtUTC`, whose use is documented.
fn created_since(since: Timestamp, lead: Duration, with: &mut impl FnMut(Feature) -> bool) -> Span {
    let property = match with(Feature::CreatedAt) {
        true => "createdAt",
        false => "metrics.durationSummary.startedAtUTC",
    };
    Span { property, since: before(since, lead), until: None, lead }
}

impl Form {
    /// The filters of each request for these flows; [`FlowSelection::WholeSandbox`] ignores them.
    pub(crate) fn filters(&self, flows: &[FlowId]) -> Vec<Vec<PropertyFilter>> {
        let flows = match self.selection {
            FlowSelection::WholeSandbox => None,
            _ => Some(PropertyFilter::one_of("flowId", flows.iter().map(FlowId::as_str))),
        };
        let Span { property, since, until, .. } = self.time;
        let end = until.map(|until| PropertyFilter::before(property, until));
        let since = PropertyFilter::since(property, since);
        let one = |status: &Option<PropertyFilter>| {
            flows.iter().chain(status).chain([&since]).chain(&end).cloned().collect()
        };
        self.statuses.iter().map(one).collect()
    }

    /// The first half of this form's time span, which ends at `now` if it has no end; `None` if it is too
    /// short to halve.
    pub(crate) fn first_half(&self, now: Timestamp) -> Option<Self> {
        let since = self.time.since.as_millisecond();
        let until = self.time.until.unwrap_or(now).as_millisecond();
        let half = until.saturating_sub(since) / 2;
        let middle = Timestamp::from_millisecond(since + half).ok().filter(|_| half > 0)?;
        let time = Span { until: Some(middle), ..self.time.clone() };
        Some(Self { time, ..self.clone() })
    }

    /// The time from which the rest of the window must be requested, after a form with an end was read.
    /// `None` if that is later than `now`, and so cannot be stored as progress.
    pub(crate) fn resumes_at(&self, now: Timestamp) -> Option<Timestamp> {
        Some(after(self.time.until?, self.time.lead)).filter(|at| *at <= now)
    }

    /// True if `run` is after this form's time span: Adobe ignores the end of it.
    pub(crate) fn ends_before(&self, run: &Run) -> bool {
        let at = match self.time.property {
            "updatedAt" => run.updated_at,
            "createdAt" => run.created_at,
            _ => run.started_at,
        };
        self.time.until.zip(at).is_some_and(|(until, at)| at >= until)
    }

    /// Flows per request.
    pub(crate) fn flows_per_request(&self) -> usize {
        match self.selection {
            FlowSelection::WholeSandbox => usize::MAX,
            FlowSelection::Lists => IDS_PER_REQUEST,
            FlowSelection::OneByOne => 1,
        }
    }

    /// The feature that `error` names, if it names exactly one of this form.
    pub(crate) fn named_in(&self, error: &ApiError) -> Option<Feature> {
        let ApiError::Answered(answered) = error else { return None };
        let names = |feature: &Feature| match feature {
            Feature::UpdatedAt => answered.body.message_contains(&["updatedat"]),
            Feature::CreatedAt => answered.body.message_contains(&["createdat"]),
            Feature::WholeSandbox | Feature::FlowList => {
                answered.body.message_contains(&["flowid"])
            }
            Feature::Status if self.features.contains(&Feature::StatusList) => false,
            Feature::StatusList | Feature::Status => {
                answered.body.message_contains(&["statussummary"])
            }
            Feature::RunIds | Feature::FlowIds | Feature::Until => false,
        };
        let mut named = self.features.iter().copied().filter(names);
        named.next().filter(|_| named.next().is_none())
    }

    /// The least trusted feature of this form.
    pub(crate) fn least_trusted(&self) -> Option<Feature> {
        self.features.first().copied()
    }
}

/// True for a refusal that may be about the form of the request: a 400 that comes neither from the
/// gateway nor from the checks of token, organization and sandbox (2000 and up), or a URL too long.
pub(crate) fn concerns_form(error: &ApiError) -> bool {
    let ApiError::Answered(answered) = error else { return false };
    let Answered { status, body, .. } = answered.as_ref();
    match status {
        400 => body.gateway_code.is_none() && body.number.is_none_or(|number| number < 2000),
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

    fn selection(forms: &Forms, flows: usize, left_out: &[Feature]) -> FlowSelection {
        forms.choose(flows, false, since(), &[], &left_out.iter().copied().collect()).selection
    }

    #[test]
    fn the_cheapest_scope_is_chosen() {
        let forms = Forms::default();
        assert_eq!(selection(&forms, 1, &[]), FlowSelection::OneByOne);
        assert_eq!(selection(&forms, 2, &[]), FlowSelection::Lists);
        assert_eq!(selection(&forms, 200, &[]), FlowSelection::Lists);
        assert_eq!(selection(&forms, 201, &[]), FlowSelection::WholeSandbox);
        assert_eq!(selection(&forms, 201, &[Feature::WholeSandbox]), FlowSelection::Lists);
        assert_eq!(selection(&forms, 4, &[Feature::FlowList]), FlowSelection::OneByOne);
        assert_eq!(selection(&forms, 5, &[Feature::FlowList]), FlowSelection::WholeSandbox);
        assert_eq!(
            selection(&forms, 5, &[Feature::FlowList, Feature::WholeSandbox]),
            FlowSelection::OneByOne
        );
    }

    #[test]
    fn every_feature_can_be_left_out_until_only_documented_ones_remain() {
        let spellings = ["failed".to_owned(), "Failed".to_owned()];
        let forms = Forms::default();
        let mut left_out = BTreeSet::new();
        let mut order = Vec::new();
        loop {
            let form = forms.choose(500, false, since(), &spellings, &left_out);
            let Some(feature) = form.least_trusted() else {
                assert_eq!(form.selection, FlowSelection::OneByOne);
                assert_eq!(form.statuses, [None]);
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
