//! Builds the overview from facts. Pure.

use super::remedy::remedy;
use super::sentence::sentence;
use super::view::{
    Daemon, Healing, HealingLine, Need, NeedsYou, OutageSince, Overview, Pause, Sandbox,
};
use super::waits::{AdmissionFacts, Rules};
use crate::domain::model::failure::Failure;
use crate::domain::model::ids::{FlowId, RunId, SandboxName};
use crate::domain::model::reason::Reason;
use crate::domain::model::time::before;
use crate::domain::policy::pause_order::{self, Order};
use crate::domain::recovery::{Recovery, State};
use crate::settings::Settings;
use crate::store::{Holder, KnownFlow, NeedGroup, Needs, PausedFlow, ReportedSigns};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::HashMap;
use std::time::Duration;

/// Passes are late when none was complete for this long, or for three intervals.
const LATE: Duration = Duration::from_secs(10 * 60);

/// What was read from the store.
#[derive(Debug)]
pub(super) struct StoreFacts {
    pub(super) holder: Option<Holder>,
    pub(super) signs: Vec<ReportedSigns>,
    pub(super) orders: Vec<Order>,
    pub(super) paused: Vec<PausedFlow>,
    pub(super) flows: Vec<KnownFlow>,
    pub(super) counts: Vec<(String, u64)>,
    pub(super) needs: Needs,
    pub(super) healing: Vec<Recovery>,
    pub(super) admission: HashMap<SandboxName, AdmissionFacts>,
    /// The reasons that the journal has for delays, by root run.
    pub(super) noted: HashMap<RunId, Reason>,
}

/// Builds the overview.
pub(super) fn build(
    facts: &StoreFacts,
    settings: &Settings,
    shown: Option<&SandboxName>,
    now: Timestamp,
    zone: &TimeZone,
) -> Overview {
    let daemon = daemon(facts, settings, shown, now);
    let pauses = pauses(facts);
    let (level, sentence) = sentence(&daemon, facts.needs.dataflows, &pauses, now, zone);
    let count_of = |states: &[&str]| -> u64 {
        let counts = facts.counts.iter().filter(|(state, _)| states.contains(&state.as_str()));
        counts.map(|(_, count)| count).sum()
    };
    Overview {
        at: now,
        level,
        sentence,
        daemon,
        needs_you: needs_you(&facts.needs, settings),
        healing: Healing {
            count: count_of(&["waiting", "triggering", "in_doubt", "watching"]),
            recoveries: healing(facts, settings, now),
        },
        pauses,
        states: facts.counts.iter().cloned().collect(),
    }
}

fn daemon(
    facts: &StoreFacts,
    settings: &Settings,
    shown: Option<&SandboxName>,
    now: Timestamp,
) -> Daemon {
    let running = facts.holder.as_ref().filter(|it| !it.is_gone && it.until > now);
    let stopped = facts.signs.iter().map(|it| it.stopped_at.unwrap_or(it.reported_at)).max();
    let owner = running.map(|it| &it.owner).or(facts.signs.first().map(|it| &it.owner));
    // An owner is `host:pid:number`.
    let mut parts = owner.map_or("", |it| it.as_str()).rsplitn(3, ':').skip(1).map(str::to_owned);
    let (pid, host) = (parts.next(), parts.next());
    let late = before(now, LATE.max(settings.poll.interval.saturating_mul(3)));
    let names = settings.sandboxes.iter().map(|it| &it.name);
    let sandbox = |name: &SandboxName| {
        let signs = facts.signs.iter().find(|it| it.sandbox == *name);
        // What an earlier daemon reported holds no more, except when it last read everything.
        let own = signs.filter(|it| running.is_some_and(|holder| holder.owner == it.owner));
        let last_complete = signs.and_then(|it| it.last_complete);
        let seen = [last_complete, own.and_then(|it| it.pass_ended)].into_iter().flatten().max();
        Sandbox {
            name: name.clone(),
            last_complete,
            next_pass: own.and_then(|it| it.next_pass),
            is_late: own.is_some() && seen.is_some_and(|at| at < late),
            trouble: own.and_then(|it| it.trouble.clone()),
            throttled_until: own.and_then(|it| it.throttled_until).filter(|until| *until > now),
            outages: facts.admission.get(name).map(outages).unwrap_or_default(),
        }
    };
    Daemon {
        is_running: running.is_some(),
        host,
        pid,
        last_seen: facts.holder.as_ref().map(|it| it.renewed_at).or(stopped),
        sandboxes: names.filter(|name| shown.is_none_or(|it| it == *name)).map(sandbox).collect(),
    }
}

/// The recorded outages that have not ended.
fn outages(facts: &AdmissionFacts) -> Vec<OutageSince> {
    let lasting = facts.outages.turns.iter().filter(|(_, turn)| !turn.succeeded);
    let mut outages: Vec<OutageSince> = lasting
        .map(|(extent, turn)| OutageSince {
            source: extent.source().map(str::to_owned),
            since: turn.at,
        })
        .collect();
    outages.sort_by_key(|it| it.since);
    outages
}

fn pauses(facts: &StoreFacts) -> Vec<Pause> {
    let mut held_back: HashMap<Timestamp, u64> = HashMap::new();
    for flow in &facts.paused {
        let order =
            pause_order::in_force(&facts.orders, &flow.sandbox, &flow.flow_id, &flow.flow_name);
        if let Some(order) = order {
            *held_back.entry(order.at).or_default() += flow.count;
        }
    }
    let shown = |order: &Order| {
        let name = order.flow.as_ref().map(|flow| {
            let known = facts.flows.iter().find(|it| it.flow_id == *flow);
            known.map_or(flow.as_str(), |it| &it.flow_name).to_owned()
        });
        let named = Order { flow: name.clone().map(FlowId::new), ..order.clone() };
        Pause {
            sandbox: order.sandbox.clone(),
            flow: name,
            scope: named.scope(),
            since: order.at,
            reason: order.reason.clone(),
            holds_back: held_back.get(&order.at).copied().unwrap_or(0),
        }
    };
    pause_order::pauses(&facts.orders).into_iter().map(shown).collect()
}

fn needs_you(needs: &Needs, settings: &Settings) -> NeedsYou {
    let policies = settings.policies();
    let shown = |group: &NeedGroup| {
        let NeedGroup { sandbox, flow_id, flow_name, why, failure, .. } = group;
        let rule = policies.in_force(sandbox, flow_id, flow_name, failure).rule;
        let remedy = remedy(*why);
        Need {
            sandbox: sandbox.clone(),
            flow_id: flow_id.clone(),
            flow_name: flow_name.clone(),
            state: if group.is_held { "held" } else { "given_up" },
            reason: *why,
            explanation: why.explanation(),
            rule: rule.map(|rule| rule.name.clone()),
            recoveries: group.count,
            since: group.since,
            root_run_id: group.newest.clone(),
            updated_at: group.updated_at,
            code: failure.main_error().map(|error| error.code.clone()),
            codes: codes(failure),
            message: message(failure),
            remedy: remedy.text,
            command: remedy
                .command
                .map(|command| format!("flowmend {command} --flow {}", quoted(flow_name))),
        }
    };
    NeedsYou {
        dataflows: needs.dataflows,
        recoveries: needs.recoveries,
        count: needs.causes,
        causes: needs.groups.iter().map(shown).collect(),
    }
}

fn healing(facts: &StoreFacts, settings: &Settings, now: Timestamp) -> Vec<HealingLine> {
    let policies = settings.policies();
    let rules = Rules {
        policies: &policies,
        quiet: &settings.quiet,
        breaker: &settings.breaker,
        orders: &facts.orders,
        now,
    };
    let mut waits = HashMap::new();
    for (sandbox, admission) in &facts.admission {
        let waiting = facts.healing.iter().filter(|it| it.sandbox == *sandbox);
        let waiting: Vec<&Recovery> = waiting.collect();
        let noted = |it: &Recovery| facts.noted.get(&it.root_run_id).copied();
        let found = rules.waits_for(&waiting, admission, noted);
        waits.extend(waiting.iter().map(|it| &it.root_run_id).zip(found));
    }
    let shown = |recovery: &Recovery| {
        let Recovery { sandbox, flow_id, flow_name, failure, .. } = recovery;
        let in_force = policies.in_force(sandbox, flow_id, flow_name, failure);
        let (begun_at, new_run_id) = match &recovery.state {
            State::Triggering { since, .. } | State::InDoubt { since, .. } => (Some(*since), None),
            State::Watching { since, issued, .. } => (Some(*since), Some(issued.clone())),
            _ => (None, None),
        };
        HealingLine {
            root_run_id: recovery.root_run_id.clone(),
            sandbox: sandbox.clone(),
            flow_id: flow_id.clone(),
            flow_name: flow_name.clone(),
            state: recovery.state.name(),
            failed_at: recovery.failed_at,
            attempt: recovery.attempt(),
            max_attempts: in_force.retry.max_attempts,
            due: recovery.due(),
            begun_at,
            new_run_id,
            rule: in_force.rule.map(|rule| rule.name.clone()),
            code: failure.main_error().map(|error| error.code.clone()),
            codes: codes(failure),
            message: message(failure),
            waits_for: waits.remove(&recovery.root_run_id).flatten(),
        }
    };
    facts.healing.iter().map(shown).collect()
}

/// The error codes, each once.
fn codes(failure: &Failure) -> Vec<String> {
    let mut codes: Vec<String> = Vec::new();
    for error in &failure.errors {
        if !codes.contains(&error.code) {
            codes.push(error.code.clone());
        }
    }
    codes
}

/// The message of the main error in one line.
fn message(failure: &Failure) -> Option<String> {
    let message = &failure.main_error()?.message;
    let words: Vec<&str> = message.split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// A name as one argument of a shell command.
fn quoted(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/".contains(c);
    match !name.is_empty() && name.chars().all(is_plain) && !name.starts_with('-') {
        true => name.to_owned(),
        false => format!("'{}'", name.replace('\'', r"'\''")),
    }
}
