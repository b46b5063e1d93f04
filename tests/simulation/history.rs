//! One history: days of flows, failures, faults, people and crashes, all drawn from one seed.

use crate::crashing_store::{CrashingStore, Point, Step};
use crate::house::{HOUR, House, Passing, Process};
use crate::kit::simulator::TestActions;
use crate::setting::{Cast, Setting};
use crate::weather::Weather;
use fastrand::Rng;
use flowmend::clock::Clock;
use flowmend::daemon::{Daemon, OnceError, PassError, Report, Round};
use flowmend::domain::model::ids::SandboxName;
use flowmend::domain::model::reason::Reason;
use flowmend::domain::recovery::{Recovery, State};
use flowmend::simulator::{Effect, Endpoint, FaultRule, FlowState, Ledger, World};
use flowmend::store::{Owner, Store, StoreError};
use jiff::Timestamp;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// More passes than any recovery needs to end once nothing goes wrong any more.
const PATIENCE: u32 = 5_000;

/// A history and everything that a judge needs to know of it.
pub struct History {
    pub setting: Setting,
    pub cast: Cast,
    pub house: House,
    /// Failed runs made by hand, and which re-trigger heals them.
    pub made: HashMap<String, u32>,
    pub passes: Vec<Pass>,
    pub told: Vec<String>,
    /// How many passes stopped half way.
    pub crashes: u32,
    pub rng: Rng,
    weather: Weather,
    pub disabled: BTreeSet<String>,
    process: Option<Process>,
    sleeper: Option<Sleeper>,
    call_to_die_in: Option<Effect>,
    /// The next pass follows within a moment: what was just read still holds.
    follows_at_once: bool,
    /// How many orders operators had given when the pass began.
    orders: usize,
}

/// A pass that came to its end, by the platform's clock.
pub struct Pass {
    pub at: Timestamp,
    pub complete: bool,
    pub disabled: BTreeSet<String>,
    /// Dataflows that were paused at some time of it.
    pub paused: BTreeSet<String>,
}

/// A process that lies still in the middle of a pass while a successor acts.
struct Sleeper {
    passing: Passing,
    store: Arc<CrashingStore>,
    passes_left: u32,
}

/// How a pass ended.
enum Ending {
    Done(Box<Daemon>, Result<Round, OnceError>),
    Stopped,
    DiedInCall,
}

impl History {
    pub async fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut setting = Setting::draw(&mut rng);
        // Most histories last some days, so that there can be many; every tenth lasts two weeks or more.
        if seed.is_multiple_of(10) {
            setting.length *= 5;
        }
        Self::with(seed, setting).await
    }

    /// A history in a setting of its own.
    pub async fn with(seed: u64, setting: Setting) -> Self {
        let mut rng = Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (mut house, cast) =
            House::new(seed, &setting, |world| Cast::draw(&mut rng, world)).await;
        house.operators.know(&cast.batch);
        let process = Some(house.start().await);
        let disabled = cast.batch.first().cloned().into_iter().collect();
        let mut history = Self {
            setting,
            cast,
            house,
            made: HashMap::new(),
            passes: Vec::new(),
            told: Vec::new(),
            crashes: 0,
            rng,
            weather: Weather::default(),
            disabled,
            process,
            sleeper: None,
            call_to_die_in: None,
            follows_at_once: false,
            orders: 0,
        };
        history.tell(format!("{:?}", history.setting));
        history
    }

    /// Plays it to its end: the bad days, and then good ones until nothing is open any more.
    pub async fn play(&mut self) -> Result<(), String> {
        let end = self.house.clock.now() + self.setting.length;
        while self.house.clock.now() < end {
            if !std::mem::take(&mut self.follows_at_once) {
                self.intervene();
            }
            self.arm();
            self.house.operators.plan(self.setting.operators);
            let mut faults = self.weather.draw(&mut self.rng, self.setting.bad_weather);
            if let Some(effect) = &self.call_to_die_in {
                faults.insert(0, FaultRule::once(Endpoint::Retrigger, effect.clone()));
            }
            for rule in &faults {
                self.tell(format!("fault {rule:?}"));
            }
            self.world(|world| world.faults.replace(faults));
            let longest = if self.rng.u8(0..12) == 0 { 20_000 } else { 250 };
            self.store().take_up_to(Duration::from_millis(longest));
            self.pass().await?;
        }
        self.calm_down().await?;
        self.settle().await
    }

    /// Nothing goes wrong any more, and every flow is enabled and none paused.
    async fn calm_down(&mut self) -> Result<(), String> {
        self.tell("calm".to_owned());
        self.call_to_die_in = None;
        self.store().disarm();
        self.store().take_up_to(Duration::from_millis(250));
        self.house.operators.rest(self.store().real()).await;
        self.disabled.clear();
        let flows = self.cast.batch.clone();
        self.world(|world| {
            world.faults.replace(Vec::new());
            world.change_flows(|flow| flow.failure_rate = 0.0);
            flows.iter().for_each(|flow| world.set_flow_state(flow, FlowState::Enabled));
        });
        self.wake_sleeper(true).await
    }

    async fn settle(&mut self) -> Result<(), String> {
        let rest = self.setting.sweep_interval + self.setting.listing_delay() + 3 * HOUR;
        let end = self.house.clock.now() + rest;
        let mut open = Vec::new();
        for _ in 0..PATIENCE {
            self.pass().await?;
            open = self.open().await;
            if open.is_empty() && self.house.clock.now() >= end {
                return Ok(());
            }
        }
        Err(format!("still open after {PATIENCE} undisturbed passes: {:?}", open.first()))
    }

    /// Recoveries that have not ended; one that waits for a person by policy has.
    async fn open(&self) -> Vec<Recovery> {
        let prod = SandboxName::new("prod");
        let mut open = self.store().real().open_recoveries(&prod).await.unwrap();
        open.retain(|recovery| match recovery.state {
            State::Held { why: Reason::HeldInDoubt, .. } => !self.setting.hold_in_doubt,
            State::Held { why: Reason::UnclearRun, .. } => self.setting.shows_windows(),
            State::Held { why, .. } => why != Reason::HeldByRule,
            _ => true,
        });
        open
    }

    /// One pass, whatever becomes of it, and the time until the next.
    async fn pass(&mut self) -> Result<(), String> {
        self.wake_sleeper(false).await?;
        let at = self.platform_now();
        self.orders = self.house.operators.orders();
        let process = self.process.take().ok_or("no process")?;
        let (mut passing, store, owner) = process.pass();
        match self.ending(&mut passing, &store).await {
            Ending::Done(daemon, result) => {
                self.process = Some(Process { daemon: *daemon, store, owner });
                self.passed(at, result)
            }
            Ending::Stopped => self.stopped(passing, store, owner).await,
            Ending::DiedInCall => {
                self.crashes += 1;
                self.call_to_die_in = None;
                drop(passing);
                self.succeed(owner, store).await
            }
        }
    }

    async fn ending(&self, passing: &mut Passing, store: &CrashingStore) -> Ending {
        tokio::select! {
            biased;
            (daemon, result) = passing => Ending::Done(Box::new(daemon), result),
            () = store.reached() => Ending::Stopped,
            () = self.call_in_flight() => Ending::DiedInCall,
        }
    }

    /// Ends once the call in which the process is to die has reached the platform and, if it is to
    /// be processed, was.
    async fn call_in_flight(&self) {
        let Some(effect) = &self.call_to_die_in else { return std::future::pending().await };
        let seen = |ledger: &Ledger| match effect {
            Effect::HangAfter => ledger.retriggers.len() as u64,
            _ => ledger.requests(Endpoint::Retrigger),
        };
        let before = self.world(|world| seen(&world.ledger));
        while self.world(|world| seen(&world.ledger)) == before {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn passed(&mut self, at: Timestamp, result: Result<Round, OnceError>) -> Result<(), String> {
        let round = match result {
            Ok(round) => round,
            Err(OnceError::Busy { owner, .. }) => {
                self.tell(format!("busy: {}", owner.as_str()));
                self.advance(self.house.settings.store.lease + Duration::from_secs(1));
                return Ok(());
            }
            Err(error) => return Err(format!("the store failed: {error:?}")),
        };
        self.told.extend(self.house.operators.take_told());
        self.tell(describe(&round));
        let mut wait = self.setting.rhythm;
        for (_, result) in &round.reports {
            match result {
                Ok(report) => {
                    if let Some(due) = report.next_due {
                        let until = self.platform_now().duration_until(due);
                        wait = wait.min(Duration::try_from(until).unwrap_or_default());
                    }
                }
                Err(PassError::Store(error)) if !matches!(error, StoreError::LeaseLost) => {
                    return Err(format!("the store failed: {error:?}"));
                }
                Err(_) => {}
            }
        }
        let (disabled, deeds) = (self.disabled.clone(), self.house.operators.deeds());
        let mut paused = self.cast.batch.iter().cloned().collect::<BTreeSet<_>>();
        paused.retain(|flow| deeds.paused_since(self.orders, flow));
        self.passes.push(Pass { at, complete: round.is_complete(), disabled, paused });
        // The daemon's idea of the platform's time may be two seconds off.
        self.follows_at_once = wait < Duration::from_secs(3);
        // A long chain of passes that follow at once takes its time too.
        let least = if self.passes.len().is_multiple_of(20) { 60 } else { 1 };
        self.advance(wait.max(Duration::from_secs(least)));
        Ok(())
    }

    /// A process stopped at a step of its store: it dies, sleeps, or only naps.
    async fn stopped(
        &mut self,
        mut passing: Passing,
        store: Arc<CrashingStore>,
        owner: Owner,
    ) -> Result<(), String> {
        self.crashes += 1;
        // The next call may be on its way already: a machine that is suspended there, and goes on
        // when another has settled the matter, is beyond what any daemon can promise.
        let on_its_way = store.stopped_amid_calls();
        match self.rng.u8(0..10) {
            triage if triage < 6 || on_its_way => {
                drop(passing);
                self.succeed(owner, store).await
            }
            6..9 if self.sleeper.is_none() => {
                let passes_left = self.rng.u32(1..=5);
                self.tell(format!("sleeps for {passes_left} passes; a successor takes over"));
                let sleeps_on_lease = store.leased_until().is_some_and(|until| until > self.now());
                self.sleeper = Some(Sleeper { passing, store, passes_left });
                let mut successor = self.house.start().await;
                if sleeps_on_lease {
                    let early = successor.daemon.once(&CancellationToken::new()).await;
                    if !matches!(early, Err(OnceError::Busy { .. })) {
                        return Err(format!("two hold the lease: {early:?}"));
                    }
                }
                self.advance(self.house.settings.store.lease + Duration::from_secs(1));
                self.process = Some(successor);
                Ok(())
            }
            _ => {
                let nap = Duration::from_secs(self.rng.u64(1..=3 * 3_600));
                self.tell(format!("naps for {nap:?}"));
                self.advance(nap);
                self.wake(&mut passing, &store).await?;
                let at = self.platform_now();
                let (daemon, result) = passing.await;
                self.process = Some(Process { daemon, store, owner });
                self.passed(at, result)
            }
        }
    }

    /// Another process takes the place of one that died: at once because the lock of the dead one
    /// is free or its lease was given back, or once the lease ran out.
    async fn succeed(&mut self, dead: Owner, store: Arc<CrashingStore>) -> Result<(), String> {
        let leased_until = store.leased_until();
        drop(store);
        let mut process = self.house.start().await;
        let downtime = match self.rng.u8(0..10) {
            0 => self.rng.u64(1..=12) * 3_600,
            _ => self.rng.u64(1..=900),
        };
        match self.rng.u8(0..3) {
            0 => {
                self.tell("dies; its lease was given back".to_owned());
                process.store.real().release(&dead, self.now()).await.unwrap();
            }
            way => {
                if way == 1 && leased_until.is_some_and(|until| until > self.now()) {
                    let stop = CancellationToken::new();
                    let early = process.daemon.once(&stop).await;
                    // Its lock is free. Only one that lacked the lock, because another sleeps on
                    // it, is waited for.
                    if !matches!(early, Err(OnceError::Busy { .. })) {
                        self.tell("dies; another acts at once".to_owned());
                        let at = self.platform_now();
                        self.process = Some(process);
                        return self.passed(at, early);
                    }
                }
                self.tell(format!("dies; another begins {downtime} s after its lease ran out"));
                self.advance(self.house.settings.store.lease + Duration::from_secs(downtime));
            }
        }
        self.process = Some(process);
        Ok(())
    }

    async fn wake_sleeper(&mut self, now: bool) -> Result<(), String> {
        let Some(mut sleeper) = self.sleeper.take() else { return Ok(()) };
        if sleeper.passes_left > 0 && !now {
            sleeper.passes_left -= 1;
            self.sleeper = Some(sleeper);
            return Ok(());
        }
        self.wake(&mut sleeper.passing, &sleeper.store).await?;
        let (_, result) = sleeper.passing.await;
        let outcome = match result {
            Ok(round) => describe(&round),
            Err(error) => error.to_string(),
        };
        self.tell(format!("sleeper wakes: {outcome}"));
        Ok(())
    }

    /// Lets a stopped process go on. Its clock may ring first, so that it renews its lease before
    /// it goes on with what it was about to do.
    async fn wake(&mut self, passing: &mut Passing, store: &CrashingStore) -> Result<(), String> {
        if self.rng.bool() && store.clock.has_sleepers() {
            self.tell("renews its lease before anything else".to_owned());
            store.clock.set_alarms(true);
            tokio::select! {
                biased;
                () = store.leased() => {}
                _ = passing => return Err("it went on though it was stopped".to_owned()),
            }
            store.clock.set_alarms(false);
        }
        store.go_on();
        Ok(())
    }

    /// Decides where a process is going to stop, if it is.
    fn arm(&mut self) {
        let armed = self.store().is_armed() || self.call_to_die_in.is_some();
        if armed || self.rng.f64() >= self.setting.mortality {
            return;
        }
        let (step, most) = match self.rng.u8(0..10) {
            0..2 => (Step::Any, 12),
            2..4 => (Step::Commit, 4),
            4..6 => (Step::Begin, 2),
            6..8 => (Step::Outcome, 2),
            call => {
                let effect = if call == 8 { Effect::Hang } else { Effect::HangAfter };
                self.tell(format!("will die in a call: {effect:?}"));
                self.call_to_die_in = Some(effect);
                return;
            }
        };
        let point = Point { step, count: self.rng.u32(1..=most), after: self.rng.bool() };
        self.tell(format!("will stop {point}"));
        self.store().arm(point);
    }

    pub fn world<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        self.house.simulator.with_world(look)
    }

    pub fn store(&self) -> &CrashingStore {
        &self.process.as_ref().expect("a process").store
    }

    /// True while a process lies still in the middle of a pass.
    pub fn has_sleeper(&self) -> bool {
        self.sleeper.is_some()
    }

    pub fn now(&self) -> Timestamp {
        self.house.clock.now()
    }

    fn platform_now(&self) -> Timestamp {
        self.world(|world| Timestamp::from_millisecond(world.now_ms())).unwrap()
    }

    fn advance(&self, by: Duration) {
        self.house.clock.advance(by);
    }

    pub fn tell(&mut self, what: String) {
        self.told.push(format!("{} {what}", self.now()));
    }
}

fn describe(round: &Round) -> String {
    let of_one = |result: &Result<Report, PassError>| match result {
        Ok(report) => {
            let mut events: Vec<_> = report.events.iter().collect();
            events.sort_by_key(|(event, _)| event.as_str());
            let fault = report.fault.as_ref().map(ToString::to_string).unwrap_or_default();
            format!("pass {events:?} {fault}")
        }
        Err(error) => format!("pass broke off: {error}"),
    };
    round.reports.iter().map(|(_, result)| of_one(result)).collect()
}
