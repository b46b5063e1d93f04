//! Every request passes the front desk: it is counted, struck by a fault if one is due, processed,
//! and its answer signed with date and request id.

use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::extract::Request;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header::DATE;
use axum::middleware::Next;
use axum::response::IntoResponse;
use axum::response::Response;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

use super::app::App;
use super::connection::Fuse;
use super::distort;
use super::faults::Effect;
use super::faults::Endpoint;
use super::faults::ErrorAnswer;
use super::faults::ErrorBody;
use super::refusal::Refusal;
use super::run::RunStatus;
use super::world::random_uuid;

/// The longest that a request is left without an answer.
const HANG: Duration = Duration::from_secs(120);

/// Goes with the answer to a re-trigger: its number in the books.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written(pub(super) usize);

/// A request at the desk.
struct Visit {
    app: App,
    fuse: Fuse,
    request_id: String,
}

pub(super) async fn attend(
    State((app, endpoint)): State<(App, Endpoint)>,
    ConnectInfo(fuse): ConnectInfo<Fuse>,
    request: Request,
    next: Next,
) -> Response {
    let (request_id, effect) = {
        let mut world = app.world();
        let world = &mut *world;
        world.books.count(endpoint);
        (random_uuid(&mut world.noise), world.faults.strike(endpoint, &mut world.noise))
    };
    let loses_answer = effect.as_ref().is_some_and(Effect::loses_answer);
    tracing::debug!(?endpoint, ?effect, %request_id, uri = %request.uri(), "simulator asked");
    let visit = Visit { app, fuse, request_id };
    let mut response = match effect {
        None => visit.process(request, next).await,
        Some(effect) => visit.afflict(effect, request, next).await,
    };
    // A caller that has gone away meanwhile takes this future with it, so that its call stays
    // unanswered in the books.
    if let Some(Written(number)) = response.extensions_mut().remove()
        && !loses_answer
    {
        visit.app.world().books.mark_answered(number);
    }
    visit.date(response)
}

impl Visit {
    async fn process(&self, request: Request, next: Next) -> Response {
        let mut response = next.run(request).await;
        let Some(refusal) = response.extensions_mut().remove::<Refusal>() else { return response };
        let mut signed = refusal.sign(&self.request_id);
        signed.extensions_mut().extend(std::mem::take(response.extensions_mut()));
        signed
    }

    async fn afflict(&self, effect: Effect, request: Request, next: Next) -> Response {
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
            Effect::Status(error) => distort::error_answer(&error, &self.request_id),
            Effect::StatusAfter(error) => {
                self.process(request, next).await;
                distort::error_answer(&error, &self.request_id)
            }
            Effect::Redirect(to) => distort::redirect(&to),
            Effect::ExpireTokens => {
                self.app.world().tokens.expire_all();
                self.process(request, next).await
            }
            Effect::PersonFirst => {
                if let Some(run_id) = asked_run(&request) {
                    // Whether the interface was refused changes nothing for this caller.
                    let _ = self.app.world().person_retriggers(run_id);
                }
                self.process(request, next).await
            }
            Effect::HealedFirst => {
                if let Some(run_id) = asked_run(&request) {
                    self.app.world().set_run_status(run_id, RunStatus::Success);
                }
                let refused = ErrorAnswer { body: ErrorBody::FlowService, ..ErrorAnswer::new(400) };
                distort::error_answer(&refused, &self.request_id)
            }
            Effect::Garbage => {
                self.process(request, next).await;
                distort::garbage()
            }
            Effect::Oversized(bytes) => {
                self.process(request, next).await;
                distort::oversized(bytes)
            }
            Effect::Truncate => distort::truncate(self.process(request, next).await).await,
            Effect::DuplicatePage => {
                distort::lead_back(self.process(request, next).await, &query).await
            }
            Effect::ShuffleItems => {
                let mut rng = self.app.world().noise.fork();
                distort::shuffle(self.process(request, next).await, &mut rng).await
            }
            Effect::NoId => distort::remove_ids(self.process(request, next).await).await,
        }
    }

    /// Closes the connection; what is returned is never written.
    fn cut(&self) -> Response {
        self.fuse.blow();
        StatusCode::NO_CONTENT.into_response()
    }

    /// Real time, not that of the world: sockets know no other.
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

/// The run that a re-trigger asks for.
fn asked_run(request: &Request) -> Option<&str> {
    request.uri().path().rsplit('/').skip_while(|part| *part != "action").nth(1)
}
