//! `/livez`, `/readyz` and `/metrics`: answered from memory.

use super::app::{App, Shown};
use crate::daemon::Check;
use crate::metrics::Format;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/livez", get(async |State(shown): State<Shown>| health(shown.vitals.liveness())))
        .route("/readyz", get(async |State(shown): State<Shown>| health(shown.vitals.readiness())))
        .route("/metrics", get(metrics))
}

/// 200 if every check is well, otherwise 503.
fn health(checks: Vec<Check>) -> Response {
    let ok = checks.iter().all(|check| check.ok);
    let (code, status) = match ok {
        true => (StatusCode::OK, "ok"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "failing"),
    };
    (code, Json(json!({ "status": status, "checks": checks }))).into_response()
}

async fn metrics(State(shown): State<Shown>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let format = Format::accepted(accept.unwrap_or_default());
    match shown.metrics.encode(format) {
        Ok(text) => ([(header::CONTENT_TYPE, format.content_type())], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
