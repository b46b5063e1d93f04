//! `flowmend check`: checks configuration, store, credentials and access, and shows which dataflows
//! flowmend handles and which it leaves alone.

mod sandbox;
mod unmatched;

use super::context::{Exit, print};
use super::lines::{width, wrapped};
use crate::cli::CheckArgs;
use crate::clock::SystemClock;
use crate::flow_service::FlowService;
use crate::settings::Settings;
use crate::store::{Readiness, SqliteStore};
use crate::telemetry::chain;
use sandbox::{SandboxReport, exit_for};
use serde_json::{Value, json};
use std::sync::Arc;

/// What `check` cannot find out.
const NOT_TRIED: &str = "not tried: whether the credential may re-trigger runs shows only when a run \
    is re-triggered";

pub(super) async fn check(settings: &Settings, args: CheckArgs) -> anyhow::Result<Exit> {
    let report = Report::make(settings, &args).await?;
    print(&match args.json {
        true => serde_json::to_string_pretty(&report.as_json())? + "\n",
        false => report.as_text(width()),
    })?;
    let denied = args.deny_warnings && !report.warnings.is_empty();
    Ok(if denied && report.exit == Exit::Done { Exit::Failed } else { report.exit })
}

/// The outcome of one check, in words.
type Outcome = Result<String, String>;

struct Report {
    warnings: Vec<String>,
    store: Outcome,
    /// `None` if they were not tried.
    credentials: Option<Outcome>,
    sandboxes: Vec<SandboxReport>,
    /// That of the first fault.
    exit: Exit,
}

impl Report {
    async fn make(settings: &Settings, args: &CheckArgs) -> anyhow::Result<Self> {
        let store = check_store(settings).await;
        let exit = if store.is_ok() { Exit::Done } else { Exit::Failed };
        let warnings = settings.warnings.clone();
        let mut report = Self { warnings, store, credentials: None, sandboxes: Vec::new(), exit };
        if !args.offline {
            report.check_service(settings, args).await?;
        }
        Ok(report)
    }

    async fn check_service(&mut self, settings: &Settings, args: &CheckArgs) -> anyhow::Result<()> {
        let service = FlowService::new(settings.connection(), Arc::new(SystemClock::new()))?;
        if let Err(error) = service.authenticate().await {
            self.credentials = Some(Err(chain(&error)));
            self.exit = exit_for(&error);
            return Ok(());
        }
        self.credentials = Some(Ok(format!("as {}", service.client_id())));
        for sandbox in &settings.sandboxes {
            let report = SandboxReport::make(&service, settings, sandbox, args.probe).await;
            if self.exit == Exit::Done {
                self.exit = report.exit();
            }
            self.sandboxes.push(report);
        }
        self.warnings.extend(unmatched::warnings(settings, &self.sandboxes));
        Ok(())
    }

    fn as_text(&self, width: Option<usize>) -> String {
        let mut text = String::new();
        let mut line = |label: &str, outcome: &str| {
            text.push_str(&wrapped(&format!("{label:<15}{outcome}"), 15, width));
            text.push('\n');
        };
        let words = |outcome: &Outcome| match outcome {
            Ok(words) => format!("ok, {words}"),
            Err(fault) => format!("FAILED: {fault}"),
        };
        line("configuration", "ok");
        self.warnings.iter().for_each(|warning| line("warning", warning));
        line("store", &words(&self.store));
        match &self.credentials {
            Some(outcome) => line("credentials", &words(outcome)),
            None => line("credentials", "not tried (--offline)"),
        }
        if matches!(self.credentials, Some(Ok(_))) {
            line("re-trigger", NOT_TRIED);
        }
        self.sandboxes.iter().for_each(|sandbox| text.push_str(&sandbox.as_text(width)));
        text
    }

    fn as_json(&self) -> Value {
        let outcome = |it: &Outcome| match it {
            Ok(words) => json!({ "ok": true, "message": words }),
            Err(fault) => json!({ "ok": false, "message": fault }),
        };
        json!({
            "ok": self.exit == Exit::Done,
            "warnings": self.warnings,
            "store": outcome(&self.store),
            "credentials": self.credentials.as_ref().map(outcome),
            "retrigger": NOT_TRIED,
            "sandboxes": self.sandboxes.iter().map(SandboxReport::as_json).collect::<Vec<_>>(),
        })
    }
}

async fn check_store(settings: &Settings) -> Outcome {
    let path = &settings.store.path;
    let shown = path.display();
    match SqliteStore::try_writing(path).await {
        Ok(Readiness::Ready) => Ok(format!("can be written: {shown}")),
        Ok(Readiness::WillBeCreated) => Ok(format!("flowmend run will create {shown}")),
        Ok(Readiness::WillBeMigrated) => {
            Ok(format!("flowmend run will migrate {shown}, which an older flowmend wrote"))
        }
        Err(error) => Err(chain(&error)),
    }
}
