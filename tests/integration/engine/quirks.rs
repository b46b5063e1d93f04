//! What Adobe's pages leave open, one reading at a time: the daemon has to heal under each.

use crate::engine::support::{MINUTE, Setup};
use flowmend::domain::recovery::State;
use flowmend::simulator::{AnswerShape, EtagPlace, FlowIdList, Quirks, RunSetup, Spelling};

async fn heals_under(name: &str, quirks: Quirks, config: &str, flows: usize) {
    let mut app = Setup::new().config(config).start_in(|world| world.quirks = quirks).await;
    let flows: Vec<String> = (0..flows).map(|n| app.batch_flow(&format!("flow-{n}"))).collect();
    let root = app.failed_run(&flows[0], 2);
    app.pass().await;
    app.run_for(30 * MINUTE, MINUTE / 2).await;
    assert!(matches!(app.state(&root).await, State::Recovered { .. }), "{name}");
    assert_eq!(app.ledger().accepted().count(), 2, "{name}");
}

#[tokio::test]
async fn every_shape_of_the_answer_leads_to_the_issued_run() {
    for answer in [
        AnswerShape::Bare,
        AnswerShape::Items,
        AnswerShape::FullRunNewId,
        AnswerShape::FullRunSameId,
        AnswerShape::NoId,
    ] {
        let quirks = Quirks { answer, ..Quirks::default() };
        heals_under(&format!("{answer:?}"), quirks, "", 1).await;
    }
}

#[tokio::test]
async fn the_etag_is_found_wherever_it_is_and_missed_nowhere() {
    for etag in [EtagPlace::Etag, EtagPlace::ETag, EtagPlace::Header, EtagPlace::None] {
        let quirks = Quirks { etag, ..Quirks::default() };
        heals_under(&format!("{etag:?}"), quirks, "", 1).await;
    }
}

#[tokio::test]
async fn a_status_is_found_however_it_is_spelled_and_filtered() {
    for status_spelling in [Spelling::Lower, Spelling::Pascal, Spelling::Upper] {
        for status_filter_case_sensitive in [false, true] {
            let quirks =
                Quirks { status_spelling, status_filter_case_sensitive, ..Quirks::default() };
            let name = format!("{quirks:?}");
            heals_under(&name, quirks, "", 1).await;
        }
    }
}

#[tokio::test]
async fn the_filter_learns_the_spelling_of_the_service_and_misses_nothing_between_sweeps() {
    for (status_spelling, configured) in
        [(Spelling::Upper, "failed"), (Spelling::Pascal, "failed"), (Spelling::Lower, "FAILED")]
    {
        let quirks =
            Quirks { status_spelling, status_filter_case_sensitive: true, ..Quirks::default() };
        let config = format!("[adobe]\nfailed_status_values = [\"{configured}\"]");
        let mut app = Setup::new().config(&config).start_in(|world| world.quirks = quirks).await;
        let flow = app.batch_flow("crm-accounts");
        app.world(|world| world.add_run(RunSetup::succeeded(&flow)));
        app.pass().await;
        app.advance(MINUTE);
        let root = app.failed_run(&flow, 1);
        app.advance(MINUTE);
        app.pass().await;
        assert!(app.try_recovery(&root).await.is_some(), "{status_spelling:?} {configured}");
    }
}

#[tokio::test]
async fn a_run_without_a_start_or_a_change_is_found_by_the_next_sweep_whatever_filter_is_refused() {
    for case in 0..64_u8 {
        let has = |bit: u8| case & (1 << bit) != 0;
        let quirks = Quirks {
            duration_absent: has(0),
            updated_at_absent: has(1),
            created_at_filter_refused: has(2),
            updated_at_filter_refused: has(3),
            runs_need_flow_id: has(4),
            flow_id_list: if has(5) { FlowIdList::Refused } else { FlowIdList::Accepted },
            page_cap: 5,
            ..Quirks::default()
        };
        let name = format!("{quirks:?}");
        let mut app = Setup::new().start_in(|world| world.quirks = quirks).await;
        let flows = ["crm-accounts", "crm-leads", "erp"].map(|name| app.batch_flow(name));
        app.pass().await;
        app.advance(MINUTE);
        let roots = flows.each_ref().map(|flow| app.failed_run(flow, 1));
        // The dataflow itself names only its last run.
        for n in 0..21 {
            app.world(|world| world.add_run(RunSetup::succeeded(&flows[n % 3])));
        }
        app.run_for(40 * MINUTE, 10 * MINUTE).await;
        for root in &roots {
            assert!(app.try_recovery(root).await.is_some(), "{name}");
        }
    }
}

#[tokio::test]
async fn a_listing_of_runs_is_asked_for_in_the_way_that_is_accepted() {
    let open = Quirks::default();
    for flows in [1, 3, 60] {
        for flow_id_list in [FlowIdList::Accepted, FlowIdList::Refused, FlowIdList::Literal] {
            let one = Quirks { flow_id_list, ..open.clone() };
            let two = Quirks { runs_need_flow_id: true, ..one.clone() };
            heals_under(&format!("{flows} {flow_id_list:?}"), one, "", flows).await;
            heals_under(&format!("{flows} {flow_id_list:?} needed"), two, "", flows).await;
        }
    }
}

#[tokio::test]
async fn other_readings_of_the_documents_are_survived() {
    let base = Quirks::default;
    let readings = [
        ("no filter on updatedAt", Quirks { updated_at_filter_refused: true, ..base() }, ""),
        ("times in seconds", Quirks { times_in_seconds: true, ..base() }, ""),
        ("small pages", Quirks { page_cap: 3, ..base() }, ""),
        ("next links with filters", Quirks { href_repeats_filters: true, ..base() }, ""),
        (
            "the other spelling of the action",
            Quirks { retrigger_ops: vec!["RE_TRIGGER".into()], ..base() },
            "[adobe]\nretrigger_op = \"RE_TRIGGER\"",
        ),
        (
            "If-Match required",
            Quirks { require_if_match: true, ..base() },
            "[adobe]\nsend_if_match = true",
        ),
        ("nobody made the issued run", Quirks { created_client_absent: true, ..base() }, ""),
        ("the platform made every run", Quirks { one_client: true, ..base() }, ""),
        ("no window is shown", Quirks { one_client: true, windows: false, ..base() }, ""),
        ("new runs are not found by id", Quirks { unreadable_ms: 90_000, ..base() }, ""),
        ("bare single answers", Quirks { bare_single_gets: true, ..base() }, ""),
        ("a platform an hour ahead", Quirks { clock_skew_ms: 3_600_000, ..base() }, ""),
        ("a platform an hour behind", Quirks { clock_skew_ms: -3_600_000, ..base() }, ""),
        ("new runs are listed late", Quirks { listing_delay_ms: 90_000, ..base() }, ""),
    ];
    for (name, quirks, config) in readings {
        heals_under(name, quirks, config, 4).await;
    }
}

#[tokio::test]
async fn a_list_that_is_silently_misread_is_noticed_and_every_failure_found() {
    let quirks = Quirks { flow_id_list: FlowIdList::Literal, ..Quirks::default() };
    let mut app = Setup::new()
        .config("[limits]\nretriggers_per_minute = 0\nper_dataflow = 5")
        .start_in(|world| world.quirks = quirks)
        .await;
    let flows: Vec<String> = (0..8).map(|n| app.batch_flow(&format!("flow-{n}"))).collect();
    // Two failures each; a dataflow names only the second.
    let mut roots: Vec<_> = flows.iter().map(|flow| app.failed_run(flow, 1)).collect();
    app.advance(MINUTE);
    roots.extend(flows.iter().map(|flow| app.failed_run(flow, 1)));
    app.advance(15 * MINUTE);
    for _ in 0..120 {
        app.try_pass().await;
        app.advance(MINUTE);
    }
    for root in &roots {
        let state = app.state(root).await;
        assert!(matches!(state, State::Recovered { .. }), "{root} is {state:?}");
    }
}
