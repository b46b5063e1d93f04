//! Error answers, in the three dialects a client has to understand.
//!
//! The gateway, Flow Service and IMS each have their own error body. Flow Service repeats the
//! request id in the body, so a refusal is only signed, that is written out, by the front desk.

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// Why a request is not answered.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    dialect: Dialect,
    code: String,
    message: String,
    /// The resource in question: its kind (`runs`) and id.
    about: Option<(&'static str, String)>,
}

#[derive(Clone, Copy, Debug)]
enum Dialect {
    Gateway,
    FlowService,
    Ims,
}

impl Refusal {
    /// Adobe's API gateway; its `error_code` is a string.
    pub(crate) fn gateway(status: StatusCode, code: &str, message: &str) -> Self {
        Self::new(status, Dialect::Gateway, code.to_owned(), message.to_owned())
    }

    /// Flow Service; the code on the wire is `FLOW-{number}-{status}`.
    pub(crate) fn flow_service(
        number: u32,
        status: StatusCode,
        message: impl Into<String>,
    ) -> Self {
        let code = format!("{number}-{}", status.as_u16());
        Self::new(status, Dialect::FlowService, code, message.into())
    }

    /// A fault in the request, which Flow Service answers with 400.
    pub(crate) fn bad_request(number: u32, message: impl Into<String>) -> Self {
        Self::flow_service(number, StatusCode::BAD_REQUEST, message)
    }

    /// 1439-404: there is no such resource, or none that the caller may see.
    pub(crate) fn not_found(kind: &'static str, id: &str) -> Self {
        let message = format!("The {kind} resource with id {id} was not found.");
        let mut refusal = Self::flow_service(1439, StatusCode::NOT_FOUND, message);
        refusal.about = Some((kind, id.to_owned()));
        refusal
    }

    /// IMS, which answers 400 whatever is wrong with the credentials.
    pub(crate) fn ims(code: &str, message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Dialect::Ims, code.to_owned(), message.to_owned())
    }

    fn new(status: StatusCode, dialect: Dialect, code: String, message: String) -> Self {
        Self { status, dialect, code, message, about: None }
    }

    /// The code in its own catalogue, such as `1387-400`.
    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    /// The answer, to the request with this id.
    pub(crate) fn sign(&self, request_id: &str) -> Response {
        let body = match self.dialect {
            Dialect::Gateway => json!({ "error_code": self.code, "message": self.message }),
            Dialect::Ims => json!({ "error": self.code, "error_description": self.message }),
            Dialect::FlowService => self.problem(request_id),
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
    /// An empty answer that carries the refusal, for the front desk to sign.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
