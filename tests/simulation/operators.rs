//! Operators who act in the middle of passes, as `flowmend retry`, `dismiss`, `pause` and `resume` do.

use crate::crashing_store::{Point, Step};
use crate::house::MINUTE;
use crate::kit::clock::ManualClock;
use fastrand::Rng;
use flowmend::clock::Clock;
use flowmend::domain::model::ids::{FlowId, RunId, SandboxName};
use flowmend::domain::model::journal::{Entry, Event};
use flowmend::domain::policy::in_force::{InForce, Policies};
use flowmend::domain::policy::pause_order::Order;
use flowmend::domain::policy::schedule::Jitter;
use flowmend::domain::recovery::Terms;
use flowmend::domain::recovery::{Change, Recovery};
use flowmend::store::{Batch, Filter, SqliteStore, Store};
use jiff::Timestamp;
use std::sync::{Arc, Mutex, MutexGuard};

/// Operators choose among the recoveries that changed last.
const RECENT: usize = 6;

/// More pauses than this do not last at a time.
const MOST_PAUSES: usize = 2;

/// The operators of a history. They outlive every process.
#[derive(Debug)]
pub struct Operators {
    policies: Policies,
    clock: Arc<ManualClock>,
    diary: Mutex<Diary>,
}

#[derive(Debug)]
struct Diary {
    rng: Rng,
    /// Dataflows that may be paused.
    flows: Vec<String>,
    /// Where in a pass the next deed is done.
    point: Option<Point>,
    /// Pauses that last, and when they are to end.
    pauses: Vec<(Timestamp, Order)>,
    deeds: Deeds,
    told: Vec<String>,
}

/// What operators have done.
#[derive(Debug, Clone, Default)]
pub struct Deeds {
    /// In the order in which they were given.
    pub orders: Vec<Given>,
    /// The entries of what was decided about single recoveries and took effect.
    pub decisions: Vec<Entry>,
    /// How many there were in the middle of passes.
    pub amid_passes: u32,
}

/// An order and where it stands among the intents.
#[derive(Debug, Clone)]
pub struct Given {
    pub order: Order,
    /// How many intents were begun before it.
    pub begun: usize,
}

impl Deeds {
    /// True if `flow` was paused when the intent with this number was begun.
    pub fn paused_at(&self, intent: usize, flow: &str) -> bool {
        let in_force = self.orders.iter().rfind(|it| it.begun <= intent && it.is_for(flow));
        in_force.is_some_and(|it| it.order.paused)
    }

    /// True if `flow` was paused at any time since the first `known` orders were given.
    pub fn paused_since(&self, known: usize, flow: &str) -> bool {
        let (before, after) = self.orders.split_at(known);
        let in_force = before.iter().rfind(|it| it.is_for(flow));
        in_force.into_iter().chain(after).any(|it| it.order.paused && it.is_for(flow))
    }
}

impl Given {
    fn is_for(&self, flow: &str) -> bool {
        self.order.flow.as_ref().is_none_or(|own| own.as_str() == flow)
    }
}

impl Operators {
    pub fn new(policies: Policies, clock: Arc<ManualClock>, seed: u64) -> Self {
        let diary = Diary {
            rng: Rng::with_seed(seed),
            flows: Vec::new(),
            point: None,
            pauses: Vec::new(),
            deeds: Deeds::default(),
            told: Vec::new(),
        };
        Self { policies, clock, diary: Mutex::new(diary) }
    }

    pub fn know(&self, flows: &[String]) {
        self.diary().flows = flows.to_vec();
    }

    /// What they have done so far.
    pub fn deeds(&self) -> Deeds {
        self.diary().deeds.clone()
    }

    /// How many orders they have given.
    pub fn orders(&self) -> usize {
        self.diary().deeds.orders.len()
    }

    /// What they did since they were last asked.
    pub fn take_told(&self) -> Vec<String> {
        std::mem::take(&mut self.diary().told)
    }

    /// Perhaps decides to act at a step to come; surely, if a pause is to end.
    pub fn plan(&self, often: f64) {
        let now = self.clock.now();
        let mut diary = self.diary();
        let overdue = diary.pauses.iter().any(|(end, _)| *end <= now);
        let acts = diary.rng.f64() < often;
        if diary.point.is_some() || !(acts || overdue) {
            return;
        }
        let (step, most) = match diary.rng.u8(0..10) {
            0..4 => (Step::Any, 16),
            4..6 => (Step::Commit, 3),
            6..9 => (Step::Begin, 1),
            _ => (Step::Outcome, 1),
        };
        let (count, after) = (diary.rng.u32(1..=most), diary.rng.bool());
        diary.point = Some(Point { step, count, after });
    }

    /// Where the deed is done, if this is the step for it.
    pub fn come(&self, fits: impl Fn(Step) -> bool) -> Option<Point> {
        Point::count(&mut self.diary().point, fits)
    }

    /// Does one thing, drawn by chance.
    pub async fn act(self: Arc<Self>, store: Arc<SqliteStore>) {
        let due = self.take_pause(|end| end <= self.clock.now());
        let done = match due {
            Some(pause) => self.order(&store, Order { paused: false, ..pause }).await,
            None => {
                let (deed, pauses) = {
                    let mut diary = self.diary();
                    (diary.rng.u8(0..10), diary.pauses.len())
                };
                match deed {
                    0..2 if pauses < MOST_PAUSES => self.pause(&store).await,
                    0..6 => self.decide(&store, Recovery::retry).await,
                    _ => self.decide(&store, |it, terms| it.dismiss("by hand", terms)).await,
                }
            }
        };
        self.diary().deeds.amid_passes += u32::from(done);
    }

    /// Ends every pause and plans nothing more.
    pub async fn rest(&self, store: &SqliteStore) {
        self.diary().point = None;
        while let Some(pause) = self.take_pause(|_| true) {
            self.order(store, Order { paused: false, ..pause }).await;
        }
    }

    fn take_pause(&self, ends: impl Fn(Timestamp) -> bool) -> Option<Order> {
        let pauses = &mut self.diary().pauses;
        let ending = pauses.iter().position(|(end, _)| ends(*end))?;
        Some(pauses.remove(ending).1)
    }

    async fn pause(&self, store: &SqliteStore) -> bool {
        let order = {
            let mut diary = self.diary();
            let Diary { rng, flows, .. } = &mut *diary;
            let one = rng.u8(0..3) > 0;
            Order {
                sandbox: rng.bool().then(|| SandboxName::new("prod")),
                flow: rng.choice(flows.iter()).filter(|_| one).map(FlowId::new),
                paused: true,
                at: self.clock.now(),
                reason: "by hand".to_owned(),
            }
        };
        let lasts = self.diary().rng.u32(10..=360) * MINUTE;
        self.diary().pauses.push((self.clock.now() + lasts, order.clone()));
        self.order(store, order).await
    }

    /// Intents are counted on the side where none is taken for one against the order.
    async fn order(&self, store: &SqliteStore, order: Order) -> bool {
        let order = Order { at: self.clock.now(), ..order };
        let before = begun(store).await.len();
        store.order(&order).await.unwrap();
        let begun = if order.paused { begun(store).await.len() } else { before };
        self.tell(&format!("{}: {}", if order.paused { "pause" } else { "resume" }, order.scope()));
        self.diary().deeds.orders.push(Given { order, begun });
        true
    }

    /// Decides about one of the recoveries that changed last; true if that took effect.
    async fn decide(
        &self,
        store: &SqliteStore,
        decide: impl Fn(&Recovery, Terms<'_>) -> Option<Change>,
    ) -> bool {
        let recoveries = store.recoveries(&Filter::default()).await.unwrap();
        let changes = recoveries.iter().filter_map(|it| decide(it, self.terms_for(it)));
        let changes: Vec<Change> = changes.take(RECENT).collect();
        let Some(change) = self.diary().rng.choice(changes) else { return false };
        let entry = change.entry.clone();
        let batch = Batch { changes: vec![change], ..Batch::default() };
        let done = store.amend(&batch).await.unwrap().applied == [true];
        if done {
            let what = if entry.event == Event::Dismissed { "dismisses" } else { "retries" };
            self.tell(&format!("{what} {}", entry.root_run_id.as_ref().map_or("", RunId::as_str)));
            self.diary().deeds.decisions.push(entry);
        }
        done
    }

    /// As the commands have them: by the clock of this machine, which may differ from the platform's.
    fn terms_for(&self, recovery: &Recovery) -> Terms<'_> {
        let Recovery { sandbox, flow_id, flow_name, failure, .. } = recovery;
        let InForce { rule, retry } = self.policies.in_force(sandbox, flow_id, flow_name, failure);
        Terms { policy: retry, rule, jitter: Jitter::new(0), now: self.clock.now() }
    }

    fn tell(&self, what: &str) {
        let line = format!("{} an operator: {what}", self.clock.now());
        self.diary().told.push(line);
    }

    fn diary(&self) -> MutexGuard<'_, Diary> {
        self.diary.lock().unwrap()
    }
}

/// All intents that were ever begun, in order.
pub async fn begun(store: &SqliteStore) -> Vec<Entry> {
    store.history(None, Timestamp::UNIX_EPOCH, &[Event::Begun]).await.unwrap()
}
