//! One file per command. What they share is in `context`, `format` and `wiring`.

mod backtest;
mod check;
mod config;
mod context;
mod demo;
mod explain;
mod format;
mod health;
mod layout;
mod lines;
mod manual;
mod once;
mod operator_actions;
mod pause;
mod plan;
mod probe;
mod run;
mod service_manager;
mod simulate;
mod status;
mod status_text;
mod stop;
mod wiring;

pub use context::{Environment, Exit};
pub use stop::Stop;

use crate::cli::{ColorChoice, Command, ConfigArgs};
use crate::settings::Faults;
use crate::telemetry;

/// Runs `command` until it ends or `stop` ends it, and reports an error.
pub async fn dispatch(
    command: Command,
    color: ColorChoice,
    environment: Environment,
    stop: &Stop,
) -> Exit {
    let is_daemon = matches!(command, Command::Run(_));
    let is_logging = is_daemon || matches!(command, Command::Once(_));
    let result = tokio::select! {
        // The command first: it may take over the stop signal now.
        biased;
        result = run_command(command, color, &environment, stop) => result,
        exit = stop.interrupted() => Ok(if is_daemon { Exit::Done } else { exit }),
    };
    result.unwrap_or_else(|error| {
        let (exit, message) = match error.is::<Faults>() {
            true => (Exit::BadConfig, format!("invalid configuration\n{error}")),
            false => (Exit::Failed, telemetry::chain(error.as_ref())),
        };
        match is_logging {
            true => telemetry::log_fatal(&message),
            false => telemetry::print_error(&message),
        }
        exit
    })
}

async fn run_command(
    command: Command,
    color: ColorChoice,
    environment: &Environment,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    let screen = layout::Screen::of(color, environment);
    let load = |args: &ConfigArgs| context::load(args, environment);
    let offline = |args: &ConfigArgs| context::load_offline(args, environment);
    match command {
        Command::Run(args) => run::run(load(&args.config)?, args, environment, stop).await,
        Command::Once(args) => once::once(load(&args.config)?, args.dry_run, stop).await,
        Command::Check(args) => check::check(&*load(&args.config)?, args).await,
        Command::Demo(args) => demo::demo(args, stop).await,
        Command::Simulate(args) => simulate::simulate(args, stop).await,
        Command::Status(args) => status::status(&*offline(&args.config)?, args, &screen).await,
        Command::Explain(args) => explain::explain(&*offline(&args.config)?, args).await,
        Command::Plan(args) => plan::plan(load(&args.config)?, args.json, &screen).await,
        Command::Backtest(args) => {
            backtest::backtest(&*offline(&args.config)?, args, &screen).await
        }
        Command::Retry(args) => operator_actions::retry(&*offline(&args.config)?, args).await,
        Command::Dismiss(args) => operator_actions::dismiss(&*offline(&args.config)?, args).await,
        Command::Pause(args) => pause::pause(&*offline(&args.config)?, args, true).await,
        Command::Resume(args) => pause::pause(&*offline(&args.config)?, args, false).await,
        Command::Health(args) => health::health(&*offline(&args.config)?, args.ready).await,
        Command::Completions { shell } => manual::completions(shell),
        Command::Man { dir } => manual::man(dir),
        Command::Config(command) => config::config(command, offline),
    }
}
