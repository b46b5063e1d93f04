//! The story of a run: everything that was decided about it, in order, and what comes next.

use super::document::as_json;
use super::words::{counted, distance, seconds, seconds_from};
use crate::domain::model::failure::Failure;
use crate::domain::model::ids::{FlowId, RunId, SandboxName};
use crate::domain::model::journal::{Entry, Event};
use crate::domain::model::reason::Reason;
use crate::domain::model::time::after;
use crate::domain::policy::in_force::{InForce, Policies};
use crate::domain::recovery::ABSENCES_NEEDED;
use crate::domain::recovery::{Recovery, State};
use crate::flow_service::clean;
use crate::settings::Settings;
use jiff::Timestamp;
use serde_json::{Value, json};

/// How much of an error message the text has, in characters; the JSON document has all that is stored.
const MESSAGE: usize = 200;
/// How many errors of one failure the text has.
const ERRORS: usize = 5;

/// Everything that is known about one run.
#[derive(Debug)]
pub struct Story<'a> {
    /// The run that the user named.
    pub(crate) run: &'a RunId,
    /// Its recovery; `None` if it was skipped.
    pub(crate) recovery: Option<&'a Recovery>,
    /// The failure that is handled next, or the last one.
    pub(crate) failure: Option<&'a Failure>,
    /// Oldest first.
    pub(crate) entries: &'a [Entry],
    pub(crate) sandbox: &'a SandboxName,
    pub(crate) flow_id: &'a FlowId,
    pub(crate) flow_name: &'a str,
    /// The policy in force for the failure now.
    pub(crate) in_force: InForce<'a>,
    /// The `match` of the `[[dataflow]]` in force.
    pub(crate) pattern: Option<&'a str>,
    /// True if the current configuration selects the dataflow.
    pub(crate) is_selected: bool,
    pub(crate) now: Timestamp,
}

impl<'a> Story<'a> {
    /// `None` if the store does not know the run.
    pub fn new(
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
            is_selected: settings.selects(sandbox, flow_id, flow_name),
            now,
        })
    }

    /// The whole story for scripts.
    ///
    /// # Errors
    /// If it cannot be written as JSON.
    pub fn as_json(&self) -> serde_json::Result<Value> {
        let mut recovery = self.recovery.map(as_json);
        let attempts = recovery.as_mut().and_then(Value::as_object_mut);
        let attempts = attempts.and_then(|recovery| recovery.remove("attempts"));
        let mut entries = Vec::new();
        for entry in self.entries {
            let mut shown = serde_json::to_value(entry)?;
            shown["explanation"] = json!(entry.reason.explanation());
            entries.push(shown);
        }
        Ok(json!({
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
        }))
    }

    /// The role of the run in the recovery, if it is not the root run.
    pub fn role(&self) -> String {
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
    pub fn codes(&self) -> Option<&str> {
        let mut decided = self.entries.iter().filter(|entry| entry.root_run_id.is_some());
        decided.next().and_then(|first| first.detail.as_deref())
    }

    /// How much of the retry budget is used.
    pub fn budget(&self, recovery: &Recovery) -> String {
        format!(
            "{} of {} attempts used; no attempt after {}",
            recovery.attempts.len(),
            self.in_force.retry.max_attempts,
            seconds_from(recovery.deadline(&self.in_force.retry, self.now), self.now)
        )
    }

    /// What happens next and when, or how it ended.
    pub fn next(&self) -> String {
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

    /// Each entry with the reason, and the details after it; errors only where they are news.
    pub fn lines(&self) -> Vec<(&'a Entry, Vec<String>)> {
        let (mut after_call, mut shown) = (false, self.failure);
        let lines = self.entries.iter().map(|entry| {
            let news = entry.failure.as_ref().filter(|it| shown != Some(*it));
            shown = news.or(shown);
            let reasons = reasons(entry, after_call, news);
            after_call = entry.event == Event::Begun;
            (entry, reasons)
        });
        lines.collect()
    }
}

/// The reason, and the details below it; the errors if they are news.
fn reasons(entry: &Entry, after_call: bool, news: Option<&Failure>) -> Vec<String> {
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

/// The errors of a failure, each with its code, where it stands, and its message.
pub(crate) fn errors(failure: &Failure) -> Vec<String> {
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
