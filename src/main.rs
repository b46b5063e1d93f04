//! The process shell: arguments, environment and signals in, exit code out.

use clap::Parser;
use flowmend::cli::Cli;
use flowmend::commands::{self, Exit, Stop};
use flowmend::telemetry;
use std::collections::HashMap;
use std::process::ExitCode;
use tokio::runtime::{Builder, Runtime};

fn main() -> ExitCode {
    let (runtime, stop) = match start() {
        Ok(started) => started,
        Err(error) => {
            telemetry::print_error(&format!("cannot start: {error}"));
            return Exit::Failed.into();
        }
    };
    let cli = Cli::parse();
    let environment: HashMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let exit = runtime.block_on(commands::dispatch(cli.command, cli.color, environment, &stop));
    telemetry::flush();
    // Nothing that still runs has a result that matters; a lookup of a name may block for long.
    runtime.shutdown_background();
    exit.into()
}

/// The runtime, and the signal handlers before anything else.
fn start() -> std::io::Result<(Runtime, Stop)> {
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let stop = runtime.block_on(async { Stop::on_signal() })?;
    runtime.spawn(end_when_overdue(stop.clone()));
    Ok((runtime, stop))
}

/// Ends the process even if the main thread is blocked, for example by output that is not read.
#[expect(clippy::disallowed_methods, reason = "the one place that ends the process early")]
async fn end_when_overdue(stop: Stop) {
    let exit = stop.overdue().await;
    telemetry::flush();
    std::process::exit(exit as i32);
}
