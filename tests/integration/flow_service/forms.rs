//! The forms of a listing's request, and how a refused one is found and remembered.

use crate::kit::server::{Reply, Request, Server, TestClock, error, json, page, prod, run};
use flowmend::domain::model::ids::{FlowId, RunId};
use flowmend::domain::model::run::Run;
use flowmend::flow_service::{FlowService, Listing, Window};
use jiff::Timestamp;

const UPDATED: &str = "property=updatedAt%3E1699999999999";
const CREATED: &str = "property=createdAt%3E1699999999999";
const CREATED_EARLIER: &str = "property=createdAt%3E1699978399999";
const STATUS: &str = "property=metrics.statusSummary.status==failed,Failed";

fn start() -> Timestamp {
    Timestamp::from_millisecond(TestClock::START).unwrap()
}

fn flows(count: usize) -> Vec<FlowId> {
    (0..count).map(|number| FlowId::new(format!("f{number}"))).collect()
}

async fn changed(service: &FlowService, count: usize) -> Listing<Run> {
    service.failed_runs(&prod(), &flows(count), None, Window::UpdatedSince(start())).await
}

fn refusing(
    refused: impl Fn(&str) -> bool + Send + Sync + 'static,
    message: &'static str,
) -> Server {
    Server::start(move |request: &Request, _| {
        let asks = request.target.contains("/runs") && refused(&request.target);
        asks.then(|| error(400, "FLOW-1449-400", message))
    })
}

#[tokio::test]
async fn the_cheapest_form_is_sent_first() {
    for (count, scope) in [
        (1, "property=flowId==f0&".to_owned()),
        (3, "property=flowId==f0,f1,f2&".to_owned()),
        (201, String::new()),
    ] {
        let server = Server::start(|_, _| None);
        assert!(changed(&server.service(), count).await.is_complete());
        assert_eq!(server.asked(), [format!("/runs?{scope}{STATUS}&{UPDATED}&limit=100")]);
    }
}

#[tokio::test]
async fn fifty_flows_go_into_one_request_and_none_into_none() {
    let server = Server::start(|_, _| None);
    assert!(changed(&server.service(), 120).await.is_complete());
    assert_eq!(server.asked().len(), 3);
    assert!(server.asked()[0].matches(',').count() == 50, "49 between flows, one in the status");
    let server = Server::start(|_, _| None);
    assert!(changed(&server.service(), 0).await.is_complete());
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_sweep_filters_by_the_date_of_creation() {
    let server = Server::start(|_, _| None);
    let window = Window::CreatedSince(start());
    server.service().failed_runs(&prod(), &flows(1), None, window).await;
    assert_eq!(server.asked(), [format!("/runs?property=flowId==f0&{STATUS}&{CREATED}&limit=100")]);
}

#[tokio::test]
async fn runs_that_were_not_requested_are_dropped() {
    let server = Server::start(|request, _| {
        let items = [
            run("mine", "f0", "FAILED"),
            run("other flow", "f9", "failed"),
            run("other-flow", "f9", "failed"),
            run("succeeded", "f0", "success"),
        ];
        request.target.contains("/runs").then(|| page(&items, None))
    });
    let listing = changed(&server.service(), 1).await;
    let ids: Vec<&str> = listing.items.iter().map(|run| run.id.as_str()).collect();
    assert_eq!(ids, ["mine"]);
}

#[tokio::test]
async fn a_refusal_that_names_the_property_drops_it_for_good() {
    let server = refusing(
        |target| target.contains("updatedAt"),
        "Invalid field updatedAt in filter params.",
    );
    let service = server.service();
    assert!(changed(&service, 3).await.is_complete());
    assert_eq!(server.asked().len(), 2);
    assert!(changed(&service, 3).await.is_complete());
    let last = format!("/runs?property=flowId==f0,f1,f2&{STATUS}&{CREATED_EARLIER}&limit=100");
    assert_eq!(server.asked()[2..], [last], "remembered, and reaching back by the longest run");
}

#[tokio::test]
async fn each_feature_can_be_refused_without_being_named() {
    type Refused = fn(&str) -> bool;
    let table: [(usize, Refused, &str); 5] = [
        (3, |target| target.contains("updatedAt"), "/runs?property=flowId==f0,f1,f2&"),
        (3, |target| target.contains("f0,f1"), "/runs?property=flowId==f0&"),
        (201, |target| !target.contains("flowId"), "/runs?property=flowId==f0,f1,"),
        (3, |target| target.contains("failed,Failed"), "/runs?property=flowId==f0,f1,f2&"),
        (3, |target| target.contains("statusSummary"), "/runs?property=flowId==f0,f1,f2&"),
    ];
    for (count, refused, form) in table {
        let server = refusing(refused, "Bad request.");
        let service = server.service();
        let mut refusals = Vec::new();
        for _ in 0..4 {
            let before = server.asked().len();
            assert!(changed(&service, count).await.is_complete(), "{form}");
            let asked = server.asked().split_off(before);
            refusals.push(asked.iter().filter(|target| refused(target)).count());
            assert!(asked.last().unwrap().starts_with("/runs?"), "{form}");
        }
        assert!(refusals[0] > 0, "{form}");
        assert_eq!(refusals[2..], [0, 0], "{form}: learned after two listings at most");
        let asked = server.asked();
        let others = [("updatedAt", UPDATED), ("status", "statusSummary")];
        let last = asked.last().unwrap();
        for (name, feature) in others {
            let is_cause = refused(&format!("/runs?flowId&{feature}"));
            assert_eq!(last.contains(feature), !is_cause, "{form}: {name} in {last}");
        }
        assert!(asked.iter().any(|target| target.starts_with(form)), "{form}: {asked:?}");
    }
}

#[tokio::test]
async fn without_a_comma_list_each_spelling_is_requested() {
    let server = refusing(
        |target| target.contains("failed,Failed"),
        "Invalid value for metrics.statusSummary.status",
    );
    assert!(changed(&server.service(), 1).await.is_complete());
    let form = |status| {
        format!(
            "/runs?property=flowId==f0&property=metrics.statusSummary.status=={status}&{UPDATED}&limit=100"
        )
    };
    assert_eq!(server.asked()[1..], [form("failed"), form("Failed")]);
}

#[tokio::test]
async fn a_400_to_every_form_drops_no_feature_and_ends() {
    let server = refusing(|_| true, "Bad request.");
    let service = server.service();
    let fault = changed(&service, 201).await.fault.unwrap();
    assert_eq!(fault.status(), Some(400));
    assert_eq!(server.asked().len(), 7, "every feature left out once");
    changed(&service, 201).await;
    assert!(server.asked()[7].contains("updatedAt"));
}

#[tokio::test]
async fn a_400_about_something_else_does_not_concern_the_form() {
    for reply in [
        error(400, "FLOW-2105-400", "The header x-sandbox-name is missing in the request."),
        json(400, r#"{"errorMessage":"x-sandbox-id header is missing or empty"}"#),
        json(400, r#"{"error_code":"400003","message":"Missing header"}"#),
    ] {
        let server = Server::start(move |request, _| {
            request.target.contains("/runs").then(|| reply.clone())
        });
        let fault = changed(&server.service(), 3).await.fault.unwrap().to_string();
        assert_eq!(server.asked().len(), 1);
        let names_header = fault.contains("x-sandbox");
        assert_eq!(fault.contains("check the name in [[sandbox]]"), names_header, "{fault}");
    }
}

#[tokio::test]
async fn a_deleted_flow_does_not_hide_the_runs_of_the_others() {
    let server = Server::start(|request, _| {
        let gone = || error(404, "FLOW-1439-404", "The requested flows resource f1 is not found.");
        match request.target.contains("f1") {
            true => Some(gone()),
            false if request.target.contains("==f2") => {
                Some(page(&[run("r", "f2", "failed")], None))
            }
            false => None,
        }
    });
    let listing = changed(&server.service(), 3).await;
    assert!(listing.is_complete(), "{:?}", listing.fault);
    assert_eq!(listing.items.len(), 1);
    assert_eq!(server.asked().len(), 4);
}

#[tokio::test]
async fn a_404_that_the_service_did_not_write_is_a_fault() {
    let server = Server::start(|request, _| {
        request.target.contains("/runs").then(|| json(404, "<html>no such page</html>"))
    });
    assert!(!changed(&server.service(), 1).await.is_complete());
    let of_flow = server.service().runs_of_flow(&prod(), &FlowId::new("f"), start()).await;
    assert!(!of_flow.is_complete());
    let by_id = server.service().runs_by_id(&prod(), &[RunId::new("r")]).await;
    assert!(!by_id.is_complete());
}

#[tokio::test]
async fn the_runs_of_a_flow_are_requested_without_a_date_if_adobe_accepts_none() {
    let server = refusing(|target| target.contains("createdAt"), "Invalid query value createdAt");
    let service = server.service();
    for _ in 0..2 {
        let listing = service.runs_of_flow(&prod(), &FlowId::new("f"), start()).await;
        assert!(listing.is_complete());
    }
    let plain = "/runs?property=flowId==f&limit=100".to_owned();
    assert_eq!(server.asked()[1..], [plain.clone(), plain]);
}

fn run_ids() -> Vec<RunId> {
    ["a", "b", "c"].map(RunId::new).to_vec()
}

fn single(request: &Request) -> Option<Reply> {
    match request.below() {
        "/runs/a" => Some(page(&[run("a", "f", "failed")], None)),
        "/runs/c" => {
            Some(error(404, "FLOW-1439-404", "The requested runs resource c is not found."))
        }
        // The bare object, as some of Adobe's examples show it.
        "/runs/b" => Some(crate::kit::server::ok(run("b", "f", "success"))),
        _ => None,
    }
}

#[tokio::test]
async fn many_ids_go_into_one_request() {
    let server = Server::start(|request, _| {
        let items = [run("a", "f", "failed"), run("b", "f", "success"), run("z", "f", "failed")];
        request.target.contains("/runs").then(|| page(&items, None))
    });
    let listing = server.service().runs_by_id(&prod(), &run_ids()).await;
    assert!(listing.is_complete());
    assert_eq!(listing.items.len(), 2, "what was not requested is dropped");
    assert_eq!(server.asked(), ["/runs?property=id==a,b,c&limit=100"]);
}

#[tokio::test]
async fn if_a_list_of_ids_is_refused_they_are_read_one_by_one_from_then_on() {
    let server = Server::start(|request, _| {
        let list = || error(400, "FLOW-1454-400", "Unhandled Filter Value Type provided.");
        single(request).or_else(|| request.target.contains("==a,b").then(list))
    });
    let service = server.service();
    for expected in [4, 3] {
        let before = server.asked().len();
        let listing = service.runs_by_id(&prod(), &run_ids()).await;
        assert!(listing.is_complete(), "{:?}", listing.fault);
        assert_eq!(listing.items.len(), 2);
        assert_eq!(server.asked().len() - before, expected);
    }
}

#[tokio::test]
async fn an_empty_list_of_ids_is_trusted_only_if_one_of_them_is_missing_too() {
    let server = Server::start(|request, _| single(request));
    let service = server.service();
    assert_eq!(service.runs_by_id(&prod(), &run_ids()).await.items.len(), 2);
    let before = server.asked().len();
    assert_eq!(service.runs_by_id(&prod(), &run_ids()).await.items.len(), 2);
    assert_eq!(server.asked().len() - before, 3, "remembered");

    let empty = Server::start(|_, _| None);
    let listing = empty.service().runs_by_id(&prod(), &run_ids()).await;
    assert!(listing.is_complete() && listing.items.is_empty());
    assert_eq!(empty.asked().len(), 2);
}

#[tokio::test]
async fn flows_are_read_by_id_in_the_same_way() {
    let server = Server::start(|request, _| {
        request.target.contains("/flows?").then(|| page(&[r#"{"id":"f0"}"#.into()], None))
    });
    let listing = server.service().flows_by_id(&prod(), &flows(2)).await;
    assert!(listing.is_complete());
    assert_eq!(listing.items.len(), 1);
    assert_eq!(server.asked(), ["/flows?property=id==f0,f1&limit=100"]);
}
