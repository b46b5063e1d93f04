//! The settings as the rest of the program sees them.

use super::cross_checks;
use super::read::effective_config::EffectiveConfig;
use super::read::fault::Faults;
use super::read::layers::{self, Sources};
use super::read::report::Report;
use super::read::section::read_section;
use super::read::shape::Shapes;
use super::tables::{
    adobe::{self, Adobe},
    breaker, dataflow,
    http::{self, Http},
    limits,
    log::{self, Log},
    poll::{self, Poll},
    quiet, retry, rule,
    sandbox::{self, SandboxSettings},
    store::{self, StoreSettings},
};
use crate::domain::policy::breaker::Breaker;
use crate::domain::policy::in_force::{DataflowPolicy, Policies};
use crate::domain::policy::quiet::Quiet;
use crate::domain::policy::retry::{Limits, RetryPolicy};
use crate::domain::policy::rule::{Rule, Scope};
use crate::flow_service::Connection;
use std::path::Path;
use std::sync::Arc;

/// The effective settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `[adobe]`.
    pub adobe: Adobe,
    /// All `[[sandbox]]`: at least one, with unique names.
    pub sandboxes: Vec<SandboxSettings>,
    /// All `[[dataflow]]` in order; see [`Settings::policies`].
    pub dataflows: Arc<[DataflowPolicy]>,
    /// `[poll]`.
    pub poll: Poll,
    /// `[retry]`. `FLOWMEND__RETRY__MAX_ATTEMPTS` and so on.
    pub retry: RetryPolicy,
    /// `[limits]`. `FLOWMEND__LIMITS__PER_DATAFLOW` and so on.
    pub limits: Limits,
    /// All `[[rule]]`, then all `[[builtin_rule]]`, in order.
    pub rules: Arc<[Rule]>,
    /// All `[[quiet]]`.
    pub quiet: Arc<[Quiet]>,
    /// `[breaker]`. `FLOWMEND__BREAKER__FAILURES` and so on.
    pub breaker: Breaker,
    /// `[store]`.
    pub store: StoreSettings,
    /// `[http]`.
    pub http: Http,
    /// `[log]`.
    pub log: Log,
    /// Warnings about valid but risky settings, one sentence each, to be logged at the start.
    pub warnings: Vec<String>,
    effective: EffectiveConfig,
}

impl Settings {
    /// The policies in force.
    pub fn policies(&self) -> Policies {
        let default = DataflowPolicy {
            scope: Scope::default(),
            kind: None,
            retry: self.retry,
            per_dataflow: self.limits.per_dataflow,
        };
        Policies { dataflows: self.dataflows.clone(), default, rules: self.rules.clone() }
    }

    /// The parameters of the Flow Service client. If a policy re-triggers successful runs without
    /// records, successful runs are listed too.
    pub fn connection(&self) -> Connection {
        let mut connection = self.adobe.connection.clone();
        let mut policies =
            self.dataflows.iter().map(|dataflow| &dataflow.retry).chain([&self.retry]);
        let wanted = policies.any(|policy| policy.retry_empty_success)
            || self.rules.iter().any(|rule| rule.retry.retry_empty_success == Some(true));
        let statuses = &mut connection.failed_status_values;
        if wanted && !statuses.is_empty() {
            statuses.extend(["success", "Success", "SUCCESS"].map(str::to_owned));
        }
        connection
    }

    /// Reads and checks the settings.
    ///
    /// # Errors
    /// All faults at once. No fault contains the value of a secret.
    pub fn load(sources: &Sources) -> Result<Self, Faults> {
        Self::load_with_shapes(sources).map(|(settings, _)| settings)
    }

    /// As [`load`](Self::load), for commands that do not call Adobe: credentials that are missing or may
    /// not be read are empty instead of a fault.
    ///
    /// # Errors
    /// All other faults at once.
    pub fn load_offline(sources: &Sources) -> Result<Self, Faults> {
        Self::load_into(Report::offline(), sources).map(|(settings, _)| settings)
    }

    /// As [`load`](Self::load), with what each key accepts.
    pub(crate) fn load_with_shapes(sources: &Sources) -> Result<(Self, Shapes), Faults> {
        Self::load_into(Report::default(), sources)
    }

    fn load_into(mut owned_report: Report, sources: &Sources) -> Result<(Self, Shapes), Faults> {
        let report = &mut owned_report;
        let tables = &mut layers::merge(sources, report);
        let systemd = sources.environment.get("CREDENTIALS_DIRECTORY").map(Path::new);

        let adobe = read_section("adobe", tables, report, |it| adobe::read(it, systemd));
        let sandboxes = sandbox::read_all(tables, report);
        let poll = read_section("poll", tables, report, poll::read);
        let retry = read_section("retry", tables, report, retry::read);
        let retry = retry.over(RetryPolicy::default());
        let limits = read_section("limits", tables, report, limits::read).unwrap_or_default();
        let dataflows = dataflow::read_all(tables, &sandboxes, retry, &limits, report);
        let rules = rule::read_all(tables, &sandboxes, report);
        let quiet = quiet::read_all(tables, &sandboxes, report);
        let breaker = read_section("breaker", tables, report, breaker::read);
        let store = read_section("store", tables, report, store::read);
        let http = read_section("http", tables, report, http::read);
        let log = read_section("log", tables, report, log::read);
        cross_checks::check(report);
        if limits.retriggers_per_day > 0 {
            cross_checks::check_daily_limit(report);
        }

        let (warnings, effective, shapes) = owned_report.conclude()?;
        const READ: &str = "the defaults set every key, and there is no fault";
        let settings = Self {
            adobe: adobe.expect(READ),
            sandboxes,
            dataflows: dataflows.into(),
            poll: poll.expect(READ),
            retry,
            limits,
            rules,
            quiet,
            breaker: breaker.expect(READ),
            store: store.expect(READ),
            http: http.expect(READ),
            log: log.expect(READ),
            warnings,
            effective,
        };
        Ok((settings, shapes))
    }

    /// The effective configuration as TOML. A comment on each key names its origin; secrets are
    /// `"[redacted]"`.
    pub fn render(&self) -> String {
        self.effective.to_string()
    }
}
