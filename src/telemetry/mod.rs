//! Logging and messages: one subscriber, pretty for people and JSON for machines.

mod pretty;
mod queue;

use crate::settings::LogFormat;
use pretty::Pretty;
use queue::Queue;
use std::error::Error;
use std::fs::File;
use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::OnceLock;
use std::time::Duration;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// How long the end of the process waits for log lines to be written.
const FLUSH_LIMIT: Duration = Duration::from_millis(400);

/// The log of this process, once it is started.
static LOG: OnceLock<Log> = OnceLock::new();

struct Log {
    queue: Queue,
    is_json: bool,
}

/// Starts logging to standard error. `level` is a level, or a filter in the syntax of
/// `tracing-subscriber` such as `info,flowmend::flow_service=debug`. Dependencies log nothing below WARN
/// unless the filter names them.
///
/// # Errors
/// If `level` cannot be read, or logging was started before.
pub fn start(format: LogFormat, level: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(own_first(level))?;
    let terminal = std::io::stderr().is_terminal();
    let is_json = format == LogFormat::Json || (format == LogFormat::Auto && !terminal);
    // Not the handle of the standard library: while a thread is blocked in writing, it holds its lock.
    let output = File::from(std::io::stderr().as_fd().try_clone_to_owned()?);
    let queue = Queue::start(output, log_lost_lines)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        // By default a line that cannot be written is reported with `eprintln!`, which panics then.
        .log_internal_errors(false)
        .with_writer(queue.clone());
    let started = match is_json {
        true => builder.json().flatten_event(true).with_current_span(false).try_init(),
        false => builder.with_ansi(terminal && wants_colors()).event_format(Pretty).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!(error))?;
    let _ = LOG.set(Log { queue, is_json });
    log_panics();
    Ok(())
}

/// The filter `level`, with the dependencies at WARN or quieter.
fn own_first(level: &str) -> String {
    let directives = level.split(',').map(|directive| match directive.parse::<LevelFilter>() {
        Ok(level) => format!("{},flowmend={level}", level.min(LevelFilter::WARN)),
        Err(_) => directive.to_owned(),
    });
    directives.collect::<Vec<_>>().join(",")
}

/// Whether the terminal shows colors, and the user wants them (<https://no-color.org>).
fn wants_colors() -> bool {
    let variable = |name| std::env::var_os(name).unwrap_or_default();
    variable("NO_COLOR").is_empty() && variable("TERM") != "dumb"
}

fn log_lost_lines(lines: u64) {
    tracing::warn!(lines, "log lines were lost: nothing read the log, or it could not be written");
}

/// Logs a panic as any other line.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string);
        tracing::error!(location, detail = panic.payload_as_str(), "panicked");
    }));
}

/// Logs why the process ends: as a log line where logs are JSON, otherwise as a message for people.
pub fn log_fatal(message: &str) {
    if LOG.get().is_none() && !std::io::stderr().is_terminal() {
        // Without it, the message is written as for people.
        let _ = start(LogFormat::Auto, "error");
    }
    if LOG.get().is_some_and(|log| log.is_json) && tracing::enabled!(tracing::Level::ERROR) {
        tracing::error!(error = message, "fatal error");
    } else {
        flush();
        print_error(message);
    }
}

/// Waits until the log is written, but not for long.
pub fn flush() {
    if let Some(log) = LOG.get() {
        log.queue.flush(FLUSH_LIMIT);
    }
}

/// Writes an error message for people to standard error, and ignores that this may fail.
pub fn print_error(message: &str) {
    let _ = writeln!(std::io::stderr(), "flowmend: {message}");
}

/// An error with its causes, without repetitions: `cannot list the failed runs: no answer within 30 s`.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.ends_with(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_quiet_unless_the_filter_names_them() {
        for (level, filter) in [
            ("debug", "warn,flowmend=debug"),
            ("error", "error,flowmend=error"),
            ("off", "off,flowmend=off"),
            ("info,flowmend::store=debug", "warn,flowmend=info,flowmend::store=debug"),
            ("debug,hyper=debug", "warn,flowmend=debug,hyper=debug"),
            ("flowmend::store=debug", "flowmend::store=debug"),
        ] {
            assert_eq!(own_first(level), filter);
        }
    }
}
