//! Many failed runs at once: how long until the platform has accepted a re-trigger of each.
//!
//! Time runs from the start of the process to the last re-trigger that the platform accepted. A
//! daemon cannot make more requests per second than can be set, so there are two yardsticks: a bare
//! client as fast as it can, and one that keeps to the same rate. Both have the daemon's concurrency.

use crate::bare;
use crate::child::Process;
use crate::daemon::{AT_A_TIME, Home, PER_SECOND_MAX};
use crate::platform::{Count, Furniture, Platform};
use crate::table::{Row, median};
use std::time::Duration;

/// No backlog is waited for any longer.
const LIMIT: Duration = Duration::from_secs(300);

/// What a pass leaves for the next one is not to be measured here; `paced` does.
const EVERY_SECOND: &str = "[poll]\ninterval = \"1s\"\n";

/// One backlog as it was worked off.
#[derive(Debug, Default)]
struct Round {
    bare: f64,
    paced: f64,
    daemon: f64,
    memory: f64,
    requests: u64,
    left: usize,
}

/// `runs` failed runs of as many dataflows; the middle of `rounds`.
pub(crate) fn at_once(runs: usize, rounds: usize) -> anyhow::Result<Vec<Row>> {
    let rounds = (0..rounds).map(|_| round(runs)).collect::<anyhow::Result<Vec<Round>>>()?;
    let middle = |of: fn(&Round) -> f64| median(rounds.iter().map(of).collect());
    let row = |figure: &str, measured: String, goal| {
        Row::new(format!("{runs} at once: {figure}"), measured, goal)
    };
    let (seconds, bare, paced) =
        (middle(|it| it.daemon), middle(|it| it.bare), middle(|it| it.paced));
    let left = rounds.iter().map(|it| it.left).max().unwrap_or(0);
    let mut rows = vec![
        row("time", format!("{seconds:.2} s"), ""),
        row(
            "to a bare client",
            format!("{:.1}× (of {bare:.2} s)", middle(|it| it.daemon / it.bare)),
            "",
        ),
        row(
            "to one at 1,000/s",
            format!("{:.1}× (of {paced:.2} s)", middle(|it| it.daemon / it.paced)),
            "≤ 2×",
        ),
        row("requests", format!("{}", middle(|it| it.requests as f64)), ""),
        row("peak RSS", format!("{:.1} MB", middle(|it| it.memory)), "≤ 60 MB"),
    ];
    if left > 0 {
        rows.push(row("not done in time", left.to_string(), "0"));
    }
    Ok(rows)
}

fn round(runs: usize) -> anyhow::Result<Round> {
    let furniture = Furniture::backlog(runs, runs);
    let mut round = Round::default();
    for (time, per_second) in [(&mut round.bare, 0), (&mut round.paced, PER_SECOND_MAX)] {
        let mut platform = Platform::start(furniture)?;
        let client = bare::start(&platform.url, runs, AT_A_TIME, per_second)?;
        *time = seconds(&client, platform.wait_for(runs, LIMIT)?);
    }
    let mut platform = Platform::start(furniture)?;
    let home = Home::new(&platform, PER_SECOND_MAX, EVERY_SECOND)?;
    let daemon = home.daemon()?;
    let count = platform.wait_for(runs, LIMIT)?;
    // The last answers are yet to be stored.
    std::thread::sleep(Duration::from_secs(1));
    round.daemon = seconds(&daemon, count);
    round.requests = count.requests;
    round.left = runs - count.accepted.min(runs);
    (_, round.memory) = daemon.memory()?;
    Ok(round)
}

/// 400 failed runs with the default rate and interval.
pub(crate) fn paced() -> anyhow::Result<Vec<Row>> {
    const RUNS: usize = 400;
    const PER_SECOND: u32 = 5;
    let mut platform = Platform::start(Furniture::backlog(RUNS, RUNS))?;
    let home = Home::new(&platform, PER_SECOND, "")?;
    let daemon = home.daemon()?;
    let count = platform.wait_for(RUNS, LIMIT)?;
    let seconds = seconds(&daemon, count);
    let against = |requests: f64, goal| {
        let needed = requests / f64::from(PER_SECOND);
        let figure = format!("400 at 5/s: to {requests} requests");
        Row::new(figure, format!("{:.2}× (of {needed:.0} s)", seconds / needed), goal)
    };
    Ok(vec![
        Row::new("400 at 5/s: time", format!("{seconds:.0} s, {} accepted", count.accepted), ""),
        against(RUNS as f64, "≤ 1.1×"),
        against(count.requests as f64, "≤ 1.1×"),
    ])
}

fn seconds(process: &Process, count: Count) -> f64 {
    process.started_at.duration_until(count.last_at).as_secs_f64()
}
