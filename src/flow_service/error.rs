//! Why a call to Adobe failed.

use super::error_body::ErrorBody;
use super::http::exchange::{Answer, BodyFault, NoAnswer};
use super::text::{DETAIL, clean};
use crate::backoff::Retry;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// One of Adobe's services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// The Flow Service of Experience Platform, or the gateway in front of it.
    Platform,
    /// The identity service that issues access tokens.
    Ims,
}

impl Service {
    /// The setting with its address.
    pub fn setting(self) -> &'static str {
        match self {
            Self::Platform => "adobe.platform_url",
            Self::Ims => "adobe.ims_url",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Platform => "Adobe's API",
            Self::Ims => "Adobe's identity service",
        })
    }
}

/// What went wrong. No variant ever holds a token or a secret.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ApiError {
    /// Cannot connect: refused, unknown name, failed TLS handshake, or no answer.
    #[error(
        "cannot connect to {service}; check {}, DNS, the proxy and the firewall",
        service.setting()
    )]
    Unreachable {
        /// Who was called.
        service: Service,
        /// The cause.
        #[source]
        source: Arc<reqwest::Error>,
    },
    /// The whole exchange took too long.
    #[error(
        "{service} did not answer within {limit:?}; it is slow, or adobe.request_timeout is too short"
    )]
    TimedOut {
        /// Who was called.
        service: Service,
        /// `adobe.request_timeout`.
        limit: Duration,
    },
    /// The connection ended before the answer was complete.
    #[error("the connection to {service} broke before the answer was complete; this is temporary")]
    Broken {
        /// Who was called.
        service: Service,
        /// The cause.
        #[source]
        source: Arc<reqwest::Error>,
    },
    /// The answer is larger than the limit; the rest was not read.
    #[error(
        "the answer of {service} is larger than {limit} bytes; \
         lower adobe.page_size or raise adobe.max_response_bytes"
    )]
    TooLarge {
        /// Who was called.
        service: Service,
        /// The limit in bytes.
        limit: usize,
    },
    /// The answer is not what Adobe documents.
    #[error(
        "the answer of {service} cannot be read: {what}; check {} and any proxy in between",
        service.setting()
    )]
    Unreadable {
        /// Who was called.
        service: Service,
        /// What is wrong with it.
        what: String,
    },
    /// Adobe answered with an error.
    #[error(transparent)]
    Answered(#[from] Box<Answered>),
    /// The identity service refused the credentials.
    #[error(
        "Adobe's identity service rejected the credentials ({error}): {message}; check {setting}"
    )]
    Credentials {
        /// Its error code, for example `invalid_client`.
        error: String,
        /// Its message.
        message: String,
        /// The setting or settings to check.
        setting: &'static str,
    },
    /// The listing has more pages than may be read.
    #[error("the listing has more than {pages} pages; raise adobe.max_pages")]
    TooManyPages {
        /// The limit.
        pages: usize,
    },
    /// The link to the next page leads to a page that was read before.
    #[error(
        "Adobe's link to the next page leads to a page that was read before; please report it to Adobe"
    )]
    PagesRepeat,
    /// Items without an id are in a listing that must be complete.
    #[error("the listing contains items without an id ({count}); please report it to Adobe")]
    WithoutId {
        /// How many.
        count: usize,
    },
    /// Adobe throttles us, so nothing was sent.
    #[error("Adobe throttles requests for another {} s", .left.as_secs())]
    Throttled {
        /// How much longer.
        left: Duration,
    },
    /// A setting cannot be used.
    #[error("{setting} cannot be used: {what}")]
    Setting {
        /// Which.
        setting: &'static str,
        /// Why.
        what: String,
    },
    /// The HTTP client cannot be set up: no usable root certificates, or an invalid proxy setting.
    #[error("the HTTP client cannot be set up; check the root certificates and the proxy settings")]
    Client {
        /// The cause.
        #[source]
        source: Arc<reqwest::Error>,
    },
}

/// An error that Adobe answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// Who answered.
    pub service: Service,
    /// The HTTP status.
    pub status: u16,
    /// The error's full name, if it has one: `FLOW-1439-404`, or the gateway's code.
    pub code: Option<String>,
    /// Its message, as one line of limited length.
    pub message: String,
    /// The id that Adobe's support asks for.
    pub request_id: Option<String>,
    /// `Retry-After`.
    pub retry_after: Option<Duration>,
    pub(super) body: ErrorBody,
}

impl std::error::Error for Answered {}

impl fmt::Display for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} answered {}", self.service, self.status)?;
        if let Some(code) = &self.code {
            write!(f, " ({code})")?;
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        if let Some(id) = &self.request_id {
            write!(f, " [request id {id}]")?;
        }
        write!(f, "; {}", self.advice())
    }
}

impl Answered {
    pub(super) fn new(service: Service, answer: &Answer, body: ErrorBody) -> Self {
        Self {
            service,
            status: answer.status,
            code: body.name.clone().or_else(|| body.gateway_code.clone()),
            message: clean(&body.message, DETAIL),
            request_id: body.request_id.clone().or_else(|| answer.request_id.clone()),
            retry_after: answer.retry_after,
            body,
        }
    }

    fn advice(&self) -> &'static str {
        match self.status {
            300..=399 => "flowmend does not follow redirects; check the configured address",
            401 => "check adobe.client_id, adobe.client_secret and adobe.org_id",
            403 => {
                "check adobe.client_id, and that the credential has the product profile and \
                 a role that may view and manage sources in this sandbox"
            }
            404 => {
                "check the sandbox and adobe.platform_url (an access label that hides it gives the same error)"
            }
            408 | 425 | 429 | 500..=599 => "this is temporary",
            _ => "flowmend has a bug or Adobe changed its API; please report it",
        }
    }
}

impl ApiError {
    pub(super) fn from_no_answer(service: Service, limit: Duration, fault: NoAnswer) -> Self {
        match fault {
            NoAnswer::NotConnected(source) => {
                Self::Unreachable { service, source: Arc::new(source.without_url()) }
            }
            NoAnswer::TimedOut => Self::TimedOut { service, limit },
            NoAnswer::Lost(source) => {
                Self::Broken { service, source: Arc::new(source.without_url()) }
            }
        }
    }

    pub(super) fn from_body_fault(service: Service, limit: Duration, fault: BodyFault) -> Self {
        match fault {
            BodyFault::TooLarge(limit) => Self::TooLarge { service, limit },
            BodyFault::TimedOut => Self::TimedOut { service, limit },
            BodyFault::Broken(source) => {
                Self::Broken { service, source: Arc::new(source.without_url()) }
            }
        }
    }

    /// True for temporary errors: a read that failed with one may be repeated.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::Broken { .. } => true,
            Self::Answered(answered) => {
                matches!(answered.status, 408 | 425 | 429 | 500 | 502..=504 | 507)
            }
            _ => false,
        }
    }

    /// True if the credentials or their permissions are the cause.
    pub fn is_credentials(&self) -> bool {
        match self {
            Self::Credentials { .. } => true,
            Self::Answered(answered) => {
                matches!(answered.status, 401 | 403)
                    || answered.body.has_code(&[2114, 2115], &["token"])
            }
            _ => false,
        }
    }

    /// True if Adobe could not be reached, or a gateway in front of it says that it is unavailable.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::Broken { .. } => true,
            Self::Answered(answered) => matches!(answered.status, 502..=504),
            _ => false,
        }
    }

    /// How long Adobe asks us to wait, if it does.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Answered(answered) => answered.retry_after,
            Self::Throttled { left } => Some(*left),
            _ => None,
        }
    }

    /// The HTTP status, if there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Answered(answered) => Some(answered.status),
            _ => None,
        }
    }

    /// True if the service itself says that the thing does not exist: not its sandbox, and not a page
    /// of something in front of the service.
    pub(super) fn is_not_found(&self) -> bool {
        let Self::Answered(answered) = self else { return false };
        let body = &answered.body;
        let sandbox = body.number.is_some_and(|number| (2100..=2106).contains(&number));
        let by_service = body.is_json && body.gateway_code.is_none() && !sandbox;
        (answered.status == 404 && by_service) || self.names_missing_resource()
    }

    /// True if the Flow Service itself, by the error's name, says that the resource does not exist.
    pub(super) fn names_missing_resource(&self) -> bool {
        let Self::Answered(answered) = self else { return false };
        answered.body.has_code(&[1101, 1430, 1439], &["not found", "does not exist"])
    }

    pub(super) fn service(&self) -> Option<Service> {
        match self {
            Self::Unreachable { service, .. }
            | Self::TimedOut { service, .. }
            | Self::Broken { service, .. }
            | Self::TooLarge { service, .. }
            | Self::Unreadable { service, .. } => Some(*service),
            Self::Answered(answered) => Some(answered.service),
            Self::Credentials { .. } => Some(Service::Ims),
            _ => None,
        }
    }

    /// Whether a call to `service` that failed with this error is worth repeating. An error of the other
    /// service was already retried there.
    pub(super) fn retry(&self, service: Service) -> Retry {
        match self.retry_after() {
            _ if !self.is_transient() || self.service() != Some(service) => Retry::No,
            Some(wait) => Retry::After(wait),
            None => Retry::Yes,
        }
    }
}
