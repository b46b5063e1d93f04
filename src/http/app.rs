//! What the handlers share.

use super::books::{Book, Books};
use super::refusal::Refusal;
use crate::daemon::Vitals;
use crate::metrics::Metrics;
use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What the server shows.
#[derive(Debug, Clone)]
pub struct Shown {
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// How the loops are.
    pub vitals: Arc<Vitals>,
    /// What is stored.
    pub books: Arc<Books>,
}

/// What every handler may use.
#[derive(Debug, Clone)]
pub(super) struct App {
    pub(super) shown: Shown,
    /// Ends streams.
    pub(super) stop: CancellationToken,
}

impl FromRef<App> for Shown {
    fn from_ref(app: &App) -> Self {
        app.shown.clone()
    }
}

impl FromRequestParts<App> for Book {
    type Rejection = Refusal;

    async fn from_request_parts(_: &mut Parts, app: &App) -> Result<Self, Refusal> {
        app.shown.books.book().ok_or(Refusal::Starting)
    }
}
