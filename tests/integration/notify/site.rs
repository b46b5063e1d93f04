//! A store, a clock and the vital signs of a daemon, which a test sets.

use crate::kit::clock::ManualClock;
use flowmend::clock::Clock;
use flowmend::daemon::{SandboxSigns, Signs, Standing};
use flowmend::domain::model::failure::Failure;
use flowmend::domain::model::ids::{FlowId, RunId, SandboxName};
use flowmend::domain::model::journal::{Entry, Event};
use flowmend::domain::model::reason::Reason;
use flowmend::domain::model::run::RunError;
use flowmend::domain::recovery::{Change, Recovery, State};
use flowmend::notify::{Notifier, Pulse, Sources};
use flowmend::settings::{self, Settings};
use flowmend::store::{Batch, Outbox, Owner, SqliteStore, Store, TargetRow};
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

pub const START: i64 = 1_764_000_000;

/// Vital signs that a test sets.
#[derive(Debug)]
pub struct HandPulse(pub Mutex<(Signs, bool)>);

impl HandPulse {
    /// Sets the signs of a sandbox.
    pub fn set(&self, sandbox: &str, signs: SandboxSigns) {
        self.0.lock().unwrap().0.sandboxes.insert(SandboxName::new(sandbox), signs);
    }
}

impl Pulse for HandPulse {
    fn signs(&self) -> Signs {
        self.0.lock().unwrap().0.clone()
    }

    fn is_alive(&self) -> bool {
        self.0.lock().unwrap().1
    }
}

pub struct Site {
    pub directory: TempDir,
    pub store: Arc<SqliteStore>,
    pub clock: Arc<ManualClock>,
    pub pulse: Arc<HandPulse>,
    owner: Owner,
}

impl Site {
    pub async fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let store = SqliteStore::open(&directory.path().join("flowmend.db")).await.unwrap();
        let start = Timestamp::from_second(START).unwrap();
        let owner = Owner::new("test");
        store.lease(&owner, start, Duration::from_secs(60)).await.unwrap();
        let signs = Signs { standing: Standing::Holder, ..Signs::default() };
        Self {
            directory,
            store: Arc::new(store),
            clock: Arc::new(ManualClock::new(start)),
            pulse: Arc::new(HandPulse(Mutex::new((signs, true)))),
            owner,
        }
    }

    /// Valid settings with `more` in them.
    pub fn settings(&self, more: &str) -> Settings {
        let needed = r#"
            [adobe]
            org_id = "ACME@AdobeOrg"
            client_id = "client"
            client_secret = "p8e-secret"
            [[sandbox]]
            name = "prod"
        "#;
        let file = self.directory.path().join("flowmend.toml");
        std::fs::write(&file, format!("{needed}\n{more}")).unwrap();
        let sources = settings::Sources { files: vec![file], environment: HashMap::new() };
        Settings::load(&sources).unwrap_or_else(|faults| panic!("{faults}"))
    }

    pub fn start(&self, settings: &Settings) -> Notifier {
        let sources = Sources {
            store: self.store.clone(),
            outbox: self.store.clone(),
            pulse: self.pulse.clone(),
            clock: self.clock.clone(),
        };
        Notifier::start(sources, settings)
    }

    /// Starts, and waits until the store knows the targets, so that events from now on are reported.
    pub async fn started(&self, settings: &Settings) -> Notifier {
        let notifier = self.start(settings);
        while self.targets().await.len() < settings.notify.len() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        notifier
    }

    pub async fn targets(&self) -> Vec<TargetRow> {
        self.store.notify_targets().await.unwrap()
    }

    /// Writes journal entries.
    pub async fn record(&self, entries: Vec<Entry>) {
        let batch = Batch { notes: entries, ..Batch::default() };
        self.store.commit(&self.owner, &batch).await.unwrap();
    }

    /// Stores a recovery that is on hold.
    pub async fn hold(&self, flow: &str, run: &str) {
        let entry = self.held(flow, run);
        let recovery = Recovery {
            root_run_id: RunId::new(run),
            sandbox: entry.sandbox.clone(),
            flow_id: entry.flow_id.clone(),
            flow_name: flow.to_owned(),
            failed_at: self.now(),
            failure: Failure::default(),
            state: State::Held { attempt: 1, why: entry.reason },
            attempts: Vec::new(),
            refusals: 0,
            ask_root: false,
            ordered: false,
            contested: false,
            excused: Duration::ZERO,
            excused_since: None,
            revision: 1,
            updated_at: self.now(),
        };
        let changes = vec![Change { from_revision: None, recovery, entry }];
        let batch = Batch { changes, ..Batch::default() };
        self.store.commit(&self.owner, &batch).await.unwrap();
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets time pass until `holds`.
    pub async fn until(&self, holds: impl Fn() -> bool) {
        for _ in 0..2_000 {
            if holds() {
                return;
            }
            self.tick().await;
        }
        panic!("it never came");
    }

    /// Lets this many seconds pass.
    pub async fn pass(&self, seconds: u32) {
        for _ in 0..seconds {
            self.tick().await;
        }
    }

    async fn tick(&self) {
        self.clock.advance(Duration::from_secs(1));
        // Sockets and files need real time.
        tokio::time::sleep(Duration::from_millis(4)).await;
    }

    /// An entry about the recovery of `run`.
    pub fn entry(&self, event: Event, reason: Reason, flow: &str, run: &str) -> Entry {
        Entry {
            at: self.now(),
            sandbox: SandboxName::new("prod"),
            flow_id: FlowId::new(format!("id-of-{flow}")),
            flow_name: flow.to_owned(),
            run_id: RunId::new(run),
            root_run_id: Some(RunId::new(run)),
            event,
            reason,
            rule: None,
            attempt: Some(5),
            max_attempts: Some(5),
            new_run_id: None,
            etag: None,
            due: None,
            detail: None,
            failure: None,
        }
    }

    pub fn given_up(&self, flow: &str, run: &str) -> Entry {
        let error =
            RunError { code: "CONNECTOR-1".into(), message: "<no\nroute>".into(), place: None };
        let failure = Failure { errors: vec![error], source: None };
        let entry = self.entry(Event::GivenUp, Reason::AttemptsSpent, flow, run);
        Entry { failure: Some(failure), ..entry }
    }

    pub fn held(&self, flow: &str, run: &str) -> Entry {
        self.entry(Event::Held, Reason::HeldByRule, flow, run)
    }

    pub fn recovered(&self, flow: &str, run: &str) -> Entry {
        self.entry(Event::Recovered, Reason::IssuedRunSucceeded, flow, run)
    }
}

/// A `[[notify]]` that sends to `url` on this machine.
pub fn webhook(name: &str, url: &str) -> String {
    format!(
        "[[notify]]\nname = \"{name}\"\ntype = \"webhook\"\nurl = \"{url}\"\nallow_private = true\n"
    )
}
