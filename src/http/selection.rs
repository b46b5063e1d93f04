//! The filter in the query of a URL.

use super::books::Book;
use super::refusal::Refusal;
use crate::domain::model::ids::{FlowId, RunId, SandboxName};
use crate::domain::recovery::{Recovery, State};
use crate::settings::Pattern;
use crate::store::Filter;
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::BTreeSet;

/// The most recoveries in one answer.
pub(super) const MOST: u32 = 500;

/// Which recoveries are wanted. An empty parameter is as good as none: forms send them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Selection {
    pub(super) sandbox: String,
    /// A name, or several with commas between them.
    pub(super) state: String,
    /// An id, a name, or a glob over both.
    pub(super) flow: String,
    /// The beginning of a run id.
    pub(super) run: String,
    pub(super) limit: String,
    pub(super) after: String,
}

impl Selection {
    pub(super) fn is_empty(&self) -> bool {
        self.sandbox.is_empty() && self.state.is_empty() && self.flow.is_empty()
    }

    /// As a filter of the store; `None` if no known dataflow matches.
    pub(super) async fn filter(&self, book: &Book, rows: u32) -> Result<Option<Filter>, Refusal> {
        let sandbox = (!self.sandbox.is_empty()).then(|| SandboxName::new(&self.sandbox));
        let names = self.state.split(',').map(str::trim).filter(|it| !it.is_empty());
        let states: Vec<String> = names.map(str::to_owned).collect();
        if let Some(wrong) = states.iter().find(|it| !State::NAMES.contains(&it.as_str())) {
            let known = State::NAMES.join(", ");
            return Err(Refusal::BadQuery(format!("state must be one of {known}, not {wrong:?}")));
        }
        let limit = match self.limit.parse::<u32>() {
            Ok(limit @ 1..=MOST) => limit,
            _ if self.limit.is_empty() => rows,
            _ => return Err(Refusal::BadQuery(format!("limit must be 1 to {MOST}"))),
        };
        let after = match self.after.is_empty() {
            true => None,
            false => Some(cursor(&self.after).ok_or_else(|| {
                Refusal::BadQuery("after must be the next of an earlier answer".to_owned())
            })?),
        };
        let flows = self.flows(book).await?;
        let selects_none = !self.flow.is_empty() && flows.is_empty();
        let filter = Filter { states, sandbox, flows, limit: Some(limit), after };
        Ok((!selects_none).then_some(filter))
    }

    /// The known dataflows that match.
    async fn flows(&self, book: &Book) -> Result<Vec<FlowId>, Refusal> {
        if self.flow.is_empty() {
            return Ok(Vec::new());
        }
        let known = book.store.known_flows().await?;
        let exact = known
            .iter()
            .filter(|it| it.flow_id.as_str() == self.flow.as_str() || it.flow_name == self.flow);
        let exact: BTreeSet<FlowId> = exact.map(|it| it.flow_id.clone()).collect();
        if !exact.is_empty() {
            return Ok(exact.into_iter().collect());
        }
        let pattern = Pattern::parse(&self.flow)
            .map_err(|error| Refusal::BadQuery(format!("flow {error}")))?;
        let like = known.iter().filter(|it| pattern.matches(it.flow_id.as_str(), &it.flow_name));
        let like: BTreeSet<FlowId> = like.map(|it| it.flow_id.clone()).collect();
        Ok(like.into_iter().collect())
    }
}

/// Names the place in a listing after `last`.
pub(super) fn cursor_after(last: &Recovery) -> String {
    format!("{}~{}", last.updated_at, last.root_run_id)
}

fn cursor(text: &str) -> Option<(Timestamp, RunId)> {
    let (at, run) = text.split_once('~')?;
    Some((at.parse().ok()?, RunId::new(run)))
}
