//! Logging and messages: one subscriber, pretty for people and JSON for machines.

mod pretty;

use crate::settings::LogFormat;
use pretty::Pretty;
use std::error::Error;
use std::io::{IsTerminal, Write};
use tracing_subscriber::EnvFilter;

/// Starts logging to standard error. `level` is a level, or a filter in the syntax of
/// `tracing-subscriber` such as `info,flowmend::flow_service=debug`.
///
/// # Errors
/// If `level` cannot be read, or logging was started before.
pub fn start(format: LogFormat, level: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(level)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        // A log pipe that was closed must not end the daemon: by default a line that cannot be
        // written is reported with `eprintln!`, which panics then.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    let terminal = std::io::stderr().is_terminal();
    let pretty = format == LogFormat::Pretty || (format == LogFormat::Auto && terminal);
    let started = match pretty {
        true => builder.with_ansi(terminal).event_format(Pretty).try_init(),
        false => builder.json().flatten_event(true).with_current_span(false).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!(error))
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
