//! What faults do to an answer.

use std::convert::Infallible;
use std::io;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use fastrand::Rng;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::rule::{ErrorAnswer, ErrorBody, Lost};
use crate::simulator::query::replay_token;
use crate::simulator::refusal::Refusal;

/// Larger than any page of this service.
const BODY_LIMIT: usize = 16 << 20;

/// An error answer that the service did not give.
pub(crate) fn error_answer(error: &ErrorAnswer, request_id: &str) -> Response {
    let status = StatusCode::from_u16(error.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let reason = status.canonical_reason().unwrap_or("Error");
    let mut response = match error.body {
        ErrorBody::Gateway => {
            // 429050 is documented for sibling services; the others follow its pattern.
            let detail = if status == StatusCode::TOO_MANY_REQUESTS { "050" } else { "000" };
            let code = format!("{}{detail}", status.as_u16());
            Refusal::gateway(status, &code, reason).answer(request_id)
        }
        ErrorBody::FlowService => {
            let number = if status.is_server_error() { 2108 } else { 1400 };
            Refusal::flow_service(number, status, reason).answer(request_id)
        }
        ErrorBody::Html => {
            let page = format!("<html><body><h1>{} {reason}</h1></body></html>", status.as_u16());
            (status, [(CONTENT_TYPE, "text/html")], page).into_response()
        }
        ErrorBody::Empty => status.into_response(),
        ErrorBody::RateLimit => {
            let body = json!({ "title": "RequestRateTooLarge", "status": status.as_u16() });
            (status, Json(body)).into_response()
        }
    };
    if let Some(value) = error.retry_after.as_deref().and_then(header_value) {
        response.headers_mut().insert(RETRY_AFTER, value);
    }
    response
}

/// A redirect with 307.
pub(crate) fn redirect(to: &str) -> Response {
    let mut response = StatusCode::TEMPORARY_REDIRECT.into_response();
    if let Some(value) = header_value(to) {
        response.headers_mut().insert(LOCATION, value);
    }
    response
}

/// Status 200 and `application/json`, with a body that is not JSON.
pub(crate) fn garbage() -> Response {
    ([(CONTENT_TYPE, "application/json")], "{\"items\": [<!doctype html>").into_response()
}

/// Valid JSON of at least `bytes` bytes, most of them blanks, sent as fast as it is read.
pub(crate) fn oversized(bytes: u64) -> Response {
    const CHUNK: &[u8] = &[b' '; 64 * 1024];
    let blanks = stream::iter(0..bytes.div_ceil(CHUNK.len() as u64))
        .map(|_| Ok::<_, Infallible>(Bytes::from_static(CHUNK)));
    let end = stream::iter([Ok(Bytes::from_static(b"{\"items\":[],\"_links\":{}}"))]);
    ([(CONTENT_TYPE, "application/json")], Body::from_stream(blanks.chain(end))).into_response()
}

/// The `Content-Length` of the whole body, and half of the body.
pub(crate) async fn truncate(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, BODY_LIMIT).await.unwrap_or_default();
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    let half = body.slice(..body.len() / 2);
    let broken = stream::once(async {
        // Gives the server a turn to write the first half before it learns of the end.
        tokio::task::yield_now().await;
        Err(io::Error::new(io::ErrorKind::ConnectionReset, "the simulator cut the answer"))
    });
    Response::from_parts(parts, Body::from_stream(stream::once(async { Ok(half) }).chain(broken)))
}

/// `next` leads to the page of `query` again; a last page stays the last.
pub(crate) async fn lead_back(response: Response, query: &str) -> Response {
    change_json(response, |body| {
        let href = body.pointer_mut("/_links/next/href");
        if let (Some(href), Some(token)) = (href, replay_token(query)) {
            let path = href.as_str().and_then(|href| href.split('?').next()).unwrap_or_default();
            *href = json!(format!("{path}?continuationToken={token}"));
        }
    })
    .await
}

/// The same items in any order.
pub(crate) async fn shuffle(response: Response, rng: &mut Rng) -> Response {
    change_json(response, |body| {
        if let Some(items) = body.get_mut("items").and_then(Value::as_array_mut) {
            rng.shuffle(items);
        }
    })
    .await
}

/// No `id`, neither of the answer nor of its items.
pub(crate) async fn remove_ids(response: Response) -> Response {
    change_json(response, |body| {
        each_item(body, |item| lose_field(item, "id", Lost::Absent));
    })
    .await
}

/// Other values in the place of `fields`, or none, in the answer and in its items.
pub(crate) async fn lose_fields(response: Response, fields: &[String], to: Lost) -> Response {
    change_json(response, |body| {
        each_item(body, |item| fields.iter().for_each(|path| lose_field(item, path, to)));
    })
    .await
}

/// The body itself may be an item.
fn each_item(body: &mut Value, mut change: impl FnMut(&mut Value)) {
    change(body);
    let items = body.get_mut("items").and_then(Value::as_array_mut);
    items.into_iter().flatten().for_each(change);
}

fn lose_field(item: &mut Value, path: &str, to: Lost) {
    let Some(members) = item.as_object_mut() else { return };
    if let Some((outer, inner)) = path.split_once('.') {
        members.get_mut(outer).into_iter().for_each(|value| lose_field(value, inner, to));
    } else if to == Lost::Absent {
        members.remove(path);
    } else if let Some(value) = members.get_mut(path) {
        *value = match to {
            Lost::AnotherType if value.is_number() => json!([]),
            Lost::AnotherType => json!(7),
            _ => Value::Null,
        };
    }
}

/// Leaves an answer that is not JSON as it is.
async fn change_json(response: Response, change: impl FnOnce(&mut Value)) -> Response {
    let (mut parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, BODY_LIMIT).await.unwrap_or_default();
    let Ok(mut json) = serde_json::from_slice(&body) else {
        return Response::from_parts(parts, Body::from(body));
    };
    change(&mut json);
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(json.to_string()))
}

fn header_value(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(text).ok()
}
