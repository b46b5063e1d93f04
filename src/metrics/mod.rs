//! Metrics of a running daemon, for Prometheus and what reads its formats.
//!
//! The registry is a value that is passed around, not a global: two daemons in one process, as in
//! tests, do not share their numbers, and signatures show what is measured. No id, name of a dataflow,
//! message or URL is ever a label, so the number of series is limited.

mod encoding;
mod process;

pub use encoding::Format;

use crate::domain::model::ids::SandboxName;
use crate::domain::model::journal::{Entry, Event};
use crate::domain::recovery::{Change, State};
use jiff::Timestamp;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use std::fmt;
use std::time::Duration;

/// Labels by name. The values are words of closed lists, names of sandboxes, or HTTP statuses.
type Labels = Vec<(&'static str, String)>;
type Counters = Family<Labels, Counter>;
type Gauges = Family<Labels, Gauge>;
type Histograms = Family<Labels, Histogram, fn() -> Histogram>;

/// The git revision of the build, if it was known.
const REVISION: &str = match option_env!("FLOWMEND_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

/// The metrics of one daemon.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    config_reload_success: Gauge,
    passes: Counters,
    pass_duration: Histogram,
    last_complete_pass: Gauges,
    failed_runs_seen: Counters,
    runs_skipped: Counters,
    retriggers: Counters,
    recoveries: Gauges,
    recoveries_finished: Counters,
    time_to_retrigger: Histogram,
    time_to_recovery: Histogram,
    api_requests: Counters,
    api_request_duration: Histograms,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// The metrics of a daemon that has just loaded a valid configuration.
    pub fn new() -> Self {
        let metrics = Self {
            registry: Registry::default(),
            config_reload_success: Gauge::default(),
            passes: Counters::default(),
            pass_duration: Histogram::new(SECONDS_OF_A_PASS),
            last_complete_pass: Gauges::default(),
            failed_runs_seen: Counters::default(),
            runs_skipped: Counters::default(),
            retriggers: Counters::default(),
            recoveries: Gauges::default(),
            recoveries_finished: Counters::default(),
            time_to_retrigger: Histogram::new(SECONDS_OF_A_RECOVERY),
            time_to_recovery: Histogram::new(SECONDS_OF_A_RECOVERY),
            api_requests: Counters::default(),
            api_request_duration: Family::new_with_constructor(|| {
                Histogram::new(SECONDS_OF_A_REQUEST)
            }),
        };
        metrics.config_reload_success.set(1);
        metrics.registered()
    }

    /// The encoder adds `_total`, `_info` and the unit to names, and a full stop to help texts.
    fn registered(mut self) -> Self {
        let it = self.registry.sub_registry_with_prefix("flowmend");
        let build = vec![("version", env!("CARGO_PKG_VERSION")), ("revision", REVISION)];
        it.register("build", "Build information", Info::new(build));
        it.register(
            "config_reload_success",
            "1 if the last configuration load succeeded",
            self.config_reload_success.clone(),
        );
        it.register(
            "passes",
            "Passes over a sandbox, by outcome: complete, incomplete, panicked",
            self.passes.clone(),
        );
        it.register_with_unit(
            "pass_duration",
            "How long passes took",
            Unit::Seconds,
            self.pass_duration.clone(),
        );
        it.register_with_unit(
            "last_complete_pass_timestamp",
            "When the last complete pass over a sandbox ended, in Unix time",
            Unit::Seconds,
            self.last_complete_pass.clone(),
        );
        it.register(
            "failed_runs_seen",
            "Failed runs that were new to flowmend",
            self.failed_runs_seen.clone(),
        );
        it.register("runs_skipped", "Failed runs that were skipped", self.runs_skipped.clone());
        it.register(
            "retriggers",
            "Calls to re-trigger a run, by outcome: accepted, refused, in_doubt",
            self.retriggers.clone(),
        );
        it.register(
            "recoveries",
            "Recoveries that have not ended, by state",
            self.recoveries.clone(),
        );
        it.register(
            "recoveries_finished",
            "Recoveries that ended, by result: recovered, given_up, dismissed",
            self.recoveries_finished.clone(),
        );
        it.register_with_unit(
            "time_to_retrigger",
            "From the failure of a run to its first accepted re-trigger",
            Unit::Seconds,
            self.time_to_retrigger.clone(),
        );
        it.register_with_unit(
            "time_to_recovery",
            "From the failure of a run to the success that ended its recovery",
            Unit::Seconds,
            self.time_to_recovery.clone(),
        );
        it.register(
            "api_requests",
            "Requests to Adobe, by endpoint and HTTP status (none: no answer)",
            self.api_requests.clone(),
        );
        it.register_with_unit(
            "api_request_duration",
            "How long requests to Adobe took",
            Unit::Seconds,
            self.api_request_duration.clone(),
        );
        self.registry.register_collector(Box::new(process::ProcessCollector));
        self
    }

    /// Records whether a reload of the configuration succeeded.
    pub fn config_reloaded(&self, valid: bool) {
        self.config_reload_success.set(i64::from(valid));
    }

    /// Shows the counters that alerts look at from the start: an increase from nothing is not seen.
    pub fn watch(&self, sandbox: &SandboxName) {
        let _ = self.failed_runs_seen.get_or_create(&of(sandbox));
        for outcome in ["accepted", "refused", "in_doubt"] {
            let _ = self.retriggers.get_or_create(&labels(sandbox, "outcome", outcome));
        }
        for result in ["recovered", "given_up", "dismissed"] {
            let _ = self.recoveries_finished.get_or_create(&labels(sandbox, "result", result));
        }
    }

    /// Records a pass that took `took`.
    pub fn pass_ended(&self, sandbox: &SandboxName, outcome: PassOutcome, took: Duration) {
        let word = match outcome {
            PassOutcome::Complete(at) => {
                self.last_complete_pass.get_or_create(&of(sandbox)).set(at.as_second());
                "complete"
            }
            PassOutcome::Incomplete => "incomplete",
            PassOutcome::Panicked => "panicked",
        };
        self.passes.get_or_create(&labels(sandbox, "outcome", word)).inc();
        self.pass_duration.observe(took.as_secs_f64());
    }

    /// Records a stored journal entry that changed no recovery.
    pub fn noted(&self, entry: &Entry) {
        if entry.event == Event::Skipped {
            self.failed_runs_seen.get_or_create(&of(&entry.sandbox)).inc();
        }
        self.stored(entry);
    }

    fn stored(&self, entry: &Entry) {
        let count = |counters: &Counters, label, word: &str| {
            counters.get_or_create(&labels(&entry.sandbox, label, word)).inc();
        };
        match entry.event {
            Event::Skipped => count(&self.runs_skipped, "reason", entry.reason.as_str()),
            Event::Retriggered => count(&self.retriggers, "outcome", "accepted"),
            Event::Refused => count(&self.retriggers, "outcome", "refused"),
            Event::InDoubt => count(&self.retriggers, "outcome", "in_doubt"),
            Event::Recovered | Event::GivenUp | Event::Dismissed => {
                count(&self.recoveries_finished, "result", entry.event.as_str());
            }
            _ => {}
        }
    }

    /// Records a stored change of a recovery, with its entry.
    pub fn changed(&self, change: &Change) {
        let Change { entry, recovery, .. } = change;
        self.stored(entry);
        if change.from_revision.is_none() {
            self.failed_runs_seen.get_or_create(&of(&entry.sandbox)).inc();
        }
        let since_failure = recovery.failed_at.duration_until(entry.at).as_secs_f64().max(0.0);
        match (&recovery.state, entry.event) {
            (State::Recovered { .. }, _) => self.time_to_recovery.observe(since_failure),
            (_, Event::Retriggered) if recovery.attempts.len() == 1 => {
                self.time_to_retrigger.observe(since_failure);
            }
            _ => {}
        }
    }

    /// Records how many recoveries of `sandbox` are in each open state; none if a state is missing.
    pub fn open_recoveries(&self, sandbox: &SandboxName, counts: &[(String, u64)]) {
        for state in OPEN_STATES {
            let count = counts.iter().find(|(name, _)| name == state).map_or(0, |(_, it)| *it);
            let gauge = self.recoveries.get_or_create(&labels(sandbox, "state", state));
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// Records a request; `status` is `None` if there was no answer.
    pub fn requested(&self, endpoint: &'static str, status: Option<u16>, took: Duration) {
        let status = status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        let endpoint = ("endpoint", endpoint.to_owned());
        self.api_requests.get_or_create(&vec![endpoint.clone(), ("status", status)]).inc();
        self.api_request_duration.get_or_create(&vec![endpoint]).observe(took.as_secs_f64());
    }

    /// All metrics in `format`.
    ///
    /// # Errors
    /// If a metric cannot be written as text; that is not known to happen.
    pub fn encode(&self, format: Format) -> Result<String, fmt::Error> {
        format.encode(&self.registry)
    }
}

/// How a pass ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassOutcome {
    /// The sandbox was read completely; at this time, by this machine's clock.
    Complete(Timestamp),
    /// It was not.
    Incomplete,
    /// The pass panicked.
    Panicked,
}

const OPEN_STATES: [&str; 5] = ["waiting", "triggering", "in_doubt", "watching", "held"];
const SECONDS_OF_A_PASS: [f64; 9] = [0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0];
const SECONDS_OF_A_REQUEST: [f64; 9] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
const SECONDS_OF_A_RECOVERY: [f64; 10] =
    [30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14_400.0, 43_200.0, 86_400.0];

fn of(sandbox: &SandboxName) -> Labels {
    vec![("sandbox", sandbox.to_string())]
}

fn labels(sandbox: &SandboxName, name: &'static str, value: &str) -> Labels {
    vec![("sandbox", sandbox.to_string()), (name, value.to_owned())]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(metrics: &Metrics) -> Vec<String> {
        let text = metrics.encode(Format::Prometheus).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn two_daemons_do_not_share_their_numbers() {
        let (one, other) = (Metrics::new(), Metrics::new());
        one.config_reloaded(false);
        assert!(lines(&one).contains(&"flowmend_config_reload_success 0".to_owned()));
        assert!(lines(&other).contains(&"flowmend_config_reload_success 1".to_owned()));
    }

    #[test]
    fn passes_and_requests_are_counted_by_their_outcome() {
        let metrics = Metrics::new();
        let prod = SandboxName::new("prod");
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        metrics.pass_ended(&prod, PassOutcome::Complete(at), Duration::from_millis(20));
        metrics.pass_ended(&prod, PassOutcome::Incomplete, Duration::from_secs(3));
        metrics.requested("runs", Some(200), Duration::from_millis(70));
        metrics.requested("runs", None, Duration::from_secs(30));
        let lines = lines(&metrics);
        for line in [
            "flowmend_passes_total{sandbox=\"prod\",outcome=\"complete\"} 1",
            "flowmend_passes_total{sandbox=\"prod\",outcome=\"incomplete\"} 1",
            "flowmend_pass_duration_seconds_bucket{le=\"0.05\"} 1",
            "flowmend_last_complete_pass_timestamp_seconds{sandbox=\"prod\"} 1800000000",
            "flowmend_api_requests_total{endpoint=\"runs\",status=\"200\"} 1",
            "flowmend_api_requests_total{endpoint=\"runs\",status=\"none\"} 1",
            "flowmend_api_request_duration_seconds_count{endpoint=\"runs\"} 2",
            "# TYPE flowmend_passes_total counter",
            "# TYPE flowmend_build_info gauge",
        ] {
            assert!(lines.iter().any(|it| it == line), "no {line} in {lines:#?}");
        }
    }
}
