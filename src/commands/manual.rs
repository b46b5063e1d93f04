//! `flowmend completions` and `flowmend man`: both are generated from the command line itself.

use super::context::{Exit, print};
use crate::cli::Cli;
use clap::CommandFactory;
use clap_complete::Shell;
use std::path::PathBuf;

pub(super) fn completions(shell: Shell) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "flowmend", &mut script);
    print(&String::from_utf8(script)?)?;
    Ok(Exit::Done)
}

/// Prints the page of `flowmend`, or writes a page for each command into `directory`.
pub(super) fn man(directory: Option<PathBuf>) -> anyhow::Result<Exit> {
    match directory {
        Some(directory) => clap_mangen::generate_to(Cli::command(), directory)?,
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            print(&String::from_utf8(page)?)?;
        }
    }
    Ok(Exit::Done)
}
