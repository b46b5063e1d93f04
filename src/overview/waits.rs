//! What a waiting recovery waits for, besides its retry delay. The same rules decide as in a pass:
//! pauses, quiet windows, admission. Only what Adobe alone knows, such as another run of the dataflow,
//! is taken from the journal.

use super::view::{LimitUsed, WaitsFor};
use crate::domain::model::flow::{Flow, FlowKind, FlowState};
use crate::domain::model::ids::FlowId;
use crate::domain::model::reason::Reason;
use crate::domain::model::time::after;
use crate::domain::plan::admission::{Admission, Facts};
use crate::domain::plan::dataflow::Dataflow;
use crate::domain::policy::breaker::Breaker;
use crate::domain::policy::in_force::Policies;
use crate::domain::policy::outage::OutageRecord;
use crate::domain::policy::pause_order::{self, Order};
use crate::domain::policy::quiet::{self, Quiet};
use crate::domain::recovery::Recovery;
use crate::store::LimitUse;
use jiff::Timestamp;
use std::collections::HashMap;

/// What the store knows about the admission to one sandbox.
#[derive(Debug)]
pub(super) struct AdmissionFacts {
    /// How far its limits are used.
    pub(super) limits: [LimitUse; 2],
    /// The recorded outages.
    pub(super) outages: OutageRecord,
    /// The recoveries with a call or a new run.
    pub(super) under_way: Vec<Recovery>,
    /// The end of a pause that Adobe asked for.
    pub(super) throttled_until: Option<Timestamp>,
}

/// The rules that a waiting recovery is held against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules<'a> {
    pub(super) policies: &'a Policies,
    pub(super) quiet: &'a [Quiet],
    pub(super) breaker: &'a Breaker,
    pub(super) orders: &'a [Order],
    pub(super) now: Timestamp,
}

impl Rules<'_> {
    /// What each of `waiting`, all of one sandbox, waits for. `noted` are reasons from the journal.
    pub(super) fn waits_for(
        &self,
        waiting: &[&Recovery],
        facts: &AdmissionFacts,
        noted: impl Fn(&Recovery) -> Option<Reason>,
    ) -> Vec<Option<WaitsFor>> {
        let known = waiting.iter().copied().chain(&facts.under_way);
        let flows: HashMap<FlowId, Dataflow> =
            known.map(|it| (it.flow_id.clone(), self.dataflow(it))).collect();
        let admission_facts = Facts {
            allowances: facts.limits.map(|limit| limit.allowance()),
            throttled_until: facts.throttled_until,
            outages: facts.outages.clone(),
            breaker: self.breaker.clone(),
            most_read: usize::MAX,
        };
        let room = self.policies.default.per_dataflow;
        let under_way = facts.under_way.iter();
        let admission = Admission::new(&admission_facts, &flows, room, self.now, under_way, &[]);
        waiting.iter().map(|it| self.of_one(it, &admission, facts, &noted)).collect()
    }

    fn of_one(
        &self,
        recovery: &Recovery,
        admission: &Admission<'_>,
        facts: &AdmissionFacts,
        noted: impl Fn(&Recovery) -> Option<Reason>,
    ) -> Option<WaitsFor> {
        let due = recovery.due()?;
        let Recovery { sandbox, flow_id, flow_name, ordered, .. } = recovery;
        let order = pause_order::in_force(self.orders, sandbox, flow_id, flow_name);
        if order.is_some_and(|it| it.paused && !(*ordered && recovery.updated_at > it.at)) {
            return Some(wait(Reason::Paused, None));
        }
        let quiet = quiet::pause(self.quiet, sandbox, flow_id, flow_name, self.now);
        if let Some(quiet) = quiet.filter(|it| !ordered && due <= after(it.until, it.spread)) {
            return Some(wait(Reason::Quiet, Some(quiet.until)));
        }
        if due > self.now {
            return None;
        }
        let reason = match admission.block_reason(flow_id, *ordered) {
            Some(reason) => reason,
            None => return noted(recovery).map(|reason| wait(reason, None)),
        };
        let until = admission.free_at().filter(|_| reason != Reason::FlowBusy);
        let used_up = facts.limits.iter().find(|it| it.allowance().left == 0);
        let limit = used_up.filter(|_| reason == Reason::RateLimited).map(|it| LimitUsed {
            setting: it.setting,
            used: it.calls.count,
            limit: it.limit,
        });
        Some(WaitsFor { limit, ..wait(reason, until) })
    }

    /// The dataflow as far as the recovery shows it.
    fn dataflow(&self, recovery: &Recovery) -> Dataflow {
        let Recovery { sandbox, flow_id, flow_name, failure, .. } = recovery;
        Dataflow {
            flow: Flow {
                id: flow_id.clone(),
                name: flow_name.clone(),
                state: FlowState::Enabled,
                spec_id: None,
                is_source: None,
                is_destination: false,
                is_internal: false,
                source_spec: failure.source.clone(),
                schedule: None,
                last_run: None,
            },
            kind: FlowKind::Batch,
            per_dataflow: self.policies.of(sandbox, flow_id, flow_name).per_dataflow,
        }
    }
}

fn wait(reason: Reason, until: Option<Timestamp>) -> WaitsFor {
    WaitsFor { reason, explanation: reason.explanation(), until, limit: None }
}
