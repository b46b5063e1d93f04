//! The HTTP interface: which path does what.

use axum::Json;
use axum::Router;
use axum::extract::Path;
use axum::extract::RawQuery;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::Method;
use axum::http::StatusCode;
use axum::http::Uri;
use axum::http::header::CONTENT_TYPE;
use axum::http::header::IF_MATCH;
use axum::middleware;
use axum::response::IntoResponse;
use axum::response::Response;
use axum::routing::get;
use axum::routing::post;
use serde_json::Value;
use serde_json::json;

use super::answer;
use super::app::App;
use super::books::Books;
use super::caller::Caller;
use super::faults::Endpoint;
use super::faults::FaultRule;
use super::front_desk;
use super::lists;
use super::query::Query;
use super::query::Resource;
use super::refusal::Refusal;
use super::retrigger;
use super::run::Author;
use super::spec::Spec;
use super::token;
use super::view::FlowView;
use super::wire;
use super::wire::FlowItem;
use super::wire::RunItem;

/// Where Flow Service lives below the platform's URL.
const FLOW_SERVICE: &str = "/data/foundation/flowservice";

/// Every path of the simulator.
pub(super) fn router(app: App) -> Router {
    let desk =
        |endpoint| middleware::from_fn_with_state((app.clone(), endpoint), front_desk::attend);
    let flow_service = Router::new()
        .route("/flows", get(list_flows).layer(desk(Endpoint::Flows)))
        .route("/flows/{id}", get(read_flow).layer(desk(Endpoint::Flow)))
        .route("/flowSpecs/{id}", get(read_spec).layer(desk(Endpoint::FlowSpecs)))
        .route("/runs", get(list_runs).layer(desk(Endpoint::Runs)))
        .route("/runs/{id}", get(read_run).layer(desk(Endpoint::Run)))
        .route("/runs/{id}/action", post(retrigger).layer(desk(Endpoint::Retrigger)));
    Router::new()
        .route("/ims/token/v3", post(token::issue_token).layer(desk(Endpoint::Token)))
        .nest(FLOW_SERVICE, flow_service)
        .route("/simulator/books", get(read_books))
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
    let world = app.world();
    let query = Query::parse(Resource::Flows, &query.unwrap_or_default(), &world.quirks)?;
    Ok(json_text(lists::flows(&world, &caller.sandbox, &query)))
}

async fn list_runs(
    State(app): State<App>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let world = app.world();
    let query = Query::parse(Resource::Runs, &query.unwrap_or_default(), &world.quirks)?;
    Ok(json_text(lists::runs(&world, &caller.sandbox, &query)))
}

fn json_text(text: String) -> Response {
    ([(CONTENT_TYPE, "application/json")], text).into_response()
}

async fn read_flow(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let world = app.world();
    let key = world
        .flow_key(&id)
        .filter(|key| world.flows[*key].sandbox == caller.sandbox)
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
    response.extensions_mut().insert(front_desk::Written(number));
    response
}

async fn read_books(State(app): State<App>) -> Json<Books> {
    Json(app.world().books.clone())
}

async fn replace_faults(State(app): State<App>, Json(rules): Json<Vec<FaultRule>>) -> StatusCode {
    app.world().faults.replace(rules);
    StatusCode::NO_CONTENT
}

async fn unexpected(State(app): State<App>, method: Method, uri: Uri) -> Response {
    app.world().books.note_unexpected(format!("{method} {uri}"));
    let body = json!({ "error_code": "404000", "message": "The simulator has no such resource." });
    (StatusCode::NOT_FOUND, Json(body)).into_response()
}
