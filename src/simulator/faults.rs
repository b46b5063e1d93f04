//! What goes wrong between client and service, by rule.
//!
//! A rule names an endpoint, how often it strikes, and an effect. What an effect does to a request
//! is in [`front_desk`](super::front_desk); here is only when it does.

use fastrand::Rng;
use serde::Deserialize;
use serde::Serialize;

/// An operation of the simulated service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `POST /ims/token/v3`
    Token,
    /// `GET /flows`
    Flows,
    /// `GET /flows/{id}`
    Flow,
    /// `GET /flowSpecs/{id}`
    FlowSpecs,
    /// `GET /runs`
    Runs,
    /// `GET /runs/{id}`
    Run,
    /// `POST /runs/{id}/action`
    Retrigger,
    /// All of them.
    Any,
}

/// When something goes wrong, and what.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// Where.
    pub endpoint: Endpoint,
    /// Spares the first so many requests.
    #[serde(default)]
    pub after: u32,
    /// Strikes at most so often; without limit if absent.
    #[serde(default)]
    pub times: Option<u32>,
    /// The chance to strike, 0 to 1.
    #[serde(default = "certain")]
    pub probability: f64,
    /// What happens.
    pub effect: Effect,
}

fn certain() -> f64 {
    1.0
}

impl FaultRule {
    /// Strikes every request to `endpoint`.
    pub fn always(endpoint: Endpoint, effect: Effect) -> Self {
        Self { endpoint, after: 0, times: None, probability: 1.0, effect }
    }

    /// Strikes the next request to `endpoint`.
    pub fn once(endpoint: Endpoint, effect: Effect) -> Self {
        Self { times: Some(1), ..Self::always(endpoint, effect) }
    }
}

/// What happens to a request. "Processed" means that the service does what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Not processed; the connection is closed without an answer.
    DropBefore,
    /// Processed; the connection is closed without an answer.
    DropAfter,
    /// Processed at once, answered after so many milliseconds.
    Delay(u64),
    /// Not processed, not answered; closed after two minutes.
    Hang,
    /// Processed, not answered; closed after two minutes.
    HangAfter,
    /// Not processed; answered with an error.
    Status(ErrorAnswer),
    /// Processed; answered with an error.
    StatusAfter(ErrorAnswer),
    /// Processed; the answer promises its whole length and ends half way.
    Truncate,
    /// Processed; the answer is not JSON, though it says so.
    Garbage,
    /// Processed; the answer is of so many bytes.
    Oversized(u64),
    /// Not processed; sent elsewhere with 307.
    Redirect(String),
    /// Every token given out so far expires; then processed.
    ExpireTokens,
    /// Just before a re-trigger is processed, a person re-triggers the same run in the interface.
    PersonFirst,
    /// Just before a re-trigger is processed, its run turns out to have succeeded; refused with 400.
    HealedFirst,
    /// Processed; `next` leads to the same page once more.
    DuplicatePage,
    /// Processed; the items come in any order.
    ShuffleItems,
    /// Processed; no `id` anywhere in the answer.
    NoId,
}

impl Effect {
    /// Whether a client cannot learn from the answer what was done.
    pub(super) fn loses_answer(&self) -> bool {
        !matches!(
            self,
            Self::Delay(_)
                | Self::ExpireTokens
                | Self::PersonFirst
                | Self::HealedFirst
                | Self::DuplicatePage
                | Self::ShuffleItems
        )
    }
}

/// An error answer that does not come from the logic of the service.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorAnswer {
    /// HTTP status.
    pub code: u16,
    /// The `Retry-After` header, as it is.
    #[serde(default)]
    pub retry_after: Option<String>,
    /// Whose error it looks like.
    #[serde(default)]
    pub body: ErrorBody,
}

impl ErrorAnswer {
    /// An error of the gateway.
    pub fn new(code: u16) -> Self {
        Self { code, retry_after: None, body: ErrorBody::Gateway }
    }
}

/// Whose error it looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorBody {
    /// `{"error_code":"503000","message":…}`
    #[default]
    Gateway,
    /// The problem document of Flow Service.
    FlowService,
    /// A page of some proxy.
    Html,
    /// Nothing.
    Empty,
    /// `{"title":"RequestRateTooLarge","status":429}`, as Identity Service answers.
    RateLimit,
}

/// The rules in force and how often each has been considered.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    rules: Vec<Counted>,
}

#[derive(Clone, Debug)]
struct Counted {
    rule: FaultRule,
    seen: u32,
    struck: u32,
}

impl Faults {
    /// Puts these rules in force, and no others. The first that strikes a request decides.
    pub fn replace(&mut self, rules: Vec<FaultRule>) {
        self.rules = rules.into_iter().map(|rule| Counted { rule, seen: 0, struck: 0 }).collect();
    }

    /// Adds a rule after those in force.
    pub fn add(&mut self, rule: FaultRule) {
        self.rules.push(Counted { rule, seen: 0, struck: 0 });
    }

    /// The rules in force.
    pub fn rules(&self) -> impl Iterator<Item = &FaultRule> {
        self.rules.iter().map(|counted| &counted.rule)
    }

    /// What goes wrong with the next request to `endpoint`, if anything.
    pub(super) fn strike(&mut self, endpoint: Endpoint, rng: &mut Rng) -> Option<Effect> {
        self.rules.iter_mut().find_map(|counted| counted.strike(endpoint, rng))
    }
}

impl Counted {
    fn strike(&mut self, endpoint: Endpoint, rng: &mut Rng) -> Option<Effect> {
        let rule = &self.rule;
        if rule.endpoint != endpoint && rule.endpoint != Endpoint::Any {
            return None;
        }
        self.seen = self.seen.saturating_add(1);
        let spent = rule.times.is_some_and(|times| self.struck >= times);
        if spent || self.seen <= rule.after || rng.f64() >= rule.probability {
            return None;
        }
        self.struck += 1;
        Some(rule.effect.clone())
    }
}
