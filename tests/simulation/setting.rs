//! What a seed decides before its history begins: the platform's quirks, the policy, the flows.

use crate::house::{HOUR, MINUTE};
use fastrand::Rng;
use flowmend::simulator::{
    AnswerShape, Cause, EndedToken, EtagPlace, FlowIdList, FlowSetup, FlowState, Quirks, Spec,
    Spelling, World,
};
use std::time::Duration;

/// The stage of one history.
#[derive(Debug, Clone)]
pub struct Setting {
    pub quirks: Quirks,
    pub max_attempts: u32,
    pub per_dataflow: u32,
    pub per_minute: u32,
    pub ask_root: bool,
    /// Dataflows are selected by their names, not all of them.
    pub by_name: bool,
    pub hold_in_doubt: bool,
    pub confirm_window: Duration,
    pub max_elapsed: Duration,
    pub watch_timeout: Duration,
    pub sweep_interval: Duration,
    /// The longest time between two passes.
    pub rhythm: Duration,
    pub length: Duration,
    /// Whether people re-trigger runs as well.
    pub people: bool,
    /// How often something goes wrong with a request, per pass.
    pub bad_weather: f64,
    /// How often a process stops, per pass.
    pub mortality: f64,
    /// How often an operator acts, per pass.
    pub operators: f64,
}

impl Setting {
    pub fn draw(rng: &mut Rng) -> Self {
        let confirm_window = rng.u32(5..=20) * MINUTE;
        let quirks = quirks(rng, confirm_window);
        Self {
            max_attempts: rng.u32(1..=4),
            per_dataflow: rng.u32(1..=3),
            per_minute: if rng.u8(0..4) == 0 { 2 } else { 30 },
            ask_root: rng.u8(0..4) == 0,
            by_name: rng.bool(),
            hold_in_doubt: rng.u8(0..7) == 0,
            confirm_window,
            max_elapsed: rng.u32(18..=72) * HOUR,
            watch_timeout: rng.u32(3..=8) * HOUR,
            sweep_interval: rng.u32(1..=6) * HOUR,
            rhythm: rng.u32(40..=90) * MINUTE,
            length: rng.u32(72..=84) * HOUR,
            // Without windows nothing tells their runs from ours.
            people: rng.u8(0..3) == 0 && shows_windows(&quirks),
            quirks,
            bad_weather: [0.05, 0.15, 0.3][rng.usize(0..3)],
            mortality: [0.03, 0.08, 0.2][rng.usize(0..3)],
            operators: [0.0, 0.1, 0.2, 0.4][rng.usize(0..4)],
        }
    }

    /// A calm place with the documented platform.
    pub fn plain() -> Self {
        Self {
            quirks: Quirks::default(),
            max_attempts: 3,
            per_dataflow: 1,
            per_minute: 30,
            ask_root: false,
            by_name: false,
            hold_in_doubt: false,
            confirm_window: 5 * MINUTE,
            max_elapsed: 24 * HOUR,
            watch_timeout: 6 * HOUR,
            sweep_interval: HOUR,
            rhythm: MINUTE,
            length: 24 * HOUR,
            people: false,
            bad_weather: 0.0,
            mortality: 0.0,
            operators: 0.0,
        }
    }

    /// The configuration, in the section `[adobe]` at first.
    pub fn toml(&self) -> String {
        let seconds = |time: Duration| format!("\"{}s\"", time.as_secs());
        format!(
            r#"
send_if_match = {if_match}

[poll]
interval = {rhythm}
lookback = "36h"
sweep_interval = {sweep}
overlap = "5m"

[retry]
max_attempts = {attempts}
initial_interval = "5m"
max_interval = "1h"
max_elapsed_time = {elapsed}
watch_timeout = {watch}
confirm_window = {confirm}
when_in_doubt = "{doubt}"
target = "{target}"

[limits]
per_dataflow = {per_dataflow}
retriggers_per_minute = {per_minute}

[[sandbox]]
name = "prod"
include = {include}
"#,
            if_match = self.quirks.require_if_match,
            rhythm = seconds(self.rhythm),
            sweep = seconds(self.sweep_interval),
            attempts = self.max_attempts,
            elapsed = seconds(self.max_elapsed),
            watch = seconds(self.watch_timeout),
            confirm = seconds(self.confirm_window),
            doubt = if self.hold_in_doubt { "hold" } else { "reconcile" },
            target = if self.ask_root { "root" } else { "latest" },
            per_dataflow = self.per_dataflow,
            per_minute = self.per_minute,
            include = if self.by_name { r#"["batch-*", "foreign-*"]"# } else { r#"["*"]"# },
        )
    }

    /// Whether runs show the window of the data that they process.
    pub fn shows_windows(&self) -> bool {
        shows_windows(&self.quirks)
    }

    /// How long after its making a run is absent from lists.
    pub fn listing_delay(&self) -> Duration {
        Duration::from_millis(self.quirks.listing_delay_ms)
    }
}

/// The longest that a run takes from its beginning to its end.
pub const LONGEST_RUN: Duration = Duration::from_secs(50 * 60);

/// `poll.lookback`: how long ago a failed run may have begun and still be taken on.
pub const LOOKBACK: Duration = Duration::from_secs(36 * 60 * 60);

/// A run shows its window among its durations.
fn shows_windows(quirks: &Quirks) -> bool {
    quirks.windows && !quirks.duration_absent
}

/// A platform whose listings are truthful: a run is listed well before the confirm window ends,
/// and issued runs say who made them.
fn quirks(rng: &mut Rng, confirm_window: Duration) -> Quirks {
    let mut quirks = Quirks { token_lifetime_s: rng.u32(1..=24) * 3_600, ..Quirks::default() };
    if rng.bool() {
        let longest = u64::try_from(confirm_window.as_millis()).unwrap() - 60_000;
        quirks.listing_delay_ms = rng.u64(0..=longest);
    }
    if rng.bool() {
        let skews = [1_400, 5_000, 90_000, 1_200_000];
        let skew = skews[rng.usize(0..skews.len())];
        quirks.clock_skew_ms = if rng.bool() { skew } else { -skew };
    }
    let answers = [
        AnswerShape::Items,
        AnswerShape::FullRunNewId,
        AnswerShape::FullRunSameId,
        AnswerShape::NoId,
    ];
    let places = [EtagPlace::ETag, EtagPlace::Header, EtagPlace::None];
    let ended = [EndedToken::EmptyForbidden, EndedToken::HtmlForbidden];
    let mut rarely = |change: &mut dyn FnMut(&mut Quirks, &mut Rng)| {
        if rng.u8(0..5) == 0 {
            change(&mut quirks, rng);
        }
    };
    rarely(&mut |quirks, rng| quirks.answer = answers[rng.usize(0..answers.len())]);
    rarely(&mut |quirks, rng| quirks.etag = places[rng.usize(0..places.len())]);
    rarely(&mut |quirks, _| quirks.status_spelling = Spelling::Pascal);
    rarely(&mut |quirks, _| quirks.flow_id_list = FlowIdList::Refused);
    rarely(&mut |quirks, _| quirks.runs_need_flow_id = true);
    rarely(&mut |quirks, _| quirks.updated_at_filter_refused = true);
    rarely(&mut |quirks, _| quirks.created_at_filter_refused = true);
    rarely(&mut |quirks, _| quirks.duration_absent = true);
    rarely(&mut |quirks, _| quirks.updated_at_absent = true);
    rarely(&mut |quirks, rng| quirks.ended_token = ended[rng.usize(0..ended.len())]);
    rarely(&mut |quirks, _| quirks.times_in_seconds = true);
    rarely(&mut |quirks, rng| quirks.page_cap = rng.usize(2..=20));
    rarely(&mut |quirks, _| quirks.href_repeats_filters = true);
    rarely(&mut |quirks, _| quirks.require_if_match = true);
    rarely(&mut |quirks, _| quirks.issued_runs_refused = true);
    rarely(&mut |quirks, _| quirks.bare_single_gets = true);
    rarely(&mut |quirks, _| quirks.one_client = true);
    rarely(&mut |quirks, _| quirks.windows = false);
    rarely(&mut |quirks, rng| quirks.unreadable_ms = rng.u64(0..=600_000));
    quirks
}

/// The flows of a world.
#[derive(Debug, Clone, Default)]
pub struct Cast {
    /// Batch sources: the only ones to be re-triggered.
    pub batch: Vec<String>,
    /// Streams, destinations, and sources of unknown kind.
    pub foreign: Vec<String>,
}

impl Cast {
    pub fn draw(rng: &mut Rng, world: &mut World) -> Self {
        let mut cast = Self::default();
        for number in 0..rng.usize(4..=6) {
            let spec = if rng.bool() { Spec::CloudStorage } else { Spec::Crm };
            let setup = FlowSetup {
                every: Some(rng.u32(3..=12) * HOUR),
                run_time: rng.u32(2..=50) * MINUTE,
                failure_rate: 0.1 + rng.f64() * 0.3,
                causes: causes(rng),
                // One is switched off from the beginning.
                state: if number == 0 { FlowState::Disabled } else { FlowState::Enabled },
                ..FlowSetup::new(&format!("batch-{number}"), spec)
            };
            cast.batch.push(world.add_flow(setup));
        }
        for spec in [Spec::Streaming, Spec::Destination, Spec::Marketo] {
            let setup = FlowSetup {
                every: Some(9 * HOUR),
                failure_rate: 0.5,
                ..FlowSetup::new(&format!("foreign-{spec:?}"), spec)
            };
            cast.foreign.push(world.add_flow(setup));
        }
        cast
    }
}

fn causes(rng: &mut Rng) -> Vec<Cause> {
    let all = [
        Cause::SourceTimeout,
        Cause::SourceUnavailable,
        Cause::Promotion,
        Cause::NoFiles,
        Cause::BadRecords,
    ];
    let mut some: Vec<Cause> = all.into_iter().filter(|_| rng.bool()).collect();
    some.push(Cause::SourceTimeout);
    some
}
