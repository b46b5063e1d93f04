//! `flowmend check`: checks configuration, store, credentials and access, and lists the dataflows.

use super::context::{Exit, print};
use super::format::{keep_whole, policy, table};
use crate::clock::SystemClock;
use crate::daemon::{Catalog, PassError};
use crate::domain::model::flow::FlowKind;
use crate::domain::model::ids::SandboxName;
use crate::domain::plan::dataflow::Dataflow;
use crate::domain::policy::in_force::{DataflowPolicy, Policies};
use crate::flow_service::{ApiError, FlowService};
use crate::settings::{SandboxSettings, Settings};
use crate::store::{SqliteStore, Store};
use crate::telemetry::chain;

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

pub(super) async fn check(settings: &Settings) -> anyhow::Result<Exit> {
    let mut report = String::from("configuration  ok\n");
    for warning in &settings.warnings {
        writeln!(report, "warning        {warning}")?;
    }
    let mut worst = check_store(settings, &mut report).await?;
    let service = FlowService::new(settings.connection(), Arc::new(SystemClock::new()))?;
    if let Err(error) = service.authenticate().await {
        writeln!(report, "credentials    FAILED: {}", chain(&error))?;
        print(&report)?;
        return Ok(exit_for(&error));
    }
    writeln!(report, "credentials    ok, as {}", service.client_id())?;
    for sandbox in &settings.sandboxes {
        let exit = check_sandbox(&service, settings, sandbox, &mut report).await?;
        if worst == Exit::Done {
            worst = exit;
        }
    }
    print(&report)?;
    Ok(worst)
}

/// Checks the store without changing it; if there is none yet, checks its directory.
async fn check_store(settings: &Settings, report: &mut String) -> anyhow::Result<Exit> {
    let path = &settings.store.path;
    let shown = path.display();
    if !path.exists() {
        let folder = std::path::absolute(path)?;
        return match folder.parent().is_some_and(Path::is_dir) {
            true => {
                writeln!(report, "store          ok, will be created at {shown}")?;
                Ok(Exit::Done)
            }
            false => {
                writeln!(
                    report,
                    "store          FAILED: {shown}: its directory does not exist; create it"
                )?;
                Ok(Exit::Failed)
            }
        };
    }
    match SqliteStore::open_existing(path).await {
        Ok(store) => {
            store.close().await;
            writeln!(report, "store          ok, {shown}")?;
            Ok(Exit::Done)
        }
        Err(error) => {
            writeln!(report, "store          FAILED: {}", chain(&error))?;
            Ok(Exit::Failed)
        }
    }
}

async fn check_sandbox(
    service: &FlowService,
    settings: &Settings,
    sandbox: &SandboxSettings,
    report: &mut String,
) -> anyhow::Result<Exit> {
    let mut catalog = Catalog::default();
    match catalog.refresh(service, settings, sandbox).await {
        Ok(()) => {
            writeln!(report, "\nsandbox {}  ok", sandbox.name)?;
            write_catalog(&catalog, &sandbox.name, &settings.policies(), report)?;
            Ok(Exit::Done)
        }
        Err(error) => {
            writeln!(report, "\nsandbox {}  FAILED: {}", sandbox.name, chain(&error))?;
            Ok(match &error {
                PassError::Platform { source, .. } => exit_for(source),
                _ => Exit::Failed,
            })
        }
    }
}

fn exit_for(error: &ApiError) -> Exit {
    if error.is_credentials() {
        Exit::Refused
    } else if error.is_unreachable() {
        Exit::Unreachable
    } else {
        Exit::Failed
    }
}

fn write_catalog(
    catalog: &Catalog,
    sandbox: &SandboxName,
    policies: &Policies,
    report: &mut String,
) -> anyhow::Result<()> {
    let mut dataflows: Vec<&Dataflow> = catalog.flows().values().collect();
    dataflows.sort_by(|a, b| a.flow.name.cmp(&b.flow.name).then(a.flow.id.cmp(&b.flow.id)));
    if dataflows.is_empty() {
        writeln!(report, "  WARNING: no dataflow matches include and exclude; check for typos")?;
        return Ok(());
    }
    let mut table = table(["DATAFLOW", "ID", "KIND", "STATE", "LAST RUN", "POLICY"]);
    for dataflow in &dataflows {
        let last = dataflow.flow.last_run.as_ref();
        table.add_row([
            dataflow.flow.name.clone(),
            dataflow.flow.id.to_string(),
            dataflow.kind.as_str().to_owned(),
            dataflow.flow.state.as_str().to_owned(),
            last.map_or("-".to_owned(), |last| last.status.as_str().to_owned()),
            match dataflow.kind {
                FlowKind::Batch => {
                    policy(&policies.of(sandbox, &dataflow.flow.id, &dataflow.flow.name).retry)
                }
                _ => "skipped".to_owned(),
            },
        ]);
    }
    keep_whole(&mut table, &[0, 1]);
    writeln!(report, "{table}")?;
    for policy in policies.dataflows.iter() {
        write_overruled_kinds(policy, &dataflows, sandbox, report)?;
    }
    let unknown = catalog.count(FlowKind::Unknown);
    if unknown > 0 {
        writeln!(
            report,
            "  {unknown} of unknown kind: skipped unless a [[dataflow]] sets kind = \"batch\""
        )?;
    }
    Ok(())
}

/// Warns of a configured kind that Adobe contradicts for some of the dataflows it covers.
fn write_overruled_kinds(
    policy: &DataflowPolicy,
    dataflows: &[&Dataflow],
    sandbox: &SandboxName,
    report: &mut String,
) -> anyhow::Result<()> {
    let Some(kind) = policy.kind else { return Ok(()) };
    let covered = |it: &&&Dataflow| policy.scope.covers(sandbox, &it.flow.id, &it.flow.name);
    let mut others = dataflows.iter().filter(covered).filter(|it| it.kind != kind);
    let Some(first) = others.next() else { return Ok(()) };
    writeln!(
        report,
        "  WARNING: kind = \"{}\" for \"{}\" has no effect on {} (of kind {}) and {} more;\n  \
         match fewer dataflows",
        kind.as_str(),
        policy.scope.dataflow.as_ref().map_or("*", |it| it.as_str()),
        first.flow.name,
        first.kind.as_str(),
        others.count(),
    )?;
    Ok(())
}
