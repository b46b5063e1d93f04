//! Refusals: error answers in the three formats of Adobe's services.
//!
//! The gateway, Flow Service and IMS each have their own error body. Flow Service repeats the
//! request id in the body, so the HTTP middleware writes the body.

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// Why a request is refused.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    format: Format,
    code: String,
    message: String,
    /// The resource in question: its kind (`runs`) and id.
    about: Option<(&'static str, String)>,
}

#[derive(Clone, Copy, Debug)]
enum Format {
    Gateway,
    FlowService,
    Ims,
}

impl Refusal {
    /// Adobe's API gateway; its `error_code` is a string.
    pub(crate) fn gateway(status: StatusCode, code: &str, message: &str) -> Self {
        Self::new(status, Format::Gateway, code.to_owned(), message.to_owned())
    }

    /// Flow Service; the code on the wire is `FLOW-{number}-{status}`.
    pub(crate) fn flow_service(
        number: u32,
        status: StatusCode,
        message: impl Into<String>,
    ) -> Self {
        let code = format!("{number}-{}", status.as_u16());
        Self::new(status, Format::FlowService, code, message.into())
    }

    /// A fault in the request, which Flow Service answers with 400.
    pub(crate) fn bad_request(number: u32, message: impl Into<String>) -> Self {
        Self::flow_service(number, StatusCode::BAD_REQUEST, message)
    }

    /// 1439-404: the resource does not exist, or the caller may not see it.
    pub(crate) fn not_found(kind: &'static str, id: &str) -> Self {
        let message = format!("The {kind} resource with id {id} was not found.");
        let mut refusal = Self::flow_service(1439, StatusCode::NOT_FOUND, message);
        refusal.about = Some((kind, id.to_owned()));
        refusal
    }

    /// IMS, which answers 400 to every invalid credential.
    pub(crate) fn ims(code: &str, message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Format::Ims, code.to_owned(), message.to_owned())
    }

    fn new(status: StatusCode, format: Format, code: String, message: String) -> Self {
        Self { status, format, code, message, about: None }
    }

    /// The code in its own catalogue, such as `1387-400`.
    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    /// The answer to the request with this id.
    pub(crate) fn answer(&self, request_id: &str) -> Response {
        let body = match self.format {
            Format::Gateway => json!({ "error_code": self.code, "message": self.message }),
            Format::Ims => json!({ "error": self.code, "error_description": self.message }),
            Format::FlowService => self.problem(request_id),
        };
        let headers = [(CONTENT_TYPE, "application/json")];
        (self.status, headers, Body::from(body.to_string())).into_response()
    }

    fn problem(&self, request_id: &str) -> Value {
        let title = match self.status.as_u16() {
            404 => "Resource not found",
            412 => "Precondition failed",
            _ => self.status.canonical_reason().unwrap_or("Error"),
        };
        let mut report = json!({ "detailed-message": self.message, "request-id": request_id });
        if let Some((kind, id)) = &self.about {
            report["type"] = json!(kind);
            report["id"] = json!(id);
        }
        json!({
            "type": format!("https://ns.adobe.com/aep/errors/FLOW-{}", self.code),
            "title": title,
            "status": self.status.as_u16(),
            "report": report,
            "errorMessage": title,
            "errorDetails": self.message,
        })
    }
}

impl IntoResponse for Refusal {
    /// An empty answer that carries the refusal; the middleware writes the body.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
