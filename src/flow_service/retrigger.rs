//! What became of a re-trigger: one table, read from top to bottom.
//!
//! Adobe documents 401 and 500 for this call and nothing else, and its two catalogues of errors use
//! some numbers twice. So an answer is judged on its HTTP status *and* the error's full name *and*
//! its words; and whatever does not say for certain that no run was made is [`Verdict::InDoubt`].

use super::complaint::Complaint;
use super::error::{Answered, ApiError, Service};
use super::exchange::{Answer, BodyFault, NoAnswer};
use super::text::{DETAIL, clean};
use super::wire;
use crate::domain::model::ids::Etag;
use crate::domain::model::reason::Reason;
use crate::domain::model::verdict::{Refusal, Remedy, Verdict};
use serde_json::Value;
use std::ops::RangeInclusive;
use std::time::Duration;

/// One line of the table.
struct Row {
    /// The HTTP statuses it is for …
    status: RangeInclusive<u16>,
    /// … if the answer also shows this.
    sign: Sign,
    then: Then,
}

/// What an answer has to show besides its status.
enum Sign {
    /// Nothing.
    Any,
    /// The gateway made the answer; with one of these codes, if there are any.
    Gateway(&'static [&'static str]),
    /// The error has one of these numbers and its message one of these words.
    Code(&'static [u16], &'static [&'static str]),
    /// The message holds all of these words.
    Words(&'static [&'static str]),
    /// The body is an error as Adobe writes them, not a page or nothing.
    Worded,
}

/// What follows.
#[derive(Clone, Copy)]
enum Then {
    /// Ask again later, not before `Retry-After`.
    Later(Reason),
    /// Renew the token and ask again.
    Renew,
    /// Read the run again before asking again.
    Reread(Reason),
    /// Somebody has to act first.
    Hold(Reason),
    /// It is not known whether a run was made.
    Doubt(Reason),
}

const fn row(status: RangeInclusive<u16>, sign: Sign, then: Then) -> Row {
    Row { status, sign, then }
}

/// Every answer but a success; the first row that fits decides. Numbers are those of Adobe's
/// catalogues (`flow-service-errors`, `sources-errors`), words are from their messages.
const TABLE: &[Row] = {
    use Sign::{Any, Code, Gateway, Worded, Words};
    use Then::{Doubt, Hold, Later, Renew, Reread};
    &[
        // Sent elsewhere: nobody knows what the first address did with it.
        row(300..=399, Any, Doubt(Reason::Redirected)),
        // The token. The gateway reports an absent token as 403.
        row(401..=401, Any, Renew),
        row(403..=403, Gateway(&["403010", "401013"]), Renew),
        row(400..=400, Code(&[2114, 2115], &["token"]), Renew),
        // The run has changed since its etag was read. Adobe's guide shows the words without a code.
        row(412..=412, Any, Later(Reason::VersionMismatch)),
        row(400..=499, Code(&[1404], &["does not match"]), Later(Reason::VersionMismatch)),
        row(
            400..=499,
            Words(&["does not match the current version"]),
            Later(Reason::VersionMismatch),
        ),
        // Turned away before the service looked at it.
        row(407..=407, Any, Later(Reason::Unreachable)), // our own proxy wants credentials
        row(421..=421, Any, Later(Reason::Unavailable)),
        row(425..=425, Any, Later(Reason::Unavailable)),
        row(429..=429, Any, Later(Reason::Throttled)),
        row(503..=503, Gateway(&[]), Later(Reason::Unavailable)),
        // The server gave up waiting, or failed at an unknown point.
        row(408..=408, Any, Doubt(Reason::Timeout)),
        row(500..=599, Any, Doubt(Reason::ServerError)),
        // The dataflow and the run.
        row(400..=499, Code(&[1388], &["state"]), Hold(Reason::FlowDisabled)),
        row(400..=400, Words(&["enabled state", "trigger"]), Hold(Reason::FlowDisabled)),
        row(400..=499, Code(&[1387], &["state", "trigger"]), Reread(Reason::StateConflict)),
        row(400..=400, Words(&["state", "re-trigger"]), Reread(Reason::StateConflict)),
        row(409..=409, Any, Reread(Reason::StateConflict)),
        row(423..=423, Any, Reread(Reason::StateConflict)),
        row(404..=404, Worded, Hold(Reason::NotFound)),
        row(410..=410, Any, Hold(Reason::NotFound)),
        row(
            400..=499,
            Code(&[1101, 1430, 1439], &["not found", "does not exist"]),
            Hold(Reason::NotFound),
        ),
        // What we may do.
        row(403..=403, Worded, Hold(Reason::Forbidden)),
        // A page of something in front of Adobe, such as a proxy: it says nothing about the run.
        row(403..=404, Any, Later(Reason::Unavailable)),
        row(400..=400, Code(&[1427], &["user token"]), Hold(Reason::Forbidden)),
        row(400..=400, Code(&[1100], &["not entitled"]), Hold(Reason::Forbidden)),
        // What we asked for.
        row(428..=428, Any, Hold(Reason::IfMatchRequired)),
        row(400..=400, Words(&["if-match"]), Hold(Reason::IfMatchRequired)),
        row(400..=400, Code(&[1380], &["create flow run"]), Later(Reason::CreateFailed)),
        row(400..=400, Words(&["failed to create flow run"]), Later(Reason::CreateFailed)),
        row(
            400..=400,
            Code(
                &[1333, 1385, 1386, 1398, 1401, 1434, 1435, 1436, 1437],
                &["not supported", "unsupported"],
            ),
            Hold(Reason::ActionUnsupported),
        ),
        row(400..=400, Words(&["flowrunaction", "not supported"]), Hold(Reason::ActionUnsupported)),
        row(
            400..=400,
            Words(&["flow run action", "not supported"]),
            Hold(Reason::ActionUnsupported),
        ),
        row(400..=499, Worded, Hold(Reason::BadRequest)),
        row(400..=499, Any, Later(Reason::BadRequest)),
        // No such status exists.
        row(0..=u16::MAX, Any, Doubt(Reason::UnreadableAnswer)),
    ]
};

impl Row {
    fn fits(&self, status: u16, complaint: Option<&Complaint>) -> bool {
        let shows = match (&self.sign, complaint) {
            (Sign::Any, _) => true,
            (_, None) => false,
            (Sign::Worded, Some(complaint)) => complaint.structured,
            (Sign::Gateway(codes), Some(complaint)) => complaint
                .gateway
                .as_deref()
                .is_some_and(|code| codes.is_empty() || codes.contains(&code)),
            (Sign::Code(numbers, words), Some(complaint)) => complaint.is(numbers, words),
            (Sign::Words(words), Some(complaint)) => complaint.says(words),
        };
        shows && self.status.contains(&status)
    }
}

/// Judges the end of a re-trigger's exchange.
pub(super) fn judge(exchanged: Result<Answer, NoAnswer>, timeout: Duration) -> Verdict {
    match exchanged {
        Ok(answer) if answer.is_success() => accepted(answer),
        Ok(answer) => answered(&answer),
        Err(NoAnswer::NotConnected(error)) => Verdict::Refused(Refusal::later(
            Reason::Unreachable,
            format!("no connection: {}", cause(&error)),
        )),
        Err(NoAnswer::TimedOut) => {
            in_doubt(Reason::Timeout, format!("no answer within {timeout:?}"))
        }
        Err(NoAnswer::Lost(error)) => {
            in_doubt(Reason::ConnectionLost, format!("the connection broke: {}", cause(&error)))
        }
    }
}

/// Judges a re-trigger that was not sent: no token to go with, or the platform wants a pause.
pub(super) fn not_sent(error: &ApiError) -> Verdict {
    let reason = match error {
        ApiError::Paused { .. } => Reason::Throttled,
        error if error.is_credentials() => Reason::Unauthorized,
        _ => Reason::Unreachable,
    };
    Verdict::NotSent { reason, detail: clean(&error.to_string(), DETAIL) }
}

/// Judges a re-trigger whose turn did not come within `patience`.
pub(super) fn late(patience: Duration, pause: Option<Duration>) -> Verdict {
    if let Some(left) = pause {
        return not_sent(&ApiError::Paused { left });
    }
    let detail = format!("not sent: its turn did not come within {patience:?}");
    Verdict::NotSent { reason: Reason::NotSent, detail }
}

/// True if the platform did not accept the token, so that a new one may help. A token that is fine
/// but belongs to another organization is not renewed for it.
pub(super) fn wants_new_token(answer: &Answer, complaint: &Complaint) -> bool {
    let fits = TABLE.iter().find(|row| row.fits(answer.status, Some(complaint)));
    let wrong_org = complaint.number.is_some_and(|number| (2000..=2002).contains(&number));
    fits.is_some_and(|row| matches!(row.then, Then::Renew)) && !wrong_org
}

fn answered(answer: &Answer) -> Verdict {
    let body = answer.body.as_ref().ok();
    let complaint = body.map(|body| Complaint::read(body));
    let row = TABLE.iter().find(|row| row.fits(answer.status, complaint.as_ref()));
    let then = row.map_or(Then::Doubt(Reason::UnreadableAnswer), |row| row.then);
    let detail = describe(answer, complaint.unwrap_or_default());
    match then {
        Then::Later(reason) => {
            Verdict::Refused(Refusal { remedy: Remedy::Later(answer.retry_after), reason, detail })
        }
        Then::Renew => Verdict::Refused(Refusal {
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

/// The status says that the platform accepted; whether we learn the new run is another matter.
fn accepted(answer: Answer) -> Verdict {
    let status = answer.status;
    let body = match answer.body {
        Ok(body) => body,
        Err(BodyFault::TimedOut) => {
            return in_doubt(
                Reason::Timeout,
                format!("{status}, but its body did not come in time"),
            );
        }
        Err(BodyFault::TooLarge(limit)) => {
            let detail = format!("{status}, but its body is larger than {limit} bytes");
            return in_doubt(Reason::UnreadableAnswer, detail);
        }
        Err(BodyFault::Broken(error)) => {
            let detail = format!("{status}, but its body broke off: {}", cause(&error));
            return in_doubt(Reason::UnreadableAnswer, detail);
        }
    };
    if body.iter().all(u8::is_ascii_whitespace) {
        return in_doubt(Reason::NoRunId, format!("{status} without a body"));
    }
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return in_doubt(Reason::UnreadableAnswer, format!("{status}, but its body is not JSON"));
    };
    match wire::issued(&body) {
        Some((run, etag)) => Verdict::Accepted { run, etag: etag.or(answer.etag.map(Etag::new)) },
        None => in_doubt(Reason::NoRunId, format!("{status}, but its body names no run")),
    }
}

fn in_doubt(reason: Reason, detail: String) -> Verdict {
    Verdict::InDoubt { reason, detail: clean(&detail, DETAIL) }
}

fn describe(answer: &Answer, complaint: Complaint) -> String {
    let answered = Answered::new(Service::Platform, answer, complaint);
    let code = answered.code.map(|code| format!(" ({code})")).unwrap_or_default();
    let id = answered.request_id.map(|id| format!(" [request id {id}]")).unwrap_or_default();
    clean(&format!("{}{code}{id} {}", answered.status, answered.message), DETAIL)
}

/// The innermost cause, which is the one that tells something: *connection refused*.
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
