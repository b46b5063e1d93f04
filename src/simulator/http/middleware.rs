//! What every request passes through: counting, faults, and the headers `Date` and `X-Request-Id`.

use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::DATE;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

use super::app::App;
use super::connection::CutSwitch;
use crate::simulator::faults::effects;
use crate::simulator::faults::rule::{Effect, Endpoint, ErrorAnswer, ErrorBody};
use crate::simulator::refusal::Refusal;
use crate::simulator::world::random_uuid;

/// How long a request that hangs stays open.
const HANG: Duration = Duration::from_secs(120);

/// Travels with the answer to a re-trigger: the number of its record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LedgerEntry(pub(crate) usize);

/// What handling one request needs.
struct RequestContext {
    app: App,
    switch: CutSwitch,
    request_id: String,
}

pub(crate) async fn handle(
    State((app, endpoint)): State<(App, Endpoint)>,
    ConnectInfo(switch): ConnectInfo<CutSwitch>,
    request: Request,
    next: Next,
) -> Response {
    let (request_id, effect) = {
        let mut world = app.world();
        let world = &mut *world;
        world.ledger.count(endpoint);
        (random_uuid(&mut world.noise), world.faults.hit(endpoint, &mut world.noise))
    };
    let loses_answer = effect.as_ref().is_some_and(Effect::loses_answer);
    tracing::debug!(?endpoint, ?effect, %request_id, uri = %request.uri(), "request to the simulator");
    let context = RequestContext { app, switch, request_id };
    let mut response = match effect {
        None => context.process(request, next).await,
        Some(effect) => context.apply_fault(effect, request, next).await,
    };
    // If the client disconnects, this future is dropped and the call stays unanswered in the record.
    if let Some(LedgerEntry(number)) = response.extensions_mut().remove()
        && !loses_answer
    {
        context.app.world().ledger.mark_answered(number);
    }
    context.date(response)
}

impl RequestContext {
    async fn process(&self, request: Request, next: Next) -> Response {
        let mut response = next.run(request).await;
        let Some(refusal) = response.extensions_mut().remove::<Refusal>() else { return response };
        let mut signed = refusal.answer(&self.request_id);
        signed.extensions_mut().extend(std::mem::take(response.extensions_mut()));
        signed
    }

    async fn apply_fault(&self, effect: Effect, request: Request, next: Next) -> Response {
        let query = request.uri().query().unwrap_or_default().to_owned();
        match effect {
            Effect::DropBefore => self.cut(),
            Effect::DropAfter => {
                self.process(request, next).await;
                self.cut()
            }
            Effect::Delay(ms) => {
                let response = self.process(request, next).await;
                self.wait(Duration::from_millis(ms)).await;
                response
            }
            Effect::Hang => {
                self.wait(HANG).await;
                self.cut()
            }
            Effect::HangAfter => {
                self.process(request, next).await;
                self.wait(HANG).await;
                self.cut()
            }
            Effect::Status(error) => effects::error_answer(&error, &self.request_id),
            Effect::StatusAfter(error) => {
                self.process(request, next).await;
                effects::error_answer(&error, &self.request_id)
            }
            Effect::Redirect(to) => effects::redirect(&to),
            Effect::ExpireTokens => {
                self.app.world().tokens.expire_all();
                self.process(request, next).await
            }
            Effect::PersonFirst => {
                if let Some(run_id) = asked_run(&request) {
                    // A refusal of the person changes nothing for this caller.
                    let _ = self.app.world().person_retriggers(run_id);
                }
                self.process(request, next).await
            }
            Effect::HealedFirst => {
                if let Some(run_id) = asked_run(&request) {
                    self.app.world().heal_run(run_id);
                }
                let refused = ErrorAnswer { body: ErrorBody::FlowService, ..ErrorAnswer::new(400) };
                effects::error_answer(&refused, &self.request_id)
            }
            Effect::Garbage => {
                self.process(request, next).await;
                effects::garbage()
            }
            Effect::Oversized(bytes) => {
                self.process(request, next).await;
                effects::oversized(bytes)
            }
            Effect::Truncate => effects::truncate(self.process(request, next).await).await,
            Effect::DuplicatePage => {
                effects::lead_back(self.process(request, next).await, &query).await
            }
            Effect::ShuffleItems => {
                let mut rng = self.app.world().noise.fork();
                effects::shuffle(self.process(request, next).await, &mut rng).await
            }
            Effect::NoId => effects::remove_ids(self.process(request, next).await).await,
            Effect::LoseFields { fields, to } => {
                effects::lose_fields(self.process(request, next).await, &fields, to).await
            }
        }
    }

    /// Closes the connection; the response is never written.
    fn cut(&self) -> Response {
        self.switch.cut();
        StatusCode::NO_CONTENT.into_response()
    }

    /// In real time, not that of the world: the client's timeouts are real.
    async fn wait(&self, time: Duration) {
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = self.app.stopping.cancelled() => {}
        }
    }

    /// Adds `Date`, by the clock of the world, and `X-Request-Id`.
    fn date(&self, mut response: Response) -> Response {
        let now = Timestamp::from_millisecond(self.app.world().now_ms()).unwrap_or_default();
        let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&now).unwrap_or_default();
        let headers = response.headers_mut();
        if let Ok(date) = HeaderValue::from_str(&date) {
            headers.insert(DATE, date);
        }
        if let Ok(id) = HeaderValue::from_str(&self.request_id) {
            headers.insert("x-request-id", id);
        }
        response
    }
}

/// The run of a re-trigger.
fn asked_run(request: &Request) -> Option<&str> {
    request.uri().path().rsplit('/').skip_while(|part| *part != "action").nth(1)
}
