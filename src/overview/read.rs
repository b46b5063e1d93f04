//! Reads the facts of an overview from the store: counts and bounded pages, however much is stored.

use super::build::{StoreFacts, build};
use super::view::Overview;
use super::waits::AdmissionFacts;
use crate::domain::model::ids::{RunId, SandboxName};
use crate::domain::model::journal::Event;
use crate::domain::model::reason::Reason;
use crate::domain::model::time::before;
use crate::domain::recovery::Recovery;
use crate::settings::Settings;
use crate::store::{Filter, ReportedSigns, Store, StoreError, limit_uses, outage_record};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::HashMap;
use std::time::Duration;

/// What was given up longer ago is history.
const RECENT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The overview of `store` at `now`, by this machine's clock. `filter` selects recoveries; its limit is
/// the maximum number of rows in each list. Times in the sentence are in `zone`.
///
/// # Errors
/// If the store cannot be read.
pub async fn overview(
    store: &dyn Store,
    settings: &Settings,
    filter: &Filter,
    now: Timestamp,
    zone: &TimeZone,
) -> Result<Overview, StoreError> {
    let signs = store.signs().await?;
    let healing = store.healing(filter).await?;
    let overdue: Vec<&Recovery> =
        healing.iter().filter(|it| it.due().is_some_and(|due| due <= now)).collect();
    let mut admission = HashMap::new();
    for sandbox in settings.sandboxes.iter().map(|it| &it.name) {
        let is_queued = overdue.iter().any(|it| it.sandbox == *sandbox);
        let facts = admission_facts(store, settings, sandbox, &signs, is_queued, now).await?;
        admission.insert(sandbox.clone(), facts);
    }
    let facts = StoreFacts {
        holder: store.holder().await?,
        orders: store.orders().await?,
        paused: store.paused(filter).await?,
        flows: store.known_flows().await?,
        counts: store.count_by_state(filter).await?,
        needs: store.needs(filter, before(now, RECENT)).await?,
        noted: noted(store, &overdue).await?,
        admission,
        signs,
        healing,
    };
    Ok(build(&facts, settings, filter.sandbox.as_ref(), now, zone))
}

/// What decides who may call in `sandbox`; without a queue only the outages matter.
async fn admission_facts(
    store: &dyn Store,
    settings: &Settings,
    sandbox: &SandboxName,
    signs: &[ReportedSigns],
    is_queued: bool,
    now: Timestamp,
) -> Result<AdmissionFacts, StoreError> {
    let signs = signs.iter().find(|it| it.sandbox == *sandbox);
    Ok(AdmissionFacts {
        limits: limit_uses(store, sandbox, &settings.limits, now).await?,
        outages: outage_record(store, sandbox, &settings.breaker, now).await?,
        under_way: if is_queued { store.under_way(sandbox).await? } else { Vec::new() },
        throttled_until: signs.and_then(|it| it.throttled_until),
    })
}

/// Why the last pass delayed these recoveries, as far as only Adobe knows it.
async fn noted(
    store: &dyn Store,
    overdue: &[&Recovery],
) -> Result<HashMap<RunId, Reason>, StoreError> {
    let mut noted = HashMap::new();
    for recovery in overdue {
        let root = &recovery.root_run_id;
        let last = store.journal(root).await?.pop();
        let reason = last.filter(|it| it.event == Event::Postponed).map(|it| it.reason);
        let is_of_adobe =
            |it: &Reason| matches!(it, Reason::OtherRun | Reason::NotReread | Reason::BehindDoubt);
        noted.extend(reason.filter(is_of_adobe).map(|reason| (root.clone(), reason)));
    }
    Ok(noted)
}
