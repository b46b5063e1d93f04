//! A clock that cannot be trusted decides nothing, and what it wrote into the store does no harm.

use crate::engine::support::{App, MINUTE, Setup};
use crate::kit::clock::ManualClock;
use async_trait::async_trait;
use flowmend::clock::Clock;
use flowmend::daemon::{Daemon, Mode, Parts, PassError, Vitals};
use flowmend::domain::model::ids::{RunId, SandboxName};
use flowmend::domain::policy::schedule::Jitter;
use flowmend::domain::recovery::State;
use flowmend::flow_service::FlowService;
use flowmend::simulator::{Effect, Endpoint, FaultRule};
use flowmend::store::{Batch, Owner, Progress};
use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The clock of this machine, which is wrong by so much.
#[derive(Debug)]
struct WrongClock {
    right: Arc<ManualClock>,
    by: Mutex<SignedDuration>,
}

impl WrongClock {
    fn set(&self, hours: i64) {
        *self.by.lock().unwrap() = SignedDuration::from_hours(hours);
    }
}

#[async_trait]
impl Clock for WrongClock {
    fn now(&self) -> Timestamp {
        self.right.now() + *self.by.lock().unwrap()
    }

    fn monotonic(&self) -> Duration {
        self.right.monotonic()
    }

    async fn sleep(&self, wait: Duration) {
        self.right.sleep(wait).await;
    }
}

/// Gives the daemon a clock that is wrong by `hours`.
fn mislead(app: &mut App, hours: i64) -> Arc<WrongClock> {
    let clock = Arc::new(WrongClock { right: app.clock.clone(), by: Mutex::default() });
    clock.set(hours);
    let service = FlowService::new(app.settings.connection(), clock.clone()).unwrap();
    app.daemon = Daemon::new(Parts {
        settings: app.settings.clone(),
        store: app.store.clone(),
        service,
        clock: clock.clone(),
        owner: Owner::new("misled"),
        jitter: Jitter::new(7),
        mode: Mode::Live,
        vitals: Arc::new(Vitals::new(clock.clone())),
        metrics: Arc::default(),
    });
    clock
}

async fn progress(app: &App) -> Option<Progress> {
    app.store.progress(&SandboxName::new("prod")).await.unwrap()
}

/// A pass in which nothing may be decided.
async fn undecided_pass(app: &mut App, what: &str) {
    let round = app.try_pass().await;
    let result = &round.reports[0].1;
    assert!(matches!(result, Err(PassError::Clock(_))), "{what}: {result:?}");
}

#[tokio::test]
async fn a_machine_whose_clock_is_wrong_by_days_decides_nothing_until_it_is_set() {
    for hours in [48, -48, 24 * 400] {
        let mut app = Setup::new().start().await;
        let run = app.failed_run(&app.batch_flow("flow"), 1);
        let clock = mislead(&mut app, hours);
        for _ in 0..10 {
            app.advance(MINUTE);
            undecided_pass(&mut app, &format!("{hours} h")).await;
        }
        assert_eq!(progress(&app).await, None);
        assert!(app.try_recovery(&run).await.is_none());
        assert_eq!(app.ledger().requests(Endpoint::Retrigger), 0);
        clock.set(0);
        app.run_for(10 * MINUTE, MINUTE).await;
        assert!(matches!(app.state(&run).await, State::Recovered { .. }), "{hours} h");
    }
}

#[tokio::test]
async fn a_clock_that_is_set_wrong_at_work_decides_nothing_from_then_on() {
    for hours in [48, -48] {
        let mut app = Setup::new().start().await;
        let clock = mislead(&mut app, 0);
        let waiting = app.failed_run(&app.batch_flow("waiting"), 1);
        app.pass().await;
        let due = app.recovery(&waiting).await.due();
        let before = progress(&app).await;
        app.advance(MINUTE / 2);
        let new = app.failed_run(&app.batch_flow("new"), 1);
        clock.set(hours);
        for _ in 0..3 {
            undecided_pass(&mut app, &format!("{hours} h")).await;
            app.advance(5 * MINUTE);
        }
        assert_eq!(progress(&app).await, before, "{hours} h");
        assert!(app.try_recovery(&new).await.is_none(), "{hours} h: nothing is adopted");
        assert_eq!(app.recovery(&waiting).await.due(), due, "{hours} h");
        assert_eq!(app.ledger().requests(Endpoint::Retrigger), 0, "{hours} h: nothing is sent");

        clock.set(0);
        app.run_for(10 * MINUTE, MINUTE).await;
        for run in [&waiting, &new] {
            assert!(matches!(app.state(run).await, State::Recovered { .. }), "{hours} h {run}");
        }
    }
}

#[tokio::test]
async fn a_clock_that_is_set_wrong_while_nothing_can_be_asked_decides_nothing_either() {
    let mut app = Setup::new().start().await;
    let clock = mislead(&mut app, 0);
    let waiting = app.failed_run(&app.batch_flow("waiting"), 1);
    app.pass().await;
    app.fault(FaultRule::always(Endpoint::Any, Effect::DropBefore));
    clock.set(48);
    app.try_pass().await;
    assert!(matches!(app.state(&waiting).await, State::Waiting { .. }), "not given up");
    app.world(|world| world.faults.replace(Vec::new()));
    undecided_pass(&mut app, "the answers show it").await;
    clock.set(0);
    app.run_for(10 * MINUTE, MINUTE).await;
    assert!(matches!(app.state(&waiting).await, State::Recovered { .. }));
}

#[tokio::test]
async fn progress_from_the_future_counts_as_none() {
    let mut app = Setup::new().start().await;
    app.pass().await;
    let mut poisoned = progress(&app).await.unwrap();
    poisoned.watermark = app.now() + 30 * DAY;
    poisoned.swept_at = app.now() + 30 * DAY;
    let batch = Batch { progress: Some((SandboxName::new("prod"), poisoned)), ..Batch::default() };
    app.store.amend(&batch).await.unwrap();
    let run: RunId = app.failed_run(&app.batch_flow("flow"), 1);
    app.run_for(10 * MINUTE, MINUTE).await;
    assert!(matches!(app.state(&run).await, State::Recovered { .. }));
    assert!(progress(&app).await.unwrap().watermark <= app.now());
}
