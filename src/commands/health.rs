//! `flowmend health`: asks the running daemon, for container health checks.

use super::context::{Exit, print};
use crate::http::ask;
use crate::settings::Settings;
use crate::telemetry::print_error;

pub(super) async fn health(settings: &Settings, ready: bool) -> anyhow::Result<Exit> {
    let Some(listen) = settings.http.listen else {
        anyhow::bail!("http.listen is \"\", so the daemon cannot be asked; set it to an address");
    };
    let answer = match ask(listen, if ready { "/readyz" } else { "/livez" }).await {
        Ok(answer) => answer,
        Err(fault) => {
            print_error(&fault);
            return Ok(Exit::Failed);
        }
    };
    for check in answer.body["checks"].as_array().into_iter().flatten() {
        let text = |key: &str| check[key].as_str().unwrap_or_default();
        let mark = if check["ok"] == true { "ok     " } else { "FAILING" };
        print(&format!("{mark}  {}: {}\n", text("name"), text("detail")))?;
    }
    Ok(if answer.ok { Exit::Done } else { Exit::Failed })
}
