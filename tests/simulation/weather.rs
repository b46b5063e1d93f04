//! What goes wrong between the daemon and the platform during one pass.
//!
//! Everything drawn here is *truthful*: whatever a status says for certain is so. A platform that
//! answers 429 and makes a run all the same can be survived by nobody.

use fastrand::Rng;
use flowmend::simulator::{Effect, Endpoint, ErrorAnswer, ErrorBody, FaultRule, Lost};

/// Longer than a read is willing to wait, so that it fails at once instead of after real seconds.
const NOT_NOW: &str = "120";

/// The weather of one history.
#[derive(Debug, Default)]
pub struct Weather {
    /// For so many passes more the platform answers nothing.
    outage: u32,
    /// For so many passes more it loses fields.
    loss: Option<(u32, Effect)>,
}

impl Weather {
    /// The faults of the next pass.
    pub fn draw(&mut self, rng: &mut Rng, badness: f64) -> Vec<FaultRule> {
        if self.outage == 0 && rng.f64() < badness / 15.0 {
            self.outage = rng.u32(2..=12);
        }
        if self.outage > 0 {
            self.outage -= 1;
            return vec![FaultRule::always(Endpoint::Any, status(503, Some(NOT_NOW)))];
        }
        let mut rules = Vec::new();
        if self.loss.is_none() && rng.f64() < badness / 10.0 {
            self.loss = Some((rng.u32(1..=6), loss(rng)));
        }
        if rng.f64() < badness {
            rules.push(around_a_read(rng));
        }
        if rng.f64() < badness * 2.0 {
            rules.push(FaultRule {
                after: rng.u32(0..=1),
                ..FaultRule::once(Endpoint::Retrigger, around_a_call(rng))
            });
        }
        // The first rule that hits a request decides.
        if let Some((left, effect)) = self.loss.take() {
            rules.push(FaultRule::always(Endpoint::Any, effect.clone()));
            self.loss = (left > 1).then(|| (left - 1, effect));
        }
        rules
    }
}

/// Fields that nothing may depend on.
fn loss(rng: &mut Rng) -> Effect {
    let all = ["name", "etag", "flowSpec.version", "lastRunDetails", "inheritedAttributes"];
    let mut fields: Vec<_> = all.into_iter().filter(|_| rng.bool()).map(str::to_owned).collect();
    fields.push(all[rng.usize(0..all.len())].to_owned());
    let to = [Lost::Null, Lost::AnotherType, Lost::Absent][rng.usize(0..3)];
    Effect::LoseFields { fields, to }
}

fn around_a_read(rng: &mut Rng) -> FaultRule {
    let endpoints =
        [Endpoint::Runs, Endpoint::Runs, Endpoint::Runs, Endpoint::Flows, Endpoint::Any];
    let endpoint = endpoints[rng.usize(0..endpoints.len())];
    let effect = match rng.u8(0..40) {
        0..6 => status(503, Some(NOT_NOW)),
        6..12 => status(429, Some(NOT_NOW)),
        12..18 => Effect::ShuffleItems,
        18..24 => Effect::DuplicatePage,
        24..28 => Effect::NoId,
        28..35 => Effect::ExpireTokens,
        // These are repeated after a moment, which takes real time.
        35 => Effect::DropBefore,
        36 => Effect::Truncate,
        37 => Effect::Garbage,
        38 => Effect::Redirect("/data/foundation/elsewhere".to_owned()),
        _ => status(502, None),
    };
    let after = rng.u32(0..=4);
    match &effect {
        // Every page leads back: otherwise the next reading may be the one that is struck.
        Effect::ShuffleItems | Effect::DuplicatePage => {
            FaultRule { after, ..FaultRule::always(endpoint, effect) }
        }
        // Only the call may meet this on its way, and there it would be another fault.
        Effect::NoId if endpoint == Endpoint::Any => FaultRule::once(Endpoint::Runs, effect),
        _ => FaultRule { after, ..FaultRule::once(endpoint, effect) },
    }
}

fn around_a_call(rng: &mut Rng) -> Effect {
    let bodies = [ErrorBody::Gateway, ErrorBody::FlowService, ErrorBody::Html, ErrorBody::Empty];
    let body = bodies[rng.usize(0..bodies.len())];
    let doubtful = |code| Effect::StatusAfter(ErrorAnswer { body, ..ErrorAnswer::new(code) });
    let lost = |code| Effect::Status(ErrorAnswer { body, ..ErrorAnswer::new(code) });
    match rng.u8(0..40) {
        0..4 => Effect::DropBefore,
        4..9 => Effect::DropAfter,
        9..11 => status(429, None),
        11..13 => status(429, Some(&rng.u32(1..=7_200).to_string())),
        13..15 => status(401, None),
        15..17 => status(503, Some("300")),
        17..19 => lost([500, 502, 503, 504, 408, 412][rng.usize(0..6)]),
        19..24 => doubtful([500, 502, 504, 408][rng.usize(0..4)]),
        24 => Effect::StatusAfter(ErrorAnswer {
            body: ErrorBody::FlowService,
            ..ErrorAnswer::new(503)
        }),
        25..28 => Effect::Truncate,
        28..31 => Effect::Garbage,
        31..33 => Effect::Redirect("/data/foundation/elsewhere".to_owned()),
        33..35 => Effect::ExpireTokens,
        35..38 => Effect::NoId,
        38 => Effect::Delay(20),
        // These take the whole of the request timeout, in real time.
        _ if rng.bool() => Effect::Hang,
        _ => Effect::HangAfter,
    }
}

fn status(code: u16, retry_after: Option<&str>) -> Effect {
    let retry_after = retry_after.map(str::to_owned);
    Effect::Status(ErrorAnswer { retry_after, ..ErrorAnswer::new(code) })
}
