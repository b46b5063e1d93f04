//! How much at a time: limits, quiet windows, and the budget of time that stands still meanwhile.

use crate::engine::support::{App, MINUTE, Setup};
use flowmend::domain::model::ids::RunId;
use flowmend::domain::model::reason::Reason;
use flowmend::domain::recovery::State;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(60 * 60);

fn failed_runs(app: &App, count: usize) -> Vec<RunId> {
    (0..count).map(|n| app.failed_run(&app.batch_flow(&format!("flow-{n}")), 1)).collect()
}

/// When each accepted call was made, in minutes since the start.
fn minutes_of_calls(app: &App, start: jiff::Timestamp) -> Vec<i64> {
    let minute = |at_ms: i64| (at_ms - start.as_millisecond()) / 60_000;
    app.ledger().accepted().map(|call| minute(call.at_ms)).collect()
}

#[tokio::test]
async fn what_waits_for_a_limit_of_the_sandbox_is_delayed_and_not_dropped() {
    // Without the excuse the third day's runs would be given up after a day.
    let config = "[limits]\nretriggers_per_day = 2\n[retry]\nmax_elapsed_time = \"2h\"\n\
                  [poll]\nsweep_interval = \"1d\"\ninterval = \"1h\"";
    let mut app = Setup::new().config(config).start().await;
    let start = app.now();
    let runs = failed_runs(&app, 6);
    app.pass().await;
    app.run_for(75 * HOUR, HOUR).await;
    for run in &runs {
        assert!(matches!(app.state(run).await, State::Recovered { .. }), "{run}");
    }
    let calls = minutes_of_calls(&app, start);
    assert_eq!(calls.len(), 6, "{calls:?}");
    assert!(calls.windows(3).all(|three| three[2] - three[0] >= 24 * 60), "{calls:?}");

    // It was said once when the wait began, not in every pass.
    let last = RunId::new(app.ledger().accepted().last().unwrap().asked_run.clone());
    let last = app.journal(&last).await;
    assert_eq!(last.iter().filter(|entry| entry.reason == Reason::RateLimited).count(), 1);
}

#[tokio::test]
async fn a_limit_per_minute_lets_the_oldest_failures_go_first() {
    let config = "[limits]\nretriggers_per_minute = 2";
    let mut app = Setup::new().config(config).start().await;
    let mut runs = Vec::new();
    for n in 0..5 {
        runs.push(app.failed_run(&app.batch_flow(&format!("flow-{n}")), 1));
        app.advance(Duration::from_secs(1));
    }
    app.pass().await;
    app.run_for(5 * MINUTE, MINUTE).await;
    let asked: Vec<String> = app.ledger().accepted().map(|call| call.asked_run.clone()).collect();
    let expected: Vec<String> = runs.iter().map(RunId::to_string).collect();
    assert_eq!(asked.len(), 5);
    assert_eq!(asked[..2].iter().collect::<std::collections::HashSet<_>>().len(), 2);
    for (pair, expected) in asked.chunks(2).zip(expected.chunks(2)) {
        assert!(pair.iter().all(|run| expected.contains(run)), "{asked:?} {expected:?}");
    }
}

#[tokio::test]
async fn a_quiet_window_puts_off_what_falls_due_in_it_and_spreads_it_after_its_end() {
    // From midnight, when the test begins, to six; the budget of time would end at two.
    let config = "[retry]\nmax_elapsed_time = \"2h\"\n\
                  [[quiet]]\nfrom = \"00:00\"\nto = \"06:00\"\ntime_zone = \"UTC\"\nspread = \"30m\"\n\
                  dataflow = \"flow-*\"";
    let mut app = Setup::new().config(config).start().await;
    let start = app.now();
    let runs = failed_runs(&app, 8);
    let other = app.failed_run(&app.batch_flow("not-quiet"), 1);
    app.pass().await;
    app.run_for(10 * MINUTE, MINUTE).await;
    assert!(matches!(app.state(&other).await, State::Recovered { .. }));
    assert_eq!(app.ledger().accepted().count(), 1, "all others wait");
    let told = app.journal(&runs[0]).await.pop().unwrap();
    assert_eq!((told.reason, told.due), (Reason::Quiet, app.recovery(&runs[0]).await.due()));

    app.run_for(7 * HOUR, 2 * MINUTE).await;
    let calls = &minutes_of_calls(&app, start)[1..];
    assert_eq!(calls.len(), 8);
    assert!(calls.iter().all(|minute| (360..395).contains(minute)), "{calls:?}");
    assert!(calls.iter().max() > calls.iter().min(), "spread: {calls:?}");
    for run in &runs {
        assert!(matches!(app.state(run).await, State::Recovered { .. }));
    }
}

#[tokio::test]
async fn a_quiet_window_that_uses_up_the_budget_ends_what_it_puts_off() {
    let config = "[retry]\nmax_elapsed_time = \"2h\"\n\
                  [[quiet]]\nfrom = \"00:00\"\nto = \"06:00\"\ntime_zone = \"UTC\"\n\
                  extends_budget = false";
    let mut app = Setup::new().config(config).start().await;
    let root = failed_runs(&app, 1).remove(0);
    app.pass().await;
    app.run_for(2 * MINUTE, MINUTE).await;
    assert_eq!(app.state(&root).await, State::GivenUp { why: Reason::TimeSpent });
    assert_eq!(app.ledger().retriggers.len(), 0);
}

#[tokio::test]
async fn after_a_long_downtime_old_failures_are_left_alone_and_the_rest_is_taken_on_little_by_little()
 {
    let config = "[poll]\nmax_adopted_per_pass = 3\nlookback = \"24h\"";
    let mut app = Setup::new().config(config).start().await;
    app.pass().await;
    // Down for three days; a run fails every four hours.
    let mut runs = Vec::new();
    for n in 0..18 {
        app.advance(4 * HOUR);
        runs.push(app.failed_run(&app.batch_flow(&format!("flow-{n}")), 1));
    }
    app.restart().await;
    app.pass().await;
    assert_eq!(app.open_count().await, 3);
    app.pass().await;
    assert_eq!(app.open_count().await, 6);
    for run in &runs[..11] {
        assert!(app.try_recovery(run).await.is_none(), "older than the look-back");
        assert_eq!(app.journal(run).await[0].reason, Reason::TooOld);
    }
    app.run_for(10 * MINUTE, MINUTE).await;
    for run in &runs[12..] {
        assert!(matches!(app.state(run).await, State::Recovered { .. }));
    }
}
