//! The answer to an accepted re-trigger, in the shape that the quirks choose.

use axum::Json;
use axum::http::HeaderValue;
use axum::http::header::ETAG;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::simulator::quirks::{AnswerShape, EtagPlace};
use crate::simulator::wire::RunItem;
use crate::simulator::world::World;
use crate::simulator::world::retrigger::Issued;
use crate::simulator::world::run::RunKey;

/// Status 200, as in Adobe's OpenAPI file.
pub(crate) fn accepted(world: &World, issued: Issued) -> Response {
    let Some(new) = world.runs.get(issued.new) else {
        return Json(json!({})).into_response();
    };
    let etag = new.etag();
    let created = || place_etag(json!({ "id": new.id, "etag": etag }), world.quirks.etag);
    let whole = |key: RunKey| match world.runs.get(key) {
        Some(run) => place_etag(json!(RunItem::new(&world.view_run(run))), world.quirks.etag),
        None => json!({}),
    };
    let body = match world.quirks.answer {
        AnswerShape::Bare => created(),
        AnswerShape::Items => json!({ "items": [created()] }),
        AnswerShape::FullRunNewId => whole(issued.new),
        AnswerShape::FullRunSameId => whole(issued.asked),
        AnswerShape::NoId => json!({}),
    };
    let mut response = Json(body).into_response();
    if world.quirks.etag == EtagPlace::Header
        && let Ok(value) = HeaderValue::from_str(&etag)
    {
        response.headers_mut().insert(ETAG, value);
    }
    response
}

/// Moves or removes the member `etag`.
fn place_etag(mut body: Value, place: EtagPlace) -> Value {
    if let Some(members) = body.as_object_mut()
        && place != EtagPlace::Etag
        && let Some(etag) = members.remove("etag")
        && place == EtagPlace::ETag
    {
        members.insert("eTag".to_owned(), etag);
    }
    body
}
