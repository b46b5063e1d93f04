//! `flowmend explain`: everything that was decided about one run, in order, and what comes next.

use super::context::{Exit, is_selected, print, run_named};
use super::format::{as_json, counted, distance, policy, seconds, seconds_from};
use super::lines::{width, wrapped};
use crate::cli::ExplainArgs;
use crate::clock::{Clock, SystemClock};
use crate::domain::model::failure::Failure;
use crate::domain::model::ids::{FlowId, RunId, SandboxName};
use crate::domain::model::journal::{Entry, Event};
use crate::domain::model::reason::Reason;
use crate::domain::model::time::after;
use crate::domain::policy::in_force::{InForce, Policies};
use crate::domain::policy::retry::RetryOverride;
use crate::domain::recovery::ABSENCES_NEEDED;
use crate::domain::recovery::{Recovery, State};
use crate::flow_service::clean;
use crate::settings::{Settings, format_duration};
use crate::store::{SqliteStore, Store};
use crate::telemetry;
use jiff::Timestamp;
use serde_json::{Value, json};
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
    let history = RunHistory::new(&run, recovery.as_ref(), &entries, settings, &policies, now);
    let Some(history) = history else {
        telemetry::print_error(&unknown(&run, settings));
        return Ok(Exit::Failed);
    };
    print(&if args.json { history.as_json()? } else { history.as_text(width())? })?;
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

/// How much of an error message the text has, in characters; the JSON document has all that is stored.
const MESSAGE: usize = 200;
/// How many errors of one failure the text has.
const ERRORS: usize = 5;

/// Everything that is known about one run.
struct RunHistory<'a> {
    /// The run that the user named.
    run: &'a RunId,
    recovery: Option<&'a Recovery>,
    /// The failure that is handled next, or the last one.
    failure: Option<&'a Failure>,
    /// Oldest first.
    entries: &'a [Entry],
    sandbox: &'a SandboxName,
    flow_id: &'a FlowId,
    flow_name: &'a str,
    /// The policy in force for the failure now.
    in_force: InForce<'a>,
    /// The `match` of the `[[dataflow]]` in force.
    pattern: Option<&'a str>,
    /// True if the current configuration selects the dataflow.
    is_selected: bool,
    now: Timestamp,
}

impl<'a> RunHistory<'a> {
    /// `None` if the store does not know the run.
    fn new(
        run: &'a RunId,
        recovery: Option<&'a Recovery>,
        entries: &'a [Entry],
        settings: &Settings,
        policies: &'a Policies,
        now: Timestamp,
    ) -> Option<Self> {
        let (sandbox, flow_id, flow_name) = match (recovery, entries.last()) {
            (Some(it), _) => (&it.sandbox, &it.flow_id, &it.flow_name),
            (None, Some(it)) => (&it.sandbox, &it.flow_id, &it.flow_name),
            (None, None) => return None,
        };
        let latest = entries.iter().rev().find_map(|entry| entry.failure.as_ref());
        let failure = recovery.map(|it| &it.failure).or(latest);
        let dataflow = policies.of(sandbox, flow_id, flow_name);
        let in_force = failure.map_or(InForce { rule: None, retry: dataflow.retry }, |failure| {
            policies.in_force(sandbox, flow_id, flow_name, failure)
        });
        Some(Self {
            run,
            recovery,
            failure,
            entries,
            sandbox,
            flow_id,
            flow_name,
            in_force,
            pattern: dataflow.scope.dataflow.as_ref().map(|matcher| matcher.as_str()),
            is_selected: is_selected(settings, sandbox, flow_id, flow_name),
            now,
        })
    }

    fn as_json(&self) -> anyhow::Result<String> {
        let mut recovery = self.recovery.map(as_json);
        let attempts = recovery.as_mut().and_then(Value::as_object_mut);
        let attempts = attempts.and_then(|recovery| recovery.remove("attempts"));
        let mut entries = Vec::new();
        for entry in self.entries {
            let mut shown = serde_json::to_value(entry)?;
            shown["explanation"] = json!(entry.reason.explanation());
            entries.push(shown);
        }
        let document = json!({
            "run_id": self.run.as_str(),
            "sandbox": self.sandbox.as_str(),
            "flow_id": self.flow_id.as_str(),
            "flow_name": self.flow_name,
            "is_selected": self.is_selected,
            "dataflow_match": self.pattern,
            "rule": self.in_force.rule.map(|rule| rule.name.as_str()),
            "action": self.in_force.action().as_str(),
            "max_attempts": self.in_force.retry.max_attempts,
            "codes": self.codes(),
            "errors": self.failure.map_or(&[][..], |failure| &failure.errors),
            "next": self.next(),
            "recovery": recovery,
            "attempts": attempts.unwrap_or_else(|| json!([])),
            "entries": entries,
        });
        Ok(serde_json::to_string_pretty(&document)? + "\n")
    }

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

    /// The role of the run in the recovery, if it is not the root run.
    fn role(&self) -> String {
        let Some(recovery) = self.recovery else { return String::new() };
        let issued = recovery.attempts.iter().find(|attempt| attempt.issued == *self.run);
        match issued {
            Some(attempt) if recovery.root_run_id != *self.run => format!(
                "  created by attempt {} for failed run {}",
                attempt.number, recovery.root_run_id
            ),
            _ => String::new(),
        }
    }

    /// The error codes of the first failure.
    fn codes(&self) -> Option<&str> {
        let mut decided = self.entries.iter().filter(|entry| entry.root_run_id.is_some());
        decided.next().and_then(|first| first.detail.as_deref())
    }

    fn budget(&self, recovery: &Recovery) -> String {
        format!(
            "{} of {} attempts used; no attempt after {}",
            recovery.attempts.len(),
            self.in_force.retry.max_attempts,
            seconds_from(recovery.deadline(&self.in_force.retry, self.now), self.now)
        )
    }

    /// What happens next and when, or how it ended.
    fn next(&self) -> String {
        let Some(recovery) = self.recovery else { return self.next_of_skipped() };
        let at = |at| seconds_from(at, self.now);
        let max = self.in_force.retry.max_attempts;
        let root = &recovery.root_run_id;
        let ended = at(recovery.updated_at);
        match &recovery.state {
            State::Waiting { attempt, due } if *due > self.now => {
                format!("waiting: attempt {attempt} of {max} is due {}", at(*due))
            }
            State::Waiting { attempt, due } => format!(
                "waiting: attempt {attempt} of {max} was due {}; the next pass makes it unless a \
                 limit delays it",
                at(*due)
            ),
            State::Triggering { attempt, since, .. } => format!(
                "triggering: attempt {attempt} of {max} began {}; waiting for the answer",
                at(*since)
            ),
            State::InDoubt { attempt, since, absences, .. } => format!(
                "in doubt: unknown whether Adobe accepted attempt {attempt} of {max}, begun {}. It is \
                 retried only after {ABSENCES_NEEDED} complete listings from {} on show no new run \
                 ({absences} so far)",
                at(*since),
                at(after(*since, recovery.confirmed_after(&self.in_force.retry)))
            ),
            State::Watching { attempt, issued, since } => format!(
                "watching: run {issued} of attempt {attempt} of {max} is in progress; flowmend gives up {}",
                at(after(*since, self.in_force.retry.watch_timeout))
            ),
            State::Held {
                why: why @ (Reason::KeepsFailing | Reason::Paused | Reason::ActionUnsupported),
                ..
            } => format!(
                "on hold since {ended}: {why}; to continue: flowmend resume --flow {}, or flowmend retry {root}",
                self.flow_id
            ),
            State::Held { why, .. } if why.passes() && *why != Reason::HeldByRule => format!(
                "on hold since {ended}: {why}; continues when the cause is gone, or after flowmend retry {root}"
            ),
            State::Held { why, .. } => {
                format!(
                    "on hold since {ended}: {why}; to continue: flowmend retry {root}, or dismiss it"
                )
            }
            State::Recovered { why } => format!("nothing: recovered {ended}: {why}"),
            State::GivenUp { why } => {
                format!("nothing: given up {ended}: {why}; to retry: flowmend retry {root}")
            }
            State::Dismissed { why } => {
                format!("nothing: dismissed {ended}: \"{why}\"; to retry: flowmend retry {root}")
            }
        }
    }

    fn next_of_skipped(&self) -> String {
        let Some(last) = self.entries.last() else { return String::new() };
        match last.reason {
            _ if last.event != Event::Skipped => {
                "nothing: the recovery was removed (store.retention); only this is left".to_owned()
            }
            Reason::KeepsFailing | Reason::Paused | Reason::ActionUnsupported => format!(
                "skipped while its dataflow is on hold; retried if the hold ends within \
                 poll.lookback: flowmend resume --flow {}",
                self.flow_id
            ),
            Reason::FlowDisabled | Reason::NotSelected | Reason::UnknownKind => {
                "skipped; retried if the cause goes away within poll.lookback".to_owned()
            }
            _ => "nothing: skipped for good".to_owned(),
        }
    }

    /// One line per entry, and its reasons below it: in columns they would be too narrow to read.
    fn timeline(&self, width: Option<usize>) -> Vec<String> {
        const INDENT: usize = 4;
        let row =
            |time: &str, attempt: &str, what: &str| format!("{time:<20}  {attempt:<7}  {what}");
        let mut lines = vec![row("TIME", "ATTEMPT", "WHAT AND WHY")];
        let (mut after_call, mut shown) = (false, self.failure);
        for entry in self.entries {
            let attempt = match (entry.attempt, entry.max_attempts) {
                (Some(attempt), Some(max)) => format!("{attempt}/{max}"),
                _ => String::new(),
            };
            lines.push(row(&seconds(entry.at), &attempt, entry.event.message()));
            let news = entry.failure.as_ref().filter(|it| shown != Some(*it));
            shown = news.or(shown);
            let reasons = self.reasons(entry, after_call, news);
            let indented = reasons.iter().map(|reason| format!("{:INDENT$}{reason}", ""));
            lines.extend(indented.map(|line| wrapped(&line, INDENT + 2, width)));
            after_call = entry.event == Event::Begun;
        }
        lines
    }

    /// The reason, and the details below it; the errors if they are news.
    fn reasons(&self, entry: &Entry, after_call: bool, news: Option<&Failure>) -> Vec<String> {
        let mut lines = vec![format!("{}: {}", entry.reason, entry.reason.explanation())];
        lines.extend(entry.rule.as_ref().map(|rule| format!("rule: {rule}")));
        if let Some(detail) = &entry.detail {
            let label = match entry.event {
                Event::Dismissed | Event::FlowWarned | Event::FlowHeld => "reason given",
                Event::Begun => "seen",
                _ if after_call => "answer",
                _ => "codes",
            };
            lines.push(format!("{label}: {detail}"));
        }
        let errors = news.map(errors).unwrap_or_default();
        lines.extend(errors.into_iter().map(|error| format!("error: {error}")));
        if entry.root_run_id.as_ref().is_some_and(|root| *root != entry.run_id) {
            lines.push(format!("run: {}", entry.run_id));
        }
        if matches!(entry.event, Event::Retriggered | Event::Followed) {
            lines.extend(entry.new_run_id.as_ref().map(|id| format!("new run: {id}")));
            lines.extend(entry.etag.as_ref().map(|etag| format!("etag: {}", etag.as_str())));
        }
        if let Some(due) = entry.due {
            lines.push(format!("due: {} ({})", seconds(due), distance(due, entry.at)));
        }
        lines
    }
}

/// The errors of a failure, each with its code, where it stands, and its message.
fn errors(failure: &Failure) -> Vec<String> {
    let shown = failure.errors.iter().take(ERRORS).map(|error| {
        let code = match clean(&error.code, MESSAGE) {
            code if code.is_empty() => "no code".to_owned(),
            code => code,
        };
        let place = error.place.map(|place| format!(" ({})", place.as_str())).unwrap_or_default();
        format!("{code}{place}: {}", clean(&error.message, MESSAGE))
    });
    let more = failure.errors.len().saturating_sub(ERRORS);
    let more = (more > 0).then(|| format!("{} more: use --json", counted(more as u64, "error")));
    shown.chain(more).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::model::run::{ErrorPlace, RunError};

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
        let history = RunHistory {
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
