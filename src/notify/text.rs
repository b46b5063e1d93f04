//! The text of a message: what happened, where, and what to do.

use super::notice::{Group, Notice};
use crate::domain::model::topic::Topic;
use minijinja::value::Serde;
use minijinja::{Environment, Value, context};
use std::fmt::Write;
use std::time::Duration;

/// The most groups in a text.
const LINES: usize = 10;
/// The longest text, in characters.
const TEXT_CHARS: usize = 4_000;
/// How much work a template may do, in steps of the interpreter.
const FUEL: u64 = 100_000;

/// The text of `notice`, from `template` if there is one. If a template fails, the built-in text is
/// better than no message.
pub(super) fn text(notice: &Notice, template: Option<&str>) -> String {
    let built_in = built_in(notice);
    let rendered = match template.map(|template| render(template, notice, &built_in)) {
        Some(Ok(text)) => text,
        Some(Err(error)) => {
            let error = error.to_string();
            tracing::warn!(error, "notification template failed");
            built_in
        }
        None => built_in,
    };
    rendered.chars().take(TEXT_CHARS).collect()
}

fn render(template: &str, notice: &Notice, text: &str) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    let facts = Value::from(Serde(notice));
    environment.render_str(template, context! { text => text, ..facts })
}

fn built_in(notice: &Notice) -> String {
    let mut text = format!("flowmend: {}", title(notice));
    if let Some(sandbox) = &notice.sandbox {
        let _ = write!(text, " (sandbox {sandbox})");
    }
    text.push('.');
    if let Some(error) = &notice.error {
        let _ = write!(text, " Error: {error}");
    }
    for group in notice.groups.iter().take(LINES) {
        let _ = write!(text, "\n{}", line(notice, group));
    }
    let shown: usize = notice.groups.iter().take(LINES).map(|group| group.count).sum();
    if !notice.groups.is_empty() && shown < notice.count {
        let _ = write!(text, "\n… and {} more.", notice.count - shown);
    }
    if let Some(advice) = advice(notice) {
        let _ = write!(text, "\n{advice}");
    }
    text
}

/// The first sentence, without its end.
fn title(notice: &Notice) -> String {
    let counted = |one: &str, many: &str| match notice.count {
        1 => format!("1 {one}"),
        count => format!("{count} {many}"),
    };
    match notice.topic {
        Topic::Held => counted("recovery is on hold", "recoveries are on hold"),
        Topic::GivenUp => counted("recovery was given up", "recoveries were given up"),
        Topic::Recovered => counted("failed run recovered", "failed runs recovered"),
        Topic::BreakerOpen => counted(
            "dataflow is on hold because it keeps failing",
            "dataflows are on hold because they keep failing",
        ),
        Topic::BreakerClosed => counted("dataflow recovered", "dataflows recovered"),
        Topic::OutageBegan => {
            "outage suspected: re-triggered runs of several dataflows keep failing".to_owned()
        }
        Topic::OutageEnded => "outage over: re-triggered runs succeed again".to_owned(),
        Topic::Stuck => "the daemon is stuck: one of its loops does not move".to_owned(),
        Topic::LoopFailing => format!("passes have been failing since {}", notice.at),
        Topic::LoopWell if notice.sandbox.is_some() => "passes are complete again".to_owned(),
        Topic::LoopWell => "the loops of the daemon move again".to_owned(),
        Topic::FlowOnlyFailing => counted(
            "dataflow only fails; Adobe disables it after 30 days",
            "dataflows only fail; Adobe disables them after 30 days",
        ),
        Topic::Digest => counted("recovery is still on hold", "recoveries are still on hold"),
        Topic::Test => "this is a test message".to_owned(),
    }
}

/// A dataflow with its cause.
fn line(notice: &Notice, group: &Group) -> String {
    let Group { flow_name, flow_id, count, explanation, .. } = group;
    let name = if flow_name.is_empty() { flow_id.as_str() } else { flow_name };
    let mut line = format!("- {name}");
    if notice.sandbox.is_none() {
        let _ = write!(line, " ({})", group.sandbox);
    }
    if *count > 1 {
        let _ = write!(line, ", {count} runs");
    }
    let _ = write!(line, ": {explanation}");
    if let Some(duration) = group.duration_s {
        let attempts = match group.attempts {
            Some(1) => " and 1 attempt".to_owned(),
            Some(attempts) => format!(" and {attempts} attempts"),
            None => String::new(),
        };
        let duration = humantime::format_duration(Duration::from_secs(duration));
        let _ = write!(line, " It took {duration}{attempts}.");
    }
    if let Some(error) = &group.error {
        let _ = write!(line, " Error: {error}");
    }
    line
}

/// What to do.
fn advice(notice: &Notice) -> Option<String> {
    let group = notice.groups.first();
    let run = group.and_then(|group| group.run_ids.first());
    match notice.topic {
        Topic::Held | Topic::GivenUp => Some(format!("For details and what to do: `flowmend explain {}`", run?)),
        Topic::BreakerOpen => Some(format!(
            "Fix the cause, then run `flowmend resume --flow {}`. For details: `flowmend explain {}`",
            group?.flow_id, run?
        )),
        Topic::OutageBegan => {
            Some("Until it is over, flowmend sends few re-triggers. To see what waits: `flowmend status`".to_owned())
        }
        Topic::FlowOnlyFailing => Some(format!("For details: `flowmend explain {}`", run?)),
        Topic::Digest => Some("To list them: `flowmend status --state held`".to_owned()),
        Topic::Stuck => Some("Restart the daemon, and report this with its log.".to_owned()),
        Topic::LoopFailing => Some("To find the cause: `flowmend check`".to_owned()),
        Topic::Recovered
        | Topic::BreakerClosed
        | Topic::OutageEnded
        | Topic::LoopWell
        | Topic::Test => None,
    }
}
