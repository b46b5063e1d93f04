//! What it takes to start on a large store, and to show it.

use crate::child::Process;
use crate::daemon::{Home, PER_SECOND_MAX};
use crate::fill::{self, Past};
use crate::platform::{Furniture, Platform};
use crate::table::{Row, median};
use anyhow::ensure;
use flowmend::clock::{Clock, SystemClock};
use std::time::Duration;

/// From start to the end of the first complete pass: all of `flowmend once`. And what 100,000
/// recoveries weigh.
pub(crate) fn start() -> anyhow::Result<Vec<Row>> {
    const FINISHED: usize = 100_000;
    let mut platform = Platform::start(Furniture::quiet(fill::FLOWS))?;
    let home = Home::new(&platform, PER_SECOND_MAX, "")?;
    fill::fill(&home, Past { finished: FINISHED, ..Past::default() })?;
    let size = home.store_size()? as f64 / FINISHED as f64;
    let mut times = Vec::new();
    let before = platform.count()?.requests;
    for _ in 0..3 {
        let clock = SystemClock::new();
        let mut once = home.start(&["once"])?;
        let status = once.child.wait()?;
        ensure!(status.success(), "the pass was not complete: {status}");
        times.push(clock.monotonic().as_secs_f64());
    }
    let requests = (platform.count()?.requests - before) / 3;
    Ok(vec![
        Row::new(
            "start to first pass, 100,000 finished",
            format!("{:.2} s, {requests} requests", median(times)),
            "≤ 0.2 s",
        ),
        Row::new("store per finished recovery", format!("{:.2} KB", size / 1_000.0), "≤ 2 KB"),
    ])
}

/// Peak memory of `flowmend status --json`.
pub(crate) fn status() -> anyhow::Result<Vec<Row>> {
    let platform = Platform::start(Furniture::quiet(0))?;
    let home = Home::new(&platform, PER_SECOND_MAX, "")?;
    fill::fill(&home, Past { finished: 10_000, ..Past::default() })?;
    let peak = peak(&mut home.start(&["status", "--json"])?)?;
    Ok(vec![Row::new("status --json, 10,000: peak RSS", format!("{peak:.1} MB"), "≤ 30 MB")])
}

/// The peak of a process that ends by itself, as far as it can be seen before it does.
fn peak(process: &mut Process) -> anyhow::Result<f64> {
    let mut peak = 0.0_f64;
    while process.child.try_wait()?.is_none() {
        if let Ok((_, most)) = process.memory() {
            peak = peak.max(most);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(peak)
}
