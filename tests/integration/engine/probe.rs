//! What `check --probe` finds out about a service, in worlds that are as assumed and in others.

use crate::engine::support::{App, MINUTE, Setup};
use crate::kit::server::{Reply, Server, error, page, prod, run};
use crate::kit::simulator::TestActions;
use flowmend::domain::model::ids::SandboxName;
use flowmend::flow_service::{Assumption, FlowService, KnownRetrigger, Observed, Probed};
use flowmend::simulator::{
    Effect, Endpoint, FaultRule, FlowIdList, FlowSetup, Quirks, RunSetup, RunStatus, Spec, Spelling,
};

/// A sandbox with two batch dataflows, an internal one, and a failed run that the second re-trigger
/// healed.
async fn healed(config: &str, quirks: Quirks) -> (App, Vec<KnownRetrigger>) {
    let mut app = Setup::new().config(config).start_in(|world| world.quirks = quirks).await;
    let [crm, erp] = ["crm", "erp"].map(|name| app.batch_flow(name));
    app.world(|world| world.add_flow(FlowSetup::new("lake", Spec::Internal)));
    let now = app.now();
    for minutes in [90, 60, 30] {
        let run = RunSetup::succeeded(&crm).created_at(now - minutes * MINUTE);
        app.world(|world| world.add_run(run));
    }
    app.world(|world| world.add_run(RunSetup::succeeded(&erp)));
    let root = app.failed_run(&crm, 2);
    app.run_for(12 * MINUTE, MINUTE / 2).await;
    let recovery = app.recovery(&root).await;
    assert_eq!(recovery.attempts.len(), 2, "{recovery:?}");
    let known = recovery.attempts.iter().rev().map(|attempt| KnownRetrigger {
        root: root.clone(),
        asked: attempt.asked.clone(),
        issued: attempt.issued.clone(),
        accepted_at: attempt.accepted_at,
    });
    let known = known.collect();
    (app, known)
}

async fn probe(app: &App, known: &[KnownRetrigger]) -> Probed {
    let service = FlowService::new(app.settings.connection(), app.clock.clone()).unwrap();
    service.probe(&SandboxName::new("prod"), known).await
}

fn seen(probed: &Probed, assumption: Assumption) -> &Observed {
    let finding = probed.findings.iter().find(|it| it.assumption == assumption);
    &finding.expect("every assumption has a finding").observed
}

/// The assumptions for which the verdict is this.
fn with_verdict(probed: &Probed, verdict: &str) -> Vec<Assumption> {
    let findings = probed.findings.iter().filter(|it| it.observed.verdict() == verdict);
    findings.map(|it| it.assumption).collect()
}

#[tokio::test]
async fn a_service_as_documented_is_as_assumed_in_few_requests_that_only_read() {
    let (app, known) = healed("", Quirks::default()).await;
    let before = (app.requests(), app.ledger().requests(Endpoint::Retrigger));
    let probed = probe(&app, &known).await;
    assert_eq!(with_verdict(&probed, "different"), [], "{probed:#?}");
    use Assumption::{EndedToken, ListedSoon, Slot, Throttling};
    assert_eq!(with_verdict(&probed, "not seen yet"), [ListedSoon, Slot, Throttling, EndedToken]);
    let names = probed.findings.iter().map(|it| it.assumption);
    assert!(names.eq(Assumption::ALL.iter().copied()), "{probed:#?}");
    // One more for the token.
    assert_eq!(app.requests() - before.0, 1 + probed.requests as u64);
    assert!(probed.requests <= 25, "{}", probed.requests);
    assert_eq!(app.ledger().requests(Endpoint::Retrigger), before.1);
}

#[tokio::test]
async fn a_service_that_is_not_as_assumed_is_shown_as_different() {
    use Assumption as A;
    let base = Quirks::default;
    let cases: [(&str, Quirks, &str, &[Assumption]); 16] = [
        (
            "capitals",
            Quirks {
                status_spelling: Spelling::Upper,
                status_filter_case_sensitive: true,
                ..base()
            },
            "[adobe]\nfailed_status_values = [\"failed\"]",
            &[A::StatusFilter],
        ),
        (
            "capitals, and any case is accepted",
            Quirks { status_spelling: Spelling::Upper, ..base() },
            "[adobe]\nfailed_status_values = [\"failed\"]",
            &[],
        ),
        (
            "flowId needed",
            Quirks { runs_need_flow_id: true, ..base() },
            "",
            &[A::WholeSandbox, A::RunIds],
        ),
        (
            "no list of ids",
            Quirks { flow_id_list: FlowIdList::Refused, ..base() },
            "",
            &[A::FlowList],
        ),
        (
            "a list is one id",
            Quirks { flow_id_list: FlowIdList::Literal, ..base() },
            "",
            &[A::FlowList],
        ),
        (
            "no updatedAt filter",
            Quirks { updated_at_filter_refused: true, ..base() },
            "",
            &[A::UpdatedAtFilter],
        ),
        (
            "no createdAt filter",
            Quirks { created_at_filter_refused: true, ..base() },
            "",
            &[A::CreatedAtFilter, A::TimeSpan],
        ),
        ("no start", Quirks { duration_absent: true, ..base() }, "", &[A::Window, A::RunTimes]),
        ("no updatedAt", Quirks { updated_at_absent: true, ..base() }, "", &[A::RunTimes]),
        ("seconds", Quirks { times_in_seconds: true, ..base() }, "", &[A::Times]),
        ("small pages", Quirks { page_cap: 3, ..base() }, "", &[A::PageSize]),
        ("no client", Quirks { created_client_absent: true, ..base() }, "", &[A::CreatedClient]),
        ("one client", Quirks { one_client: true, ..base() }, "", &[A::CreatedClient]),
        ("no window", Quirks { windows: false, ..base() }, "", &[A::Window, A::StartedWindow]),
        ("an hour ahead", Quirks { clock_skew_ms: 3_600_000, ..base() }, "", &[A::Date]),
        ("bare answers", Quirks { bare_single_gets: true, ..base() }, "", &[]),
    ];
    for (name, quirks, config, expected) in cases {
        let (app, known) = healed(config, quirks).await;
        let probed = probe(&app, &known).await;
        assert_eq!(with_verdict(&probed, "different"), expected, "{name}: {probed:#?}");
        assert!(probed.requests <= 25, "{name}: {}", probed.requests);
    }
}

#[tokio::test]
async fn what_the_sandbox_itself_shows_is_seen() {
    let (app, known) = healed("", Quirks::default()).await;
    app.world(|world| {
        world.add_flow(FlowSetup::new("leads", Spec::Marketo));
        world.set_run_status(known[0].asked.as_str(), RunStatus::Success);
    });
    let hourly = FlowSetup { every: Some(60 * MINUTE), ..FlowSetup::batch("hourly") };
    let hourly = app.world(|world| world.add_flow(hourly));
    app.advance(90 * MINUTE);
    app.world(|world| {
        let generic = RunSetup::failed(&hourly).with_codes(&["CONNECTOR-2001-500"], &[]);
        world.add_run(generic);
    });
    app.fault(FaultRule { after: 2, ..FaultRule::once(Endpoint::Runs, Effect::DuplicatePage) });
    let probed = probe(&app, &known).await;
    use Assumption as A;
    let kind = seen(&probed, A::Kind);
    assert!(matches!(kind, Observed::Different(seen) if seen.contains("Marketo: no frequency")));
    assert!(matches!(seen(&probed, A::StaysFailed), Observed::Different(_)), "{probed:#?}");
    assert!(
        matches!(seen(&probed, A::Internal), Observed::AsAssumed(seen) if seen.contains("lake"))
    );
    assert!(!matches!(seen(&probed, A::Slot), Observed::NotSeen(_)), "{probed:#?}");
}

#[tokio::test]
async fn in_an_empty_sandbox_nothing_is_seen_and_nothing_is_claimed() {
    let app = Setup::new().start().await;
    let probed = probe(&app, &[]).await;
    assert_eq!(with_verdict(&probed, "different"), [], "{probed:#?}");
    assert_eq!(with_verdict(&probed, "as assumed"), [Assumption::Date], "{probed:#?}");
    assert!(probed.requests <= 5, "{}", probed.requests);
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_not_called_different() {
    let (app, known) = healed("", Quirks::default()).await;
    app.fault(FaultRule::always(Endpoint::Any, Effect::DropBefore));
    let probed = probe(&app, &known).await;
    assert_eq!(with_verdict(&probed, "different"), [], "{probed:#?}");
    // The store knows these.
    use Assumption::{NoIfMatch, Operation, Target};
    assert_eq!(with_verdict(&probed, "as assumed"), [Operation, NoIfMatch, Target]);
    assert!(probed.requests <= 25, "{}", probed.requests);
}

/// A run as no document shows it.
fn odd_run(id: &str, flow: &str) -> String {
    format!(
        r#"{{"id":"{id}","flowId":"{flow}","createdAt":"2026-03-01T00:00:00Z",
            "metrics":{{"statusSummary":{{"status":"exploded"}}}}}}"#
    )
}

#[tokio::test]
async fn odd_items_are_shown_as_different_with_an_example() {
    let server = Server::start(|request, _| match request.below() {
        "/runs?limit=100" => Some(page(&[odd_run("r-1", "f-1"), odd_run("r-2", "f-2")], None)),
        _ => None,
    });
    let probed = server.service().probe(&prod(), &[]).await;
    use Assumption as A;
    for (assumption, example) in [
        (A::StatusWords, "exploded"),
        (A::Times, "2026-03-01T00:00:00Z"),
        (A::RunTimes, "updatedAt"),
        (A::ETag, "r-1"),
        (A::RunIds, "r-1"),
        (A::FlowList, "r-1"),
        (A::Date, "no answer has a Date"),
    ] {
        let observed = seen(&probed, assumption);
        assert_eq!(observed.verdict(), "different", "{assumption:?}: {observed:?}");
        assert!(observed.seen().contains(example), "{assumption:?}: {observed:?}");
    }
    assert_eq!(server.posts(), 0);
}

#[tokio::test]
async fn a_filter_that_is_ignored_or_refused_is_shown_as_different() {
    let runs = || {
        let failed = run("r-2", "f-1", "failed");
        [run("r-1", "f-1", "success"), failed, run("r-3", "f-2", "success")]
    };
    let server = Server::start(move |request, _| match request.below() {
        target if target.contains("limit=2") => {
            Some(page(&runs()[..2], Some("/runs?continuationToken=again")))
        }
        target if target.contains("failed,") || target.contains("FAILED,") => {
            Some(error(400, "FLOW-1443-400", "statusSummary does not take several values"))
        }
        target if target.starts_with("/runs?") => Some(page(&runs(), None)),
        target if target.starts_with("/flows?") => {
            let flows: Vec<String> = (1..=3).map(|n| format!(r#"{{"id":"f-{n}"}}"#)).collect();
            Some(page(&flows, None))
        }
        _ => None,
    });
    let probed = server.service().probe(&prod(), &[]).await;
    use Assumption as A;
    for (assumption, example) in [
        (A::StatusFilter, "contains run r-1"),
        (A::StatusList, "1443"),
        (A::NextPage, "same page again"),
    ] {
        let observed = seen(&probed, assumption);
        assert_eq!(observed.verdict(), "different", "{probed:#?}");
        assert!(observed.seen().contains(example), "{assumption:?}: {observed:?}");
    }
}

#[tokio::test]
async fn limits_that_the_service_shows_are_seen() {
    let server = Server::start(|request, _| {
        let headers = vec![("X-RateLimit-Remaining", "12".to_owned())];
        let is_service = !request.target.starts_with("/ims/");
        is_service.then(|| Reply::Answer(200, headers, r#"{"items":[]}"#.to_owned()))
    });
    let probed = server.service().probe(&prod(), &[]).await;
    let observed = seen(&probed, Assumption::Throttling);
    assert!(observed.seen().contains("x-ratelimit-remaining: 12"), "{observed:?}");
}
