//! The settings: what they are, where they come from, and what is wrong with them.
//!
//! Three layers, the later wins key by key: the defaults file embedded in the program
//! ([`DEFAULT_TOML`], the reference of every key), the configuration files in order, and variables
//! of the environment (`FLOWMEND__SECTION__KEY`). Lists (`[[sandbox]]`, `[[dataflow]]`, `scopes`)
//! are replaced as a whole. `config` merges the layers; `section.rs` then takes the merged tables
//! apart key by key and collects every fault instead of stopping at the first.
//!
//! Loading reads files and nothing else: no port, no request. The environment is handed in as a
//! map. A relative path in a setting counts from the directory of the configuration file that
//! holds it, and from the working directory where a variable or a default does.

mod adobe;
mod breaker;
mod console;
mod credentials;
mod dataflow;
mod fault;
mod file;
mod fit;
mod http;
mod load;
mod log;
mod pattern;
mod policy;
mod poll;
mod quiet;
mod reference;
mod report;
mod rule;
mod sandbox;
mod schema;
mod section;
mod shape;
mod shown;
mod store;
mod text;
mod value;

pub use adobe::Adobe;
pub use fault::{Fault, Faults, Origin};
pub use http::Http;
pub use log::{Log, LogFormat};
pub use pattern::Pattern;
pub use poll::Poll;
pub use sandbox::SandboxSettings;
pub use schema::schema;
pub use store::StoreSettings;
pub use text::format_duration;

use crate::domain::policy::breaker::Breaker;
use crate::domain::policy::in_force::DataflowPolicy;
use crate::domain::policy::quiet::Quiet;
use crate::domain::policy::retry::{Limits, RetryPolicy};
use crate::domain::policy::rule::Rule;
use crate::flow_service::Connection;
use report::Report;
use section::Section;
use shape::Shapes;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The embedded defaults: every key with its meaning, unit, range and default.
pub const DEFAULT_TOML: &str = include_str!("../../config/flowmend.default.toml");

/// What settings are read from.
#[derive(Clone, Default)]
pub struct Sources {
    /// Configuration files; a later one wins. Each has to exist.
    pub files: Vec<PathBuf>,
    /// The variables of the environment; those that are not ours are left alone.
    pub environment: HashMap<String, String>,
}

impl Sources {
    /// Takes `files`, and the environment as `std::env::vars_os` tells it. Bytes that are no text
    /// are replaced, which the checks of the settings then find.
    pub fn new(
        files: Vec<PathBuf>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Self {
        let text = |os: OsString| os.to_string_lossy().into_owned();
        let environment =
            environment.into_iter().map(|(name, value)| (text(name), text(value))).collect();
        Self { files, environment }
    }
}

impl fmt::Debug for Sources {
    /// Without the environment, which holds secrets of ours and of others.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").field("files", &self.files).finish_non_exhaustive()
    }
}

/// The settings in force.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `[adobe]`.
    pub adobe: Adobe,
    /// All `[[sandbox]]`, at least one, each name once.
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
    /// What is legal but risky, a sentence each, to be logged at the start.
    pub warnings: Vec<String>,
    shown: shown::Shown,
}

impl Settings {
    /// What the client of the platform is made from. Where a policy asks for successful runs
    /// without a record, those are listed too.
    pub fn connection(&self) -> Connection {
        let mut connection = self.adobe.connection.clone();
        let mut policies =
            self.dataflows.iter().map(|dataflow| &dataflow.retry).chain([&self.retry]);
        let wanted = policies.any(|policy| policy.retry_empty_success)
            || self.rules.iter().any(|rule| rule.retry.retry_empty_success == Some(true));
        let statuses = &mut connection.failed_status_values;
        if wanted && !statuses.is_empty() {
            statuses.extend(["success", "Success"].map(str::to_owned));
        }
        connection
    }

    /// Reads and checks the settings.
    ///
    /// # Errors
    /// Everything that is wrong, at once. No fault holds the value of a secret.
    pub fn load(sources: &Sources) -> Result<Self, Faults> {
        Self::load_noting(sources).map(|(settings, _)| settings)
    }

    /// As [`load`](Self::load), and tells what each key that was asked for accepts.
    fn load_noting(sources: &Sources) -> Result<(Self, Shapes), Faults> {
        let mut report = Report::default();
        let report_mut = &mut report;
        let mut tables = load::merge(&sources.files, &sources.environment, report_mut);
        let systemd = sources.environment.get("CREDENTIALS_DIRECTORY").map(Path::new);

        let adobe = read("adobe", &mut tables, report_mut, |it| adobe::read(it, systemd));
        let sandboxes = sandbox::read_all(tables.remove("sandbox"), report_mut);
        let poll = read("poll", &mut tables, report_mut, poll::read);
        let retry = read("retry", &mut tables, report_mut, policy::read_retry);
        let retry = retry.over(RetryPolicy::default());
        let limits = read("limits", &mut tables, report_mut, |it| {
            policy::read_limits(it, &Limits::default())
        });
        let dataflows = tables.remove("dataflow");
        let dataflows = dataflow::read_all(dataflows, &sandboxes, retry, &limits, report_mut);
        let rules = rule::read_all(&mut tables, &sandboxes, report_mut);
        let quiet = quiet::read_all(tables.remove("quiet"), &sandboxes, report_mut);
        let breaker = read("breaker", &mut tables, report_mut, breaker::read);
        let store = read("store", &mut tables, report_mut, store::read);
        let http = read("http", &mut tables, report_mut, http::read);
        let log = read("log", &mut tables, report_mut, log::read);
        fit::check(report_mut);
        if limits.retriggers_per_day > 0 {
            fit::check_daily_limit(report_mut);
        }

        let (warnings, shown, shapes) = report.conclude()?;
        const READ: &str = "the defaults hold every key, and there is no fault";
        let settings = Self {
            adobe: adobe.expect(READ),
            sandboxes,
            dataflows,
            poll: poll.expect(READ),
            retry,
            limits,
            rules,
            quiet,
            breaker,
            store: store.expect(READ),
            http: http.expect(READ),
            log: log.expect(READ),
            warnings,
            shown,
        };
        Ok((settings, shapes))
    }

    /// The effective settings as TOML, each key with where it comes from as a comment and secrets
    /// as `"[redacted]"`.
    pub fn render(&self) -> String {
        self.shown.to_string()
    }
}

/// Reads the section `name` with `read` and faults what that leaves over.
fn read<T>(
    name: &str,
    tables: &mut config::Map<String, config::Value>,
    report: &mut Report,
    read: impl FnOnce(&mut Section<'_>) -> T,
) -> T {
    let table = match tables.remove(name).map(|table| table.kind) {
        Some(config::ValueKind::Table(table)) => table,
        _ => config::Map::new(),
    };
    let mut section = Section::new(name, &format!("[{name}]"), table, report);
    let result = read(&mut section);
    section.finish();
    result
}
