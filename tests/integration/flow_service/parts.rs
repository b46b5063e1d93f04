//! A listing with too many pages is read in parts, the oldest first.

use crate::kit::server::{Server, TestClock, json, page, prod, run};
use flowmend::domain::model::ids::FlowId;
use flowmend::domain::model::run::Run;
use flowmend::flow_service::{ApiError, Connection, FlowService, Listing, Window};
use flowmend::simulator::{FlowSetup, Quirks, RunSetup, Simulator, World};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use std::collections::HashSet;
use std::sync::Arc;

const DAY: i64 = 24 * 60 * 60 * 1_000;

fn now() -> Timestamp {
    Timestamp::from_millisecond(TestClock::START).unwrap()
}

fn at(before_now: i64) -> Timestamp {
    now() - SignedDuration::from_millis(before_now)
}

/// A platform with runs of one dataflow that failed so many milliseconds ago, and a client that
/// reads two pages of ten at most.
struct Bench {
    simulator: Simulator,
    service: FlowService,
    flows: [FlowId; 1],
}

impl Bench {
    async fn with(failed: impl Iterator<Item = i64>, quirks: Quirks) -> Self {
        let mut world = World::empty(7, now());
        world.quirks = quirks;
        let flow = world.add_flow(FlowSetup::batch("crm"));
        for before in failed {
            world.add_run(RunSetup::failed(&flow).created_at(at(before))).unwrap();
        }
        let credentials = world.credentials.clone();
        let listen = "127.0.0.1:0".parse().unwrap();
        let clock = Arc::new(TestClock::default());
        let simulator = Simulator::start(world, clock.clone(), listen).await.unwrap();
        let url: reqwest::Url = simulator.base_url().parse().unwrap();
        let connection = Connection {
            platform_url: url.clone(),
            ims_url: url,
            org_id: credentials.org_id,
            client_id: credentials.client_id,
            client_secret: SecretString::from(credentials.client_secrets[0].clone()),
            ..small(&Server::start(|_, _| None))
        };
        let service = FlowService::new(connection, clock).unwrap();
        Self { simulator, service, flows: [FlowId::new(flow)] }
    }

    async fn list(&self, window: Window) -> Listing<Run> {
        self.service.failed_runs(&prod(), &self.flows, None, window).await
    }

    /// Reads all parts; returns the number of runs and of parts.
    async fn read_all(&self, since: Timestamp, by: fn(Timestamp) -> Window) -> (usize, usize) {
        let mut seen = HashSet::new();
        let mut next = Some(since);
        let mut parts = 0;
        while let Some(since) = next {
            let listing = self.list(by(since)).await;
            assert!(listing.fault.is_none(), "{:?}", listing.fault);
            assert!(listing.items.len() <= 20, "a part holds what one listing may");
            assert!(listing.until.is_none_or(|until| until > since), "every part is a step");
            seen.extend(listing.items.iter().map(|run| run.id.clone()));
            next = listing.until;
            parts += 1;
            assert!(parts < 100, "it ends");
        }
        (seen.len(), parts)
    }
}

fn small(server: &Server) -> Connection {
    let mut connection = server.connection();
    (connection.max_pages, connection.page_size) = (2, 10);
    connection
}

#[tokio::test]
async fn too_many_failed_runs_are_read_in_parts_to_the_end() {
    let even = |n: i64| n * DAY / 200;
    // All but a few within the last minute.
    let crowded = |n: i64| if n < 195 { n * 300 } else { n * DAY / 200 };
    for spread in [even, crowded] {
        for by in [Window::UpdatedSince, Window::CreatedSince] {
            let bench = Bench::with((0..200).map(spread), Quirks::default()).await;
            let (seen, parts) = bench.read_all(at(DAY), by).await;
            assert_eq!(seen, 200);
            assert!(parts >= 10, "{parts}");
            bench.simulator.stop().await;
        }
    }
}

#[tokio::test]
async fn a_listing_that_fits_into_the_pages_is_read_at_once() {
    let bench = Bench::with(0..20, Quirks::default()).await;
    assert_eq!(bench.read_all(at(DAY), Window::UpdatedSince).await, (20, 1));
}

#[tokio::test]
async fn without_a_filter_on_changes_the_parts_are_split_by_creation() {
    let quirks = Quirks { updated_at_filter_refused: true, ..Quirks::default() };
    // The last of them began more than six hours ago: later ones might still change.
    let bench = Bench::with((0..200).map(|n| DAY / 2 + n * DAY / 400), quirks).await;
    let (seen, _) = bench.read_all(at(DAY), Window::UpdatedSince).await;
    assert_eq!(seen, 200);
}

#[tokio::test]
async fn too_many_failed_runs_in_one_millisecond_are_a_fault() {
    let bench = Bench::with((0..200).map(|_| DAY / 2), Quirks::default()).await;
    let mut window = Window::UpdatedSince(at(DAY));
    let listing = loop {
        let listing = bench.list(window).await;
        match listing.until {
            Some(rest) => window = Window::UpdatedSince(rest),
            None => break listing,
        }
    };
    let fault = listing.fault.unwrap();
    assert!(matches!(fault, ApiError::TooManyPages { pages: 2 }), "{fault}");
    assert_eq!(listing.items.len(), 20, "what was read is kept");
}

#[tokio::test]
async fn if_adobe_refuses_or_ignores_the_end_of_a_window_it_is_left_out() {
    for refuses in [true, false] {
        let server = Server::start(move |request, before| {
            let bounded = request.target.contains("%3C");
            if !request.target.contains("/runs") {
                return None;
            }
            if bounded && refuses {
                return Some(json(400, r#"{"errorMessage":"updatedAt is not valid here"}"#));
            }
            let next = format!("/runs?continuationToken={}{before}", request.target.len());
            Some(page(&[run(&next, "f", "failed")], Some(&next)))
        });
        let service = server.service_with(|connection| *connection = small(&server));
        let flows = [FlowId::new("f")];
        let window = Window::CreatedSince(at(DAY));
        for expected in [1, 1] {
            let listing = service.failed_runs(&prod(), &flows, None, window).await;
            assert!(matches!(listing.fault, Some(ApiError::TooManyPages { .. })));
            assert_eq!((listing.items.len(), listing.until), (2, None));
            let asked = server.asked();
            let bounded = asked
                .iter()
                .filter(|target| target.contains("%3C") && !target.contains("continuationToken"));
            assert_eq!(bounded.count(), expected, "it is asked for once: {asked:?}");
        }
    }
}
