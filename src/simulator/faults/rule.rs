//! Fault rules: an endpoint, how often a fault hits it, and the effect.
//!
//! Here is only when a fault hits a request. The HTTP middleware applies the effect.

use fastrand::Rng;
use serde::{Deserialize, Serialize};

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

/// A fault: where, how often, and what happens.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// The requests that it can hit.
    pub endpoint: Endpoint,
    /// How many requests pass before the first hit.
    #[serde(default)]
    pub after: u32,
    /// The most hits; no limit if absent.
    #[serde(default)]
    pub times: Option<u32>,
    /// The chance of a hit, 0 to 1.
    #[serde(default = "certain")]
    pub probability: f64,
    /// What happens.
    pub effect: Effect,
}

fn certain() -> f64 {
    1.0
}

impl FaultRule {
    /// Hits every request to `endpoint`.
    pub fn always(endpoint: Endpoint, effect: Effect) -> Self {
        Self { endpoint, after: 0, times: None, probability: 1.0, effect }
    }

    /// Hits the next request to `endpoint`.
    pub fn once(endpoint: Endpoint, effect: Effect) -> Self {
        Self { times: Some(1), ..Self::always(endpoint, effect) }
    }
}

/// What happens to a request. "Processed" means that the service acts on it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Not processed; the connection is closed without an answer.
    DropBefore,
    /// Processed; the connection is closed without an answer.
    DropAfter,
    /// Processed at once, answered after this many milliseconds.
    Delay(u64),
    /// Not processed, not answered; closed after two minutes.
    Hang,
    /// Processed, not answered; closed after two minutes.
    HangAfter,
    /// Not processed; answered with an error.
    Status(ErrorAnswer),
    /// Processed; answered with an error.
    StatusAfter(ErrorAnswer),
    /// Processed; the answer ends half way through its `Content-Length`.
    Truncate,
    /// Processed; the answer is called JSON and is not.
    Garbage,
    /// Processed; the answer has this many bytes.
    Oversized(u64),
    /// Not processed; redirected to this URL with 307.
    Redirect(String),
    /// Every token issued so far expires; then processed.
    ExpireTokens,
    /// Just before a re-trigger is processed, a person re-triggers the same run in the interface.
    PersonFirst,
    /// Just before a re-trigger is processed, its run turns out to have succeeded; refused with 400.
    HealedFirst,
    /// Processed; `next` leads to the same page once more.
    DuplicatePage,
    /// Processed; the items are shuffled.
    ShuffleItems,
    /// Processed; no `id` anywhere in the answer.
    NoId,
    /// Processed; these fields of each item are lost. A dot leads into an object.
    LoseFields {
        /// The fields, such as `name` or `flowSpec.version`.
        fields: Vec<String>,
        /// What is there in their place.
        to: Lost,
    },
}

/// What is there in the place of a field that is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lost {
    /// `null`.
    Null,
    /// A value of another type.
    AnotherType,
    /// Nothing.
    Absent,
}

impl Effect {
    /// Whether the client gets no usable answer.
    pub(crate) fn loses_answer(&self) -> bool {
        !matches!(
            self,
            Self::Delay(_)
                | Self::ExpireTokens
                | Self::PersonFirst
                | Self::HealedFirst
                | Self::DuplicatePage
                | Self::ShuffleItems
                | Self::LoseFields { .. }
        )
    }
}

/// An error answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorAnswer {
    /// HTTP status.
    pub code: u16,
    /// The value of the `Retry-After` header.
    #[serde(default)]
    pub retry_after: Option<String>,
    /// What its body looks like.
    #[serde(default)]
    pub body: ErrorBody,
}

impl ErrorAnswer {
    /// An error of the gateway.
    pub fn new(code: u16) -> Self {
        Self { code, retry_after: None, body: ErrorBody::Gateway }
    }
}

/// What its body looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorBody {
    /// `{"error_code":"503000","message":…}`
    #[default]
    Gateway,
    /// The problem document of Flow Service.
    FlowService,
    /// An HTML page, as proxies send.
    Html,
    /// No body.
    Empty,
    /// `{"title":"RequestRateTooLarge","status":429}`, as Identity Service answers.
    RateLimit,
}

/// The active rules and their counts.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    pub(crate) rules: Vec<Counted>,
}

#[derive(Clone, Debug)]
pub(crate) struct Counted {
    rule: FaultRule,
    seen: u32,
    hits: u32,
}

impl Faults {
    /// Replaces all rules. The first that hits a request decides.
    pub fn replace(&mut self, rules: Vec<FaultRule>) {
        self.rules = rules.into_iter().map(|rule| Counted { rule, seen: 0, hits: 0 }).collect();
    }

    /// Adds a rule after the others.
    pub fn add(&mut self, rule: FaultRule) {
        self.rules.push(Counted { rule, seen: 0, hits: 0 });
    }

    /// The effect on the next request to `endpoint`, if a rule hits it.
    pub(crate) fn hit(&mut self, endpoint: Endpoint, rng: &mut Rng) -> Option<Effect> {
        self.rules.iter_mut().find_map(|counted| counted.hit(endpoint, rng))
    }
}

impl Counted {
    fn hit(&mut self, endpoint: Endpoint, rng: &mut Rng) -> Option<Effect> {
        let rule = &self.rule;
        if rule.endpoint != endpoint && rule.endpoint != Endpoint::Any {
            return None;
        }
        self.seen = self.seen.saturating_add(1);
        let spent = rule.times.is_some_and(|times| self.hits >= times);
        if spent || self.seen <= rule.after || rng.f64() >= rule.probability {
            return None;
        }
        self.hits += 1;
        Some(rule.effect.clone())
    }
}
