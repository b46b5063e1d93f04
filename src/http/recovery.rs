//! `/recoveries/{run}`: one recovery, or one skipped run, with its whole story.

use super::app::Shown;
use super::books::Book;
use super::refusal::{Refusal, html};
use super::timeline::Timeline;
use super::words::{Words, state_words};
use crate::domain::model::ids::RunId;
use crate::domain::model::journal::Entry;
use crate::domain::recovery::Recovery;
use crate::overview::{Story, errors};
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

/// The most runs that a search finds.
const FOUND: u32 = 20;

#[derive(Template)]
#[template(path = "recovery.html")]
struct Page<'a> {
    story: &'a Story<'a>,
    timeline: Option<Timeline>,
    state: &'static str,
    lines: Vec<Line<'a>>,
    words: Words,
}

/// One line of the story.
struct Line<'a> {
    entry: &'a Entry,
    reasons: Vec<String>,
}

/// What is known about one run.
pub(super) struct Known {
    pub(super) run: RunId,
    pub(super) recovery: Option<Recovery>,
    pub(super) entries: Vec<Entry>,
}

impl Known {
    /// # Errors
    /// If the store does not know the run.
    pub(super) async fn of(book: &Book, run: String) -> Result<Self, Refusal> {
        let run = RunId::new(run);
        let recovery = book.store.recovery_of(&run).await?;
        let root = recovery.as_ref().map_or(&run, |recovery| &recovery.root_run_id);
        let entries = book.store.journal(root).await?;
        if recovery.is_none() && entries.is_empty() {
            return Err(Refusal::NotFound(format!("Run {run} is not in the store.")));
        }
        Ok(Self { run, recovery, entries })
    }
}

pub(super) async fn page(
    State(shown): State<Shown>,
    book: Book,
    Path(run): Path<String>,
) -> Result<Response, Refusal> {
    let Known { run, recovery, entries } = Known::of(&book, run).await?;
    let words = Words::new(shown.vitals.now());
    let policies = book.settings.policies();
    let settings = &book.settings;
    let story = Story::new(&run, recovery.as_ref(), &entries, settings, &policies, words.now);
    let story = story.ok_or_else(|| Refusal::NotFound(format!("Run {run} is unknown.")))?;
    html(&Page {
        timeline: recovery.as_ref().map(|it| Timeline::of(it, &entries, &words)),
        state: recovery.as_ref().map_or("skipped", |it| it.state.name()),
        lines: lines(&story),
        story: &story,
        words,
    })
}

fn lines<'a>(story: &Story<'a>) -> Vec<Line<'a>> {
    let lines = story.lines().into_iter();
    lines.map(|(entry, reasons)| Line { entry, reasons }).collect()
}

impl Page<'_> {
    fn state_words(&self) -> &str {
        state_words(self.state)
    }

    fn errors(&self) -> Vec<String> {
        self.story.failure.map(errors).unwrap_or_default()
    }

    /// Of an entry: `2 of 5`.
    fn attempt(&self, entry: &Entry) -> String {
        match (entry.attempt, entry.max_attempts) {
            (Some(attempt), Some(max)) => format!("{attempt} of {max}"),
            _ => String::new(),
        }
    }

    /// The story for a ticket. What Adobe wrote is code, so that none of it is markup.
    fn markdown(&self) -> String {
        let code = |text: &str| format!("`{}`", text.replace('`', "'"));
        let story = self.story;
        let mut text = format!(
            "## Failed run {}\n\n- Dataflow: {}\n- Sandbox: {}\n- State: {}\n- Next: {}\n",
            code(story.run.as_str()),
            code(story.flow_name),
            code(story.sandbox.as_str()),
            self.state_words(),
            story.next(),
        );
        for error in self.errors() {
            text += &format!("- Error: {}\n", code(&error));
        }
        text += "\n### What happened\n\n";
        for Line { entry, reasons } in &self.lines {
            text += &format!("- {}: {}\n", self.words.full(&entry.at), entry.event.message());
            for reason in reasons {
                text += &format!("  - {}\n", code(reason));
            }
        }
        text
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Search {
    #[serde(default)]
    run: String,
}

#[derive(Template)]
#[template(path = "found.html")]
struct Found {
    given: String,
    runs: Vec<RunId>,
    words: Words,
}

/// Leads to the run if one starts with the given text, otherwise lists them.
pub(super) async fn search(
    State(shown): State<Shown>,
    book: Book,
    Query(Search { run }): Query<Search>,
) -> Result<Response, Refusal> {
    let words = Words::new(shown.vitals.now());
    let given = run.trim().to_owned();
    if given.is_empty() {
        return Ok(Redirect::to("/").into_response());
    }
    let mut runs = book.store.runs_like(&given, FOUND).await?;
    let is_exact = runs.first().is_some_and(|run| run.as_str() == given);
    if is_exact || runs.len() == 1 {
        let run = runs.swap_remove(0);
        return Ok(Redirect::to(&words.link(&run)).into_response());
    }
    html(&Found { given, runs, words })
}
