//! `flowmend` as it is built beside this benchmark, with a store on the disk.

use crate::child::Process;
use crate::platform::Platform;
use anyhow::Context;
use flowmend::simulator::Credentials;
use flowmend::store::SqliteStore;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Requests at a time, for the daemon and for the bare client: the default.
pub(crate) const AT_A_TIME: usize = 4;

/// The most requests per second that can be set.
pub(crate) const PER_SECOND_MAX: u32 = 1_000;

/// A configuration and its store.
#[derive(Debug)]
pub(crate) struct Home(TempDir);

impl Home {
    /// A home whose daemon works against `platform`; `more` settings stand beside the defaults.
    pub(crate) fn new(platform: &Platform, per_second: u32, more: &str) -> anyhow::Result<Self> {
        // Not in the folder for temporary files, which may be no disk at all.
        let home = Self(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?);
        let Credentials { org_id, client_id, client_secrets } = Credentials::default();
        let secret = client_secrets.first().context("no secret")?;
        let (url, store) = (&platform.url, home.store_path());
        let text = format!(
            "[adobe]\nplatform_url = \"{url}\"\nims_url = \"{url}\"\norg_id = \"{org_id}\"\n\
             client_id = \"{client_id}\"\nclient_secret = \"{secret}\"\n\
             requests_per_second = {per_second}.0\nmax_concurrent_requests = {AT_A_TIME}\n\n\
             [[sandbox]]\nname = \"prod\"\ninclude = [\"*\"]\n\n[limits]\nretriggers_per_minute = 0\n\n\
             [store]\nurl = \"sqlite://{}\"\n\n[http]\nlisten = \"\"\n\n{more}",
            store.display()
        );
        std::fs::write(home.config(), text)?;
        Ok(home)
    }

    pub(crate) async fn store(&self) -> anyhow::Result<SqliteStore> {
        Ok(SqliteStore::open(&self.store_path()).await?)
    }

    /// Bytes of the store, what is not yet in the main file included.
    pub(crate) fn store_size(&self) -> anyhow::Result<u64> {
        let mut size = 0;
        for entry in std::fs::read_dir(self.0.path())? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().contains(".db") {
                size += entry.metadata()?.len();
            }
        }
        Ok(size)
    }

    pub(crate) fn daemon(&self) -> anyhow::Result<Process> {
        self.start(&["run"])
    }

    /// A command of `flowmend` with this configuration; its log goes nowhere.
    pub(crate) fn start(&self, args: &[&str]) -> anyhow::Result<Process> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowmend"));
        command.args(args).arg("--config").arg(self.config());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Process::start(&mut command)
    }

    fn config(&self) -> PathBuf {
        self.0.path().join("flowmend.toml")
    }

    fn store_path(&self) -> PathBuf {
        self.0.path().join("flowmend.db")
    }
}
