//! The simulated platform, in a process of its own. It is asked for its counts by a line on its
//! standard input, which costs it less than its ledger over HTTP, and ends when that is closed.

use crate::child::Process;
use crate::names::{flow_id, run_id};
use anyhow::{Context, bail};
use flowmend::clock::{Clock, SystemClock};
use flowmend::simulator::{Endpoint, FlowSetup, RunSetup, Simulator, World};
use jiff::Timestamp;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{ChildStdin, ChildStdout, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// When the failed runs ended, before now: their first re-trigger is long due.
const FAILED_AGO: Duration = Duration::from_secs(2 * 60 * 60);

/// How the world is furnished.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Furniture {
    /// Batch dataflows.
    pub(crate) flows: usize,
    /// Failed runs, spread over the dataflows; the first re-trigger heals them.
    pub(crate) failed: usize,
    /// Their error code.
    pub(crate) code: &'static str,
    /// How long issued runs take.
    pub(crate) run_time: Duration,
}

/// A running platform; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Platform {
    pub(crate) url: String,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    _process: Process,
}

/// What the platform has seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Count {
    pub(crate) accepted: usize,
    /// When the last re-trigger was accepted.
    pub(crate) last_at: Timestamp,
    pub(crate) requests: u64,
}

impl Furniture {
    /// As many dataflows, of which nothing has failed.
    pub(crate) fn quiet(flows: usize) -> Self {
        Self::backlog(flows, 0)
    }

    /// Failed runs that may be re-triggered; what is issued stays under way for a while.
    pub(crate) fn backlog(flows: usize, failed: usize) -> Self {
        Self { flows, failed, code: "CONNECTOR-1012-504", run_time: Duration::from_secs(600) }
    }

    fn world(flows: usize, failed: usize, code: &str, run_time: Duration) -> World {
        let now = SystemClock::new().now();
        let mut world = World::empty(7, now);
        let failed_at = now - FAILED_AGO;
        for number in 0..flows {
            let setup = FlowSetup::batch(&format!("dataflow-{number}"));
            let created_at = Some(failed_at - FAILED_AGO);
            world.add_flow(FlowSetup { id: Some(flow_id(number)), created_at, run_time, ..setup });
        }
        for number in 0..failed {
            let setup = RunSetup::failed(&flow_id(number % flows)).with_id(&run_id(number));
            let setup = setup.with_codes(&["CONNECTOR-1001-500"], &[code]);
            let at = failed_at + Duration::from_millis(number as u64);
            world.add_run(setup.created_at(at).completed_at(at));
        }
        world
    }
}

impl Platform {
    pub(crate) fn start(furniture: Furniture) -> anyhow::Result<Self> {
        let Furniture { flows, failed, code, run_time } = furniture;
        let run_time = run_time.as_secs();
        let args =
            ["serve", &format!("{flows}"), &format!("{failed}"), code, &run_time.to_string()];
        let mut command = Process::role(&args.map(str::to_owned))?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::start(&mut command)?;
        let questions = process.child.stdin.take().context("the platform has no input")?;
        let answers = process.child.stdout.take().context("the platform has no output")?;
        let mut platform = Self {
            url: String::new(),
            questions,
            answers: BufReader::new(answers),
            _process: process,
        };
        platform.url = platform.read()?;
        Ok(platform)
    }

    pub(crate) fn count(&mut self) -> anyhow::Result<Count> {
        self.questions.write_all(b"count\n")?;
        let answer = self.read()?;
        let numbers: Vec<i64> = answer.split(' ').map(str::parse).collect::<Result<_, _>>()?;
        let [accepted, last_at, requests] = numbers[..] else { bail!("not a count: {answer}") };
        Ok(Count {
            accepted: accepted.try_into()?,
            last_at: Timestamp::from_millisecond(last_at)?,
            requests: requests.try_into()?,
        })
    }

    /// Waits until so many re-triggers were accepted, no longer than `limit`; what there is then.
    pub(crate) fn wait_for(&mut self, accepted: usize, limit: Duration) -> anyhow::Result<Count> {
        let clock = SystemClock::new();
        loop {
            let count = self.count()?;
            if count.accepted >= accepted || clock.monotonic() > limit {
                return Ok(count);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn read(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }
}

/// The platform itself.
pub(crate) fn serve(args: &[&str]) -> anyhow::Result<()> {
    let [flows, failed, code, run_time] = args else { bail!("serve takes 4 arguments") };
    let run_time = Duration::from_secs(run_time.parse()?);
    let world = Furniture::world(flows.parse()?, failed.parse()?, code, run_time);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let clock = Arc::new(SystemClock::new());
    let simulator = runtime.block_on(Simulator::start(world, clock, anywhere))?;
    println!("{}", simulator.base_url());
    for _ in std::io::stdin().lines() {
        let (accepted, last_at, requests) = simulator.with_world(|world| {
            let last_at = world.ledger.accepted().last().map_or(0, |call| call.at_ms);
            (world.ledger.accepted().count(), last_at, world.ledger.requests(Endpoint::Any))
        });
        println!("{accepted} {last_at} {requests}");
    }
    Ok(())
}
