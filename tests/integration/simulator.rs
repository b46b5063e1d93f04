//! The simulator, held against the payloads that Adobe publishes, without the client in between.
//!
//! What is compared is the *shape* of a document: every path in it and the type of what is there.
//! In both directions: all that the simulator serves must be documented, and all that is documented
//! has to be served, unless it is listed here as left out. `tests/data/adobe` holds the documents;
//! those named `sim_…` complete the others by what the API description and the tutorials show besides:
//!
//! | file | after |
//! |---|---|
//! | `sim_run_described.json` | the schema `FlowRunItemDTO`, and the counts of `PUT /runs/{id}` |
//! | `sim_flows_described.json` | the schema `FlowItemDTO`; an HTTP API dataflow; a destination |
//! | `sim_flow_spec_streaming.json` | the flow spec of the HTTP API |
//! | `sim_runs_count.json` | `GET /runs?count=true` in *Sort and filter* |
use async_trait::async_trait;
use flowmend::clock::Clock;
use flowmend::simulator::{
    AnswerShape, Cause, EtagPlace, FlowSetup, FlowState, Quirks, RunSetup, RunStatus, Simulator,
    Spec, World,
};
use jiff::Timestamp;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

// ---- what is documented, what must be there, and what is not

/// A kind of object, and what is known about its shape.
struct Kind {
    /// Files with at least one such object, bare or in `items`.
    fixtures: &'static [&'static str],
    /// In every object of this kind.
    mandatory: &'static [&'static str],
    /// Documented, and never served by the simulator: nothing that decides anything reads it.
    left_out: &'static [&'static str],
    /// Served, and documented nowhere: readings of ours, each with its reason.
    ours: &'static [(&'static str, &'static str)],
}

const RUN: Kind = Kind {
    fixtures: &["runs_page", "run_failed", "run_single", "sim_run_described"],
    mandatory: &[
        "id: string",
        "createdAt: number",
        "updatedAt: number",
        "createdBy: string",
        "createdClient: string",
        "updatedBy: string",
        "updatedClient: string",
        "sandboxId: string",
        "sandboxName: string",
        "imsOrgId: string",
        "flowId: string",
        "flowSpec.id: string",
        "flowSpec.version: string",
        "providerRefId: string",
        "etag: string",
        "metrics.durationSummary: object",
        "metrics.sizeSummary.inputBytes: number",
        "metrics.recordSummary.inputRecordCount: number",
        "metrics.recordSummary.outputRecordCount: number",
        "metrics.recordSummary.failedRecordCount: number",
        "metrics.fileSummary.inputFileCount: number",
        "metrics.statusSummary.status: string",
        "activities: array",
    ],
    left_out: &[
        // The spelling of the API description, against that of every example.
        "eTag",
        "activites",
        "metrics.recordSummary.updatedRecordCount",
        "metrics.fileSummary.activityRefs",
        "metrics.statusSummary.activityRefs",
        "activities[].sizeSummary",
        "activities[].recordSummary",
        "activities[].fileSummary",
        "activities[].statusSummary.errors",
        "activities[].statusSummary.extensions.manifest",
        "activities[].statusSummary.extensions.errors[].recordCount",
        "activities[].sourceInfo",
        "activities[].targetInfo",
    ],
    ours: &[],
};

const FLOW: Kind = Kind {
    fixtures: &["flows_page", "sim_flows_described"],
    mandatory: &[
        "id: string",
        "createdAt: number",
        "updatedAt: number",
        "sandboxName: string",
        "imsOrgId: string",
        "name: string",
        "state: string",
        "flowSpec.id: string",
        "flowSpec.version: string",
        "version: string",
        "etag: string",
        "inheritedAttributes.properties: object",
        "inheritedAttributes.sourceConnections[].connectionSpec.id: string",
        "inheritedAttributes.targetConnections[].connectionSpec.id: string",
        "runs: string",
    ],
    left_out: &["description"],
    ours: &[(
        "scheduleParams.interval: number",
        "documented as text holding an integer; `startTime` is seen as both, and so is this",
    )],
};

const SPEC: Kind = Kind {
    fixtures: &["flow_spec", "flow_spec_without_attributes", "sim_flow_spec_streaming"],
    mandatory: &["id: string", "name: string", "version: string", "providerId: string"],
    left_out: &[
        "sourceConnectionSpecIds",
        "targetConnectionSpecIds",
        "permissionsInfo",
        "scheduleSpec",
    ],
    ours: &[(
        "attributes.isDestinationFlow: boolean",
        "flows inherit it from somewhere, as they do `isSourceFlow`",
    )],
};

// ---- shapes

fn fixture(name: &str) -> Value {
    let path = format!("{}/tests/data/adobe/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every path of a document and the type of what is there: `metrics.sizeSummary.inputBytes: number`.
fn shape(document: &Value) -> BTreeSet<String> {
    fn walk(value: &Value, path: &str, found: &mut BTreeSet<String>) {
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        if !path.is_empty() {
            found.insert(format!("{path}: {kind}"));
        }
        match value {
            Value::Array(items) => {
                items.iter().for_each(|item| walk(item, &format!("{path}[]"), found));
            }
            Value::Object(members) => members.iter().for_each(|(name, member)| {
                let dot = if path.is_empty() { "" } else { "." };
                walk(member, &format!("{path}{dot}{name}"), found);
            }),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    walk(document, "", &mut found);
    found
}

fn shapes<'v>(documents: impl IntoIterator<Item = &'v Value>) -> BTreeSet<String> {
    documents.into_iter().flat_map(shape).collect()
}

/// The objects in `items`, or the one that is not wrapped.
fn items(document: &Value) -> Vec<Value> {
    match document.get("items") {
        Some(items) => items.as_array().unwrap().clone(),
        None => vec![document.clone()],
    }
}

/// Whether `line`, a path and a type, is `prefix` or lies below it.
fn lies_below(line: &str, prefix: &str) -> bool {
    line.strip_prefix(prefix).is_some_and(|rest| rest.starts_with([':', '.', '[']))
}

impl Kind {
    fn documented(&self) -> BTreeSet<String> {
        let objects: Vec<Value> =
            self.fixtures.iter().flat_map(|name| items(&fixture(name))).collect();
        shapes(&objects)
    }

    /// All faults at once, in words.
    fn faults_of(&self, served: &[Value]) -> Vec<String> {
        let (documented, all) = (self.documented(), shapes(served));
        let ours: BTreeSet<String> = self.ours.iter().map(|(line, _)| (*line).to_owned()).collect();
        let left_out = |line: &str| self.left_out.iter().any(|prefix| lies_below(line, prefix));
        let mut faults = Vec::new();

        let invented = all.iter().filter(|line| !documented.contains(*line));
        let invented = invented.filter(|line| !ours.contains(*line));
        faults.extend(invented.map(|line| format!("served and documented nowhere: {line}")));

        let missing = documented.iter().filter(|line| !all.contains(*line) && !left_out(line));
        faults.extend(missing.map(|line| format!("documented and never served: {line}")));

        for (number, object) in served.iter().enumerate() {
            let shape = shape(object);
            let absent = self.mandatory.iter().filter(|line| !shape.contains(**line));
            faults.extend(absent.map(|line| format!("object {number} lacks {line}")));
        }

        // The lists above must not outlive what they are about.
        let stale = ours.iter().filter(|line| documented.contains(*line) || !all.contains(*line));
        faults.extend(stale.map(|line| format!("documented by now, or served no more: {line}")));
        let stale = self.left_out.iter().filter(|prefix| {
            all.iter().any(|line| lies_below(line, prefix))
                || !documented.iter().any(|line| lies_below(line, prefix))
        });
        faults.extend(stale.map(|prefix| format!("not left out, or not documented: {prefix}")));
        faults
    }

    #[track_caller]
    fn holds(&self, served: &[Value]) {
        assert!(!served.is_empty());
        let faults = self.faults_of(served);
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }
}

// ---- the simulator, over a socket

/// A clock that stands still.
#[derive(Debug)]
struct Standstill;

#[async_trait]
impl Clock for Standstill {
    fn now(&self) -> Timestamp {
        "2026-03-02T06:00:00Z".parse().unwrap()
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, _wait: Duration) {}
}

struct Bench {
    simulator: Simulator,
    http: reqwest::Client,
    token: String,
}

impl Bench {
    async fn with(world: World) -> Self {
        let listen = "127.0.0.1:0".parse().unwrap();
        let simulator = Simulator::start(world, Arc::new(Standstill), listen).await.unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut bench = Self { simulator, http, token: String::new() };
        let (status, body) = sent(bench.token_request("simulated-secret")).await;
        assert_eq!(status, StatusCode::OK);
        bench.token = body["access_token"].as_str().unwrap().to_owned();
        bench
    }

    /// The reading of quirks that are in force from now on.
    fn behave(&self, quirks: Quirks) {
        self.simulator.with_world(|world| world.quirks = quirks);
    }

    fn token_request(&self, secret: &str) -> RequestBuilder {
        let credentials = self.simulator.with_world(|world| world.credentials.clone());
        self.http.post(format!("{}/ims/token/v3", self.simulator.base_url())).form(&[
            ("client_id", credentials.client_id.as_str()),
            ("client_secret", secret),
            ("grant_type", "client_credentials"),
            ("scope", "openid,session,AdobeID"),
        ])
    }

    /// A request whose headers are in order, save that `token` and `key` are the caller's affair.
    fn request(&self, post: bool, path: &str, token: Option<&str>, key: &str) -> RequestBuilder {
        let url = format!("{}/data/foundation/flowservice{path}", self.simulator.base_url());
        let request = if post { self.http.post(url) } else { self.http.get(url) };
        let org_id = self.simulator.with_world(|world| world.credentials.org_id.clone());
        let request = request
            .header("x-api-key", key)
            .header("x-gw-ims-org-id", org_id)
            .header("x-sandbox-name", "prod");
        match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        sent(self.request(false, path, Some(&self.token), "simulated-client")).await
    }

    /// What `path` answers, which has to be a success.
    async fn read(&self, path: &str) -> Value {
        let (status, body) = self.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    fn retrigger(&self, run_id: &str) -> RequestBuilder {
        let path = format!("/runs/{run_id}/action?op=re-trigger");
        self.request(true, &path, Some(&self.token), "simulated-client")
    }
}

async fn sent(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    let status = response.status();
    let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(content_type.starts_with("application/json"), "{content_type}");
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap())
}

/// One flow, and a run of it in every state that a run can be in; one is issued by a re-trigger.
async fn bench_with_runs() -> Bench {
    let mut world = World::empty(7, Standstill.now());
    let flow = world.add_flow(FlowSetup::batch("crm-accounts"));
    let partial = |status| {
        let run = RunSetup { status, records: 99, ..RunSetup::failed(&flow) };
        run.with_codes(&["CONNECTOR-2001-500"], &["INGEST-1212-400"])
    };
    let no_files = Some(Cause::NoFiles.failure(0.0));
    let runs = [
        RunSetup::failed(&flow).with_id("failed-copy"),
        RunSetup { failure: no_files, ..RunSetup::failed(&flow) }.with_id("failed-promotion"),
        RunSetup::failed(&flow).with_id("to-be-retriggered"),
        RunSetup::succeeded(&flow).with_id("success"),
        partial(RunStatus::Success).with_id("success-with-errors"),
        partial(RunStatus::PartialSuccess).with_id("partial-success"),
        RunSetup { status: RunStatus::InProgress, ..RunSetup::succeeded(&flow) }
            .with_id("under-way"),
    ];
    for run in runs {
        world.add_run(run).unwrap();
    }
    let bench = Bench::with(world).await;
    let (status, _) = sent(bench.retrigger("to-be-retriggered")).await;
    assert_eq!(status, StatusCode::OK);
    bench
}

/// One flow of every spec, each with a run behind it, and one in every state.
async fn bench_with_flows() -> Bench {
    let mut world = World::empty(7, Standstill.now());
    // Adobe publishes no internal dataflow.
    for spec in Spec::ALL.into_iter().filter(|spec| *spec != Spec::Internal) {
        for every in [900, 3_600] {
            let every = Some(Duration::from_secs(every));
            let flow =
                world.add_flow(FlowSetup { every, ..FlowSetup::new(&format!("{spec:?}"), spec) });
            world.add_run(RunSetup::succeeded(&flow)).unwrap();
        }
    }
    for state in [FlowState::Disabled, FlowState::Draft, FlowState::Initializing] {
        world.add_flow(FlowSetup { state, ..FlowSetup::batch(state.as_str()) });
    }
    Bench::with(world).await
}

/// An etag of Adobe's: the quotes are part of it.
#[track_caller]
fn assert_is_etag(etag: &Value) {
    let inner = etag.as_str().unwrap().strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let groups: Vec<usize> = inner.unwrap().split('-').map(str::len).collect();
    assert_eq!(groups, [8, 4, 4, 4, 12], "{etag}");
}

#[track_caller]
fn assert_is_in_milliseconds(time: &Value) {
    assert!(time.as_i64().is_some_and(|ms| (1_000_000_000_000..10_000_000_000_000).contains(&ms)));
}

// ---- runs

#[tokio::test]
async fn every_run_of_a_page_has_the_shape_of_a_published_run() {
    let bench = bench_with_runs().await;
    let page = bench.read("/runs").await;
    let runs = items(&page);
    assert_eq!(runs.len(), 8);
    RUN.holds(&runs);
    for run in &runs {
        assert_is_etag(&run["etag"]);
        assert_is_in_milliseconds(&run["createdAt"]);
        assert_is_in_milliseconds(&run["updatedAt"]);
    }
}

#[tokio::test]
async fn a_single_run_comes_in_the_wrapper_of_a_list_and_is_the_one_of_the_list() {
    let bench = bench_with_runs().await;
    for listed in items(&bench.read("/runs").await) {
        let single = bench.read(&format!("/runs/{}", listed["id"].as_str().unwrap())).await;
        assert_eq!(single, json!({ "items": [listed], "_links": {} }));
    }
}

#[tokio::test]
async fn the_status_of_a_run_is_a_published_word() {
    let bench = bench_with_runs().await;
    let runs = items(&bench.read("/runs").await);
    let words: BTreeSet<_> =
        runs.iter().filter_map(|run| run["metrics"]["statusSummary"]["status"].as_str()).collect();
    let published = ["failed", "inProgress", "partialSuccess", "scheduled", "success"];
    assert_eq!(words, BTreeSet::from(published));
}

#[tokio::test]
async fn a_failed_promotion_looks_like_the_published_one() {
    let bench = bench_with_runs().await;
    let served = &items(&bench.read("/runs/failed-promotion").await)[0];
    let published = &items(&fixture("run_failed"))[0];
    for pointer in [
        "/metrics/statusSummary/status",
        "/metrics/statusSummary/errors/0/code",
        "/metrics/durationSummary/completedAtUTC",
        "/metrics/sizeSummary/inputBytes",
        "/metrics/fileSummary/inputFileCount",
        "/activities/0/id",
        "/activities/0/statusSummary/status",
        "/activities/0/statusSummary/extensions/errors/0/code",
    ] {
        assert_eq!(served.pointer(pointer), published.pointer(pointer), "{pointer}");
    }
    assert_is_in_milliseconds(&served["metrics"]["durationSummary"]["startedAtUTC"]);
}

#[tokio::test]
async fn a_success_has_an_end_and_carries_errors_only_after_a_partial_ingestion() {
    let bench = bench_with_runs().await;
    for (id, has_errors) in [("success", false), ("success-with-errors", true)] {
        let run = &items(&bench.read(&format!("/runs/{id}")).await)[0];
        let metrics = &run["metrics"];
        assert_eq!(metrics["statusSummary"]["status"], "success");
        assert_is_in_milliseconds(&metrics["durationSummary"]["completedAtUTC"]);
        assert_eq!(metrics["statusSummary"].get("errors").is_some(), has_errors, "{id}");
        let details = run.pointer("/activities/0/statusSummary/extensions/errors");
        assert_eq!(details.is_some(), has_errors, "{id}");
    }
}

#[tokio::test]
async fn a_run_that_has_not_ended_tells_no_end_and_one_that_has_not_started_no_start() {
    let bench = bench_with_runs().await;
    let run = &items(&bench.read("/runs/under-way").await)[0];
    assert_eq!(
        shape(&run["metrics"]["durationSummary"]),
        BTreeSet::from(["startedAtUTC: number".to_owned()])
    );
    let scheduled = "/runs?property=metrics.statusSummary.status==scheduled";
    let run = &items(&bench.read(scheduled).await)[0];
    assert_eq!(run["metrics"]["durationSummary"], json!({}));
    assert_eq!(run["activities"], json!([]));
}

// ---- lists

#[tokio::test]
async fn a_page_has_the_published_frame_and_its_link_is_followed_by_the_token_alone() {
    let bench = bench_with_runs().await;
    let frame = |document: &Value| -> BTreeSet<String> {
        shape(document).into_iter().filter(|line| !line.starts_with("items[]")).collect()
    };
    let with_link = frame(&fixture("runs_page"));
    let last = frame(&fixture("flows_page"));

    let mut path = "/runs?limit=3".to_owned();
    let mut seen = Vec::new();
    let mut frames = Vec::new();
    loop {
        let page = bench.read(&path).await;
        seen.extend(items(&page).iter().map(|run| run["id"].as_str().unwrap().to_owned()));
        frames.push(frame(&page));
        // Adobe publishes it relative to the base of the service, with nothing but the token.
        let Some(href) = page.pointer("/_links/next/href") else { break };
        let token = href.as_str().unwrap().strip_prefix("/runs?continuationToken=").unwrap();
        assert!(!token.is_empty() && !token.contains(['&', '=']), "{token}");
        path = href.as_str().unwrap().to_owned();
    }
    assert_eq!(frames, [with_link.clone(), with_link, last]);
    assert_eq!(seen.len(), 8);
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 8);
}

#[tokio::test]
async fn a_count_is_a_number_and_nothing_else() {
    let bench = bench_with_runs().await;
    let count = bench.read("/runs?count=true").await;
    assert_eq!(shape(&count), shape(&fixture("sim_runs_count")));
    assert_eq!(count["count"], 8);
}

// ---- dataflows and their specs

#[tokio::test]
async fn every_dataflow_has_the_shape_of_a_published_one_listed_or_single() {
    let bench = bench_with_flows().await;
    let page = bench.read("/flows?limit=100").await;
    let flows = items(&page);
    FLOW.holds(&flows);
    for flow in &flows {
        assert_is_etag(&flow["etag"]);
        assert_eq!(flow["version"], flow["etag"]);
        let id = flow["id"].as_str().unwrap();
        assert_eq!(flow["runs"], format!("/runs?property=flowId=={id}"));
        let single = bench.read(&format!("/flows/{id}")).await;
        assert_eq!(single, json!({ "items": [flow], "_links": {} }));
    }
}

#[tokio::test]
async fn a_dataflow_is_marked_as_a_source_or_as_a_destination_and_never_as_both() {
    let bench = bench_with_flows().await;
    for flow in items(&bench.read("/flows?limit=100").await) {
        let properties = &flow["inheritedAttributes"]["properties"];
        let destination = flow["flowSpec"]["id"] == Spec::Destination.id();
        let mark = if destination { "isDestinationFlow" } else { "isSourceFlow" };
        assert_eq!(*properties, json!({ mark: true }), "{}", flow["name"]);
    }
}

#[tokio::test]
async fn every_flow_spec_has_the_shape_of_a_published_one() {
    let bench = bench_with_flows().await;
    let mut specs = Vec::new();
    for spec in Spec::ALL {
        let answer = bench.read(&format!("/flowSpecs/{}", spec.id())).await;
        assert_eq!(answer["_links"], json!({}));
        assert_eq!(answer["items"][0]["id"], spec.id());
        specs.extend(items(&answer));
    }
    SPEC.holds(&specs);
}

#[tokio::test]
async fn a_newer_batch_spec_says_what_the_published_one_says_and_an_older_one_says_nothing() {
    let bench = bench_with_flows().await;
    let published = &items(&fixture("flow_spec"))[0];
    let newer = &items(&bench.read(&format!("/flowSpecs/{}", Spec::CloudStorage.id())).await)[0];
    for name in ["id", "name", "providerId", "version"] {
        assert_eq!(newer[name], published[name], "{name}");
    }
    for (name, value) in published["attributes"].as_object().unwrap() {
        assert_eq!(newer["attributes"][name], *value, "{name}");
    }

    bench.behave(Quirks { bare_single_gets: true, ..Quirks::default() });
    let older = bench.read(&format!("/flowSpecs/{}", Spec::Rest.id())).await;
    let published = shape(&fixture("flow_spec_without_attributes"));
    let undocumented: Vec<_> = shape(&older).difference(&published).cloned().collect();
    assert!(undocumented.is_empty(), "{undocumented:?}");
}

// ---- the re-trigger

#[tokio::test]
async fn every_documented_answer_to_a_retrigger_can_be_had() {
    let bench = bench_with_runs().await;
    for (answer, etag, published) in [
        (AnswerShape::Bare, EtagPlace::Etag, "retrigger_bare"),
        (AnswerShape::Items, EtagPlace::Etag, "retrigger_items"),
        (AnswerShape::Bare, EtagPlace::None, "retrigger_without_etag"),
    ] {
        bench.behave(Quirks { answer, etag, ..Quirks::default() });
        let issuing = bench.simulator.with_world(|world| {
            let flow = world.add_flow(FlowSetup::batch("of-its-own"));
            world.add_run(RunSetup::failed(&flow)).unwrap()
        });
        let (status, body) = sent(bench.retrigger(&issuing)).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(shape(&body), shape(&fixture(published)), "{published}");
        let new = &items(&body)[0];
        assert_ne!(new["id"], issuing);
        if etag == EtagPlace::Etag {
            assert_is_etag(&new["etag"]);
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_the_whole_run_is_a_run_like_any_other_with_either_spelling_of_the_etag()
{
    let bench = bench_with_runs().await;
    let documented = RUN.documented();
    for (run, answer) in [
        ("failed-copy", AnswerShape::FullRunNewId),
        ("failed-promotion", AnswerShape::FullRunSameId),
    ] {
        bench.behave(Quirks { answer, etag: EtagPlace::ETag, ..Quirks::default() });
        let (_, body) = sent(bench.retrigger(run)).await;
        let invented: Vec<_> = shape(&body).difference(&documented).cloned().collect();
        assert!(invented.is_empty(), "{invented:?}");
        assert_is_etag(&body["eTag"]);
        assert_eq!(body["id"] == run, answer == AnswerShape::FullRunSameId);
        assert!(body.get("etag").is_none());
    }
}

// ---- the token

#[tokio::test]
async fn a_token_answer_is_the_published_one_but_for_the_token() {
    let bench = bench_with_runs().await;
    let (_, mut body) = sent(bench.token_request("simulated-secret")).await;
    let mut published = fixture("token");
    assert_eq!(shape(&body), shape(&published));
    for answer in [&mut body, &mut published] {
        answer["access_token"] = json!("a token");
    }
    assert_eq!(body, published);
}

#[tokio::test]
async fn a_wrong_secret_is_refused_in_the_words_of_the_identity_service() {
    let bench = bench_with_runs().await;
    let (status, body) = sent(bench.token_request("wrong")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(body, fixture("token_invalid_client"));
}

// ---- refusals

#[tokio::test]
async fn what_does_not_exist_is_refused_by_the_published_document() {
    let bench = bench_with_runs().await;
    let published = fixture("error_not_found");
    for kind in ["runs", "flows", "flowSpecs"] {
        let (status, body) = bench.get(&format!("/{kind}/gone")).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert_eq!(shape(&body), shape(&published), "{kind}");
        for name in ["type", "title", "status"] {
            assert_eq!(body[name], published[name], "{kind}: {name}");
        }
        assert_eq!(body["report"]["type"], kind);
        assert_eq!(body["report"]["id"], "gone");
    }
}

#[tokio::test]
async fn every_other_refusal_of_flow_service_has_the_published_document_without_a_resource() {
    let bench = bench_with_runs().await;
    let published = shape(&fixture("error_forbidden"));
    let stale = bench.retrigger("failed-copy").header("if-match", "\"another\"");
    let refusals = [
        ("1387-400", sent(bench.retrigger("success")).await),
        ("1404-412", sent(stale).await),
        ("1449-400", bench.get("/runs?property=nonsense==1").await),
        ("1401-400", bench.get("/runs?count=true&limit=1").await),
    ];
    for (code, (status, body)) in refusals {
        assert_eq!(shape(&body), published, "{code}");
        assert_eq!(body["type"], format!("https://ns.adobe.com/aep/errors/FLOW-{code}"));
        assert_eq!(body["status"], status.as_u16());
        assert!(code.ends_with(status.as_str()), "{code}: {status}");
    }
}

#[tokio::test]
async fn the_gateway_refuses_in_its_own_words_and_its_code_is_text() {
    let bench = bench_with_runs().await;
    let ask = |token, key| sent(bench.request(false, "/runs", token, key));
    let valid = Some(bench.token.as_str());
    for (name, status, answer) in [
        ("error_gateway_token_missing", 403, ask(None, "simulated-client").await),
        ("error_gateway_token_invalid", 401, ask(Some("stale"), "simulated-client").await),
        ("error_gateway_api_key", 403, ask(valid, "another-client").await),
    ] {
        let (published, (seen, body)) = (fixture(name), answer);
        assert_eq!(seen.as_u16(), status, "{name}");
        assert_eq!(shape(&body), shape(&published), "{name}");
        assert_eq!(body["error_code"], published["error_code"], "{name}");
        // Adobe prints these sentences with and without their full stop.
        let words =
            |body: &Value| body["message"].as_str().unwrap().trim_end_matches('.').to_owned();
        assert_eq!(words(&body), words(&published), "{name}");
    }
}

// ---- the comparison itself

#[test]
fn the_comparison_notices_what_is_invented_missing_and_stale() {
    const KIND: Kind = Kind {
        fixtures: &["retrigger_bare"],
        mandatory: &["id: string"],
        left_out: &["etag"],
        ours: &[("note: string", "a reading")],
    };
    let fine = json!({ "id": "a", "note": "b" });
    assert_eq!(KIND.faults_of(&[fine]), [""; 0]);
    let faults = KIND.faults_of(&[json!({ "etag": "a", "id": 1, "parent": null })]);
    let expected = [
        "served and documented nowhere: id: number",
        "served and documented nowhere: parent: null",
        "documented and never served: id: string",
        "object 0 lacks id: string",
        "documented by now, or served no more: note: string",
        "not left out, or not documented: etag",
    ];
    assert_eq!(faults, expected);
}
