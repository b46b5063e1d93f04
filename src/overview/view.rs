//! The value that is shown. Serialized, it is the JSON of `status --json` and of the API.

use crate::domain::model::ids::{FlowId, RunId, SandboxName};
use crate::domain::model::reason::Reason;
use crate::domain::model::trouble::Trouble;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// Everything that an operator must know at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Overview {
    /// When it was read.
    pub at: Timestamp,
    /// How urgent the sentence is.
    pub level: Level,
    /// The state of everything in one sentence.
    pub sentence: String,
    /// The daemon.
    pub daemon: Daemon,
    /// What needs a person.
    pub needs_you: NeedsYou,
    /// What is retried.
    pub healing: Healing,
    /// The operators' pauses.
    pub pauses: Vec<Pause>,
    /// The number of recoveries in each state.
    pub states: BTreeMap<String, u64>,
}

/// How urgent it is, least urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Nothing to do.
    Well,
    /// Retries are slowed down or paused.
    Slowed,
    /// A dataflow needs a person.
    NeedsYou,
    /// Nothing is retried.
    Down,
}

/// The daemon that acts on the store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Daemon {
    /// Whether one is running.
    pub is_running: bool,
    /// Its machine.
    pub host: Option<String>,
    /// Its process.
    pub pid: Option<String>,
    /// When it was last seen: when it renewed its lease, or stopped.
    pub last_seen: Option<Timestamp>,
    /// Each configured sandbox.
    pub sandboxes: Vec<Sandbox>,
}

/// One sandbox, as the daemon last reported it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sandbox {
    /// Its name.
    pub name: SandboxName,
    /// When the last complete pass ended.
    pub last_complete: Option<Timestamp>,
    /// When the next pass begins.
    pub next_pass: Option<Timestamp>,
    /// True if complete passes are overdue, for whatever cause.
    pub is_late: bool,
    /// Why passes are incomplete.
    pub trouble: Option<Trouble>,
    /// The end of a pause that Adobe asked for.
    pub throttled_until: Option<Timestamp>,
    /// The current outages.
    pub outages: Vec<OutageSince>,
}

/// An outage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutageSince {
    /// The source whose runs fail; `None` for the whole sandbox.
    pub source: Option<String>,
    /// Since when.
    pub since: Timestamp,
}

/// What needs a person.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct NeedsYou {
    /// The number of dataflows.
    pub dataflows: u64,
    /// The number of recoveries.
    pub recoveries: u64,
    /// The number of causes.
    pub count: u64,
    /// The causes, newest first; not all if there are very many.
    pub causes: Vec<Need>,
}

/// Recoveries of one dataflow that need a person for the same cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Need {
    /// The sandbox.
    pub sandbox: SandboxName,
    /// The dataflow.
    pub flow_id: FlowId,
    /// Its name.
    pub flow_name: String,
    /// `held` or `given_up`.
    pub state: &'static str,
    /// Why.
    pub reason: Reason,
    /// The reason in a sentence.
    pub explanation: &'static str,
    /// The rule that matches the newest failure.
    pub rule: Option<String>,
    /// How many recoveries.
    pub recoveries: u64,
    /// When the first of their runs failed.
    pub since: Timestamp,
    /// The newest of them, by its failed run.
    pub root_run_id: RunId,
    /// When that one changed.
    pub updated_at: Timestamp,
    /// The code of the main error of its failure.
    pub code: Option<String>,
    /// The error codes of its failure.
    pub codes: Vec<String>,
    /// The message of the main error.
    pub message: Option<String>,
    /// What to do.
    pub remedy: &'static str,
    /// The command for it.
    pub command: Option<String>,
}

/// What is retried.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Healing {
    /// The number of recoveries.
    pub count: u64,
    /// Those with a call or a new run, then those due soonest; not all if there are very many.
    pub recoveries: Vec<HealingLine>,
}

/// One recovery that is retried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HealingLine {
    /// The failed run.
    pub root_run_id: RunId,
    /// The sandbox.
    pub sandbox: SandboxName,
    /// The dataflow.
    pub flow_id: FlowId,
    /// Its name.
    pub flow_name: String,
    /// Its state.
    pub state: &'static str,
    /// When the run failed.
    pub failed_at: Timestamp,
    /// The next or current attempt.
    pub attempt: u32,
    /// How many attempts are allowed.
    pub max_attempts: u32,
    /// When the next attempt is due.
    pub due: Option<Timestamp>,
    /// When the current call or new run began.
    pub begun_at: Option<Timestamp>,
    /// The new run that is followed.
    pub new_run_id: Option<RunId>,
    /// The rule that matches the failure.
    pub rule: Option<String>,
    /// The code of the main error of the failure.
    pub code: Option<String>,
    /// The error codes of the failure.
    pub codes: Vec<String>,
    /// The message of the main error.
    pub message: Option<String>,
    /// What it waits for, besides the retry delay.
    pub waits_for: Option<WaitsFor>,
}

/// What a recovery waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WaitsFor {
    /// Why it waits.
    pub reason: Reason,
    /// The reason in a sentence.
    pub explanation: &'static str,
    /// Until when, if that is known.
    pub until: Option<Timestamp>,
    /// The limit that is used up.
    pub limit: Option<LimitUsed>,
}

/// A limit that is used up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LimitUsed {
    /// Its setting.
    pub setting: &'static str,
    /// The calls that count.
    pub used: u64,
    /// The limit.
    pub limit: u32,
}

/// A pause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pause {
    /// Only this sandbox; `None` for all.
    pub sandbox: Option<SandboxName>,
    /// Only this dataflow, by its name if that is known; `None` for all.
    pub flow: Option<String>,
    /// What it covers, in words.
    pub scope: String,
    /// When it was given.
    pub since: Timestamp,
    /// Why, in the operator's words; may be empty.
    pub reason: String,
    /// How many recoveries it holds back.
    pub holds_back: u64,
}
