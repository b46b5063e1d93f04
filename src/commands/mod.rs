//! One file per command. What they share is in `context`, `format` and `wiring`.

mod backtest;
mod check;
mod config;
mod context;
mod demo;
mod explain;
mod format;
mod health;
mod once;
mod operator_actions;
mod pause;
mod plan;
mod run;
mod simulate;
mod status;
mod watchdog;
mod wiring;

pub use context::{Environment, Exit};

use crate::cli::{Command, ConfigArgs};
use crate::settings::Faults;
use crate::telemetry;

/// Runs `command`. An invalid configuration is printed with all its faults.
///
/// # Errors
/// What stopped the command, to be printed with its causes; the process then exits with 1.
pub async fn dispatch(command: Command, environment: Environment) -> anyhow::Result<Exit> {
    match run_command(command, &environment).await {
        Err(error) if error.is::<Faults>() => {
            telemetry::print_error(&format!("invalid configuration\n{error}"));
            Ok(Exit::BadConfig)
        }
        result => result,
    }
}

async fn run_command(command: Command, environment: &Environment) -> anyhow::Result<Exit> {
    let load = |args: &ConfigArgs| context::load(args, environment);
    let offline = |args: &ConfigArgs| context::load_without_credentials(args, environment);
    match command {
        Command::Run(args) => run::run(load(&args.config)?, args, environment).await,
        Command::Once(args) => once::once(load(&args.config)?, args.dry_run).await,
        Command::Check(args) => check::check(&*load(&args)?).await,
        Command::Demo(args) => demo::demo(args).await,
        Command::Simulate(args) => simulate::simulate(args).await,
        Command::Status(args) => status::status(&*offline(&args.config)?, args).await,
        Command::Explain(args) => explain::explain(&*offline(&args.config)?, args).await,
        Command::Plan(args) => plan::plan(load(&args.config)?, args.json).await,
        Command::Backtest(args) => backtest::backtest(&*offline(&args.config)?, args).await,
        Command::Retry(args) => operator_actions::retry(&*offline(&args.config)?, args).await,
        Command::Dismiss(args) => operator_actions::dismiss(&*offline(&args.config)?, args).await,
        Command::Pause(args) => pause::pause(&*offline(&args.config)?, args, true).await,
        Command::Resume(args) => pause::pause(&*offline(&args.config)?, args, false).await,
        Command::Health(args) => health::health(&*offline(&args.config)?, args.ready).await,
        Command::Config(command) => config::config(command, load),
    }
}
