//! The headers that every Flow Service request needs: token, key, organization and sandbox.
//!
//! The gateway checks token and key, then Flow Service checks organization and sandbox. Each has its
//! own documented error answer.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};

use super::app::App;
use crate::simulator::refusal::Refusal;
use crate::simulator::world::World;

/// A caller with valid headers.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) client_id: String,
    pub(crate) sandbox: String,
}

impl FromRequestParts<App> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        Self::identify(&parts.headers, &app.world())
    }
}

impl Caller {
    fn identify(headers: &HeaderMap, world: &World) -> Result<Self, Refusal> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        check_token(header(AUTHORIZATION.as_str()), world)?;
        let client_id = check_key(header("x-api-key"), world)?;
        check_organization(header("x-gw-ims-org-id"), world)?;
        let sandbox = check_sandbox(header("x-sandbox-name"), world)?;
        Ok(Self { client_id, sandbox })
    }
}

fn check_token(authorization: Option<&str>, world: &World) -> Result<(), Refusal> {
    let Some(authorization) = authorization else {
        let message = "Oauth token is missing.";
        return Err(Refusal::gateway(StatusCode::FORBIDDEN, "403010", message));
    };
    // The scheme is not case sensitive (RFC 9110).
    let token = authorization
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    if !token.is_some_and(|token| world.tokens.is_valid(token, world.now_ms())) {
        let message = "Oauth token is not valid.";
        return Err(Refusal::gateway(StatusCode::UNAUTHORIZED, "401013", message));
    }
    Ok(())
}

fn check_key(key: Option<&str>, world: &World) -> Result<String, Refusal> {
    let refuse = |code, message| Err(Refusal::gateway(StatusCode::FORBIDDEN, code, message));
    match key {
        None => refuse("403000", "Api Key is required."),
        Some(key) if key == world.credentials.client_id => Ok(key.to_owned()),
        Some(_) => refuse("403003", "Api Key is invalid."),
    }
}

fn check_organization(org_id: Option<&str>, world: &World) -> Result<(), Refusal> {
    let refuse =
        |number, message| Err(Refusal::flow_service(number, StatusCode::UNAUTHORIZED, message));
    match org_id {
        None => refuse(2001, "The organization header is missing."),
        Some(org_id) if org_id == world.credentials.org_id => Ok(()),
        Some(_) => refuse(2000, "The token has no access to this organization."),
    }
}

fn check_sandbox(name: Option<&str>, world: &World) -> Result<String, Refusal> {
    match name {
        None => Err(Refusal::bad_request(2105, "The sandbox header is missing.")),
        Some("*") => {
            Err(Refusal::bad_request(2113, "This request is not possible across sandboxes."))
        }
        Some(name) if world.sandboxes.contains_key(name) => Ok(name.to_owned()),
        Some(name) => {
            let message = format!("The sandbox {name} was not found.");
            Err(Refusal::flow_service(2100, StatusCode::NOT_FOUND, message))
        }
    }
}
