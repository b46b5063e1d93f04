//! What the store knows about whole dataflows and about the sandbox: holds and outages. There are
//! no counters; each pass computes it again.

use super::catalog::Catalog;
use crate::domain::model::ids::{FlowId, SandboxName};
use crate::domain::model::journal::Event;
use crate::domain::model::time::before;
use crate::domain::policy::breaker::{Breaker, Outcome, Streak, streaks};
use crate::domain::policy::hold::{HoldInputs, Holds};
use crate::domain::policy::outage::{Extent, OutageRecord};
use crate::domain::policy::pause_order::{self, Order};
use crate::settings::Settings;
use crate::store::{Store, StoreError};
use jiff::Timestamp;
use std::collections::HashMap;
use std::time::Duration;

/// How far back streaks and outages are computed, if the store keeps that much.
const LOOKBACK: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The record of one sandbox.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) orders: Vec<Order>,
    streaks: HashMap<FlowId, Streak>,
    unsupported: Vec<(FlowId, Timestamp)>,
    pub(super) outages: OutageRecord,
}

impl Record {
    /// Reads the record at `now`.
    pub(super) async fn read(
        store: &dyn Store,
        sandbox: &SandboxName,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let orders = store.orders().await?;
        let ends = store.unsuccessful(sandbox, before(now, LOOKBACK)).await?;
        let resumed_at = |flow: &FlowId, name: &str| {
            pause_order::in_force(&orders, sandbox, flow, name)
                .filter(|order| !order.paused)
                .map(|order| order.at)
        };
        let streaks = streaks(&ends, resumed_at);
        let outages = read_outages(store, sandbox, &settings.breaker, now).await?;
        let unsupported = store.unsupported_flows(sandbox).await?;
        Ok(Self { outages, orders, streaks, unsupported })
    }

    /// The holds on the dataflows of `catalog`.
    pub(super) fn holds(
        &self,
        sandbox: &SandboxName,
        catalog: &Catalog,
        settings: &Settings,
    ) -> Holds {
        let flows = catalog.flows().values().map(|dataflow| &dataflow.flow);
        let grounds = HoldInputs {
            sandbox,
            unsupported: &self.unsupported,
            streaks: &self.streaks,
            orders: &self.orders,
            breaker: &settings.breaker,
        };
        Holds::of(flows, grounds)
    }

    /// The pauses and resumes that are not in `known`; none if nothing was known before.
    pub(super) fn orders_since(&self, known: Option<&[Order]>) -> Vec<Order> {
        let known = known.unwrap_or(&self.orders);
        self.orders.iter().filter(|order| !known.contains(order)).cloned().collect()
    }
}

/// The last recorded outage of each extent, and the outcomes since the oldest current one.
async fn read_outages(
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
