//! Stores with a past: recoveries made by the real state machine, written in large batches.
//!
//! Everything here that knows how recoveries come to be is in this file.

use crate::daemon::Home;
use crate::names::{flow_id, issued_id, run_id};
use anyhow::{Context, ensure};
use flowmend::clock::{Clock, SystemClock};
use flowmend::domain::model::failure::Failure;
use flowmend::domain::model::ids::{Etag, FlowId, RunId, SandboxName};
use flowmend::domain::model::reason::Reason;
use flowmend::domain::model::run::{Run, RunError, RunStatus};
use flowmend::domain::model::verdict::Verdict;
use flowmend::domain::policy::retry::RetryPolicy;
use flowmend::domain::policy::schedule::Jitter;
use flowmend::domain::recovery::Terms;
use flowmend::domain::recovery::{Change, Recovery};
use flowmend::store::{Batch, Store};
use jiff::Timestamp;
use std::time::Duration;

/// Dataflows that the past belongs to.
pub(crate) const FLOWS: usize = 100;

/// Recoveries in one transaction.
const AT_ONCE: usize = 500;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What is in the store, besides each other.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Past {
    /// Recoveries that ended well after two attempts, spread over 29 days.
    pub(crate) finished: usize,
    /// Those whose next re-trigger is due in many hours.
    pub(crate) waiting: usize,
    /// Those that a rule holds; their runs are the first of the platform.
    pub(crate) held: usize,
}

/// Fills the store of `home`.
pub(crate) fn fill(home: &Home, past: Past) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = home.store().await?;
        let now = SystemClock::new().now();
        let step = 29 * DAY / u32::try_from(past.finished.max(1))?;
        for first in (0..past.finished).step_by(AT_ONCE) {
            let numbers = first..past.finished.min(first + AT_ONCE);
            let lives = numbers.map(|number| {
                finished(1_000_000 + number, now - 29 * DAY - HOUR + step * number as u32)
            });
            write(&store, lives).await?;
        }
        for first in (0..past.waiting).step_by(AT_ONCE) {
            let numbers = first..past.waiting.min(first + AT_ONCE);
            write(&store, numbers.map(|number| waiting(2_000_000 + number, now - HOUR))).await?;
        }
        for first in (0..past.held).step_by(AT_ONCE) {
            let numbers = first..past.held.min(first + AT_ONCE);
            write(&store, numbers.map(|number| held(number, now - 2 * HOUR))).await?;
        }
        store.close().await;
        Ok(())
    })
}

async fn write(
    store: &impl Store,
    lives: impl Iterator<Item = Option<Vec<Change>>>,
) -> anyhow::Result<()> {
    let lives: Option<Vec<Vec<Change>>> = lives.collect();
    let lives = lives.context("a step is not possible")?;
    // A batch holds one step of each recovery.
    for step in 0..lives.iter().map(Vec::len).max().unwrap_or(0) {
        let changes = lives.iter().filter_map(|life| life.get(step).cloned()).collect();
        let committed = store.amend(&Batch { changes, ..Batch::default() }).await?;
        ensure!(committed.applied.iter().all(|applied| *applied), "a step was not stored");
    }
    Ok(())
}

/// Two attempts, of which the second heals; ten minutes in all.
fn finished(number: usize, at: Timestamp) -> Option<Vec<Change>> {
    let terms = |minute| terms(RetryPolicy::default(), at + minute * Duration::from_secs(60));
    let accepted = |attempt| Verdict::Accepted {
        run: RunId::new(issued_id(number, attempt)),
        etag: Some(Etag::new("\"1100c53e-0000-0200-0000-68f0a4a20000\"")),
    };
    let mut changes = vec![adopt(number, at, "CONNECTOR-1012-504", terms(1))];
    let mut step = |take: &dyn Fn(&Recovery) -> Option<Change>| {
        let change = take(&changes.last()?.recovery)?;
        changes.push(change);
        Some(())
    };
    let run = |attempt, status| {
        let error = "CONNECTOR-1012-504";
        run(issued_id(number, attempt), number, at + 5 * Duration::from_secs(60), status, error)
    };
    step(&|it| it.begin(terms(2)))?;
    step(&|it| it.settle(&accepted(1), terms(2)))?;
    step(&|it| it.follow(Some(&run(1, RunStatus::Failed)), terms(5)))?;
    step(&|it| it.begin(terms(8)))?;
    step(&|it| it.settle(&accepted(2), terms(8)))?;
    step(&|it| it.follow(Some(&run(2, RunStatus::Succeeded)), terms(10)))?;
    Some(changes)
}

fn waiting(number: usize, at: Timestamp) -> Option<Vec<Change>> {
    let policy =
        RetryPolicy { initial_interval: DAY / 2, max_interval: DAY / 2, ..RetryPolicy::default() };
    Some(vec![adopt(number, at, "CONNECTOR-1012-504", terms(policy, at))])
}

fn held(number: usize, at: Timestamp) -> Option<Vec<Change>> {
    let terms = terms(RetryPolicy::default(), at);
    let adopted = adopt(number, at, "CONNECTOR-1012-400", terms);
    let held = adopted.recovery.hold(Reason::HeldByRule, terms)?;
    Some(vec![adopted, held])
}

fn adopt(number: usize, at: Timestamp, error: &str, terms: Terms<'_>) -> Change {
    let run = run(run_id(number), number, at, RunStatus::Failed, error);
    let failure = Failure::of(&run, None);
    let sandbox = SandboxName::new("prod");
    let name = format!("dataflow-{}", number % FLOWS);
    Recovery::adopt(&run, at, failure, &sandbox, &name, Reason::RunFailed, terms)
}

fn run(id: String, number: usize, at: Timestamp, status: RunStatus, error: &str) -> Run {
    let failed = status == RunStatus::Failed;
    let errors = [("CONNECTOR-1001-500", "Error while copying data"), (error, "The source failed")];
    let errors =
        errors.iter().filter(|_| failed).map(|(code, message)| RunError::new(*code, *message));
    Run {
        id: RunId::new(id),
        flow_id: FlowId::new(flow_id(number % FLOWS)),
        status,
        created_at: Some(at),
        updated_at: Some(at),
        started_at: Some(at),
        completed_at: Some(at),
        created_client: None,
        window: None,
        provider_ref: None,
        etag: None,
        input_records: None,
        errors: errors.collect(),
    }
}

fn terms(policy: RetryPolicy, now: Timestamp) -> Terms<'static> {
    Terms { policy, rule: None, jitter: Jitter::new(7), now }
}
