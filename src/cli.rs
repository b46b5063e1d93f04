//! The command line.

mod notify;

pub use notify::{NotifyCommand, NotifyListArgs, NotifyMuteArgs, NotifyTestArgs};

use crate::domain::model::ids::{FlowId, RunId, SandboxName};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Re-triggers failed batch dataflow runs of Adobe Experience Platform until they succeed.
#[derive(Debug, Parser)]
#[command(
    name = "flowmend",
    version,
    max_term_width = 100,
    help_expected = true,
    arg_required_else_help = true,
    after_help = "Start here:\n  flowmend demo                      watch it work on a simulated platform\n  \
flowmend config default            every setting, with its default\n  \
flowmend check --config my.toml    check credentials and access\n  \
flowmend plan --config my.toml     what flowmend would do now, and why\n  \
flowmend run --config my.toml      run the daemon"
)]
pub struct Cli {
    /// Color texts for people: auto is only on a terminal, without NO_COLOR and TERM=dumb
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColorChoice,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// When texts for people have colors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the daemon until SIGTERM or SIGINT.
    #[command(after_help = "Examples:\n  flowmend run --config /etc/flowmend/flowmend.toml\n  \
flowmend run --config my.toml --dry-run    only log what would be sent\n\n\
SIGHUP reloads the configuration; if the new one is invalid, the old one stays in force.")]
    Run(RunArgs),
    /// Run passes until nothing more is due, then exit.
    #[command(after_help = "Examples:\n  flowmend once --config my.toml\n  \
flowmend once --config my.toml --dry-run\n\n\
Exit codes: 0 all passes were complete; 1 a sandbox or the store could not be read.")]
    Once(RunArgs),
    /// Check configuration, credentials and access; list the selected dataflows.
    #[command(after_help = "Exit codes: 0 ok; 78 invalid configuration; 77 credentials rejected; \
69 Adobe not reachable; 1 any other error, or a warning with --deny-warnings.\n\nExamples:\n  \
flowmend check --config my.toml\n  \
flowmend check --config my.toml --offline --deny-warnings    before a deployment\n  \
flowmend check --config my.toml --probe                      on a new sandbox\n\n\
It changes nothing. The right to re-trigger cannot be checked without re-triggering a run.")]
    Check(CheckArgs),
    /// Watch the daemon re-trigger failed runs on a simulated platform.
    #[command(after_help = "Examples:\n  flowmend demo                    until Ctrl-C\n  \
flowmend demo --for 20s --seed 7\n\n\
Nothing outside this machine is contacted; the store is temporary.")]
    Demo(DemoArgs),
    /// Run a simulated Flow Service, to test a configuration.
    #[command(after_help = "Examples:\n  flowmend simulate --listen 127.0.0.1:9090\n  \
flowmend simulate --scenario outage --seed 7\n\n\
It prints the settings that connect flowmend to it.")]
    Simulate(SimulateArgs),
    /// Show whether all is well, what needs you, and what is being retried.
    #[command(after_help = "Examples:\n  flowmend status --config my.toml\n  \
flowmend status --watch --flow 'crm-*'\n  \
flowmend status --state held --state given_up --json\n\n\
It only reads the store, needs no credentials, and can run beside the daemon.")]
    Status(StatusArgs),
    /// Show the history of one failed run, and what comes next.
    #[command(after_help = "Examples:\n  flowmend explain 65b7cfcc-6b2e-47c8-8194-13005b792752 \
--config my.toml\n  flowmend explain 3fb0418e-1804-45d6-8d56-dd51f05c0baf --json\n\n\
RUN_ID is a run that failed, that a re-trigger created, or that was skipped.\n\
It only reads the store, and can run beside the daemon.\n\
Exit code 1: the run is unknown.")]
    Explain(ExplainArgs),
    /// Show what the next pass would do, and why; triggers and stores nothing.
    #[command(after_help = "Examples:\n  flowmend plan --config my.toml\n  \
flowmend plan --config other.toml --json    try other settings\n\n\
It reads from Adobe. Due times of new failures are partly random, so the daemon's differ slightly.\n\
Exit code 1: Adobe could not be read completely.")]
    Plan(PlanArgs),
    /// Replay past failures under another policy, and compare the results.
    #[command(after_help = "Examples:\n  flowmend backtest --config /etc/flowmend/flowmend.toml \
--config try.toml\n  flowmend backtest --since 7d --json\n\n\
The configuration names the store to read and the policy to replay. Later files win, so try.toml \
needs only the settings that differ.\n\
It only reads the store, and can run beside the daemon.")]
    Backtest(BacktestArgs),
    /// Retry runs that are on hold, given up, dismissed or waiting.
    #[command(after_help = "Examples:\n  flowmend retry 65b7cfcc-6b2e-47c8-8194-13005b792752\n  \
flowmend retry --all-held --flow crm-accounts --dry-run\n\n\
Takes effect at the daemon's next pass; without a daemon, run `flowmend once`.")]
    Retry(RetryArgs),
    /// End recoveries for good.
    #[command(after_help = "Example:\n  flowmend dismiss 65b7cfcc-6b2e-47c8-8194-13005b792752 \
--reason \"not needed\"")]
    Dismiss(DismissArgs),
    /// Pause dataflows until `flowmend resume`.
    #[command(after_help = "Examples:\n  flowmend pause --reason \"warehouse maintenance\"\n  \
flowmend pause --sandbox prod --flow crm-accounts\n\n\
Takes effect at the daemon's next pass and survives restarts. New runs that are in progress are \
followed to their end. If several pauses apply, the most recent command wins.\n\
Runs that fail during the pause are retried afterwards, unless they are older than poll.lookback.")]
    Pause(OrderArgs),
    /// Resume dataflows that are paused, or on hold because they keep failing.
    #[command(after_help = "Examples:\n  flowmend resume\n  \
flowmend resume --flow crm-accounts --reason \"credentials renewed\"\n\n\
To retry runs that are on hold for another reason: flowmend retry.")]
    Resume(OrderArgs),
    /// Ask the running daemon whether it is well.
    #[command(after_help = "Examples:\n  flowmend health --config my.toml\n  \
flowmend health --ready\n\n\
It asks http.listen. Exit codes: 0 well; 1 not well, or no answer within 5 s.")]
    Health(HealthArgs),
    /// Test the targets of notifications, and show how they are.
    #[command(
        subcommand,
        after_help = "Examples:\n  flowmend notify test\n  flowmend notify test on-call --config my.toml\n  \
flowmend notify list"
    )]
    Notify(NotifyCommand),
    /// Show the configuration.
    #[command(
        subcommand,
        after_help = "Examples:\n  flowmend config default | less\n  \
flowmend config show --config my.toml"
    )]
    Config(ConfigCommand),
    /// Print a completion script for a shell.
    #[command(after_help = "Examples:\n  flowmend completions bash > \
/etc/bash_completion.d/flowmend\n  flowmend completions zsh > \
/usr/local/share/zsh/site-functions/_flowmend\n  flowmend completions fish > \
~/.config/fish/completions/flowmend.fish")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write one for each command.
    #[command(after_help = "Examples:\n  flowmend man | man -l -\n  \
flowmend man --dir /usr/local/share/man/man1")]
    Man {
        /// Write the pages into this directory, which must exist
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

/// The option `--config`.
#[derive(Debug, Clone, Args)]
pub struct ConfigArgs {
    /// A configuration file; repeat it for several, later ones win [default: the files that
    /// FLOWMEND_CONFIG names, separated by colons, or /etc/flowmend/flowmend.toml if it exists]
    #[arg(long = "config", short, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// Arguments of `health`.
#[derive(Debug, Clone, Args)]
pub struct HealthArgs {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Also require that the store, every sandbox and the credentials are well
    #[arg(long)]
    pub ready: bool,
}

/// Arguments of `run` and `once`.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Log what would be sent; send nothing and do not change the store
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `check`.
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Check files only: configuration, secret and store; send nothing
    #[arg(long, conflicts_with = "probe")]
    pub offline: bool,
    /// Also show what Adobe does where its documents are unclear (docs/ADOBE.md): at most 25 requests
    /// per sandbox, reading only
    #[arg(long)]
    pub probe: bool,
    /// Exit with 1 if there is a warning
    #[arg(long)]
    pub deny_warnings: bool,
    /// One JSON document instead of text
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `demo`.
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// Stop after this time, for example 20s or 2m
    #[arg(long = "for", value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub duration: Option<Duration>,
    /// The seed of the simulated world; the same seed gives the same world
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Where the simulated platform listens
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
}

/// Arguments of `simulate`.
#[derive(Debug, Clone, Args)]
pub struct SimulateArgs {
    /// Where to listen
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8322")]
    pub listen: SocketAddr,
    /// The seed of the simulated world; the same seed gives the same world
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The name of a scenario, or a file that describes one
    #[arg(long, value_name = "NAME|FILE", default_value = "default")]
    pub scenario: String,
}

/// Arguments of `status`.
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Only recoveries in this state; repeat it for several
    #[arg(long)]
    pub state: Vec<StateName>,
    /// Only this sandbox
    #[arg(long, value_name = "NAME", value_parser = |text: &str| Ok::<_, String>(SandboxName::new(text)))]
    pub sandbox: Option<SandboxName>,
    /// Only dataflows whose id or name matches
    #[arg(long, value_name = "GLOB")]
    pub flow: Option<String>,
    /// Show finished recoveries too
    #[arg(long)]
    pub all: bool,
    /// Show it again every 2 seconds, until Ctrl-C
    #[arg(long, conflicts_with = "json")]
    pub watch: bool,
    /// One JSON document instead of text
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `explain`.
#[derive(Debug, Clone, Args)]
pub struct ExplainArgs {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// A run that failed, that a re-trigger created, or that was skipped; the start of its id is enough
    #[arg(value_name = "RUN_ID", value_parser = |text: &str| Ok::<_, String>(RunId::new(text)))]
    pub run: RunId,
    /// One JSON document instead of text
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `plan`.
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// One JSON document instead of tables
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `backtest`.
#[derive(Debug, Clone, Args)]
pub struct BacktestArgs {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// How far back to look, for example 7d or 12h
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = humantime::parse_duration)]
    pub since: Duration,
    /// One JSON document instead of tables
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `retry`.
#[derive(Debug, Clone, Args)]
pub struct RetryArgs {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Failed runs, or new runs that re-triggers created; the start of an id is enough
    #[arg(value_name = "RUN_ID", value_parser = |text: &str| Ok::<_, String>(RunId::new(text)),
          required_unless_present_any = ["all_held", "all_given_up", "flow"])]
    pub runs: Vec<RunId>,
    /// Retry everything that is on hold
    #[arg(long)]
    pub all_held: bool,
    /// Retry everything that was given up
    #[arg(long)]
    pub all_given_up: bool,
    /// Only this dataflow, by id or name; on its own: everything of it that is on hold or given up
    #[arg(long, value_name = "FLOW", value_parser = |text: &str| Ok::<_, String>(FlowId::new(text)))]
    pub flow: Option<FlowId>,
    /// Show what would be retried; change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `dismiss`.
#[derive(Debug, Clone, Args)]
pub struct DismissArgs {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Failed runs, or new runs that re-triggers created; the start of an id is enough
    #[arg(value_name = "RUN_ID", value_parser = |text: &str| Ok::<_, String>(RunId::new(text)), required = true)]
    pub runs: Vec<RunId>,
    /// The reason, for the journal
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub reason: String,
}

/// Rejects empty text: an unset shell variable must not mean "everything".
fn some_text(text: &str) -> Result<&str, String> {
    match text.trim() {
        "" => Err("must not be empty; omit the option to mean all".to_owned()),
        _ => Ok(text),
    }
}

/// One dataflow, by id or name. A pause may name a dataflow that does not exist yet, so flowmend
/// could not show what a glob matches.
fn one_flow(text: &str) -> Result<FlowId, String> {
    match some_text(text)?.contains(['*', '?']) {
        true => Err("must be one id or name, not a glob; omit the option to mean all".to_owned()),
        false => Ok(FlowId::new(text)),
    }
}

/// Arguments of `pause` and `resume`.
#[derive(Debug, Clone, Args)]
pub struct OrderArgs {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Only this sandbox
    #[arg(long, value_name = "NAME", value_parser = |text: &str| some_text(text).map(SandboxName::new))]
    pub sandbox: Option<SandboxName>,
    /// Only this dataflow, by id or name
    #[arg(long, value_name = "FLOW", value_parser = one_flow)]
    pub flow: Option<FlowId>,
    /// The reason, for the log
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub reason: String,
}

/// The states of a recovery, as `--state` takes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum StateName {
    /// The next re-trigger is due at a known time
    Waiting,
    /// A call is in progress
    Triggering,
    /// It is unknown whether Adobe accepted a call
    InDoubt,
    /// The new run is in progress
    Watching,
    /// On hold: needs a person, or waits for a cause to go away
    Held,
    /// A run succeeded
    Recovered,
    /// A budget is used up, or a rule ignores the failure
    GivenUp,
    /// Ended by an operator
    Dismissed,
}

/// The subcommands of `flowmend config`.
#[derive(Debug, Clone, Subcommand)]
pub enum ConfigCommand {
    /// Print the effective settings and their sources, without secrets
    #[command(after_help = "Example:\n  flowmend config show --config my.toml")]
    Show(ConfigArgs),
    /// Print every setting with its meaning and default
    #[command(after_help = "Example:\n  flowmend config default | less")]
    Default,
    /// Print a JSON Schema of the configuration file, for editors
    #[command(after_help = "Example:\n  flowmend config schema > flowmend.schema.json\n\n\
Editors that know TOML (Taplo, Even Better TOML) use the schema if this is the first line of the file:\n  \
#:schema ./flowmend.schema.json")]
    Schema,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::recovery::State;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_state_can_be_asked_for_by_its_name() {
        let names: Vec<String> = StateName::value_variants()
            .iter()
            .filter_map(|state| state.to_possible_value())
            .map(|value| value.get_name().to_owned())
            .collect();
        assert_eq!(names, State::NAMES);
    }
}
