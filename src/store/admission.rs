//! What the store contributes to admission: how far the limits are used, and the record of outages.

use super::{CallCount, Store, StoreError};
use crate::domain::model::ids::SandboxName;
use crate::domain::model::journal::Event;
use crate::domain::model::time::before;
use crate::domain::plan::admission::Allowance;
use crate::domain::policy::breaker::{Breaker, Outcome};
use crate::domain::policy::outage::{Extent, OutageRecord};
use crate::domain::policy::retry::Limits;
use jiff::Timestamp;
use std::collections::HashMap;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How far back a recorded outage can have begun.
const LOOKBACK: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How far a limit of a sandbox is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitUse {
    /// Its setting.
    pub setting: &'static str,
    /// The limit; 0 for none.
    pub limit: u32,
    /// The time within which it applies.
    pub window: Duration,
    /// The calls that count; not read if there is no limit.
    pub calls: CallCount,
}

impl LimitUse {
    /// What it still allows.
    pub fn allowance(&self) -> Allowance {
        Allowance::of(self.limit, self.window, self.calls.count, self.calls.oldest)
    }
}

/// How far the limits of `sandbox` are used at `now`: that per minute, that per day.
///
/// # Errors
/// If the store cannot be read.
pub async fn limit_uses(
    store: &dyn Store,
    sandbox: &SandboxName,
    limits: &Limits,
    now: Timestamp,
) -> Result<[LimitUse; 2], StoreError> {
    let unused = |setting, limit, window| {
        let calls = CallCount::default();
        LimitUse { setting, limit, window, calls }
    };
    let mut uses = [
        unused("limits.retriggers_per_minute", limits.retriggers_per_minute, MINUTE),
        unused("limits.retriggers_per_day", limits.retriggers_per_day, DAY),
    ];
    for limit in uses.iter_mut().filter(|it| it.limit > 0) {
        limit.calls = store.calls_since(sandbox, before(now, limit.window)).await?;
    }
    Ok(uses)
}

/// The last recorded outage of each extent, and the outcomes since the oldest current one.
///
/// # Errors
/// If the store cannot be read.
pub async fn outage_record(
    store: &dyn Store,
    sandbox: &SandboxName,
    breaker: &Breaker,
    now: Timestamp,
) -> Result<OutageRecord, StoreError> {
    let events = [Event::OutageBegan, Event::OutageEnded];
    let entries = store.history(Some(sandbox), before(now, LOOKBACK), &events).await?;
    let turn = |entry| Some((Extent::of(entry)?, Outcome::named_by(entry)));
    let newest: HashMap<Extent, Outcome> = entries.iter().filter_map(turn).collect();
    let lasting = newest.values().filter(|turn| !turn.succeeded).map(|turn| turn.at);
    let since = lasting.min().unwrap_or(Timestamp::MAX).min(before(now, breaker.window));
    let outcomes = store.outcomes(sandbox, since).await?;
    Ok(OutageRecord { turns: newest.into_iter().collect(), outcomes })
}
