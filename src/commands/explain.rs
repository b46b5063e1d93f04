//! `flowmend explain`: everything that was decided about one run, in order, and what comes next.

use super::context::{Exit, print, run_named};
use super::format::{policy, seconds, seconds_from};
use super::lines::{width, wrapped};
use crate::cli::ExplainArgs;
use crate::clock::{Clock, SystemClock};
use crate::domain::model::ids::RunId;
use crate::domain::policy::retry::RetryOverride;
use crate::overview::{Story, errors};
use crate::settings::{Settings, format_duration};
use crate::store::{SqliteStore, Store};
use crate::telemetry;
use std::fmt::Write;

pub(super) async fn explain(settings: &Settings, args: ExplainArgs) -> anyhow::Result<Exit> {
    let store = SqliteStore::open_existing(&settings.store.path).await?;
    let run = run_named(&store, &args.run).await?;
    let recovery = store.recovery_of(&run).await?;
    let root = recovery.as_ref().map_or(&run, |recovery| &recovery.root_run_id);
    let entries = store.journal(root).await?;
    store.close().await;
    let now = SystemClock::new().now();
    let policies = settings.policies();
    let history = Story::new(&run, recovery.as_ref(), &entries, settings, &policies, now);
    let Some(history) = history else {
        telemetry::print_error(&unknown(&run, settings));
        return Ok(Exit::Failed);
    };
    print(&match args.json {
        true => serde_json::to_string_pretty(&history.as_json()?)? + "\n",
        false => history.as_text(width())?,
    })?;
    Ok(Exit::Done)
}

fn unknown(run: &RunId, settings: &Settings) -> String {
    format!(
        "run {run} is not in the store {store}\n\
         - flowmend never saw it: it did not fail, its dataflow is not selected, it failed more than\n  \
         poll.lookback = {lookback} before flowmend looked for it, or another store is in use.\n\
         - Or it was removed: recoveries that have ended are kept for store.retention = {retention}.",
        store = settings.store.path.display(),
        lookback = format_duration(settings.poll.lookback),
        retention = format_duration(settings.store.retention),
    )
}

impl Story<'_> {
    /// The text, in lines that fit `width`.
    fn as_text(&self, width: Option<usize>) -> anyhow::Result<String> {
        const INDENT: usize = 10;
        let head = self.head()?;
        let head = head.lines().map(|line| wrapped(line, INDENT, width));
        let lines = head.chain([String::new()]).chain(self.timeline(width));
        Ok(lines.map(|line| line + "\n").collect())
    }

    fn head(&self) -> anyhow::Result<String> {
        let mut text = String::new();
        let out = &mut text;
        writeln!(out, "run       {}{}", self.run, self.role())?;
        let not_selected = if self.is_selected { "" } else { "  no longer selected" };
        writeln!(out, "dataflow  {}  {}{not_selected}", self.flow_name, self.flow_id)?;
        writeln!(out, "sandbox   {}", self.sandbox)?;
        let table = match self.pattern {
            Some(pattern) => format!("[[dataflow]] match = \"{pattern}\""),
            None => "[retry]".to_owned(),
        };
        let rule = match self.in_force.rule {
            Some(rule) => format!("\"{}\": {}", rule.name, rule.action.as_str()),
            None => "none matches, so the run is re-triggered".to_owned(),
        };
        writeln!(out, "rule      {rule}")?;
        let overridden =
            self.in_force.rule.is_some_and(|rule| rule.retry != RetryOverride::default());
        let overridden = if overridden { " and the rule" } else { "" };
        writeln!(out, "policy    {}  from {table}{overridden}", policy(&self.in_force.retry))?;
        if let Some(recovery) = self.recovery {
            let codes = self.codes().unwrap_or("no error code");
            writeln!(out, "failed    {}  {codes}", seconds_from(recovery.failed_at, self.now))?;
        }
        let first = self.entries.iter().find_map(|entry| entry.failure.as_ref());
        let label = if first == self.failure { "error" } else { "error now" };
        for error in self.failure.map(errors).unwrap_or_default() {
            writeln!(out, "{label:<10}{error}")?;
        }
        if let Some(recovery) = self.recovery.filter(|it| !it.state.is_final()) {
            writeln!(out, "budget    {}", self.budget(recovery))?;
        }
        writeln!(out, "next      {}", self.next())?;
        Ok(text)
    }

    /// One line per entry, and its reasons below it: in columns they would be too narrow to read.
    fn timeline(&self, width: Option<usize>) -> Vec<String> {
        const INDENT: usize = 4;
        let row =
            |time: &str, attempt: &str, what: &str| format!("{time:<20}  {attempt:<7}  {what}");
        let mut lines = vec![row("TIME", "ATTEMPT", "WHAT AND WHY")];
        for (entry, reasons) in self.lines() {
            let attempt = match (entry.attempt, entry.max_attempts) {
                (Some(attempt), Some(max)) => format!("{attempt}/{max}"),
                _ => String::new(),
            };
            lines.push(row(&seconds(entry.at), &attempt, entry.event.message()));
            let indented = reasons.iter().map(|reason| format!("{:INDENT$}{reason}", ""));
            lines.extend(indented.map(|line| wrapped(&line, INDENT + 2, width)));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::model::failure::Failure;
    use crate::domain::model::ids::{FlowId, SandboxName};
    use crate::domain::model::journal::{Entry, Event};
    use crate::domain::model::reason::Reason;
    use crate::domain::model::run::{ErrorPlace, RunError};
    use crate::domain::policy::in_force::{InForce, Policies};
    use jiff::Timestamp;

    #[test]
    fn at_80_columns_no_line_is_too_long_and_no_word_is_broken() {
        let at: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        let error = |code: &str, message: &str| RunError {
            place: Some(ErrorPlace::ActivityDetails),
            ..RunError::new(code, message)
        };
        let message = "A connection attempt failed, \u{1b}[31mserver '192.0.2.14'. ".repeat(9);
        let failure = Failure { errors: vec![error("SftpNetworkIssue", &message)], source: None };
        let run = RunId::new("65b7cfcc-6b2e-47c8-8194-13005b792752");
        let entry = Entry {
            at,
            sandbox: SandboxName::new("prod"),
            flow_id: FlowId::new("3fb0418e-1804-45d6-8d56-dd51f05c0baf"),
            flow_name: "crm-accounts".to_owned(),
            run_id: run.clone(),
            root_run_id: Some(run.clone()),
            event: Event::Skipped,
            reason: Reason::UnknownKind,
            rule: None,
            attempt: Some(1),
            max_attempts: Some(5),
            new_run_id: None,
            etag: None,
            due: Some(at),
            detail: failure.codes(),
            failure: Some(failure.clone()),
        };
        let entries = [entry];
        let history = Story {
            run: &run,
            recovery: None,
            failure: Some(&failure),
            entries: &entries,
            sandbox: &entries[0].sandbox,
            flow_id: &entries[0].flow_id,
            flow_name: &entries[0].flow_name,
            in_force: InForce { rule: None, retry: Policies::default().default.retry },
            pattern: None,
            is_selected: true,
            now: at,
        };
        let whole = history.as_text(None).unwrap();
        let narrow = history.as_text(Some(80)).unwrap();
        assert!(narrow.lines().all(|line| line.chars().count() <= 80), "{narrow}");
        assert!(narrow.split_whitespace().eq(whole.split_whitespace()), "{narrow}");
        assert!(!narrow.contains('\u{1b}'), "{narrow}");
        let shown =
            "error     SftpNetworkIssue (details of an activity): A connection attempt failed,";
        assert!(whole.contains(shown), "{whole}");
        assert!(whole.lines().all(|line| line.chars().count() < 300), "{whole}");
    }
}
