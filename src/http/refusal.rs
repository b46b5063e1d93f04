//! Why a request gets no answer, as JSON for the API and as a page for people.

use crate::store::StoreError;
use crate::telemetry::chain;
use askama::Template;
use axum::http::{StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use axum::{Json, http::header};
use serde_json::json;

/// Why a request gets no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// The store is not open yet.
    #[error("The daemon is starting. Try again in a moment.")]
    Starting,
    /// The store cannot be read.
    #[error("The store cannot be read: {}", chain(.0))]
    Store(#[from] StoreError),
    /// A parameter is wrong.
    #[error("{0}")]
    BadQuery(String),
    /// There is nothing there.
    #[error("{0}")]
    NotFound(String),
    /// A page could not be written.
    #[error("The answer could not be written: {0}")]
    Broken(String),
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Starting | Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::BadQuery(_) => StatusCode::BAD_REQUEST,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The refusal as JSON.
    pub(super) fn as_json(&self) -> Response {
        (self.status(), Json(json!({ "error": self.to_string() }))).into_response()
    }
}

#[derive(Template)]
#[template(path = "refusal.html")]
struct Page {
    text: String,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let text = self.to_string();
        match (Page { text: text.clone() }).render() {
            Ok(page) => (self.status(), Html(page)).into_response(),
            Err(_) => (self.status(), text).into_response(),
        }
    }
}

/// Writes a template.
pub(super) fn html(page: &impl Template) -> Result<Response, Refusal> {
    let text = page.render().map_err(|error| Refusal::Broken(error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response())
}

pub(super) async fn not_found(uri: Uri) -> Response {
    let refusal = Refusal::NotFound(format!("There is nothing at {}.", uri.path()));
    if uri.path().starts_with("/api/") { refusal.as_json() } else { refusal.into_response() }
}
