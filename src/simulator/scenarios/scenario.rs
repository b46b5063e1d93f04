//! Worlds by name or from a file.
//!
//! A scenario file is TOML: a named scenario to start from, and changes to it.
//!
//! ```toml
//! base = "lost-answers"
//! pace = "realistic"
//! [quirks]
//! answer = "items"
//! [[fault]]
//! endpoint = "runs"
//! probability = 0.1
//! effect = { status = { code = 429, retry_after = "5", body = "rate_limit" } }
//! [[run]]                              # has just failed: to try a rule
//! dataflow = "crm-accounts"
//! codes = ["CONNECTOR-1012-504"]
//! heals_after = 2                      # re-triggers; never without it
//! ```

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use thiserror::Error;

use super::demo_flows;
use super::pace::Pace;
use crate::simulator::faults::rule::{Effect, Endpoint, ErrorAnswer, FaultRule};
use crate::simulator::quirks::Quirks;
use crate::simulator::world::World;
use crate::simulator::world::failure::{Cause, Failure};
use crate::simulator::world::flow::FlowSetup;
use crate::simulator::world::run::RunSetup;

/// How long the world runs before the simulator starts.
const HISTORY: SignedDuration = SignedDuration::from_hours(24);
/// How long the sources have been down when the scenario `outage` starts.
const OUTAGE: SignedDuration = SignedDuration::from_hours(2);

/// A recipe for a world.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    base: Base,
    /// The pace once the simulator runs; the day before is always realistic.
    pub pace: Pace,
    /// How many flows the scenario `quiet` has.
    pub flows: Option<usize>,
    /// How this service differs from the documented one.
    pub quirks: Quirks,
    /// Fault rules that come before those of the named scenario.
    #[serde(rename = "fault")]
    pub faults: Vec<FaultRule>,
    /// Runs that have just failed when the simulator starts.
    #[serde(rename = "run")]
    pub runs: Vec<FailedRun>,
}

/// A run that has just failed.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailedRun {
    /// The name of its dataflow.
    pub dataflow: String,
    /// Its id; random if absent.
    pub id: Option<String>,
    /// The codes of its errors.
    pub codes: Vec<String>,
    /// The re-trigger that heals it; without it, none does.
    pub heals_after: Option<u32>,
}

/// A named scenario.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Base {
    #[default]
    #[serde(alias = "demo")]
    Default,
    Quiet,
    Outage,
    FlakyNetwork,
    LostAnswers,
}

/// Why a scenario cannot be loaded.
#[derive(Debug, Error)]
pub enum ScenarioError {
    /// Neither a name nor a file.
    #[error("scenario \"{0}\" not found: must be one of {names}, or a file", names = Scenario::NAMES.join(", "))]
    Unknown(String),
    /// The file cannot be read.
    #[error("the scenario file {path} cannot be read")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not a valid scenario.
    #[error("the scenario file {path} is not valid")]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        source: config::ConfigError,
    },
}

impl Scenario {
    /// The names that [`Scenario::named`] knows.
    pub const NAMES: [&str; 6] =
        ["default", "demo", "quiet", "outage", "flaky-network", "lost-answers"];

    /// The scenario of this name:
    ///
    /// * `default`, also `demo`: 40 dataflows of all kinds, some of which fail now and then;
    /// * `quiet`: 20 batch dataflows that never fail;
    /// * `outage`: like `default`, but no source was available in the last two hours, and a quarter of
    ///   all requests fail with 503;
    /// * `flaky-network`: like `default`, over a network that loses requests and answers;
    /// * `lost-answers`: like `default`, but most answers to a re-trigger never arrive.
    pub fn named(name: &str) -> Option<Self> {
        let base = match name {
            "default" | "demo" => Base::Default,
            "quiet" => Base::Quiet,
            "outage" => Base::Outage,
            "flaky-network" => Base::FlakyNetwork,
            "lost-answers" => Base::LostAnswers,
            _ => return None,
        };
        Some(Self { base, ..Self::default() })
    }

    /// The scenario of this name or, if there is none, in this TOML file.
    ///
    /// # Errors
    ///
    /// If there is neither, or the file is not a scenario.
    pub fn load(name_or_path: &str) -> Result<Self, ScenarioError> {
        if let Some(scenario) = Self::named(name_or_path) {
            return Ok(scenario);
        }
        let path = Path::new(name_or_path);
        let text = std::fs::read_to_string(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => ScenarioError::Unknown(name_or_path.to_owned()),
            _ => ScenarioError::Unreadable { path: path.to_owned(), source },
        })?;
        Self::parse(&text)
            .map_err(|source| ScenarioError::Invalid { path: path.to_owned(), source })
    }

    fn parse(toml: &str) -> Result<Self, config::ConfigError> {
        let source = config::File::from_str(toml, config::FileFormat::Toml);
        let scenario: Self =
            config::Config::builder().add_source(source).build()?.try_deserialize()?;
        let names: Vec<String> = scenario.flows().into_iter().map(|flow| flow.name).collect();
        match scenario.runs.iter().find(|run| !names.contains(&run.dataflow)) {
            Some(run) => Err(config::ConfigError::Message(format!(
                "[[run]] dataflow = \"{}\": must be one of {}",
                run.dataflow,
                names.join(", ")
            ))),
            None => Ok(scenario),
        }
    }

    /// The world of this scenario as it is at `now`. The same seed and time give the same world.
    pub fn build(&self, seed: u64, now: Timestamp) -> World {
        let mut rng = Rng::with_seed(seed.rotate_left(32));
        let mut world = World::empty(seed, now.saturating_sub(HISTORY).unwrap_or(now));
        world.quirks = self.quirks.clone();
        for setup in self.flows() {
            let age = SignedDuration::from_hours(rng.i64(48..10_000));
            world.add_flow(FlowSetup {
                created_at: Some(now.saturating_sub(age).unwrap_or(now)),
                run_time: Pace::Realistic.run_time(&mut rng),
                ..setup
            });
        }
        if self.base == Base::Outage {
            world.advance(now.saturating_sub(OUTAGE).unwrap_or(now));
            world.suffer_outage_until(now);
        }
        world.advance(now);
        world.reschedule(|flow| {
            flow.every = flow.every.map(|usual| self.pace.every(usual, &mut rng));
            flow.run_time = self.pace.run_time(&mut rng);
        });
        for run in &self.runs {
            world.add_failed_run(run);
        }
        world.faults.replace(self.faults.iter().cloned().chain(self.base.faults()).collect());
        world
    }

    fn flows(&self) -> Vec<FlowSetup> {
        if self.base != Base::Quiet {
            return demo_flows::flows().collect();
        }
        let quiet = |n: usize| FlowSetup {
            every: Some(Duration::from_secs(3_600)),
            ..FlowSetup::batch(&format!("quiet-flow-{n:04}"))
        };
        (1..=self.flows.unwrap_or(20)).map(quiet).collect()
    }
}

impl Base {
    fn faults(self) -> Vec<FaultRule> {
        let sometimes = |endpoint, probability, effect| FaultRule {
            probability,
            ..FaultRule::always(endpoint, effect)
        };
        let gateway_timeout = || ErrorAnswer::new(504);
        match self {
            Self::Default | Self::Quiet => Vec::new(),
            Self::Outage => {
                let busy =
                    ErrorAnswer { retry_after: Some("2".to_owned()), ..ErrorAnswer::new(503) };
                vec![sometimes(Endpoint::Any, 0.25, Effect::Status(busy))]
            }
            Self::FlakyNetwork => vec![
                sometimes(Endpoint::Any, 0.05, Effect::DropBefore),
                sometimes(Endpoint::Any, 0.05, Effect::DropAfter),
                sometimes(Endpoint::Any, 0.05, Effect::Truncate),
                sometimes(Endpoint::Any, 0.05, Effect::StatusAfter(gateway_timeout())),
                sometimes(Endpoint::Any, 0.2, Effect::Delay(800)),
            ],
            Self::LostAnswers => vec![
                sometimes(Endpoint::Retrigger, 0.4, Effect::DropAfter),
                sometimes(Endpoint::Retrigger, 0.4, Effect::StatusAfter(gateway_timeout())),
            ],
        }
    }
}

impl World {
    fn add_failed_run(&mut self, run: &FailedRun) {
        let Some(flow) = self.flows.iter().find(|flow| flow.setup.name == run.dataflow) else {
            return;
        };
        let codes: Vec<&str> = run.codes.iter().map(String::as_str).collect();
        let setup = RunSetup { id: run.id.clone(), ..RunSetup::failed(&flow.id) };
        let heals_after = run.heals_after.unwrap_or(Failure::NEVER);
        self.add_run(setup.with_codes(&codes, &[]).heals_after(heals_after));
    }

    /// Until `end`, every scheduled run fails because its source is not available.
    fn suffer_outage_until(&mut self, end: Timestamp) {
        let mut before = Vec::new();
        self.change_flows(|flow| {
            let causes = std::mem::replace(&mut flow.causes, vec![Cause::SourceUnavailable]);
            before.push((std::mem::replace(&mut flow.failure_rate, 1.0), causes));
        });
        self.advance(end);
        let mut before = before.into_iter();
        self.change_flows(|flow| {
            if let Some((failure_rate, causes)) = before.next() {
                flow.failure_rate = failure_rate;
                flow.causes = causes;
            }
        });
    }
}
