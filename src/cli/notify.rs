//! The command line of `flowmend notify`.

use super::ConfigArgs;
use crate::domain::model::ids::FlowId;
use clap::{Args, Subcommand};
use std::time::Duration;

/// The subcommands of `flowmend notify`.
#[derive(Debug, Clone, Subcommand)]
pub enum NotifyCommand {
    /// Send a test message to the targets, and print the results
    #[command(after_help = "Examples:\n  flowmend notify test\n  flowmend notify test on-call\n\n\
A delivered message lifts the stop of a target. Exit code 1: a message was not delivered.")]
    Test(NotifyTestArgs),
    /// Show the targets: whether one is stopped, and how many messages wait
    #[command(after_help = "Example:\n  flowmend notify list --config my.toml\n\n\
It only reads the store, and can run beside the daemon.")]
    List(NotifyListArgs),
    /// Report no events of a dataflow for a time
    #[command(after_help = "Examples:\n  flowmend notify mute --flow crm-accounts --for 2h\n  \
flowmend notify mute --flow crm-accounts --for 0s    end it\n\n\
The dataflow is still re-triggered. Events during that time are not reported later.")]
    Mute(NotifyMuteArgs),
}

/// Arguments of `notify mute`.
#[derive(Debug, Clone, Args)]
pub struct NotifyMuteArgs {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The dataflow, by id or name
    #[arg(long, value_name = "FLOW", value_parser = super::one_flow)]
    pub flow: FlowId,
    /// For how long, for example 2h
    #[arg(long = "for", value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub duration: Duration,
}

/// Arguments of `notify test`.
#[derive(Debug, Clone, Args)]
pub struct NotifyTestArgs {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The target, by its name [default: all targets]
    pub name: Option<String>,
}

/// Arguments of `notify list`.
#[derive(Debug, Clone, Args)]
pub struct NotifyListArgs {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// One JSON document instead of text
    #[arg(long)]
    pub json: bool,
}
