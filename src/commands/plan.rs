//! `flowmend plan`: what the next pass would do, and why.

use super::context::{Exit, print};
use super::format::{distance, seconds};
use super::layout::{Column, Fit, Grid, Screen};
use super::wiring::{Identity, OpenStore, daemon, shown};
use crate::daemon::{Action, Line, Mode, PassError, Preview};
use crate::domain::model::ids::{FlowId, RunId, SandboxName};
use crate::domain::model::reason::Reason;
use crate::settings::Settings;
use crate::telemetry::chain;

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// A longer table is cut; the JSON document has all rows.
const ROWS: usize = 200;

type Previews = Vec<(SandboxName, Result<Preview, PassError>)>;

pub(super) async fn plan(
    settings: Arc<Settings>,
    json: bool,
    screen: &Screen,
) -> anyhow::Result<Exit> {
    let open = OpenStore::open(&settings, Mode::DryRun).await?;
    let identity = Identity::draw();
    let mut daemon = daemon(settings, open.store.clone(), &identity, Mode::DryRun, &shown())?;
    let previews = daemon.preview(&CancellationToken::new()).await;
    let runs = previews.iter().filter_map(|(_, preview)| preview.as_ref().ok());
    let runs: Vec<RunId> = runs.flat_map(|it| &it.lines).flat_map(runs_of).cloned().collect();
    let short = runs.iter().cloned().zip(open.store.short_ids(&runs).await?).collect();
    open.close().await;
    let complete =
        previews.iter().all(|(_, preview)| matches!(preview, Ok(Preview { fault: None, .. })));
    print(&match json {
        true => json_report(&previews)?,
        false => table_report(&previews, &short, screen)?,
    })?;
    Ok(if complete { Exit::Done } else { Exit::Failed })
}

/// The short id of each run.
type ShortIds = HashMap<RunId, String>;

fn runs_of(line: &Line) -> impl Iterator<Item = &RunId> {
    std::iter::once(&line.run_id).chain(&line.other_run_id)
}

fn json_report(previews: &Previews) -> anyhow::Result<String> {
    let sandboxes: Vec<Value> = previews
        .iter()
        .map(|(sandbox, preview)| match preview {
            Ok(preview) => json!({
                "sandbox": sandbox.as_str(),
                "complete": preview.fault.is_none(),
                "fault": preview.fault.as_ref().map(|fault| chain(fault)),
                "read_at": preview.read_at.to_string(),
                "next_due": preview.next_due.map(|due| due.to_string()),
                "runs_left_over": preview.unfinished,
                "runs": preview.lines.iter().map(as_json).collect::<Vec<_>>(),
            }),
            Err(fault) => json!({
                "sandbox": sandbox.as_str(),
                "complete": false,
                "fault": chain(fault),
                "runs": [],
            }),
        })
        .collect();
    Ok(serde_json::to_string_pretty(&json!({ "sandboxes": sandboxes }))? + "\n")
}

fn as_json(line: &Line) -> Value {
    json!({
        "action": line.action.as_str(),
        "flow_id": line.flow_id.as_str(),
        "flow_name": line.flow_name,
        "run_id": line.run_id.as_str(),
        "other_run_id": line.other_run_id.as_ref().map(|id| id.as_str()),
        "attempt": line.attempt,
        "max_attempts": line.max_attempts,
        "due": line.due.map(|due| due.to_string()),
        "reason": line.reason.map(Reason::as_str),
        "explanation": line.reason.map(Reason::explanation),
        "rule": line.rule,
        "detail": line.detail,
    })
}

fn table_report(previews: &Previews, short: &ShortIds, screen: &Screen) -> anyhow::Result<String> {
    let mut report = String::new();
    let mut reasons = BTreeSet::new();
    for (sandbox, preview) in previews {
        if !report.is_empty() {
            report.push('\n');
        }
        match preview {
            Err(fault) => writeln!(report, "sandbox {sandbox}  FAILED: {}", chain(fault))?,
            Ok(preview) => {
                write_preview(sandbox, preview, short, screen, &mut report)?;
                reasons.extend(preview.lines.iter().filter_map(|line| line.reason));
            }
        }
    }
    let widest = reasons.iter().map(|reason| reason.as_str().len()).max().unwrap_or(0);
    for (index, reason) in reasons.iter().enumerate() {
        let gap = if index == 0 { "\n" } else { "" };
        writeln!(report, "{gap}{:widest$}  {}", reason.as_str(), reason.explanation())?;
    }
    Ok(report)
}

fn write_preview(
    sandbox: &SandboxName,
    preview: &Preview,
    short: &ShortIds,
    screen: &Screen,
    report: &mut String,
) -> anyhow::Result<()> {
    let mut counts: BTreeMap<Action, usize> = BTreeMap::new();
    preview.lines.iter().for_each(|line| *counts.entry(line.action).or_default() += 1);
    let counts: Vec<String> =
        counts.iter().map(|(action, count)| format!("{count} {}", action.as_str())).collect();
    let summary = if counts.is_empty() { "nothing to do".into() } else { counts.join(" · ") };
    writeln!(report, "sandbox {sandbox}  {}  {summary}", seconds(preview.read_at))?;
    if let Some(fault) = &preview.fault {
        writeln!(report, "  INCOMPLETE: {}; below is what could be read", chain(fault))?;
    }
    if preview.unfinished {
        writeln!(
            report,
            "  More failed runs wait for a later pass (poll.max_adopted_per_pass, or a call in doubt)."
        )?;
    }
    if preview.lines.is_empty() {
        return Ok(());
    }
    let mut grid = Grid::new([
        Column::new("ACTION", Fit::Whole),
        Column::new("DATAFLOW", Fit::Cut),
        Column::new("FAILED RUN", Fit::Whole),
        Column::new("ATTEMPT", Fit::Number).drops(2),
        Column::new("DUE", Fit::Whole).drops(1),
        Column::new("WHY", Fit::Wrap),
    ]);
    let rows = rows(preview, short);
    let left_out = rows.len().saturating_sub(ROWS);
    rows.into_iter().take(ROWS).for_each(|row| grid.row(row));
    write!(report, "\n{}", grid.show(screen))?;
    if left_out > 0 {
        writeln!(report, "… and {left_out} more; use --json.")?;
    }
    Ok(())
}

/// One row per line; runs of one dataflow that are skipped for the same reason share a row.
fn rows(preview: &Preview, short: &ShortIds) -> Vec<[String; 6]> {
    let id = |run: &RunId| short.get(run).cloned().unwrap_or_else(|| run.to_string());
    let mut skipped: HashMap<(&FlowId, Option<Reason>), usize> = HashMap::new();
    for line in preview.lines.iter().filter(|line| line.action == Action::Skip) {
        *skipped.entry((&line.flow_id, line.reason)).or_default() += 1;
    }
    preview
        .lines
        .iter()
        .filter_map(|line| {
            let run = match line.action {
                // The first one represents all of them.
                Action::Skip => match skipped.remove(&(&line.flow_id, line.reason))? {
                    1 => id(&line.run_id),
                    count => format!("{count} runs"),
                },
                _ => id(&line.run_id),
            };
            Some([
                line.action.as_str().to_owned(),
                line.flow_name.clone(),
                run,
                attempt(line),
                line.due.map(|due| distance(due, preview.read_at)).unwrap_or_default(),
                why(line, id),
            ])
        })
        .collect()
}

fn attempt(line: &Line) -> String {
    match (line.attempt, line.max_attempts) {
        (Some(attempt), Some(max)) => format!("{attempt}/{max}"),
        _ => String::new(),
    }
}

fn why(line: &Line, id: impl Fn(&RunId) -> String) -> String {
    let run = line.other_run_id.as_ref().map(id).map(|run| match line.action {
        Action::Retrigger => format!("re-triggers run {run}"),
        _ => format!("run {run}"),
    });
    let caution = (line.reason == Some(Reason::Interrupted))
        .then(|| "unless a running daemon is making this call now".to_owned());
    let reason = line.reason.map(|reason| reason.as_str().to_owned());
    let rule = line.rule.as_ref().map(|rule| format!("rule \"{rule}\""));
    let parts = [reason, caution, run, line.detail.clone(), rule];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}
