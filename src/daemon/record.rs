//! What the store knows about whole dataflows and about the sandbox: holds and outages. There are
//! no counters; each pass computes it again.

use super::catalog::Catalog;
use crate::domain::model::ids::{FlowId, SandboxName};
use crate::domain::model::time::before;
use crate::domain::policy::breaker::{Streak, streaks};
use crate::domain::policy::hold::{HoldInputs, Holds};
use crate::domain::policy::outage::OutageRecord;
use crate::domain::policy::pause_order::{self, Order};
use crate::settings::Settings;
use crate::store::{Store, StoreError, outage_record};
use jiff::Timestamp;
use std::collections::HashMap;
use std::time::Duration;

/// How far back streaks are computed, if the store keeps that much.
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
        let outages = outage_record(store, sandbox, &settings.breaker, now).await?;
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
