//! The program itself, as a person would call it.

use super::App;
use std::process::{Command, Stdio};

/// What became of a call of the program.
#[derive(Debug)]
pub struct Called {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Called {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl App {
    /// Calls `flowmend` with the configuration of this world, beside the daemon under test.
    pub async fn flowmend(&self, arguments: &[&str]) -> Called {
        self.flowmend_with(arguments, &[]).await
    }

    /// The same with `variables` in its environment.
    pub async fn flowmend_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Called {
        let directory = self.settings.store.path.parent().expect("a folder");
        let files =
            ["layer-0.toml", "layer-1.toml", "layer-2.toml"].map(|name| directory.join(name));
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowmend"));
        command
            .args(arguments)
            .env_clear()
            .env("TZ", "UTC")
            .envs(variables.iter().copied())
            .stdin(Stdio::null());
        command.env("FLOWMEND_CONFIG", std::env::join_paths(files).expect("plain paths"));
        let called = tokio::task::spawn_blocking(move || command.output());
        let output = called.await.expect("it is waited for").expect("the program starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        Called { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}
