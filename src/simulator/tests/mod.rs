//! The simulator against what Adobe documents, over real sockets.

mod faults;
mod gate;
mod life;
mod quirks;
mod scenarios;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;

use super::{FlowSetup, RunSetup, RunStatus, Simulator, World};
use crate::clock::Clock;

/// When every test begins.
pub(super) const START: &str = "2026-03-02T06:00:00Z";

pub(super) fn start_time() -> Timestamp {
    START.parse().unwrap()
}

/// A clock that moves only when a test moves it.
#[derive(Debug)]
struct HandClock(Mutex<Timestamp>);

impl HandClock {
    fn advance(&self, time: Duration) {
        *self.0.lock().unwrap() += time;
    }
}

#[async_trait]
impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, _wait: Duration) {}
}

/// A simulator, its clock, and a plain client.
struct Bench {
    clock: Arc<HandClock>,
    simulator: Simulator,
    http: reqwest::Client,
    token: String,
}

impl Bench {
    async fn with(world: World) -> Self {
        let clock = Arc::new(HandClock(Mutex::new(start_time())));
        let listen = "127.0.0.1:0".parse().unwrap();
        let simulator = Simulator::start(world, clock.clone(), listen).await.unwrap();
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let mut bench = Self { clock, simulator, http, token: String::new() };
        // Taken from the world, so that the faults of a test do not hit this request.
        bench.token = bench.simulator.with_world(|world| {
            let now = world.now_ms();
            world.tokens.issue(now, 86_399, &mut world.noise)
        });
        bench
    }

    /// A request to Flow Service with every header in order.
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/data/foundation/flowservice{path}", self.simulator.base_url());
        let credentials = self.simulator.with_world(|world| world.credentials.clone());
        self.http
            .request(method, url)
            .bearer_auth(&self.token)
            .header("x-api-key", credentials.client_id)
            .header("x-gw-ims-org-id", credentials.org_id)
            .header("x-sandbox-name", "prod")
    }

    async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    async fn get_json(&self, path: &str) -> Value {
        json(self.get(path).await).await
    }

    fn retrigger_request(&self, run_id: &str) -> RequestBuilder {
        self.request(Method::POST, &format!("/runs/{run_id}/action?op=re-trigger"))
    }

    async fn retrigger(&self, run_id: &str) -> Response {
        self.retrigger_request(run_id).send().await.unwrap()
    }

    /// Re-triggers, expecting success, and returns the id of the new run.
    async fn issue(&self, run_id: &str) -> String {
        let answer = json(self.retrigger(run_id).await).await;
        answer["id"].as_str().expect("the answer names the new run").to_owned()
    }

    async fn status_of(&self, run_id: &str) -> String {
        let run = self.get_json(&format!("/runs/{run_id}")).await;
        let status = &run["items"][0]["metrics"]["statusSummary"]["status"];
        status.as_str().unwrap().to_owned()
    }
}

async fn json(response: Response) -> Value {
    serde_json::from_str(&response.text().await.unwrap()).unwrap()
}

/// The code of a Flow Service refusal, such as `1387-400`.
async fn code(response: Response) -> String {
    let status = response.status().as_u16();
    let body = json(response).await;
    assert_eq!(body["status"], status);
    let uri = body["type"].as_str().unwrap();
    uri.strip_prefix("https://ns.adobe.com/aep/errors/FLOW-").unwrap().to_owned()
}

fn ids(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

/// A world with one batch flow and one failed run of it, `failed-run`.
fn world_with_failed_run() -> World {
    let mut world = World::empty(1, start_time());
    let flow = world.add_flow(FlowSetup::batch("crm-accounts-hourly"));
    world.add_run(RunSetup::failed(&flow).with_id("failed-run")).unwrap();
    world
}

/// A run under way.
pub(super) fn in_progress(flow_id: &str) -> RunSetup {
    RunSetup { status: RunStatus::InProgress, ..RunSetup::succeeded(flow_id) }
}
