//! The result of a re-trigger: one table, read from top to bottom.
//!
//! Adobe documents only 401 and 500 for this call, and its two error catalogs use some numbers
//! twice. So an answer is judged by its HTTP status *and* the error's full name *and* its message;
//! an answer that does not prove that no run was created is [`Verdict::InDoubt`].

use super::error::{Answered, ApiError, Service};
use super::error_body::ErrorBody;
use super::http::exchange::{Answer, BodyFault, NoAnswer};
use super::text::{DETAIL, clean};
use super::wire;
use crate::domain::model::ids::Etag;
use crate::domain::model::reason::Reason;
use crate::domain::model::verdict::{Refusal, Remedy, Verdict};
use serde_json::Value;
use std::ops::RangeInclusive;
use std::time::Duration;

/// One row of the table.
struct Row {
    /// The HTTP statuses it applies to …
    status: RangeInclusive<u16>,
    /// … if the answer also has this.
    sign: Sign,
    then: Then,
}

/// What an answer must have besides its status.
enum Sign {
    /// Nothing.
    Any,
    /// The gateway answered, with one of these codes; with any, if the list is empty.
    Gateway(&'static [&'static str]),
    /// The error has one of these numbers, and its message contains one of these texts.
    Code(&'static [u16], &'static [&'static str]),
    /// The error has a number of Adobe's catalogues.
    Numbered,
    /// The message contains all of these texts.
    Message(&'static [&'static str]),
    /// `Retry-After`: the server itself did not take the request on.
    RetryAfter,
    /// The body is a JSON object, as every answer of the Flow Service is: not a page, not empty.
    Json,
}

/// What to do next.
#[derive(Clone, Copy)]
enum Then {
    /// Retry later, not before `Retry-After`.
    Later(Reason),
    /// Renew the token and retry.
    Renew,
    /// The token may have ended: renew it and retry; then it is a missing permission.
    Suspect,
    /// Read the run again before retrying.
    Reread(Reason),
    /// A person must act first.
    Hold(Reason),
    /// It is unknown whether a run was created.
    Doubt(Reason),
}

const fn row(status: RangeInclusive<u16>, sign: Sign, then: Then) -> Row {
    Row { status, sign, then }
}

/// Every answer except a success; the first row that matches decides. Numbers are those of Adobe's
/// catalogs (`flow-service-errors`, `sources-errors`), texts are parts of their messages.
const TABLE: &[Row] = {
    use Sign::{Any, Code, Gateway, Json, Message, Numbered, RetryAfter};
    use Then::{Doubt, Hold, Later, Renew, Reread, Suspect};
    &[
        // Redirected: it is unknown what the first address did with the call.
        row(300..=399, Any, Doubt(Reason::Redirected)),
        // The token. The gateway reports an absent token as 403.
        row(401..=401, Any, Renew),
        row(403..=403, Gateway(&["403010", "401013"]), Renew),
        row(400..=400, Code(&[2114, 2115], &["token"]), Renew),
        // The run has changed since its etag was read. Adobe's guide shows the message without a code.
        row(412..=412, Any, Later(Reason::VersionMismatch)),
        row(400..=499, Code(&[1404], &["does not match"]), Later(Reason::VersionMismatch)),
        row(
            400..=499,
            Message(&["does not match the current version"]),
            Later(Reason::VersionMismatch),
        ),
        // Rejected before the service read it.
        row(407..=407, Any, Later(Reason::Unreachable)), // our own proxy requires credentials
        row(421..=421, Any, Later(Reason::Unavailable)),
        row(425..=425, Any, Later(Reason::Unavailable)),
        row(429..=429, Any, Later(Reason::Throttled)),
        row(503..=503, Gateway(&[]), Later(Reason::Unavailable)),
        row(503..=503, RetryAfter, Later(Reason::Throttled)),
        // The server gave up waiting, or failed at an unknown point.
        row(408..=408, Any, Doubt(Reason::Timeout)),
        row(500..=599, Any, Doubt(Reason::ServerError)),
        // The dataflow and the run.
        row(400..=499, Code(&[1388], &["state"]), Hold(Reason::FlowDisabled)),
        row(400..=400, Message(&["enabled state", "trigger"]), Hold(Reason::FlowDisabled)),
        row(400..=499, Code(&[1387], &["state", "trigger"]), Reread(Reason::StateConflict)),
        row(400..=400, Message(&["state", "re-trigger"]), Reread(Reason::StateConflict)),
        row(409..=409, Any, Reread(Reason::StateConflict)),
        row(423..=423, Any, Reread(Reason::StateConflict)),
        row(404..=404, Json, Hold(Reason::NotFound)),
        row(410..=410, Any, Hold(Reason::NotFound)),
        row(
            400..=499,
            Code(&[1101, 1430, 1439], &["not found", "does not exist"]),
            Hold(Reason::NotFound),
        ),
        // Permissions.
        row(403..=403, Gateway(&["403000", "403003", "403025", "403027"]), Hold(Reason::Forbidden)),
        row(403..=403, Numbered, Hold(Reason::Forbidden)),
        // In practice, a token that has ended is answered like this.
        row(403..=403, Any, Suspect),
        // A page of something in front of Adobe, such as a proxy: it is not about the run.
        row(404..=404, Any, Later(Reason::Unavailable)),
        row(400..=400, Code(&[1427], &["user token"]), Hold(Reason::Forbidden)),
        row(400..=400, Code(&[1100], &["not entitled"]), Hold(Reason::Forbidden)),
        // The request itself.
        row(428..=428, Any, Hold(Reason::IfMatchRequired)),
        row(400..=400, Message(&["if-match"]), Hold(Reason::IfMatchRequired)),
        row(400..=400, Code(&[1380], &["create flow run"]), Later(Reason::CreateFailed)),
        row(400..=400, Message(&["failed to create flow run"]), Later(Reason::CreateFailed)),
        row(
            400..=400,
            Code(
                &[1333, 1385, 1386, 1398, 1401, 1434, 1435, 1436, 1437],
                &["not supported", "unsupported"],
            ),
            Hold(Reason::ActionUnsupported),
        ),
        row(
            400..=400,
            Message(&["flowrunaction", "not supported"]),
            Hold(Reason::ActionUnsupported),
        ),
        row(
            400..=400,
            Message(&["flow run action", "not supported"]),
            Hold(Reason::ActionUnsupported),
        ),
        // Perhaps the run has changed meanwhile: it is read before each repetition, and these are few.
        row(400..=499, Any, Later(Reason::BadRequest)),
        // No such status exists.
        row(0..=u16::MAX, Any, Doubt(Reason::UnreadableAnswer)),
    ]
};

impl Row {
    fn matches(&self, answer: &Answer, error_body: Option<&ErrorBody>) -> bool {
        let has_sign = match (&self.sign, error_body) {
            (Sign::Any, _) => true,
            (Sign::RetryAfter, _) => answer.has_retry_after,
            (_, None) => false,
            (Sign::Json, Some(error_body)) => error_body.is_json,
            (Sign::Numbered, Some(error_body)) => error_body.number.is_some(),
            (Sign::Gateway(codes), Some(error_body)) => error_body
                .gateway_code
                .as_deref()
                .is_some_and(|code| codes.is_empty() || codes.contains(&code)),
            (Sign::Code(numbers, words), Some(error_body)) => error_body.has_code(numbers, words),
            (Sign::Message(texts), Some(error_body)) => error_body.message_contains(texts),
        };
        has_sign && self.status.contains(&answer.status)
    }
}

/// Judges the end of a re-trigger's exchange.
pub(super) fn judge(exchanged: Result<Answer, NoAnswer>, timeout: Duration) -> Verdict {
    match exchanged {
        Ok(answer) if answer.is_success() => accepted(answer),
        Ok(answer) => answered(&answer),
        Err(NoAnswer::NotConnected(error)) => Verdict::Refused(Refusal::later(
            Reason::Unreachable,
            format!("cannot connect: {}", cause(&error)),
        )),
        Err(NoAnswer::TimedOut) => {
            in_doubt(Reason::Timeout, format!("no answer within {timeout:?}"))
        }
        Err(NoAnswer::Lost(error)) => {
            in_doubt(Reason::ConnectionLost, format!("the connection broke: {}", cause(&error)))
        }
    }
}

/// True for a doubt that shows trouble at Adobe: further calls would probably end in doubt too.
pub(super) fn is_trouble(verdict: &Verdict) -> bool {
    use Reason::{ConnectionLost, ServerError, Timeout};
    matches!(verdict, Verdict::InDoubt { reason: Timeout | ConnectionLost | ServerError, .. })
}

/// Judges a re-trigger that was not sent: there is no token, or Adobe throttles us.
pub(super) fn not_sent(error: &ApiError) -> Verdict {
    let reason = match error {
        ApiError::Throttled { .. } => Reason::Throttled,
        error if error.is_credentials() => Reason::Unauthorized,
        _ => Reason::Unreachable,
    };
    Verdict::NotSent { reason, detail: clean(&error.to_string(), DETAIL) }
}

/// Judges a re-trigger that could not be sent within `limit`.
pub(super) fn gave_up(limit: Duration, throttled: Option<Duration>) -> Verdict {
    if let Some(left) = throttled {
        return not_sent(&ApiError::Throttled { left });
    }
    let detail = format!("not sent: other requests took longer than {limit:?}");
    Verdict::NotSent { reason: Reason::NotSent, detail }
}

/// The verdict on a call that was not sent because flowmend is stopping.
pub(super) fn stopped() -> Verdict {
    Verdict::NotSent { reason: Reason::NotSent, detail: "nothing was sent".to_owned() }
}

/// What an answer says about the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenSign {
    /// Nothing, or that a new one would not help: it belongs to another organization.
    None,
    /// It was refused.
    Refused,
    /// It has ended, or the credential lacks a permission.
    Suspect,
}

/// What `answer` says about the token. All but [`TokenSign::None`] want a new one.
pub(super) fn token_sign(answer: &Answer, error_body: &ErrorBody) -> TokenSign {
    let row = TABLE.iter().find(|row| row.matches(answer, Some(error_body)));
    let wrong_org = error_body.number.is_some_and(|number| (2000..=2002).contains(&number));
    match row.map(|row| row.then) {
        Some(Then::Renew) if !wrong_org => TokenSign::Refused,
        Some(Then::Suspect) => TokenSign::Suspect,
        _ => TokenSign::None,
    }
}

fn answered(answer: &Answer) -> Verdict {
    let body = answer.body.as_ref().ok();
    let error_body = body.map(|body| ErrorBody::read(body));
    let row = TABLE.iter().find(|row| row.matches(answer, error_body.as_ref()));
    let then = row.map_or(Then::Doubt(Reason::UnreadableAnswer), |row| row.then);
    let detail = describe(answer, error_body.unwrap_or_default());
    match then {
        Then::Later(reason) => {
            Verdict::Refused(Refusal { remedy: Remedy::Later(answer.retry_after), reason, detail })
        }
        Then::Renew | Then::Suspect => Verdict::Refused(Refusal {
            remedy: Remedy::Later(Some(Duration::ZERO)),
            reason: Reason::Unauthorized,
            detail,
        }),
        Then::Reread(reason) => {
            Verdict::Refused(Refusal { remedy: Remedy::Reread, reason, detail })
        }
        Then::Hold(reason) => Verdict::Refused(Refusal { remedy: Remedy::Hold, reason, detail }),
        Then::Doubt(reason) => in_doubt(reason, detail),
    }
}

/// Adobe accepted the call; the body may still not name the new run.
fn accepted(answer: Answer) -> Verdict {
    let status = answer.status;
    let body = match answer.body {
        Ok(body) => body,
        Err(BodyFault::TimedOut) => {
            return in_doubt(
                Reason::Timeout,
                format!("{status}, but its body did not arrive in time"),
            );
        }
        Err(BodyFault::TooLarge(limit)) => {
            let detail = format!("{status}, but its body is larger than {limit} bytes");
            return in_doubt(Reason::UnreadableAnswer, detail);
        }
        Err(BodyFault::Broken(error)) => {
            let detail = format!("{status}, but its body was cut off: {}", cause(&error));
            return in_doubt(Reason::UnreadableAnswer, detail);
        }
    };
    if body.iter().all(u8::is_ascii_whitespace) {
        return in_doubt(Reason::NoRunId, format!("{status} without a body"));
    }
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return in_doubt(Reason::UnreadableAnswer, format!("{status}, but its body is not JSON"));
    };
    match wire::new_run(&body) {
        Some((run, etag)) => Verdict::Accepted { run, etag: etag.or(answer.etag.map(Etag::new)) },
        None => in_doubt(Reason::NoRunId, format!("{status}, but its body contains no run id")),
    }
}

fn in_doubt(reason: Reason, detail: String) -> Verdict {
    Verdict::InDoubt { reason, detail: clean(&detail, DETAIL) }
}

fn describe(answer: &Answer, error_body: ErrorBody) -> String {
    let answered = Answered::new(Service::Platform, answer, error_body);
    let advice = answered.header_advice().map(|advice| format!("; {advice}")).unwrap_or_default();
    let code = answered.code.map(|code| format!(" ({code})")).unwrap_or_default();
    let id = answered.request_id.map(|id| format!(" [request id {id}]")).unwrap_or_default();
    let said = clean(&format!("{}{code}{id} {}", answered.status, answered.message), DETAIL);
    format!("{said}{advice}")
}

/// The innermost cause, which is the specific one: *connection refused*.
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
