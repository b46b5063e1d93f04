//! How small the SQLite store writes its history, and that an older store becomes a small one.

use flowmend::domain::model::failure::Failure;
use flowmend::domain::model::ids::{Etag, FlowId, RunId, SandboxName};
use flowmend::domain::model::journal::{Entry, Event};
use flowmend::domain::model::reason::Reason;
use flowmend::domain::model::run::{ErrorPlace, RunError};
use flowmend::domain::recovery::{Attempt, Change, Recovery, State};
use flowmend::store::{Batch, Filter, Owner, SqliteStore, Store};
use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection, Executor};
use std::path::Path;
use std::time::Duration;

/// Every row, as the tables of the second schema and the views of later ones show it.
const ROWS: [&str; 5] = [
    "SELECT json_array(root_run_id, sandbox, flow_id, flow_name, failed_at, state, attempt, due,
         asked, since, absences, issued, why, refusals, ask_root, ordered, revision, updated_at,
         failure, contested, excused, excused_since)
     FROM recoveries ORDER BY root_run_id",
    "SELECT json_array(root_run_id, number, asked, issued, etag, accepted_at)
     FROM attempts ORDER BY root_run_id, number",
    "SELECT json_array(id, at, sandbox, flow_id, flow_name, run_id, root_run_id, event, reason,
         attempt, max_attempts, new_run_id, etag, due, detail, rule, failure)
     FROM journal ORDER BY id",
    "SELECT json_array(sandbox, flow, paused, at, reason) FROM orders ORDER BY sandbox, flow",
    "SELECT json_array(sandbox, watermark, swept_at, client_named) FROM progress ORDER BY sandbox",
];

async fn connect(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    SqliteConnection::connect_with(&options).await.unwrap()
}

async fn rows(path: &Path) -> Vec<Vec<String>> {
    let mut connection = connect(path).await;
    let mut all = Vec::new();
    for query in ROWS {
        all.push(sqlx::query_scalar(query).fetch_all(&mut connection).await.unwrap());
    }
    connection.close().await.unwrap();
    all
}

#[tokio::test]
async fn a_store_of_the_second_schema_has_the_same_content_in_the_newest_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("flowmend.db");
    let mut connection = connect(&path).await;
    connection.execute(include_str!("../../data/store/schema_2.sql")).await.unwrap();
    connection.close().await.unwrap();
    let before = rows(&path).await;
    assert_eq!(before.iter().map(Vec::len).collect::<Vec<_>>(), [9, 10, 65, 4, 2]);

    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(rows(&path).await, before);

    let states = store.count_by_state(&Filter::default()).await.unwrap();
    assert!(states.iter().map(|(state, _)| state.as_str()).eq(State::NAMES), "{states:?}");
    let told = store.history(None, Timestamp::MIN, Event::ALL).await.unwrap();
    assert_eq!(told.len(), before[2].len());
    for recovery in store.recoveries(&Filter::default()).await.unwrap() {
        assert_eq!(store.recovery_of(recovery.latest_run()).await.unwrap(), Some(recovery));
    }
    let odd = store.recovery_of(&RunId::new("AN-ODD-ID-Ü-\"'")).await.unwrap().unwrap();
    assert_eq!(odd.state.name(), "in_doubt");
    let since = Timestamp::UNIX_EPOCH;
    let unsuccessful = store.unsuccessful(&SandboxName::new("prod"), since).await.unwrap();
    let unsuccessful: Vec<&str> = unsuccessful.iter().map(|it| it.root_run_id.as_str()).collect();
    assert_eq!(unsuccessful, ["00000007-3c1f-4a7e-9b2d-000000000007", "late"]);
    store.close().await;

    let mut connection = connect(&path).await;
    let broken = sqlx::query("PRAGMA foreign_key_check").fetch_all(&mut connection).await.unwrap();
    assert!(broken.is_empty());
}

/// Some id as the platform makes them: the same for the same number, and in no order.
fn uuid(number: u64) -> String {
    let mix = |number: u64| {
        let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb)
    };
    let (high, low) = (mix(number + 1), mix(number + 0x9e37_79b9_7f4a_7c15));
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

/// One of the failures that keep coming back, about 300 characters of JSON.
fn failure(kind: u64) -> Failure {
    let error = |code: &str, message: &str| RunError {
        place: Some(ErrorPlace::ActivityDetails),
        ..RunError::new(code, format!("{message} ({})", kind % 20))
    };
    Failure {
        errors: vec![
            error("CONNECTOR-1001-500", "The copy activity could not read from the source"),
            error("1006-408", "The connection to the source timed out"),
            error("CONNECTOR-2010-500", "No file was written to the landing zone"),
        ],
        source: Some(uuid(1_000_000)),
    }
}

/// A recovery on its way, and the changes that brought it there.
struct Story {
    recovery: Recovery,
    changes: Vec<Change>,
}

impl Story {
    /// The failed run with this number is taken on.
    fn begin(number: u64) -> Self {
        let at =
            Timestamp::from_second(1_800_000_000 + 60 * i64::try_from(number).unwrap()).unwrap();
        let recovery = Recovery {
            root_run_id: RunId::new(uuid(10 * number)),
            sandbox: SandboxName::new("prod"),
            flow_id: FlowId::new(uuid(2_000_000 + number % 50)),
            flow_name: format!("crm-accounts-daily-{}", number % 10),
            failed_at: at,
            failure: failure(number),
            state: State::Waiting { attempt: 1, due: at },
            attempts: Vec::new(),
            refusals: 0,
            ask_root: false,
            ordered: false,
            contested: false,
            excused: Duration::ZERO,
            excused_since: None,
            revision: 0,
            updated_at: at,
        };
        let mut story = Self { recovery, changes: Vec::new() };
        story.schedule(1);
        story
    }

    fn turn(&mut self, event: Event, reason: Reason, state: State) -> &mut Change {
        let from_revision = Some(self.recovery.revision).filter(|revision| *revision > 0);
        let run_id = self.recovery.latest_run().clone();
        self.recovery.state = state;
        self.recovery.revision += 1;
        self.recovery.updated_at += Duration::from_secs(61);
        let entry = Entry {
            at: self.recovery.updated_at,
            sandbox: self.recovery.sandbox.clone(),
            flow_id: self.recovery.flow_id.clone(),
            flow_name: self.recovery.flow_name.clone(),
            run_id,
            root_run_id: Some(self.recovery.root_run_id.clone()),
            event,
            reason,
            rule: None,
            attempt: Some(u32::try_from(self.recovery.attempts.len()).unwrap().max(1)),
            max_attempts: Some(5),
            new_run_id: None,
            etag: None,
            due: self.recovery.due(),
            detail: None,
            failure: None,
        };
        self.changes.push(Change { from_revision, recovery: self.recovery.clone(), entry });
        self.changes.last_mut().unwrap()
    }

    fn schedule(&mut self, attempt: u32) {
        let due = self.recovery.updated_at + Duration::from_secs(120);
        let state = State::Waiting { attempt, due };
        let change = self.turn(Event::Scheduled, Reason::RunFailed, state);
        change.entry.detail = Some("CONNECTOR-1001-500, 1006-408, CONNECTOR-2010-500".to_owned());
        change.entry.rule = Some("transient-source-errors".to_owned());
        change.entry.failure = Some(change.recovery.failure.clone());
    }

    fn retrigger(&mut self, number: u32, id: u64) {
        let (asked, since) = (self.recovery.latest_run().clone(), self.recovery.updated_at);
        let state = State::Triggering { attempt: number, asked: asked.clone(), since };
        self.turn(Event::Begun, Reason::Due, state);
        let issued = RunId::new(uuid(id));
        let etag = Some(Etag::new(format!("\"{}\"", uuid(3_000_000 + id))));
        let accepted_at = self.recovery.updated_at;
        let attempt =
            Attempt { number, asked, issued: issued.clone(), etag: etag.clone(), accepted_at };
        let state = State::Watching { attempt: number, issued: issued.clone(), since };
        let change = self.turn(Event::Retriggered, Reason::Accepted, state);
        change.recovery.attempts.push(attempt);
        (change.entry.new_run_id, change.entry.etag) = (Some(issued), etag);
        self.recovery = change.recovery.clone();
    }

    /// A recovery that took two attempts.
    fn whole(number: u64) -> Vec<Change> {
        let mut story = Self::begin(number);
        story.retrigger(1, 10 * number + 1);
        story.schedule(2);
        story.retrigger(2, 10 * number + 2);
        let why = Reason::IssuedRunSucceeded;
        story.turn(Event::Recovered, why, State::Recovered { why });
        story.changes
    }
}

async fn leased(path: &Path) -> (SqliteStore, Owner) {
    let (store, owner) = (SqliteStore::open(path).await.unwrap(), Owner::new("the daemon"));
    store.lease(&owner, Timestamp::UNIX_EPOCH, Duration::from_secs(60)).await.unwrap();
    (store, owner)
}

/// Stores the first changes of all stories, then all second ones, and so on.
async fn tell(store: &SqliteStore, owner: &Owner, stories: &[Vec<Change>]) {
    for step in 0..stories[0].len() {
        let changes: Vec<Change> = stories.iter().map(|story| story[step].clone()).collect();
        let batch = Batch { changes, ..Batch::default() };
        let applied = store.commit(owner, &batch).await.unwrap().applied;
        assert_eq!(applied, vec![true; stories.len()]);
    }
}

#[tokio::test]
async fn removed_rows_take_along_what_only_they_refer_to() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("flowmend.db");
    let (store, owner) = leased(&path).await;
    let stories: Vec<Vec<Change>> = (0..60).map(Story::whole).collect();
    tell(&store, &owner, &stories).await;
    let kept: Vec<&Recovery> = stories[57..].iter().map(|story| &story[6].recovery).collect();

    let removed = store.prune(&owner, kept[0].updated_at).await.unwrap();
    assert_eq!(removed, 57);
    for recovery in kept {
        let read = store.recovery_of(&recovery.root_run_id).await.unwrap();
        assert_eq!(read.as_ref(), Some(recovery));
    }
    let mut connection = connect(&path).await;
    let counts = "SELECT (SELECT count(*) FROM runs), (SELECT count(*) FROM flows),
                      (SELECT count(*) FROM failures)";
    let left: (i64, i64, i64) = sqlx::query_as(counts).fetch_one(&mut connection).await.unwrap();
    assert_eq!(left, (9, 3, 3));

    store.prune(&owner, Timestamp::MAX).await.unwrap();
    let left: (i64, i64, i64) = sqlx::query_as(counts).fetch_one(&mut connection).await.unwrap();
    assert_eq!(left, (0, 0, 0));
}

#[tokio::test]
async fn a_finished_recovery_takes_at_most_two_kilobytes() {
    const RECOVERIES: u64 = 2_000;
    const AT_ONCE: usize = 40;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("flowmend.db");
    let (store, owner) = leased(&path).await;
    store.close().await;
    let empty = std::fs::metadata(&path).unwrap().len();

    let store = SqliteStore::open(&path).await.unwrap();
    let stories: Vec<Vec<Change>> = (0..RECOVERIES).map(Story::whole).collect();
    for together in stories.chunks(AT_ONCE) {
        tell(&store, &owner, together).await;
    }
    let last = stories.last().unwrap().last().unwrap();
    let root = &last.recovery.root_run_id;
    assert_eq!(store.recovery_of(root).await.unwrap().as_ref(), Some(&last.recovery));
    assert_eq!(store.journal(root).await.unwrap().len(), 7);
    store.close().await;

    let each = (std::fs::metadata(&path).unwrap().len() - empty) / RECOVERIES;
    println!("{each} bytes for each finished recovery");
    assert!(each <= 2_048, "{each} bytes for each finished recovery");
}
