//! While the daemon works, Adobe loses any field but ids and states: it is null, of another type, or missing.

use crate::engine::support::{App, MINUTE, Setup};
use flowmend::domain::model::ids::RunId;
use flowmend::domain::model::reason::Reason;
use flowmend::domain::recovery::State;
use flowmend::simulator::{Effect, Endpoint, FaultRule, FlowSetup, Lost, RunSetup, Spec};

const FIELDS: [&str; 5] =
    ["name", "etag", "flowSpec.version", "lastRunDetails", "inheritedAttributes"];
const BY_NAME: &str = "[[sandbox]]\nname = \"prod\"\ninclude = [\"crm-*\"]";

impl App {
    fn lose(&self, fields: &[&str], to: Lost) {
        let fields = fields.iter().map(|&field| field.to_owned()).collect();
        self.fault(FaultRule::always(Endpoint::Any, Effect::LoseFields { fields, to }));
    }

    fn find_again(&self) {
        self.world(|world| world.faults.replace(Vec::new()));
    }

    async fn has_recovered(&self, run: &RunId) -> bool {
        matches!(self.state(run).await, State::Recovered { .. })
    }
}

#[tokio::test]
async fn a_field_that_is_lost_meanwhile_stops_nothing() {
    for lost in FIELDS.map(|field| vec![field]).into_iter().chain([FIELDS.to_vec()]) {
        for to in [Lost::Null, Lost::AnotherType, Lost::Absent] {
            let config = format!("{BY_NAME}\n[adobe]\nsend_if_match = true");
            let mut app = Setup::new()
                .config(&config)
                .start_in(|world| world.quirks.require_if_match = true)
                .await;
            let [crm, erp] = ["crm-accounts", "erp"].map(|name| app.batch_flow(name));
            let to_s3 = FlowSetup::new("crm-to-s3", Spec::Destination);
            let to_s3 = app.world(|world| world.add_flow(to_s3));
            let before = app.failed_run(&crm, 2);
            app.pass().await;
            app.lose(&lost, to);
            app.advance(MINUTE);
            let after = app.failed_run(&crm, 1);
            let others = [&erp, &to_s3].map(|flow| app.failed_run(flow, 1));
            app.run_for(60 * MINUTE, 2 * MINUTE).await;
            for run in [&before, &after] {
                assert!(app.has_recovered(run).await, "{run} without {lost:?}, {to:?}");
            }
            for other in others {
                assert!(app.try_recovery(&other).await.is_none(), "{lost:?}, {to:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_name_that_is_lost_before_a_restart_is_known_from_the_store() {
    let config = format!("{BY_NAME}\nexclude = [\"*-scratch\"]");
    let mut app = Setup::new().config(&config).start().await;
    let [crm, scratch] = ["crm-accounts", "crm-scratch"].map(|name| app.batch_flow(name));
    app.failed_run(&crm, 1);
    app.run_for(10 * MINUTE, MINUTE).await;
    app.lose(&["name"], Lost::Null);
    app.restart().await;
    let [root, other] = [&crm, &scratch].map(|flow| app.failed_run(flow, 1));
    app.run_for(10 * MINUTE, MINUTE).await;
    assert!(app.has_recovered(&root).await);
    assert_eq!(app.recovery(&root).await.flow_name, "crm-accounts");
    assert!(app.try_recovery(&other).await.is_none());
}

#[tokio::test]
async fn a_dataflow_whose_name_was_never_known_waits_for_it_if_its_name_decides() {
    let mut app = Setup::new().config(BY_NAME).start().await;
    let crm = app.batch_flow("crm-accounts");
    let root = app.failed_run(&crm, 1);
    app.lose(&["name"], Lost::Absent);
    app.run_for(10 * MINUTE, MINUTE).await;
    assert!(app.try_recovery(&root).await.is_none());
    app.find_again();
    app.run_for(60 * MINUTE, 5 * MINUTE).await;
    assert!(app.has_recovered(&root).await);
}

#[tokio::test]
async fn the_first_pass_sees_a_later_success_though_no_last_run_is_named() {
    let mut app = Setup::new().start().await;
    let flow = app.batch_flow("crm-accounts");
    let root = app.failed_run(&flow, 1);
    app.advance(MINUTE);
    app.world(|world| world.add_run(RunSetup::succeeded(&flow)));
    app.advance(MINUTE);
    app.lose(&["lastRunDetails"], Lost::Null);
    app.pass().await;
    assert!(app.try_recovery(&root).await.is_none());
    assert_eq!(app.journal(&root).await[0].reason, Reason::SucceededSince);
}
