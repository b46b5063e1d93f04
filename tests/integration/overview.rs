//! The overview of a store: what it says first, what needs a person, and what each retry waits for.

use crate::kit::config;
use flowmend::domain::model::failure::Failure;
use flowmend::domain::model::ids::{FlowId, RunId, SandboxName};
use flowmend::domain::model::journal::{Entry, Event};
use flowmend::domain::model::reason::Reason;
use flowmend::domain::model::run::RunError;
use flowmend::domain::model::trouble::{Cause, Trouble};
use flowmend::domain::policy::pause_order::Order;
use flowmend::domain::recovery::{Change, Recovery, State};
use flowmend::overview::{Level, Overview, overview};
use flowmend::settings::Settings;
use flowmend::store::{Batch, Filter, Owner, ReportedSigns, SqliteStore, Store};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

struct Scene {
    store: SqliteStore,
    settings: Arc<Settings>,
    owner: Owner,
    _directory: TempDir,
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn prod() -> SandboxName {
    SandboxName::new("prod")
}

impl Scene {
    /// A store whose daemon has just made a complete pass.
    async fn new(layer: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let settings = config::settings("http://127.0.0.1:1", directory.path(), &[layer]);
        let store = SqliteStore::open(&settings.store.path).await.unwrap();
        let owner = Owner::new("a-host:4711:0abc");
        store.lease(&owner, at(0), Duration::from_secs(60)).await.unwrap();
        let scene = Self { store, settings, owner, _directory: directory };
        scene.report(None).await;
        scene
    }

    async fn report(&self, trouble: Option<Trouble>) {
        let signs = ReportedSigns {
            sandbox: prod(),
            owner: self.owner.clone(),
            reported_at: at(0),
            stopped_at: None,
            pass_ended: Some(at(0)),
            last_complete: trouble.is_none().then_some(at(0)),
            next_pass: Some(at(60)),
            throttled_until: None,
            trouble,
        };
        self.store.report_signs(&signs).await.unwrap();
    }

    async fn put(&self, root: &str, flow: &str, state: State) {
        let error = |code: &str| RunError::new(code, format!("of {code}"));
        let recovery = Recovery {
            root_run_id: RunId::new(root),
            sandbox: prod(),
            flow_id: FlowId::new(flow),
            flow_name: format!("name of {flow}"),
            failed_at: at(-600),
            failure: Failure {
                errors: vec![error("CONNECTOR-1001-500"), error("X-1")],
                source: None,
            },
            state,
            attempts: Vec::new(),
            refusals: 0,
            ask_root: false,
            ordered: false,
            contested: false,
            excused: Duration::ZERO,
            excused_since: None,
            revision: 1,
            updated_at: at(-60),
        };
        let entry = Entry {
            at: at(-60),
            sandbox: prod(),
            flow_id: recovery.flow_id.clone(),
            flow_name: recovery.flow_name.clone(),
            run_id: recovery.root_run_id.clone(),
            root_run_id: Some(recovery.root_run_id.clone()),
            event: Event::Begun,
            reason: Reason::Due,
            rule: None,
            attempt: Some(1),
            max_attempts: Some(5),
            new_run_id: None,
            etag: None,
            due: None,
            detail: None,
            failure: None,
        };
        let change = Change { from_revision: None, recovery, entry };
        let batch = Batch { changes: vec![change], ..Batch::default() };
        assert_eq!(self.store.commit(&self.owner, &batch).await.unwrap().applied, [true]);
    }

    async fn seen_at(&self, now: Timestamp) -> Overview {
        let filter = Filter { limit: Some(50), ..Filter::default() };
        overview(&self.store, &self.settings, &filter, now, &TimeZone::UTC).await.unwrap()
    }
}

fn waiting(second: i64) -> State {
    State::Waiting { attempt: 2, due: at(second) }
}

/// The reason and the end of what the recovery `root` waits for.
fn waits(seen: &Overview, root: &str) -> Option<(Reason, Option<Timestamp>)> {
    let lines = &seen.healing.recoveries;
    let line = lines.iter().find(|it| it.root_run_id.as_str() == root).unwrap();
    line.waits_for.as_ref().map(|it| (it.reason, it.until))
}

#[tokio::test]
async fn a_daemon_is_shown_until_its_lease_ends_and_from_its_release_on_as_stopped() {
    let scene = Scene::new("").await;
    let seen = scene.seen_at(at(30)).await;
    assert_eq!((seen.level, seen.sentence.as_str()), (Level::Well, "All well."));
    let daemon = &seen.daemon;
    assert_eq!((daemon.host.as_deref(), daemon.pid.as_deref()), (Some("a-host"), Some("4711")));
    assert_eq!(daemon.sandboxes[0].next_pass, Some(at(60)));

    let seen = scene.seen_at(at(61)).await;
    assert_eq!((seen.level, seen.daemon.last_seen), (Level::Down, Some(at(0))));
    scene.store.release(&scene.owner, at(20)).await.unwrap();
    let seen = scene.seen_at(at(30)).await;
    assert_eq!((seen.daemon.is_running, seen.daemon.last_seen), (false, Some(at(20))));
    assert_eq!(seen.daemon.sandboxes[0].next_pass, None);
}

#[tokio::test]
async fn a_blind_daemon_is_not_well() {
    let scene = Scene::new("").await;
    let trouble =
        Trouble { cause: Cause::Credentials, since: at(-300), error: "refused".into(), passes: 5 };
    scene.report(Some(trouble)).await;
    let seen = scene.seen_at(at(30)).await;
    assert_eq!(seen.level, Level::Down);
    assert!(seen.sentence.ends_with(": credentials refused."), "{}", seen.sentence);
    assert_eq!(seen.daemon.sandboxes[0].last_complete, Some(at(0)), "it is remembered");

    // What a daemon before this one reported is no trouble of this one.
    scene.store.release(&scene.owner, at(31)).await.unwrap();
    let next = Owner::new("a-host:4712:0abd");
    scene.store.lease(&next, at(32), Duration::from_secs(6_000)).await.unwrap();
    assert_eq!(scene.seen_at(at(33)).await.sentence, "All well.");
}

#[tokio::test]
async fn what_needs_a_person_has_its_cause_and_its_remedy() {
    let scene = Scene::new("").await;
    for root in ["a", "b"] {
        scene.put(root, "crm", State::Held { attempt: 1, why: Reason::FlowDisabled }).await;
    }
    let in_doubt = State::Held { attempt: 1, why: Reason::HeldInDoubt };
    scene.put("c", "it's", in_doubt).await;
    let seen = scene.seen_at(at(30)).await;
    assert_eq!((seen.level, seen.sentence.as_str()), (Level::NeedsYou, "2 dataflows need you."));
    let causes = &seen.needs_you.causes;
    let crm = causes.iter().find(|it| it.reason == Reason::FlowDisabled).unwrap();
    assert_eq!((crm.recoveries, crm.since, crm.command.as_deref()), (2, at(-600), None));
    assert_eq!(crm.code.as_deref(), Some("X-1"), "not the generic one");
    assert_eq!(crm.message.as_deref(), Some("of X-1"));
    assert!(crm.remedy.starts_with("Enable the dataflow"), "{}", crm.remedy);
    let doubt = causes.iter().find(|it| it.reason == Reason::HeldInDoubt).unwrap();
    assert_eq!(doubt.command.as_deref(), Some(r"flowmend retry --flow 'name of it'\''s'"));
}

#[tokio::test]
async fn each_retry_says_what_it_waits_for() {
    let scene = Scene::new("limits.retriggers_per_minute = 2").await;
    scene.put("later", "crm", waiting(90)).await;
    scene.put("due", "erp", waiting(10)).await;
    let watching = State::Watching { attempt: 1, issued: RunId::new("new"), since: at(-60) };
    scene.put("followed", "web", watching).await;
    scene.put("behind", "web", waiting(11)).await;
    // Each entry of this scene is an intent of second -60, and two of them use the limit up.
    let seen = scene.seen_at(at(-1)).await;
    assert_eq!(waits(&seen, "due"), None, "it is not due yet");
    let seen = scene.seen_at(at(20)).await;
    let roots: Vec<_> = seen.healing.recoveries.iter().map(|it| it.root_run_id.as_str()).collect();
    assert_eq!((roots, seen.healing.count), (vec!["followed", "due", "behind", "later"], 4));
    assert_eq!(waits(&seen, "due"), None, "the next pass makes it");
    assert_eq!(waits(&seen, "behind"), Some((Reason::FlowBusy, None)));

    let pause = |flow: Option<&str>, second| Order {
        sandbox: None,
        flow: flow.map(FlowId::new),
        paused: true,
        at: at(second),
        reason: "maintenance".to_owned(),
    };
    scene.store.order(&pause(Some("erp"), 1)).await.unwrap();
    scene.put("held", "erp", State::Held { attempt: 1, why: Reason::Paused }).await;
    let seen = scene.seen_at(at(20)).await;
    assert_eq!(waits(&seen, "due"), Some((Reason::Paused, None)));
    assert_eq!(waits(&seen, "later"), None);
    let shown = &seen.pauses[0];
    assert_eq!((shown.flow.as_deref(), shown.holds_back), (Some("name of erp"), 1));
    assert_eq!((seen.level, seen.needs_you.count), (Level::Well, 0), "a pause needs no one");
    scene.store.order(&pause(None, 2)).await.unwrap();
    assert_eq!(scene.seen_at(at(20)).await.level, Level::Slowed);
}

#[tokio::test]
async fn a_used_limit_and_a_quiet_window_say_until_when() {
    let scene = Scene::new("limits.retriggers_per_minute = 2").await;
    scene.put("one", "crm", waiting(-50)).await;
    scene.put("other", "erp", waiting(-50)).await;
    let seen = scene.seen_at(at(-30)).await;
    let line = &seen.healing.recoveries[0];
    let wait = line.waits_for.as_ref().unwrap();
    let limit = wait.limit.as_ref().unwrap();
    assert_eq!((wait.reason, wait.until), (Reason::RateLimited, Some(at(0))));
    assert_eq!((limit.used, limit.limit), (2, 2));
    assert_eq!((line.attempt, line.max_attempts), (2, 5));

    let quiet = "[[quiet]]\ndays = [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\", \"sun\"]\n\
        from = \"00:00\"\nto = \"23:00\"\ntime_zone = \"UTC\"";
    let scene = Scene::new(quiet).await;
    scene.put("one", "crm", waiting(-50)).await;
    let (reason, until) = waits(&scene.seen_at(at(-30)).await, "one").unwrap();
    assert_eq!(reason, Reason::Quiet);
    assert_eq!(until.unwrap().to_zoned(TimeZone::UTC).hour(), 23);
}
