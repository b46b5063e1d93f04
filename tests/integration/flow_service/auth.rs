//! The access token: how it is requested, shared, renewed and refused.

use crate::kit::server::{Reply, SECRET, Server, TOKEN, TestClock, json, ok, prod};
use flowmend::flow_service::{ApiError, FlowService, Listing};
use futures_util::future::join_all;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn token(name: &str) -> Reply {
    ok(format!(r#"{{"access_token":"{name}","token_type":"bearer","expires_in":3600}}"#))
}

async fn many_calls(service: &FlowService) -> Vec<Listing<flowmend::domain::model::flow::Flow>> {
    join_all((0..20).map(|_| async { service.flows(&prod()).await })).await
}

#[tokio::test]
async fn the_token_is_requested_as_adobe_documents_and_shared_by_all_callers() {
    let server = Server::start(|_, _| None);
    let service = server.service();
    assert!(many_calls(&service).await.iter().all(Listing::is_complete));
    assert_eq!(server.tokens(), 1);
    let request = server.requests().into_iter().find(|r| r.target == "/ims/token/v3").unwrap();
    assert_eq!(request.method, "POST");
    assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(
        request.body,
        format!(
            "grant_type=client_credentials&client_id=client&client_secret={SECRET}&scope=openid%2CAdobeID"
        )
    );
}

#[tokio::test]
async fn the_token_is_renewed_a_tenth_of_its_lifetime_before_it_expires() {
    let server = Server::start(|request, before| {
        (request.target == "/ims/token/v3").then(|| token(&format!("t{before}")))
    });
    let clock = Arc::new(TestClock::default());
    let service = FlowService::new(server.connection(), clock.clone()).unwrap();
    service.flows(&prod()).await;
    clock.advance(3600 - 361);
    service.flows(&prod()).await;
    assert_eq!(server.tokens(), 1);
    clock.advance(1);
    assert!(many_calls(&service).await.iter().all(Listing::is_complete));
    assert_eq!(server.tokens(), 2);
    let last = server.requests().pop().unwrap();
    assert_eq!(last.header("authorization"), Some("Bearer t1"));
}

#[tokio::test]
async fn while_an_early_renewal_fails_the_old_token_is_used() {
    let server = Server::start(|request, before| {
        (request.target == "/ims/token/v3" && before > 0).then(|| json(400, "{}"))
    });
    let clock = Arc::new(TestClock::default());
    let service = FlowService::new(server.connection(), clock.clone()).unwrap();
    service.flows(&prod()).await;
    clock.advance(86_399 - 100);
    assert!(service.flows(&prod()).await.is_complete());
    assert!(service.flows(&prod()).await.is_complete());
    assert_eq!(server.tokens(), 2, "the next try comes later");
    clock.advance(100);
    assert!(!service.flows(&prod()).await.is_complete());
}

#[tokio::test]
async fn a_burst_of_401_renews_the_token_once_for_all() {
    let server = Server::start(|request, before| {
        if request.target == "/ims/token/v3" {
            return Some(token(&format!("t{before}")));
        }
        let revoked = request.header("authorization") == Some("Bearer t0");
        revoked
            .then(|| json(401, r#"{"error_code":"401013","message":"Oauth token is not valid"}"#))
    });
    let service = server.service();
    assert!(many_calls(&service).await.iter().all(Listing::is_complete));
    assert_eq!(server.tokens(), 2);
}

#[tokio::test]
async fn a_missing_token_is_a_403_at_the_gateway_and_renews_too() {
    let server = Server::start(|request, before| {
        let body = include_str!("../../data/adobe/error_gateway_token_missing.json");
        (request.target.contains("/flows") && before == 0).then(|| json(403, body))
    });
    assert!(server.service().flows(&prod()).await.is_complete());
    assert_eq!(server.tokens(), 2);
}

#[tokio::test]
async fn a_403_without_a_known_code_renews_the_token_and_is_repeated_once() {
    for body in ["", "<html>denied</html>", r#"{"message":"Forbidden"}"#] {
        let server = Server::start(move |request, before| {
            (request.target.contains("/flows") && before == 0).then(|| json(403, body))
        });
        assert!(server.service().flows(&prod()).await.is_complete(), "{body}");
        assert_eq!((server.asked().len(), server.tokens()), (2, 2), "{body}");

        let server = Server::start(move |request, _| {
            request.target.contains("/flows").then(|| json(403, body))
        });
        let service = server.service();
        for expected in [2, 3] {
            let fault = service.flows(&prod()).await.fault.unwrap();
            assert!(fault.is_credentials(), "{fault}");
            assert_eq!((server.asked().len(), server.tokens()), (expected, 2), "{body}");
        }
    }
}

#[tokio::test]
async fn a_missing_permission_with_its_code_costs_no_token() {
    let server = Server::start(|request, _| {
        let body = include_str!("../../data/adobe/error_forbidden.json");
        request.target.contains("/flows").then(|| json(403, body))
    });
    assert!(server.service().flows(&prod()).await.fault.unwrap().is_credentials());
    assert_eq!((server.asked().len(), server.tokens()), (1, 1));
}

#[tokio::test]
async fn if_adobe_refuses_every_token_no_more_are_requested() {
    let server = Server::start(|request, _| {
        let body = include_str!("../../data/adobe/error_gateway_token_invalid.json");
        request.target.contains("/flows").then(|| json(401, body))
    });
    let service = server.service();
    for _ in 0..3 {
        let fault = service.flows(&prod()).await.fault.unwrap();
        assert!(fault.is_credentials(), "{fault}");
    }
    assert_eq!(server.tokens(), 2);
}

#[tokio::test]
async fn a_token_of_another_organization_is_not_renewed() {
    let server = Server::start(|request, _| {
        let denied = || {
            crate::kit::server::error(
                401,
                "FLOW-2000-401",
                "The authorization token does not have access",
            )
        };
        request.target.contains("/flows").then(denied)
    });
    assert!(server.service().flows(&prod()).await.fault.unwrap().is_credentials());
    assert_eq!(server.tokens(), 1);
}

#[tokio::test]
async fn refused_credentials_name_the_setting_and_are_sent_once() {
    let server = Server::start(|request, _| {
        let body = include_str!("../../data/adobe/token_invalid_client.json");
        (request.target == "/ims/token/v3").then(|| json(400, body))
    });
    let service = server.service();
    let faults = join_all((0..20).map(|_| service.authenticate())).await;
    for fault in faults {
        let fault = fault.unwrap_err();
        assert!(fault.is_credentials() && !fault.is_transient() && !fault.is_unreachable());
        assert_eq!(
            fault.to_string(),
            "Adobe's identity service rejected the credentials (invalid_client): invalid \
             client_secret parameter; check adobe.client_secret (it may have been rotated)"
        );
    }
    assert_eq!(server.tokens(), 1);
}

#[tokio::test]
async fn a_temporary_error_of_the_identity_service_is_retried() {
    let server = Server::start(|request, before| {
        (request.target == "/ims/token/v3" && before == 0).then(|| json(503, "{}"))
    });
    server.service().authenticate().await.unwrap();
    assert_eq!(server.tokens(), 2);
}

#[tokio::test]
async fn an_answer_without_a_token_is_an_error() {
    for body in ["{}", r#"{"access_token":""}"#, r#"{"access_token":"a\nb"}"#, "<html>", ""] {
        let server = Server::start(move |_, _| Some(ok(body)));
        let fault = server.service().authenticate().await.unwrap_err();
        assert!(matches!(fault, ApiError::Unreadable { .. }), "{body}: {fault}");
    }
}

#[tokio::test]
async fn no_secret_is_shown_even_if_the_answer_quotes_it() {
    let quotes = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&quotes);
    let server = Server::start(move |request, before| {
        let token = request.target == "/ims/token/v3";
        if token && before == 0 {
            return None;
        }
        count.fetch_add(1, Ordering::SeqCst);
        let body = format!(
            r#"{{"error":"x","error_code":"403003","message":"seen: {TOKEN} and {SECRET}"}}"#
        );
        Some(json(if token { 400 } else { 403 }, body))
    });
    let clock = Arc::new(TestClock::default());
    let service = FlowService::new(server.connection(), clock.clone()).unwrap();
    service.authenticate().await.unwrap();
    let from_platform = service.flows(&prod()).await.fault.unwrap();
    clock.advance(100_000);
    let from_ims = service.authenticate().await.unwrap_err();
    assert_eq!(quotes.load(Ordering::SeqCst), 2);
    let shown = format!("{service:?} {:?}", server.connection());
    let shown = format!("{shown} {from_platform} {from_platform:?}");
    assert!(!shown.contains(TOKEN), "{shown}");
    let shown = format!("{service:?} {:?} {from_ims} {from_ims:?}", server.connection());
    assert!(!shown.contains(SECRET), "{shown}");
}
