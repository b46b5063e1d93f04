//! `POST /ims/token/v3`: tokens for client credentials.

use axum::extract::State;
use axum::{Form, Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::app::App;
use crate::simulator::refusal::Refusal;

/// The form; a missing field counts as wrong.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
pub(crate) struct TokenRequest {
    client_id: String,
    client_secret: String,
    grant_type: String,
    /// Separated by commas; RFC 6749 has spaces.
    scope: String,
}

pub(crate) async fn issue_token(
    State(app): State<App>,
    Form(request): Form<TokenRequest>,
) -> Result<Json<Value>, Refusal> {
    let mut world = app.world();
    let world = &mut *world;
    if request.grant_type != "client_credentials" {
        return Err(Refusal::ims("unsupported_grant_type", "invalid grant_type parameter"));
    }
    if request.client_id != world.credentials.client_id {
        return Err(Refusal::ims("invalid_client", "invalid client_id parameter"));
    }
    if !world.credentials.client_secrets.contains(&request.client_secret) {
        return Err(Refusal::ims("invalid_client", "invalid client_secret parameter"));
    }
    if !request.scope.split(',').any(|scope| scope.trim() == "openid") {
        return Err(Refusal::ims("invalid_scope", "invalid scope parameter"));
    }
    let lifetime_s = world.quirks.token_lifetime_s;
    let now = world.now_ms();
    let token = world.tokens.issue(now, lifetime_s, &mut world.noise);
    Ok(Json(json!({
        "access_token": token, "token_type": "bearer", "expires_in": lifetime_s,
    })))
}
