//! `/api/v1`: what the page shows, as JSON. `openapi.json` describes it.

use super::app::{App, Shown};
use super::books::Book;
use super::recovery::Known;
use super::refusal::Refusal;
use super::selection::{MOST, Selection, cursor_after};
use crate::overview::{Overview, Story, as_json, overview};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

const OPENAPI: &str = include_str!("openapi.json");
const ROWS: u32 = 100;

/// Each path, as the description has it.
pub(super) fn routes() -> [(&'static str, MethodRouter<App>); 5] {
    [
        ("/api/v1/status", get(status)),
        ("/api/v1/recoveries", get(recoveries)),
        ("/api/v1/recoveries/{run}", get(recovery)),
        ("/api/v1/pauses", get(pauses)),
        ("/api/v1/openapi.json", get(openapi)),
    ]
}

/// A refusal as JSON.
struct Problem(Refusal);

impl<E: Into<Refusal>> From<E> for Problem {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.0.as_json()
    }
}

type Books = Result<Book, Refusal>;
type Answer = Result<Json<Value>, Problem>;

async fn status(
    State(shown): State<Shown>,
    book: Books,
    Query(selection): Query<Selection>,
) -> Answer {
    let seen = seen(&shown, &book?, &selection).await?;
    Ok(Json(serde_json::to_value(seen).map_err(broken)?))
}

async fn pauses(State(shown): State<Shown>, book: Books) -> Answer {
    let seen = seen(&shown, &book?, &Selection::default()).await?;
    Ok(Json(json!({ "pauses": seen.pauses })))
}

async fn seen(shown: &Shown, book: &Book, selection: &Selection) -> Result<Overview, Refusal> {
    let filter = selection.filter(book, ROWS).await?.ok_or_else(|| unknown_flow(selection))?;
    let now = shown.vitals.now();
    Ok(overview(&*book.store, &book.settings, &filter, now, &TimeZone::system()).await?)
}

fn unknown_flow(selection: &Selection) -> Refusal {
    Refusal::NotFound(format!("no dataflow with a failed run matches {:?}", selection.flow))
}

async fn recoveries(book: Books, Query(selection): Query<Selection>) -> Answer {
    let book = book?;
    let filter = selection.filter(&book, ROWS).await?.ok_or_else(|| unknown_flow(&selection))?;
    let found = match selection.run.is_empty() {
        true => book.store.recoveries(&filter).await?,
        false => return like(&book, &selection.run).await,
    };
    let is_full = u32::try_from(found.len()).ok() == filter.limit;
    let next = found.last().filter(|_| is_full).map(cursor_after);
    let total: u64 = book.store.count_by_state(&filter).await?.iter().map(|(_, count)| count).sum();
    let found: Vec<Value> = found.iter().map(as_json).collect();
    Ok(Json(json!({ "recoveries": found, "total": total, "next": next })))
}

/// The recoveries with a failed or new run whose id starts with `prefix`.
async fn like(book: &Book, prefix: &str) -> Answer {
    let mut found = Vec::new();
    for run in book.store.runs_like(prefix, MOST).await? {
        found.extend(book.store.recovery_of(&run).await?);
    }
    found.sort_by(|a, b| a.root_run_id.as_str().cmp(b.root_run_id.as_str()));
    found.dedup_by(|a, b| a.root_run_id == b.root_run_id);
    let found: Vec<Value> = found.iter().map(as_json).collect();
    Ok(Json(json!({ "total": found.len(), "recoveries": found, "next": null })))
}

async fn recovery(State(shown): State<Shown>, book: Books, Path(run): Path<String>) -> Answer {
    let book = book?;
    let Known { run, recovery, entries } = Known::of(&book, run).await?;
    let (settings, policies, now) = (&book.settings, book.settings.policies(), shown.vitals.now());
    let story = Story::new(&run, recovery.as_ref(), &entries, settings, &policies, now);
    let story = story.ok_or_else(|| Refusal::NotFound(format!("run {run} is unknown")))?;
    Ok(Json(story.as_json().map_err(broken)?))
}

async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}

fn broken(error: serde_json::Error) -> Refusal {
    Refusal::Broken(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_description_has_every_route_and_no_other() {
        let document: Value = serde_json::from_str(OPENAPI).unwrap();
        let described: BTreeSet<&str> =
            document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
        let served: BTreeSet<&str> = routes().iter().map(|(path, _)| *path).collect();
        assert_eq!(described, served);
    }
}
