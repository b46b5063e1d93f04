//! The yardstick: a client that posts the re-triggers, all of them and nothing else.

use crate::child::Process;
use crate::names::run_id;
use anyhow::Context;
use flowmend::simulator::Credentials;
use futures_util::StreamExt;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Interval;

/// Starts the client in a process of its own; no more than `per_second` requests, if not 0.
pub(crate) fn start(
    url: &str,
    runs: usize,
    at_a_time: usize,
    per_second: u32,
) -> anyhow::Result<Process> {
    let args = ["bare", url, &runs.to_string(), &at_a_time.to_string(), &per_second.to_string()];
    Process::start(&mut Process::role(&args.map(str::to_owned))?)
}

/// The client itself.
pub(crate) fn post(args: &[&str]) -> anyhow::Result<()> {
    let [url, runs, at_a_time, per_second] = args else { anyhow::bail!("bare takes 4 arguments") };
    let (runs, at_a_time, per_second) = (runs.parse()?, at_a_time.parse()?, per_second.parse()?);
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(post_all(url, runs, at_a_time, per_second))
}

async fn post_all(url: &str, runs: usize, at_a_time: usize, per_second: u32) -> anyhow::Result<()> {
    let client = reqwest::Client::new();
    let credentials = Credentials::default();
    let token = token(&client, url, &credentials).await?;
    let pace = Mutex::new((per_second > 0).then(|| pace(per_second)));
    let posts = (0..runs).map(|number| {
        let run = run_id(number);
        let url = format!("{url}/data/foundation/flowservice/runs/{run}/action?op=re-trigger");
        let request = client
            .post(url)
            .bearer_auth(&token)
            .header("x-api-key", &credentials.client_id)
            .header("x-gw-ims-org-id", &credentials.org_id)
            .header("x-sandbox-name", "prod");
        let pace = &pace;
        async move {
            if let Some(pace) = pace.lock().await.as_mut() {
                pace.tick().await;
            }
            request.send().await?.error_for_status()?.bytes().await
        }
    });
    let mut answers = futures_util::stream::iter(posts).buffer_unordered(at_a_time);
    while let Some(answer) = answers.next().await {
        answer.context("a bare re-trigger failed")?;
    }
    Ok(())
}

fn pace(per_second: u32) -> Interval {
    tokio::time::interval(Duration::from_secs(1) / per_second)
}

async fn token(
    client: &reqwest::Client,
    url: &str,
    credentials: &Credentials,
) -> anyhow::Result<String> {
    let secret = credentials.client_secrets.first().map_or("", String::as_str);
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &credentials.client_id),
        ("client_secret", secret),
        ("scope", "openid"),
    ];
    let answer = client.post(format!("{url}/ims/token/v3")).form(&form).send().await?;
    let answer: serde_json::Value = serde_json::from_slice(&answer.bytes().await?)?;
    Ok(answer["access_token"].as_str().context("no token was given")?.to_owned())
}
