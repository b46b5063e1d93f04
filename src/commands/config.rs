//! `flowmend config show|schema|default`.

use super::{Environment, Exit, load, print};
use crate::cli::ConfigCommand;
use crate::settings::{DEFAULT_TOML, schema};

pub(super) fn config(command: ConfigCommand, environment: Environment) -> anyhow::Result<Exit> {
    match command {
        ConfigCommand::Default => print(DEFAULT_TOML)?,
        ConfigCommand::Schema => print(&(serde_json::to_string_pretty(&schema())? + "\n"))?,
        ConfigCommand::Show(args) => match load(&args, &environment) {
            Ok(settings) => print(&settings.render())?,
            Err(exit) => return Ok(exit),
        },
    }
    Ok(Exit::Done)
}
