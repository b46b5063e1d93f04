//! A store whose lease is ours, and short helpers that make its content.

use super::Place;
use flowmend::domain::model::failure::Failure;
use flowmend::domain::model::ids::{Etag, FlowId, RunId, SandboxName};
use flowmend::domain::model::journal::{Entry, Event};
use flowmend::domain::model::reason::Reason;
use flowmend::domain::model::run::RunError;
use flowmend::domain::recovery::{Attempt, Change, Recovery, State};
use flowmend::store::{Batch, Lease, Owner, Store};
use jiff::Timestamp;
use std::time::Duration;

pub(crate) const TTL: Duration = Duration::from_secs(60);

pub(crate) struct World<P> {
    pub(crate) place: P,
    pub(crate) store: Box<dyn Store>,
    pub(crate) owner: Owner,
}

impl<P: Place> World<P> {
    pub(crate) async fn new() -> Self {
        let place = P::fresh().await;
        let store = place.open().await;
        let owner = Owner::new("the daemon");
        assert_eq!(store.lease(&owner, at(0), TTL).await.unwrap(), Lease::Granted);
        Self { place, store, owner }
    }

    /// Commits `changes` as one batch; which of them took effect.
    pub(crate) async fn change(&self, changes: impl IntoIterator<Item = Change>) -> Vec<bool> {
        let batch = Batch { changes: changes.into_iter().collect(), ..Batch::default() };
        self.store.commit(&self.owner, &batch).await.unwrap().applied
    }

    /// Commits `notes` as one batch; which of them were new.
    pub(crate) async fn note(&self, notes: impl IntoIterator<Item = Entry>) -> Vec<bool> {
        let batch = Batch { notes: notes.into_iter().collect(), ..Batch::default() };
        self.store.commit(&self.owner, &batch).await.unwrap().noted
    }

    /// Stores a new recovery and brings it to `state`.
    pub(crate) async fn put(&self, root: &str, state: State) -> Recovery {
        let mut change = adopt(root);
        change.recovery.state = state;
        self.put_change(change).await
    }

    /// Stores what has to fit.
    pub(crate) async fn put_change(&self, change: Change) -> Recovery {
        let recovery = change.recovery.clone();
        assert_eq!(self.change([change]).await, [true]);
        recovery
    }

    pub(crate) async fn get(&self, of: &str) -> Option<Recovery> {
        self.store.recovery_of(&run(of)).await.unwrap()
    }

    /// The reasons of the journal's entries about a run.
    pub(crate) async fn reasons(&self, of: &str) -> Vec<Reason> {
        let entries = self.store.journal(&run(of)).await.unwrap();
        entries.into_iter().map(|entry| entry.reason).collect()
    }
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(crate) fn run(id: &str) -> RunId {
    RunId::new(id)
}

pub(crate) fn prod() -> SandboxName {
    SandboxName::new("prod")
}

/// The change that takes on the failed run `root` at second 0, to be re-triggered at second 60.
pub(crate) fn adopt(root: &str) -> Change {
    let recovery = Recovery {
        root_run_id: run(root),
        sandbox: prod(),
        flow_id: FlowId::new("flow-1"),
        flow_name: "CRM accounts".to_owned(),
        failed_at: at(-10),
        failure: failure(&["CONNECTOR-1001-500", "1006-408"]),
        state: waiting(1),
        attempts: Vec::new(),
        refusals: 0,
        ask_root: false,
        ordered: false,
        contested: false,
        excused: Duration::ZERO,
        excused_since: None,
        revision: 1,
        updated_at: at(0),
    };
    let entry = entry_of(&recovery, Event::Scheduled, Reason::RunFailed);
    Change { from_revision: None, recovery, entry }
}

/// The change that brings `recovery` to `state` ten seconds later.
pub(crate) fn step(recovery: &Recovery, state: State) -> Change {
    let mut next = recovery.clone();
    next.state = state;
    next.revision += 1;
    next.updated_at = recovery.updated_at + Duration::from_secs(10);
    let entry = entry_of(&next, Event::Begun, Reason::Due);
    Change { from_revision: Some(recovery.revision), recovery: next, entry }
}

/// The change that says that the next attempt was accepted and issued the run `issued`.
pub(crate) fn accept(recovery: &Recovery, issued: &str) -> Change {
    let number = u32::try_from(recovery.attempts.len()).unwrap() + 1;
    let mut change = step(recovery, watching(number, issued));
    change.recovery.attempts.push(Attempt {
        number,
        asked: recovery.latest_run().clone(),
        issued: run(issued),
        etag: Some(Etag::new(format!("\"etag of {issued}\""))),
        accepted_at: change.recovery.updated_at,
    });
    change.entry = entry_of(&change.recovery, Event::Retriggered, Reason::Accepted);
    change.entry.new_run_id = Some(run(issued));
    change
}

/// A skipped run.
pub(crate) fn skip(id: &str, reason: Reason) -> Entry {
    let mut entry = entry_of(&adopt(id).recovery, Event::Skipped, reason);
    entry.root_run_id = None;
    entry.attempt = None;
    entry.max_attempts = None;
    entry
}

fn entry_of(recovery: &Recovery, event: Event, reason: Reason) -> Entry {
    Entry {
        at: recovery.updated_at,
        sandbox: recovery.sandbox.clone(),
        flow_id: recovery.flow_id.clone(),
        flow_name: recovery.flow_name.clone(),
        run_id: recovery.latest_run().clone(),
        root_run_id: Some(recovery.root_run_id.clone()),
        event,
        reason,
        rule: None,
        attempt: Some(recovery.attempt()),
        max_attempts: Some(5),
        new_run_id: None,
        etag: None,
        due: recovery.due(),
        detail: None,
        failure: None,
    }
}

/// A failure with these codes.
pub(crate) fn failure(codes: &[&str]) -> Failure {
    let error = |code: &&str| RunError::new(*code, format!("\"{code}\", it's said"));
    Failure { errors: codes.iter().map(error).collect(), source: Some("spec".to_owned()) }
}

pub(crate) fn waiting(attempt: u32) -> State {
    State::Waiting { attempt, due: at(60) }
}

pub(crate) fn triggering(attempt: u32, asked: &str) -> State {
    State::Triggering { attempt, asked: run(asked), since: at(60) }
}

pub(crate) fn watching(attempt: u32, issued: &str) -> State {
    State::Watching { attempt, issued: run(issued), since: at(61) }
}

pub(crate) fn recovered() -> State {
    State::Recovered { why: Reason::IssuedRunSucceeded }
}

/// One of each, in the order of [`State::NAMES`].
pub(crate) fn every_state() -> Vec<State> {
    let states = vec![
        waiting(2),
        triggering(3, "asked"),
        State::InDoubt { attempt: 4, asked: run("asked"), since: at(5), absences: 1 },
        watching(5, "issued"),
        State::Held { attempt: 6, why: Reason::FlowDisabled },
        recovered(),
        State::GivenUp { why: Reason::AttemptsSpent },
        State::Dismissed { why: "the source is gone; it's ours to mend".to_owned() },
    ];
    assert!(states.iter().map(State::name).eq(State::NAMES), "a state is missing here");
    states
}
