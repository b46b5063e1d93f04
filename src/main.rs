//! The process shell: arguments and environment in, exit code out.

use clap::Parser;
use flowmend::cli::Cli;
use flowmend::commands::{self, Exit};
use flowmend::telemetry;
use std::collections::HashMap;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let environment: HashMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            telemetry::print_error(&format!("cannot start: {error}"));
            return Exit::Failed.into();
        }
    };
    match runtime.block_on(commands::dispatch(cli.command, cli.color, environment)) {
        Ok(exit) => exit.into(),
        Err(error) => {
            telemetry::print_error(&telemetry::chain(error.as_ref()));
            Exit::Failed.into()
        }
    }
}
