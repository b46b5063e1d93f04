//! A directory of configuration files and a map of variables, as they would be on a server.

use flowmend::settings::{Settings, Sources};
use std::collections::HashMap;
use std::path::PathBuf;
use tempfile::TempDir;

/// The secret in the tests.
pub(crate) const SECRET: &str = "p8e-S3cr3tOfTheClient";

/// A minimal configuration.
pub(crate) const NEEDED: &str = r#"
[adobe]
org_id = "ACME@AdobeOrg"
client_id = "client"
client_secret = "p8e-S3cr3tOfTheClient"

[[sandbox]]
name = "prod"
"#;

pub(crate) struct Server {
    directory: TempDir,
    sources: Sources,
}

impl Server {
    pub(crate) fn new() -> Self {
        Self { directory: TempDir::new().unwrap(), sources: Sources::default() }
    }

    /// A server whose first configuration file is [`NEEDED`].
    pub(crate) fn needed() -> Self {
        Self::new().config("needed.toml", NEEDED)
    }

    /// Writes a file that only its owner can read.
    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        self.bytes(name, text.as_bytes())
    }

    pub(crate) fn bytes(self, name: &str, bytes: &[u8]) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        self
    }

    /// Writes a configuration file and adds it as the next layer.
    pub(crate) fn config(self, name: &str, text: &str) -> Self {
        self.file(name, text).layer(name)
    }

    pub(crate) fn layer(mut self, name: &str) -> Self {
        self.sources.files.push(self.path(name));
        self
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.sources.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Writes a systemd credential.
    pub(crate) fn credential(self, name: &str, text: &str) -> Self {
        let directory = self.path("run").display().to_string();
        self.file(&format!("run/{name}"), text).variable("CREDENTIALS_DIRECTORY", &directory)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn readable_by_all(self, name: &str) -> Self {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(self.path(name), PermissionsExt::from_mode(0o644)).unwrap();
        self
    }

    pub(crate) fn sources(&self) -> &Sources {
        &self.sources
    }

    #[track_caller]
    pub(crate) fn settings(&self) -> Settings {
        match Settings::load(&self.sources) {
            Ok(settings) => settings,
            Err(faults) => panic!("{faults}"),
        }
    }

    /// The faults as they are printed, with `/etc` for the directory of the test.
    #[track_caller]
    pub(crate) fn faults(&self) -> String {
        let faults = Settings::load(&self.sources).expect_err("the settings are faulty");
        self.plain(&faults.to_string())
    }

    #[track_caller]
    pub(crate) fn warnings(&self) -> String {
        self.plain(&self.settings().warnings.join("\n"))
    }

    pub(crate) fn plain(&self, text: &str) -> String {
        text.replace(&self.directory.path().display().to_string(), "/etc")
    }
}

/// The faults of `toml` over [`NEEDED`].
#[track_caller]
pub(crate) fn faults_of(toml: &str) -> String {
    Server::needed().config("f.toml", toml).faults()
}

/// The settings of `toml` over [`NEEDED`].
#[track_caller]
pub(crate) fn settings_of(toml: &str) -> Settings {
    Server::needed().config("f.toml", toml).settings()
}

/// A map of variables, for tests that need no file.
pub(crate) fn variables(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
