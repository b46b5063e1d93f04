//! What passes cost in which there is nothing to do.

use crate::child::Process;
use crate::daemon::{Home, PER_SECOND_MAX};
use crate::fill::{self, Past};
use crate::platform::{Furniture, Platform};
use crate::table::Row;
use std::time::Duration;

/// A pass each second, and none that reads more than there is to read.
const EVERY_SECOND: &str = "[poll]\ninterval = \"1s\"\nsweep_interval = \"7d\"\n";
const EVERY_FIVE_SECONDS: &str = "[poll]\ninterval = \"5s\"\nsweep_interval = \"7d\"\n";

/// After its first pass a daemon is given this long.
const SETTLING: Duration = Duration::from_secs(8);

/// A daemon at work, with its platform.
#[derive(Debug)]
struct Setting {
    daemon: Process,
    platform: Platform,
    _home: Home,
}

/// What one daemon used while it was watched.
#[derive(Debug)]
struct Use {
    /// CPU time in seconds.
    cpu: f64,
    requests: f64,
    memory: f64,
    /// Seconds.
    window: f64,
}

impl Setting {
    fn start(furniture: Furniture, past: Past, poll: &str) -> anyhow::Result<Self> {
        let platform = Platform::start(furniture)?;
        let home = Home::new(&platform, PER_SECOND_MAX, poll)?;
        fill::fill(&home, past)?;
        Ok(Self { daemon: home.daemon()?, platform, _home: home })
    }

    fn requests(&mut self) -> anyhow::Result<f64> {
        Ok(self.platform.count()?.requests as f64)
    }
}

/// What each of `settings` uses within the same `window`, so that all share what else the machine
/// does meanwhile.
fn watch(settings: &mut [Setting], window: Duration) -> anyhow::Result<Vec<Use>> {
    std::thread::sleep(SETTLING);
    let mut before = Vec::new();
    for setting in settings.iter_mut() {
        before.push((setting.daemon.cpu()?, setting.requests()?));
    }
    std::thread::sleep(window);
    let mut uses = Vec::new();
    for (setting, (cpu, requests)) in settings.iter_mut().zip(before) {
        uses.push(Use {
            cpu: setting.daemon.cpu_since(&cpu)?.as_secs_f64(),
            requests: setting.requests()? - requests,
            memory: setting.daemon.memory()?.0,
            window: window.as_secs_f64(),
        });
    }
    Ok(uses)
}

/// Requests of a quiet pass.
pub(crate) fn quiet() -> anyhow::Result<Vec<Row>> {
    let quiet = Setting::start(Furniture::quiet(5_000), Past::default(), EVERY_SECOND)?;
    let uses = watch(&mut [quiet], Duration::from_secs(20))?;
    let per_pass = uses.iter().map(|it| it.requests / it.window).sum::<f64>();
    Ok(vec![Row::new("requests of a quiet pass, 5,000 flows", format!("{per_pass:.2}"), "1")])
}

/// Finished recoveries.
pub(crate) fn history() -> anyhow::Result<Vec<Row>> {
    let start = |finished| {
        let past = Past { finished, waiting: 10, held: 0 };
        Setting::start(Furniture::quiet(fill::FLOWS), past, EVERY_SECOND)
    };
    let uses = watch(&mut [start(1_000)?, start(100_000)?], Duration::from_secs(20))?;
    Ok(vec![per_pass("100,000 finished to 1,000", &uses, "≤ 1.3×")])
}

/// Recoveries that a rule holds.
pub(crate) fn held() -> anyhow::Result<Vec<Row>> {
    let start = |held| {
        let furniture = Furniture::backlog(fill::FLOWS, held);
        let furniture = Furniture { code: "CONNECTOR-1012-400", ..furniture };
        Setting::start(furniture, Past { held, ..Past::default() }, EVERY_SECOND)
    };
    let uses = watch(&mut [start(100)?, start(10_000)?], Duration::from_secs(20))?;
    Ok(vec![per_pass("10,000 held to 100", &uses, "≤ 2×")])
}

/// CPU of a pass with much against one with little. A pass ends a second after the last but for its
/// own time, which is small.
fn per_pass(figure: &str, uses: &[Use], goal: &'static str) -> Row {
    let cpu: Vec<f64> = uses.iter().map(|it| it.cpu / it.window * 1_000.0).collect();
    let [little, much] = cpu[..] else { return Row::new(figure, "not measured", goal) };
    let measured = format!("{:.1}× ({much:.1} to {little:.1} ms)", much / little);
    Row::new(format!("CPU/pass: {figure}"), measured, goal)
}

/// What a daemon needs that has nothing to do.
pub(crate) fn idle() -> anyhow::Result<Vec<Row>> {
    let start = |flows, waiting| {
        let past = Past { waiting, ..Past::default() };
        Setting::start(Furniture::quiet(flows), past, EVERY_FIVE_SECONDS)
    };
    let mut settings = [start(50, 0)?, start(5_000, 0)?, start(fill::FLOWS, 10_000)?];
    let uses = watch(&mut settings, Duration::from_secs(60))?;
    let names = ["50 flows", "5,000 flows", "10,000 waiting"];
    let goals = [("≤ 15 MB", "≤ 0.1 %"), ("≤ 15 MB", "≤ 0.1 %"), ("≤ 30 MB", "")];
    let rows = uses.iter().zip(names).zip(goals).flat_map(|((it, name), (memory, cpu))| {
        let share = it.cpu / it.window * 100.0;
        [
            Row::new(format!("idle, {name}: RSS"), format!("{:.1} MB", it.memory), memory),
            Row::new(format!("idle, {name}: CPU at 5 s"), format!("{share:.3} %"), cpu),
        ]
    });
    Ok(rows.collect())
}
