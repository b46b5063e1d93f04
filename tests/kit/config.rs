//! The settings of a daemon that talks to the simulator.

use flowmend::settings::{Settings, Sources};
use flowmend::simulator::Credentials;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// What every daemon of a test needs: where the simulator is and who it is to it, one sandbox, and a
/// store in `directory`.
pub fn needed(url: &str, directory: &Path, credentials: &Credentials) -> String {
    let Credentials { org_id, client_id, client_secrets, .. } = credentials;
    format!(
        r#"
[adobe]
platform_url = "{url}"
ims_url = "{url}"
org_id = "{org_id}"
client_id = "{client_id}"
client_secret = "{secret}"
requests_per_second = 1000.0
request_timeout = "2s"

[[sandbox]]
name = "prod"

[store]
url = "sqlite://{store}"
"#,
        secret = client_secrets[0],
        store = directory.join("flowmend.db").display(),
    )
}

/// [`needed`] with more layers; a later one wins where a key is in several.
pub fn settings(url: &str, directory: &Path, layers: &[&str]) -> Arc<Settings> {
    let base = needed(url, directory, &Credentials::default());
    let layers = [base.as_str()].into_iter().chain(layers.iter().copied()).enumerate();
    let files = layers.map(|(layer, text)| {
        let file = directory.join(format!("layer-{layer}.toml"));
        std::fs::write(&file, text).expect("it can be written");
        file
    });
    let sources = Sources { files: files.collect(), environment: HashMap::new() };
    Arc::new(Settings::load(&sources).unwrap_or_else(|faults| panic!("{faults}")))
}
