//! `/`: whether all is well, what needs a person, and what heals by itself.

use super::app::Shown;
use super::books::Book;
use super::refusal::{Refusal, html};
use super::selection::Selection;
use super::words::{Words, state_words};
use crate::domain::recovery::{Recovery, State as RecoveryState};
use crate::overview::{Level, Overview, counted, length, overview, waiting_words, why};
use crate::store::Filter;
use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use std::time::Duration;

/// The most rows in each list.
const ROWS: u32 = 50;
/// The most names that are offered to choose from.
const NAMES: usize = 300;
/// Recoveries that are shown as recovered if no state is chosen.
const RECOVERED: u32 = 10;

#[derive(Template)]
#[template(path = "overview.html")]
struct Page {
    overview: Overview,
    /// In the chosen states, or recovered recently.
    listed: Vec<Recovery>,
    selection: Selection,
    is_known: bool,
    sandboxes: Vec<String>,
    flows: Vec<String>,
    words: Words,
}

pub(super) async fn page(
    State(shown): State<Shown>,
    book: Book,
    Query(selection): Query<Selection>,
) -> Result<Response, Refusal> {
    let words = Words::new(shown.vitals.now());
    let filter = selection.filter(&book, ROWS).await?;
    let is_known = filter.is_some();
    let filter = filter.unwrap_or_else(|| Filter { limit: Some(ROWS), ..Filter::default() });
    let listed = match selection.state.is_empty() {
        true => {
            let states = vec!["recovered".to_owned()];
            Filter { states, limit: Some(RECOVERED), ..filter.clone() }
        }
        false => filter.clone(),
    };
    let Book { store, settings } = &book;
    let mut flows: Vec<String> =
        store.known_flows().await?.into_iter().map(|it| it.flow_name).collect();
    flows.sort();
    flows.dedup();
    flows.truncate(NAMES);
    html(&Page {
        overview: overview(&**store, settings, &filter, words.now, &words.zone).await?,
        listed: store.recoveries(&listed).await?,
        selection,
        is_known,
        sandboxes: settings.sandboxes.iter().map(|it| it.name.to_string()).collect(),
        flows,
        words,
    })
}

impl Page {
    fn level(&self) -> &'static str {
        match self.overview.level {
            Level::Well => "well",
            Level::Slowed => "slowed",
            Level::NeedsYou => "needs",
            Level::Down => "down",
        }
    }

    fn shows_overview(&self) -> bool {
        self.is_known && self.selection.state.is_empty()
    }

    fn states(&self) -> [&'static str; 8] {
        RecoveryState::NAMES
    }

    fn state_words<'a>(&self, state: &'a str) -> &'a str {
        state_words(state)
    }

    fn counted(&self, count: &u64, noun: &str) -> String {
        counted(*count, noun)
    }

    fn waiting(&self, wait: &crate::overview::WaitsFor) -> String {
        waiting_words(wait, self.words.now)
    }

    fn why(&self, recovery: &Recovery) -> String {
        why(recovery).unwrap_or_default().replace('_', " ")
    }

    /// How long a recovery took.
    fn took(&self, recovery: &Recovery) -> String {
        let time = recovery.failed_at.duration_until(recovery.updated_at);
        length(Duration::from_secs(time.as_secs().max(0).unsigned_abs()))
    }
}
