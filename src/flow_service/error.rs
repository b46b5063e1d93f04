//! Why a call to Adobe did not give what was asked for.

use super::complaint::Complaint;
use super::exchange::{Answer, BodyFault, NoAnswer};
use super::text::{DETAIL, clean};
use crate::backoff::Retry;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Which of Adobe's services was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// The Flow Service of Experience Platform, or the gateway in front of it.
    Platform,
    /// The identity service that issues access tokens.
    Ims,
}

impl Service {
    /// The setting that holds its address.
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
            Self::Platform => "the platform",
            Self::Ims => "Adobe's identity service",
        })
    }
}

/// What went wrong. No variant ever holds a token or a secret.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ApiError {
    /// No connection: refused, unknown name, failed TLS handshake, or no answer to the attempt.
    #[error(
        "no connection to {service}; check {}, the name service, the proxy and the firewall",
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
    /// The connection ended before the answer was whole.
    #[error("the connection to {service} broke before its answer was whole; this passes by itself")]
    Broken {
        /// Who was called.
        service: Service,
        /// The cause.
        #[source]
        source: Arc<reqwest::Error>,
    },
    /// The answer is larger than any answer should be; reading stopped there.
    #[error(
        "the answer of {service} is larger than {limit} bytes; \
         ask for smaller pages or allow larger answers"
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
        "Adobe's identity service refused the credentials ({error}): {message}; check {setting}"
    )]
    Credentials {
        /// Its word for it, for example `invalid_client`.
        error: String,
        /// Its explanation.
        message: String,
        /// The setting or settings to look at.
        setting: &'static str,
    },
    /// The listing goes on after as many pages as are read at most.
    #[error("the listing has more than {pages} pages; raise adobe.max_pages")]
    TooManyPages {
        /// The limit.
        pages: usize,
    },
    /// The listing leads back to a page that was read already.
    #[error("the listing leads back to a page that was read before; the platform is at fault")]
    PagesRepeat,
    /// Items that name no id are in a listing that has to be complete to be of use.
    #[error("{count} items of the listing name no id; the platform is at fault")]
    Nameless {
        /// How many.
        count: usize,
    },
    /// The platform asked for a pause, so nothing was sent.
    #[error("the platform asked for a pause; {} s of it are left", .left.as_secs())]
    Paused {
        /// What is left of it.
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
    /// The HTTP client could not be set up: no usable root certificates, or a proxy setting it cannot read.
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
    /// The error's full name where it has one: `FLOW-1439-404`, or the gateway's code.
    pub code: Option<String>,
    /// What it says, bounded and in one line.
    pub message: String,
    /// What Adobe's support asks for.
    pub request_id: Option<String>,
    /// How long it asked to be left alone.
    pub retry_after: Option<Duration>,
    pub(super) complaint: Complaint,
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
    pub(super) fn new(service: Service, answer: &Answer, complaint: Complaint) -> Self {
        Self {
            service,
            status: answer.status,
            code: complaint.kind.clone().or_else(|| complaint.gateway.clone()),
            message: clean(&complaint.message, DETAIL),
            request_id: complaint.request_id.clone().or_else(|| answer.request_id.clone()),
            retry_after: answer.retry_after,
            complaint,
        }
    }

    fn advice(&self) -> &'static str {
        match self.status {
            300..=399 => "redirects are never followed: check the configured address",
            401 => "check adobe.client_id, adobe.client_secret and adobe.org_id",
            403 => {
                "check adobe.client_id, and that the credential has the product profile and \
                 a role that may view and manage sources in this sandbox"
            }
            404 => {
                "check the sandbox and adobe.platform_url; hidden by an access label looks the same"
            }
            408 | 425 | 429 | 500..=599 => "this passes by itself",
            _ => "this is a fault of flowmend or a change of the platform: please report it",
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

    /// True for errors that tend to pass: a read that met one may be repeated.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::Broken { .. } => true,
            Self::Answered(answered) => {
                matches!(answered.status, 408 | 425 | 429 | 500 | 502..=504 | 507)
            }
            _ => false,
        }
    }

    /// True if the credentials, or what they are allowed to do, are to blame.
    pub fn is_credentials(&self) -> bool {
        match self {
            Self::Credentials { .. } => true,
            Self::Answered(answered) => {
                matches!(answered.status, 401 | 403)
                    || answered.complaint.is(&[2114, 2115], &["token"])
            }
            _ => false,
        }
    }

    /// True if Adobe could not be reached, or only something in front of it that is unavailable.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::Broken { .. } => true,
            Self::Answered(answered) => matches!(answered.status, 502..=504),
            _ => false,
        }
    }

    /// How long Adobe asked to be left alone, where it did.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Answered(answered) => answered.retry_after,
            Self::Paused { left } => Some(*left),
            _ => None,
        }
    }

    /// The HTTP status, where there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Answered(answered) => Some(answered.status),
            _ => None,
        }
    }

    /// True if the service itself says that it does not know the thing: not its sandbox, and not
    /// something in front of the service that shows a page of its own.
    pub(super) fn is_not_found(&self) -> bool {
        let Self::Answered(answered) = self else { return false };
        let complaint = &answered.complaint;
        let sandbox = complaint.number.is_some_and(|number| (2100..=2106).contains(&number));
        let by_service = complaint.structured && complaint.gateway.is_none() && !sandbox;
        (answered.status == 404 && by_service) || self.names_missing_resource()
    }

    /// True if the Flow Service itself, by the error's name, says that the resource does not exist.
    pub(super) fn names_missing_resource(&self) -> bool {
        let Self::Answered(answered) = self else { return false };
        answered.complaint.is(&[1101, 1430, 1439], &["not found", "does not exist"])
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

    /// Whether a call to `service` that met this error is worth repeating. The error of another
    /// service has been through its own tries already.
    pub(super) fn retry(&self, service: Service) -> Retry {
        match self.retry_after() {
            _ if !self.is_transient() || self.service() != Some(service) => Retry::No,
            Some(wait) => Retry::After(wait),
            None => Retry::Yes,
        }
    }
}
