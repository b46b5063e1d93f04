//! Paths and their handlers.

use axum::extract::{Path, RawQuery, State};
use axum::http::header::{CONTENT_TYPE, IF_MATCH};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::app::App;
use super::caller::Caller;
use super::{answer, lists, middleware, token};
use crate::simulator::faults::rule::{Endpoint, FaultRule};
use crate::simulator::query::Resource;
use crate::simulator::refusal::Refusal;
use crate::simulator::wire;
use crate::simulator::wire::view::FlowView;
use crate::simulator::wire::{FlowItem, RunItem};
use crate::simulator::world::ledger::Ledger;
use crate::simulator::world::retrigger;
use crate::simulator::world::run::Author;
use crate::simulator::world::spec::Spec;

/// The path of Flow Service below the platform's URL.
const FLOW_SERVICE: &str = "/data/foundation/flowservice";

/// Every path of the simulator.
pub(crate) fn router(app: App) -> Router {
    let around = |endpoint| from_fn_with_state((app.clone(), endpoint), middleware::handle);
    let flow_service = Router::new()
        .route("/flows", get(list_flows).layer(around(Endpoint::Flows)))
        .route("/flows/{id}", get(read_flow).layer(around(Endpoint::Flow)))
        .route("/flowSpecs/{id}", get(read_spec).layer(around(Endpoint::FlowSpecs)))
        .route("/runs", get(list_runs).layer(around(Endpoint::Runs)))
        .route("/runs/{id}", get(read_run).layer(around(Endpoint::Run)))
        .route("/runs/{id}/action", post(retrigger).layer(around(Endpoint::Retrigger)));
    Router::new()
        .route("/ims/token/v3", post(token::issue_token).layer(around(Endpoint::Token)))
        .nest(FLOW_SERVICE, flow_service)
        .route("/simulator/ledger", get(read_ledger))
        .route("/simulator/faults", post(replace_faults))
        .fallback(unexpected)
        .method_not_allowed_fallback(unexpected)
        .with_state(app)
}

async fn list_flows(
    State(app): State<App>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    list(&app, &caller, Resource::Flows, query)
}

async fn list_runs(
    State(app): State<App>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    list(&app, &caller, Resource::Runs, query)
}

fn list(
    app: &App,
    caller: &Caller,
    resource: Resource,
    query: Option<String>,
) -> Result<Response, Refusal> {
    let query = query.unwrap_or_default();
    let text = lists::list(&app.world(), &caller.sandbox, resource, &query)?;
    Ok(([(CONTENT_TYPE, "application/json")], text).into_response())
}

async fn read_flow(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let world = app.world();
    let key = world
        .flow_key(&id)
        .filter(|key| world.flows[*key].setup.sandbox == caller.sandbox)
        .ok_or_else(|| Refusal::not_found("flows", &id))?;
    let item = FlowItem::new(&FlowView { key, world: &world });
    Ok(Json(wire::single(item, world.quirks.bare_single_gets)))
}

async fn read_spec(
    State(app): State<App>,
    _caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let spec = Spec::with_id(&id).ok_or_else(|| Refusal::not_found("flowSpecs", &id))?;
    let bare = app.world().quirks.bare_single_gets;
    Ok(Json(wire::single(wire::spec_item(spec), bare)))
}

async fn read_run(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let world = app.world();
    let (_, run) =
        world.run_in(&caller.sandbox, &id).ok_or_else(|| Refusal::not_found("runs", &id))?;
    let view = world.view_run(run);
    if !view.is_readable() {
        return Err(Refusal::not_found("runs", &id));
    }
    let item = RunItem::new(&view);
    Ok(Json(wire::single(item, world.quirks.bare_single_gets)))
}

async fn retrigger(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let query = query.unwrap_or_default();
    let request = retrigger::Request {
        sandbox: &caller.sandbox,
        run_id: &id,
        op: query.split('&').find_map(|pair| pair.strip_prefix("op=")),
        if_match: headers.get(IF_MATCH).and_then(|value| value.to_str().ok()),
        author: Author::Client(caller.client_id),
    };
    let mut world = app.world();
    let (number, result) = world.retrigger(&request);
    let mut response = match result {
        Ok(issued) => answer::accepted(&world, issued),
        Err(refusal) => refusal.into_response(),
    };
    response.extensions_mut().insert(middleware::LedgerEntry(number));
    response
}

async fn read_ledger(State(app): State<App>) -> Json<Ledger> {
    Json(app.world().ledger.clone())
}

async fn replace_faults(State(app): State<App>, Json(rules): Json<Vec<FaultRule>>) -> StatusCode {
    app.world().faults.replace(rules);
    StatusCode::NO_CONTENT
}

async fn unexpected(State(app): State<App>, method: Method, uri: Uri) -> Response {
    app.world().ledger.note_unexpected(format!("{method} {uri}"));
    let body =
        json!({ "error_code": "404000", "message": "This path does not exist in the simulator." });
    (StatusCode::NOT_FOUND, Json(body)).into_response()
}
