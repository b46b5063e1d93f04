//! Dataflows that have only failed for weeks, before Adobe disables them.

use crate::engine::support::{App, MINUTE, Setup};
use crate::kit::simulator::TestActions;
use flowmend::domain::model::ids::SandboxName;
use flowmend::domain::model::journal::{Entry, Event};
use flowmend::domain::model::reason::Reason;
use flowmend::simulator::{Failure, FlowState, RunSetup};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(60 * 60);
const CONFIG: &str = "[retry]\nmax_attempts = 1\n[poll]\nlookback = \"2d\"";

/// A day on which a run of each of `flows` fails, for good.
async fn bad_day(app: &mut App, flows: &[&str]) {
    for flow in flows {
        app.failed_run(flow, Failure::NEVER);
    }
    app.run_for(10 * MINUTE, MINUTE).await;
    app.run_for(24 * HOUR - 10 * MINUTE, 6 * HOUR).await;
}

async fn warnings(app: &App, flow: &str) -> Vec<Entry> {
    let prod = SandboxName::new("prod");
    let since = app.now() - 40 * 24 * HOUR;
    let mut warned = app.store.history(Some(&prod), since, &[Event::FlowWarned]).await.unwrap();
    warned.retain(|it| it.reason == Reason::SoonDisabled && it.flow_id.as_str() == flow);
    warned
}

#[tokio::test]
async fn a_dataflow_that_has_only_failed_for_twenty_days_is_warned_of_once_a_day() {
    let mut app = Setup::new().config(CONFIG).start().await;
    let [hopeless, lucky, off] = ["hopeless", "lucky", "off"].map(|name| app.batch_flow(name));
    app.pass().await;
    for day in 0..23 {
        bad_day(&mut app, &[&hopeless, &lucky, &off]).await;
        if day == 12 {
            // Nothing waits for this success; a full scan sees it.
            app.world(|world| world.add_run(RunSetup::succeeded(&lucky)));
            app.run_for(HOUR, HOUR).await;
        }
        if day == 18 {
            app.world(|world| world.set_flow_state(&off, FlowState::Disabled));
        }
        let warned = warnings(&app, &hopeless).await.len();
        assert!(warned <= usize::try_from((day - 19).max(0)).unwrap(), "{warned} on day {day}");
        if day == 20 {
            assert_eq!(warned, 1);
            app.restart().await;
        }
    }
    let warned = warnings(&app, &hopeless).await;
    assert_eq!(warned.len(), 3, "a day apart: {warned:?}");
    let said = warned[0].detail.as_deref().unwrap();
    assert!(said.starts_with("only failures for 20 days, since 2026-03-01T"), "{said}");
    for flow in [&lucky, &off] {
        assert_eq!(warnings(&app, flow).await, []);
    }

    // A success ends it.
    app.world(|world| world.add_run(RunSetup::succeeded(&hopeless)));
    app.run_for(HOUR, HOUR).await;
    for _ in 0..2 {
        bad_day(&mut app, &[&hopeless]).await;
    }
    assert_eq!(warnings(&app, &hopeless).await.len(), 3);
}
