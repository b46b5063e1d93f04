//! `flowmend config show|schema|default`.

use super::context::{Exit, print};
use crate::cli::{ConfigArgs, ConfigCommand};
use crate::settings::{DEFAULT_TOML, Faults, Settings, schema};
use std::sync::Arc;

pub(super) fn config(
    command: ConfigCommand,
    load: impl Fn(&ConfigArgs) -> Result<Arc<Settings>, Faults>,
) -> anyhow::Result<Exit> {
    match command {
        ConfigCommand::Default => print(DEFAULT_TOML)?,
        ConfigCommand::Schema => print(&(serde_json::to_string_pretty(&schema())? + "\n"))?,
        ConfigCommand::Show(args) => print(&load(&args)?.render())?,
    }
    Ok(Exit::Done)
}
