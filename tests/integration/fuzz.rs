//! Whatever a server or a person writes, flowmend reads it without falling over: published answers
//! and configuration files, mutated at random and read through the front door, sockets and all.
//!
//! The same cases every time: case N draws all its chance from N, and a failing case names itself.
//! A long run: `FLOWMEND_FUZZ_CASES=100000 cargo test --release --test integration fuzz`; the parsers alone,
//! with arbitrary input: `PROPTEST_CASES=1000000 cargo test --release panics`.
use crate::kit::server::{Reply, SECRET, Server, TOKEN, prod};
use fastrand::Rng;
use flowmend::domain::model::ids::{FlowId, FlowSpecId, RunId};
use flowmend::domain::model::verdict::Verdict;
use flowmend::flow_service::Window;
use flowmend::settings::{DEFAULT_TOML, Settings, Sources};
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const ANSWERS: &[&str] = &[
    include_str!("../data/adobe/runs_page.json"),
    include_str!("../data/adobe/run_failed.json"),
    include_str!("../data/adobe/flows_page.json"),
    include_str!("../data/adobe/flow_spec.json"),
    include_str!("../data/adobe/retrigger_bare.json"),
    include_str!("../data/adobe/retrigger_items.json"),
    include_str!("../data/adobe/retrigger_whole_run.json"),
    include_str!("../data/adobe/error_not_found.json"),
    include_str!("../data/adobe/error_gateway_token_invalid.json"),
    include_str!("../data/adobe/error_page.html"),
    r#"{"items":[],"_links":{"next":{"href":"/runs?continuationToken=abc"}}}"#,
];

/// What JSON readers stumble over.
const PIECES: &[&str] = &[
    "null",
    "-1",
    "1e999",
    "99999999999999999999",
    "\"\"",
    "[]",
    "{}",
    "\u{0}",
    "\\",
    "\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "true",
    "\\ud800",
    "é",
    "\"id\":",
    "\"items\":",
    "\"_links\":",
    "%",
    "?",
    "#",
    "-9223372036854775808",
    "253402300800000",
    "\n",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
];

fn cases(default: u64) -> u64 {
    let asked = std::env::var("FLOWMEND_FUZZ_CASES").ok();
    asked.map_or(default, |asked| asked.parse().expect("FLOWMEND_FUZZ_CASES is a number"))
}

/// `text` with a few random edits: pieces cut, doubled, moved, or strange ones put in.
fn mutate(text: &str, rng: &mut Rng) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..rng.usize(0..8) {
        let at = rng.usize(0..=chars.len());
        let end = (at + rng.usize(0..40)).min(chars.len());
        match rng.u8(0..4) {
            0 => drop(chars.drain(at..end)),
            1 => {
                let piece = chars[at..end].to_vec();
                let to = rng.usize(0..=chars.len());
                chars.splice(to..to, piece);
            }
            2 => drop(chars.splice(at..end, rng.choice(PIECES).unwrap().chars())),
            _ => drop(chars.splice(at..at, rng.choice(PIECES).unwrap().chars())),
        }
    }
    chars.into_iter().collect()
}

/// A server whose answers are those of the case that is under way.
fn server(statuses: &'static [u16]) -> (Server, Arc<AtomicU64>) {
    let case = Arc::new(AtomicU64::new(0));
    let current = case.clone();
    let server = Server::start(move |request, _| {
        if request.target.starts_with("/ims/") {
            return None;
        }
        let mut rng = Rng::with_seed(current.load(Ordering::SeqCst));
        let body = mutate(rng.choice(ANSWERS).unwrap(), &mut rng);
        let mut headers = vec![("Content-Type", "application/json".to_owned())];
        if rng.bool() {
            // A header cannot hold control characters; the rest of Unicode is the client's problem.
            let wait = mutate("120", &mut rng).replace(char::is_control, "");
            headers.push(("Retry-After", wait));
        }
        Some(Reply::Answer(*rng.choice(statuses).unwrap(), headers, body))
    });
    (server, case)
}

#[tokio::test]
async fn no_answer_to_a_read_makes_the_client_fall_over_or_tell_a_secret() {
    // None that is worth repeating: a repetition waits.
    let (server, case) = server(&[200, 200, 200, 400, 404, 409, 301]);
    let service = server.service_with(|connection| connection.max_pages = 3);
    let ids = ["a", "b"].map(FlowId::new);
    let runs = ["r", "s"].map(RunId::new);
    for n in 0..cases(150) {
        case.store(n, Ordering::SeqCst);
        let told = format!(
            "{:?}{:?}{:?}{:?}{:?}",
            service.flows(&prod()).await.fault,
            service
                .failed_runs(&prod(), &ids, None, Window::CreatedSince(Timestamp::UNIX_EPOCH))
                .await
                .fault,
            service.runs_by_id(&prod(), &runs).await.fault,
            service.flow_spec(&prod(), &FlowSpecId::new("spec")).await,
            service.runs_of_flow(&prod(), &ids[0], Timestamp::UNIX_EPOCH).await.fault,
        );
        assert!(!told.contains(SECRET) && !told.contains(TOKEN), "case {n}: {told}");
    }
}

#[tokio::test]
async fn no_answer_to_the_post_is_taken_for_more_than_it_says() {
    let (server, case) = server(&[200, 201, 204, 301, 400, 401, 403, 404, 409, 412, 500, 502, 504]);
    let run = RunId::new("asked");
    for n in 0..cases(400) {
        // A client of its own: some doubts in a row would hold the next call back.
        let service = server.service();
        case.store(n, Ordering::SeqCst);
        let before = server.posts();
        let verdict = service.retrigger(&prod(), &run, None, Duration::from_secs(20)).await;
        assert_eq!(server.posts() - before, 1, "case {n}: one call is one POST");
        if let Verdict::Accepted { run, .. } = &verdict {
            let mut rng = Rng::with_seed(n);
            let body = mutate(rng.choice(ANSWERS).unwrap(), &mut rng);
            assert!(!run.as_str().is_empty(), "case {n}");
            assert!(body.contains(run.as_str()), "case {n}: {run} is not in {body}");
        }
        let told = format!("{verdict:?}");
        assert!(!told.contains(SECRET) && !told.contains(TOKEN), "case {n}: {told}");
    }
}

#[tokio::test]
async fn no_retry_after_parks_a_call_beyond_its_bounds() {
    for n in 0..cases(40).min(2_000) {
        let (server, case) = server(&[429, 503]);
        case.store(n, Ordering::SeqCst);
        let verdict = server
            .service()
            .retrigger(&prod(), &RunId::new("asked"), None, Duration::from_secs(20))
            .await;
        if let Verdict::Refused(refusal) = verdict
            && let flowmend::domain::model::verdict::Remedy::Later(Some(wait)) = refusal.remedy
        {
            assert!(wait <= Duration::from_secs(24 * 60 * 60), "case {n}: {wait:?}");
        }
    }
}

#[test]
fn no_configuration_file_or_variable_makes_the_settings_fall_over_or_tell_a_secret() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("flowmend.toml");
    let sound = DEFAULT_TOML
        .replace("org_id = \"\"", "org_id = \"1@AdobeOrg\"")
        .replace("client_id = \"\"", "client_id = \"client\"")
        .replace("client_secret = \"\"", "client_secret = \"s3cr3t-value\"");
    let sound = format!("{sound}\n[[sandbox]]\nname = \"prod\"\n");
    let names = ["RETRY__MAX_ATTEMPTS", "ADOBE__SCOPES", "SANDBOX", "POLL__INTERVAL", "LOG__LEVEL"];
    for n in 0..cases(400) {
        let mut rng = Rng::with_seed(n);
        std::fs::write(&path, mutate(&sound, &mut rng)).unwrap();
        let name = format!("FLOWMEND__{}", rng.choice(names).unwrap());
        let environment = match rng.bool() {
            true => HashMap::from([(name, mutate("5", &mut rng))]),
            false => HashMap::new(),
        };
        let sources = Sources { files: vec![path.clone()], environment };
        let told = match Settings::load(&sources) {
            Ok(settings) => format!("{settings:?}{}", settings.render()),
            Err(faults) => format!("{faults:?}{faults}"),
        };
        assert!(!told.contains(SECRET), "case {n}: {told}");
    }
}
