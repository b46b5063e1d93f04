//! The command line.

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
flowmend check --config my.toml    are credentials and access right, and what is selected?\n  \
flowmend plan --config my.toml     what would it do now, and why?\n  \
flowmend run --config my.toml      the daemon"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the daemon until SIGTERM or SIGINT.
    #[command(after_help = "Examples:\n  flowmend run --config /etc/flowmend/flowmend.toml\n  \
flowmend run --config my.toml --dry-run    say what would be re-triggered, send nothing\n\n\
SIGHUP reads the configuration again; a faulty one leaves the old in force.")]
    Run(RunArgs),
    /// Make passes over every sandbox until nothing more is due, then exit: 0 if they were complete, 1 if not.
    #[command(after_help = "Examples:\n  flowmend once --config my.toml\n  \
flowmend once --config my.toml --dry-run")]
    Once(RunArgs),
    /// Check configuration, credentials and access; list the selected dataflows.
    #[command(
        after_help = "Exit codes: 0 all well; 78 bad configuration; 77 credentials refused; \
69 not reachable; 1 anything else.\n\nExample:\n  flowmend check --config my.toml"
    )]
    Check(ConfigArgs),
    /// Watch the daemon heal failed runs of a simulated platform.
    #[command(after_help = "Examples:\n  flowmend demo                    until Ctrl-C\n  \
flowmend demo --for 20s --seed 7\n\n\
Nothing outside this machine is contacted; the store is temporary.")]
    Demo(DemoArgs),
    /// Serve a simulated Flow Service, to rehearse a configuration against.
    #[command(after_help = "Examples:\n  flowmend simulate --listen 127.0.0.1:9090\n  \
flowmend simulate --scenario outage --seed 7\n\n\
It prints the settings that make flowmend talk to it.")]
    Simulate(SimulateArgs),
    /// Show the recoveries in the store; a running daemon is not disturbed.
    #[command(after_help = "Examples:\n  flowmend status --config my.toml\n  \
flowmend status --state given_up --json")]
    Status(StatusArgs),
    /// Tell the whole story of a failed run: what was decided, when, why, and what comes next.
    #[command(after_help = "Examples:\n  flowmend explain 65b7cfcc-6b2e-47c8-8194-13005b792752 \
--config my.toml\n  flowmend explain 3fb0418e-1804-45d6-8d56-dd51f05c0baf --json\n\n\
Any run will do: one that failed, one that was issued for it, one that was skipped.\n\
It reads the store only; a running daemon is not disturbed. Exit code 1: the run is not known.")]
    Explain(ExplainArgs),
    /// Say what the next pass would do, and why; nothing is sent and nothing is stored.
    #[command(after_help = "Examples:\n  flowmend plan --config my.toml\n  \
flowmend plan --config other.toml --json    what would other settings do?\n\n\
It reads the platform as a pass does. Due times of runs not taken on yet are drawn by chance, so \
the daemon's will differ a little.\nExit code 1: the platform could not be read completely.")]
    Plan(PlanArgs),
    /// Replay the failures of the past under another policy, and say what would have been different.
    #[command(after_help = "Examples:\n  flowmend backtest --config /etc/flowmend/flowmend.toml \
--config try.toml\n  flowmend backtest --since 7d --json\n\n\
The configuration names the store that is read and the policy that is replayed. Later files win, \
so a try.toml with only what is different is tried on top of what is in force.\n\
It reads the store only; a running daemon is not disturbed.")]
    Backtest(BacktestArgs),
    /// Re-trigger again what is held, given up, dismissed or waiting, at the next pass.
    #[command(after_help = "Examples:\n  flowmend retry 65b7cfcc-6b2e-47c8-8194-13005b792752\n  \
flowmend retry --all-held --flow c9cef9cb-c934-4467-8e3b-3f3ac1f6a2ab --dry-run\n\n\
The running daemon takes it up at its next pass; without one, `flowmend once` does.")]
    Retry(RetryArgs),
    /// End recoveries for good, with a reason.
    #[command(after_help = "Example:\n  flowmend dismiss 65b7cfcc-6b2e-47c8-8194-13005b792752 \
--reason \"loaded by hand\"")]
    Dismiss(DismissArgs),
    /// Leave dataflows alone until `flowmend resume`.
    #[command(
        after_help = "Examples:\n  flowmend pause --reason \"maintenance of the warehouse\"\n  \
flowmend pause --sandbox prod --flow crm-accounts\n\n\
The running daemon heeds it from its next pass on, and after a restart too; calls under way are \
followed to their end. Of several orders for a dataflow the latest counts.\n\
What fails meanwhile is taken on afterwards, unless it is older than poll.lookback by then."
    )]
    Pause(OrderArgs),
    /// Go on with dataflows that are paused, or held because they keep failing.
    #[command(after_help = "Examples:\n  flowmend resume\n  \
flowmend resume --flow crm-accounts --reason \"credentials renewed\"\n\n\
What is held for another reason is retried one by one: flowmend retry.")]
    Resume(OrderArgs),
    /// Show the configuration.
    #[command(
        subcommand,
        after_help = "Examples:\n  flowmend config default > my.toml\n  \
flowmend config show --config my.toml"
    )]
    Config(ConfigCommand),
}

/// Where the configuration comes from.
#[derive(Debug, Clone, Args)]
pub struct ConfigArgs {
    /// A configuration file; may be given several times, later ones win [default: the files that
    /// FLOWMEND_CONFIG names, separated by colons, or /etc/flowmend/flowmend.toml where it exists]
    #[arg(long = "config", short, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// Arguments of `run` and `once`.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Say what would be re-triggered; send nothing and leave the store as it is
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `demo`.
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// End after this time with a summary, for example 20s or 2m
    #[arg(long = "for", value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub duration: Option<Duration>,
    /// The seed of the simulated world: equal seeds, equal worlds
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
    /// The seed of the simulated world: equal seeds, equal worlds
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
    /// Only recoveries in this state
    #[arg(long)]
    pub state: Option<StateName>,
    /// Only this sandbox
    #[arg(long, value_name = "NAME", value_parser = |text: &str| Ok::<_, String>(SandboxName::new(text)))]
    pub sandbox: Option<SandboxName>,
    /// Only this dataflow, by id or name
    #[arg(long, value_name = "FLOW", value_parser = |text: &str| Ok::<_, String>(FlowId::new(text)))]
    pub flow: Option<FlowId>,
    /// One JSON document instead of tables
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `explain`.
#[derive(Debug, Clone, Args)]
pub struct ExplainArgs {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// A run that failed, was issued, or was skipped
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
    /// Root runs, or runs issued for them
    #[arg(value_name = "RUN_ID", value_parser = |text: &str| Ok::<_, String>(RunId::new(text)),
          required_unless_present_any = ["all_held", "all_given_up", "flow"])]
    pub runs: Vec<RunId>,
    /// Everything that is held
    #[arg(long)]
    pub all_held: bool,
    /// Everything that was given up
    #[arg(long)]
    pub all_given_up: bool,
    /// Only this dataflow, by id or name; alone: whatever of it is held or was given up
    #[arg(long, value_name = "FLOW", value_parser = |text: &str| Ok::<_, String>(FlowId::new(text)))]
    pub flow: Option<FlowId>,
    /// Say what would be retried, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `dismiss`.
#[derive(Debug, Clone, Args)]
pub struct DismissArgs {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Root runs, or runs issued for them
    #[arg(value_name = "RUN_ID", value_parser = |text: &str| Ok::<_, String>(RunId::new(text)), required = true)]
    pub runs: Vec<RunId>,
    /// Why; it is kept in the journal
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub reason: String,
}

/// Text that has to be there: an unset variable must not stand for everything.
fn some_text(text: &str) -> Result<&str, String> {
    match text.trim() {
        "" => Err("is empty; leave the option out to mean all".to_owned()),
        _ => Ok(text),
    }
}

/// A dataflow by id or name, as it is spelled: an order is for what exists and for what is to come,
/// so a glob could not be shown to be right.
fn one_flow(text: &str) -> Result<FlowId, String> {
    match some_text(text)?.contains(['*', '?']) {
        true => {
            Err("is a glob; give one id or name, or leave the option out to mean all".to_owned())
        }
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
    /// Why; it is shown in the log
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub reason: String,
}

/// The states of a recovery, as `--state` takes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum StateName {
    /// The next re-trigger is due at a known time
    Waiting,
    /// A call is under way
    Triggering,
    /// It is not known whether a call was accepted
    InDoubt,
    /// The issued run has not ended
    Watching,
    /// A person has to act first
    Held,
    /// Healed
    Recovered,
    /// The budget is spent
    GivenUp,
    /// Ended by an operator
    Dismissed,
}

/// `flowmend config …`
#[derive(Debug, Clone, Subcommand)]
pub enum ConfigCommand {
    /// Print the settings in force and where each comes from; secrets are not shown
    #[command(after_help = "Example:\n  flowmend config show --config my.toml")]
    Show(ConfigArgs),
    /// Print the reference: every setting with its default and its meaning
    #[command(after_help = "Example:\n  flowmend config default | less")]
    Default,
    /// Print a JSON Schema of the configuration file, for editors
    #[command(after_help = "Example:\n  flowmend config schema > flowmend.schema.json\n\n\
Editors that know TOML (Taplo, Even Better TOML) heed this first line of a configuration file:\n  \
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
