//! The verdict over a history, from what the simulator wrote down and what the store holds.

use crate::history::History;
use crate::house::{HOUR, MINUTE, OUR_CLIENT};
use crate::kit::simulator::TestQueries;
use crate::operators::{Deeds, begun};
use crate::setting::{LONGEST_RUN, LOOKBACK};
use flowmend::domain::model::ids::RunId;
use flowmend::domain::model::journal::{Entry, Event};
use flowmend::domain::model::reason::Reason;
use flowmend::domain::recovery::{Attempt, Recovery, State};
use flowmend::simulator::{Ledger, Outcome, Retrigger, RunStatus};
use flowmend::store::{Filter, Store};
use jiff::Timestamp;
use std::collections::{BTreeSet, HashMap};

/// `createdClient` of what people make.
const A_PERSON: &str = "exc_app";

/// What is known when a history is over.
pub struct Evidence<'a> {
    history: &'a History,
    ledger: Ledger,
    pub recoveries: Vec<Recovery>,
    pub journals: HashMap<RunId, Vec<Entry>>,
    /// All intents, in the order in which they were begun.
    pub begun: Vec<Entry>,
    pub deeds: Deeds,
    /// Root runs that people re-triggered, in themselves or in their heirs.
    touched: BTreeSet<String>,
}

/// Says what is wrong, if anything is.
pub async fn judge(history: &History) -> Result<Summary, String> {
    let ledger = history.house.simulator.ledger();
    let store = history.store().real();
    let recoveries = store.recoveries(&Filter::default()).await.unwrap();
    let mut journals = HashMap::new();
    for recovery in &recoveries {
        let journal = store.journal(&recovery.root_run_id).await.unwrap();
        journals.insert(recovery.root_run_id.clone(), journal);
    }
    let people = ledger.retriggers.iter().filter(|call| call.by == A_PERSON);
    let touched = people.map(|call| call.root_run.clone()).collect();
    let (begun, deeds) = (begun(store).await, history.house.operators.deeds());
    let evidence = Evidence { history, ledger, recoveries, journals, begun, deeds, touched };
    evidence.operators_won()?;
    evidence.nothing_was_sent_that_must_not_be()?;
    evidence.every_accepted_call_is_known()?;
    for recovery in &evidence.recoveries {
        evidence
            .is_sound(recovery)
            .and_then(|()| evidence.ended_for_a_reason(recovery))
            .map_err(|wrong| evidence.explain(recovery, &wrong))?;
    }
    evidence.nothing_was_lost().await?;
    Ok(evidence.summary())
}

/// What a history amounted to; a test that nothing happened in proves nothing.
#[derive(Debug, Default, Clone, Copy)]
pub struct Summary {
    pub recoveries: usize,
    pub recovered: usize,
    pub accepted: usize,
    pub doubts: usize,
    pub passes: usize,
    pub crashes: u32,
    /// What operators did in the middle of passes.
    pub deeds: u32,
}

impl Summary {
    pub fn plus(self, other: &Self) -> Self {
        Self {
            recoveries: self.recoveries + other.recoveries,
            recovered: self.recovered + other.recovered,
            accepted: self.accepted + other.accepted,
            doubts: self.doubts + other.doubts,
            passes: self.passes + other.passes,
            crashes: self.crashes + other.crashes,
            deeds: self.deeds + other.deeds,
        }
    }
}

impl Evidence<'_> {
    fn ours(&self) -> impl Iterator<Item = &Retrigger> {
        self.ledger.retriggers.iter().filter(|call| call.by == OUR_CLIENT)
    }

    /// Only failed runs of enabled batch sources receive a call, and none while its heir is at work.
    fn nothing_was_sent_that_must_not_be(&self) -> Result<(), String> {
        if let Some(request) = self.ledger.unexpected.first() {
            return Err(format!("asked for what is not there: {request}"));
        }
        for call in self.ours() {
            let flow = call.flow_id.as_deref().unwrap_or_default();
            if !self.history.cast.batch.iter().any(|batch| batch == flow) {
                return Err(format!("a call for a run of no batch source: {call:?}"));
            }
            if let Outcome::Refused { code } = &call.outcome {
                let issued = call.asked_run != call.root_run;
                let refused_as_issued = issued && self.history.setting.quirks.issued_runs_refused;
                // Its own run was not listed yet, and was looked for until it was found.
                let root = RunId::new(call.root_run.clone());
                let journal = self.journals.get(&root).into_iter().flatten();
                let looked_for = journal.clone().any(|it| it.reason == Reason::PerhapsRetriggered)
                    && journal.clone().any(|it| it.reason == Reason::IssuedRunFound);
                let excused =
                    refused_as_issued || looked_for || self.touched.contains(&call.root_run);
                if code != "1387-400" || !excused {
                    let owner = self.recoveries.iter().find(|it| {
                        let mut issued = it.attempts.iter().map(|attempt| &attempt.issued);
                        issued.any(|run| run.as_str() == call.asked_run)
                            || it.root_run_id.as_str() == call.asked_run
                    });
                    let wrong = format!("a call that had to be refused: {call:?}");
                    return Err(owner.map_or(wrong.clone(), |owner| self.explain(owner, &wrong)));
                }
            }
        }
        Ok(())
    }

    /// The runs that were issued for a recovery are exactly those the store knows, in order.
    fn every_accepted_call_is_known(&self) -> Result<(), String> {
        let mut owner = HashMap::new();
        for recovery in &self.recoveries {
            let issued = recovery.attempts.iter().map(|attempt| &attempt.issued);
            for run in std::iter::once(&recovery.root_run_id).chain(issued) {
                let other = owner.insert(run.as_str(), recovery);
                if let Some(other) = other.filter(|it| it.root_run_id != recovery.root_run_id) {
                    let (one, two) = (&other.root_run_id, &recovery.root_run_id);
                    return Err(format!("{run} belongs to {one} and to {two}"));
                }
            }
        }
        let mut accepted: HashMap<&RunId, Vec<(&str, &str)>> = HashMap::new();
        for call in self.ours() {
            let Some(new) = call.new_run_id() else { continue };
            let recovery = owner
                .get(call.asked_run.as_str())
                .ok_or_else(|| format!("nobody in the store asked for this: {call:?}"))?;
            accepted.entry(&recovery.root_run_id).or_default().push((&call.asked_run, new));
        }
        for recovery in &self.recoveries {
            let in_ledger = accepted.remove(&recovery.root_run_id).unwrap_or_default();
            let by_person = |run: &str| {
                let mut calls = self.ledger.accepted().filter(|call| call.by == A_PERSON);
                calls.any(|call| call.new_run_id() == Some(run))
            };
            // If every run names the same client, a person's at the time of our call seems to be ours.
            let seems_ours = |a: &Attempt| {
                self.history.setting.quirks.one_client && by_person(a.issued.as_str())
            };
            let (theirs, in_store): (Vec<_>, Vec<_>) = recovery
                .attempts
                .iter()
                .partition(|attempt| self.was_followed(recovery, attempt) || seems_ours(attempt));
            let in_store: Vec<_> = in_store.into_iter().map(runs_of).collect();
            // What was dismissed while its run was at work, and is retried, follows that run again.
            let ours = |run: &RunId| self.ours().any(|it| it.new_run_id() == Some(run.as_str()));
            let again = |a: &Attempt| ours(&a.issued) && self.was_dismissed(recovery);
            let theirs = theirs.into_iter().filter(|attempt| !again(attempt));
            if let Some((_, run)) = theirs.map(runs_of).find(|(_, run)| !by_person(run)) {
                return Err(self.explain(recovery, &format!("{run} was made by no person")));
            }
            // A person must decide whether the last one is ours.
            let is_unclear = matches!(recovery.state, State::Held { why: Reason::UnclearRun, .. });
            if is_unclear && in_ledger.starts_with(&in_store) {
                continue;
            }
            if in_ledger != in_store {
                let owners: Vec<_> = in_ledger
                    .iter()
                    .filter_map(|(_, new)| owner.get(new))
                    .filter(|owner| owner.root_run_id != recovery.root_run_id)
                    .map(|owner| self.explain(owner, "the owner"))
                    .collect();
                let wrong = format!(
                    "accepted were {in_ledger:?}, the store knows {in_store:?}, others {owners:?}"
                );
                return Err(self.explain(recovery, &wrong));
            }
        }
        Ok(())
    }

    /// What holds for every recovery, however it ended.
    fn is_sound(&self, recovery: &Recovery) -> Result<(), String> {
        let numbers = recovery.attempts.iter().map(|attempt| attempt.number);
        if !numbers.zip(1..).all(|(number, wanted)| number == wanted) {
            return Err(format!("attempts are not numbered from 1: {:?}", recovery.attempts));
        }
        if recovery.attempts.len() > self.most(recovery) + self.retries(recovery) {
            return Err("more attempts than allowed".to_owned());
        }
        if !self.history.cast.batch.iter().any(|flow| flow == recovery.flow_id.as_str()) {
            return Err("a recovery of a flow that cannot be re-triggered".to_owned());
        }
        if self.ours().any(|call| call.new_run_id() == Some(recovery.root_run_id.as_str())) {
            return Err("a run that we had issued was taken for a root run".to_owned());
        }
        self.absence_was_seen_twice(recovery)
    }

    /// A doubtful call was taken for lost only after two listings, both late enough.
    fn absence_was_seen_twice(&self, recovery: &Recovery) -> Result<(), String> {
        let window = self.history.setting.confirm_window;
        let (mut begun, mut seen) = (None, 0);
        for entry in &self.journals[&recovery.root_run_id] {
            match (entry.event, entry.reason) {
                (Event::Begun, _) => (begun, seen) = (Some(entry.at), 0),
                (_, Reason::NotListedOnce | Reason::NotListed | Reason::HeldInDoubt) => {
                    seen += 1;
                    if begun.is_none_or(|begun| entry.at < begun + window) {
                        return Err(format!("absence was believed too early: {entry:?}"));
                    }
                    if entry.reason != Reason::NotListedOnce && seen < 2 {
                        return Err(format!("absence was believed at once: {entry:?}"));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn ended_for_a_reason(&self, recovery: &Recovery) -> Result<(), String> {
        let setting = &self.history.setting;
        let mut issued: Vec<&str> = recovery.attempts.iter().map(|it| it.issued.as_str()).collect();
        // One that was followed again is there twice.
        issued.dedup();
        let status = |run: &str| self.history.world(|world| world.run_status(run)).unwrap();
        let ended: Vec<RunStatus> = issued.into_iter().map(status).collect();
        let failed = |runs: &[RunStatus]| runs.iter().all(|run| *run == RunStatus::Failed);
        let most = self.most(recovery);
        let legitimate = match &recovery.state {
            State::Recovered { why: Reason::IssuedRunSucceeded } => ended
                .split_last()
                .is_some_and(|(last, before)| *last == RunStatus::Success && failed(before)),
            State::Recovered { why: Reason::HealedElsewhere } => {
                self.was_dismissed(recovery) && ended.last() == Some(&RunStatus::Success)
            }
            State::Dismissed { .. } => true,
            State::GivenUp { why: Reason::AttemptsSpent } => {
                let retries = self.retries(recovery);
                let made = recovery.attempts.len();
                (most..=most + retries).contains(&made) && failed(&ended)
            }
            State::GivenUp { why: Reason::TimeSpent } => {
                // The next call may have been put off for an hour at the most.
                let latest = recovery.updated_at + HOUR + MINUTE;
                failed(&ended) && latest >= recovery.failed_at + setting.max_elapsed
            }
            State::GivenUp { why: Reason::NotRetriggerable } => self.is_touched(recovery),
            // A younger run by another client hid whether a run was made; none was, as the ledger says.
            State::GivenUp { why: Reason::StillInDoubt } => {
                ended.is_empty() && recovery.updated_at >= recovery.failed_at + setting.max_elapsed
            }
            State::Held { why: Reason::HeldInDoubt, .. } => setting.hold_in_doubt,
            // Without windows a run that was made on a slot of the schedule may be ours or not.
            State::Held { why: Reason::UnclearRun, .. } => !setting.shows_windows(),
            State::Held { why: Reason::HeldByRule, .. } => failed(&ended),
            _ => false,
        };
        if !legitimate {
            return Err(format!("ended as {:?} though its runs are {ended:?}", recovery.state));
        }
        match self.history.made.get(recovery.root_run_id.as_str()) {
            Some(&heals_after) if !self.is_touched(recovery) => {
                self.healed_in_time(recovery, heals_after as usize)
            }
            _ => Ok(()),
        }
    }

    /// Exactly as many attempts as healing takes, or fewer where the budget is spent before that.
    fn healed_in_time(&self, recovery: &Recovery, heals_after: usize) -> Result<(), String> {
        let attempts = recovery.attempts.iter();
        let made = attempts.filter(|attempt| !self.was_followed(recovery, attempt)).count();
        let right = match recovery.state {
            State::Recovered { .. } => made == heals_after,
            State::GivenUp { why: Reason::AttemptsSpent } => made < heals_after,
            _ => true,
        };
        if !right {
            let state = &recovery.state;
            return Err(format!("{made} attempts and {state:?}, healed by attempt {heals_after}"));
        }
        Ok(())
    }

    /// The budget of attempts: that of the setting, or fewer where a rule says so.
    fn most(&self, recovery: &Recovery) -> usize {
        let mut said = self.journals[&recovery.root_run_id].iter().filter_map(|it| it.max_attempts);
        said.next_back().map_or(0, |most| most.min(self.history.setting.max_attempts)) as usize
    }

    fn is_touched(&self, recovery: &Recovery) -> bool {
        let owned = |run: &str| {
            run == recovery.root_run_id.as_str()
                || recovery.attempts.iter().any(|attempt| attempt.issued.as_str() == run)
        };
        let calls = self.ledger.retriggers.iter();
        let mut roots = calls.filter(|call| owned(&call.asked_run)).map(|call| &call.root_run);
        roots.any(|root| self.touched.contains(root))
            || self.touched.contains(recovery.root_run_id.as_str())
    }

    /// Every failed run that could be taken on was.
    async fn nothing_was_lost(&self) -> Result<(), String> {
        let issued: BTreeSet<&str> =
            self.ledger.accepted().filter_map(Retrigger::new_run_id).collect();
        for flow in &self.history.cast.batch {
            for run in self.history.world(|world| world.runs_of(flow)) {
                let (status, ended) =
                    self.history.world(|world| (world.run_status(&run), world.run_ended_at(&run)));
                let (Some(RunStatus::Failed), Some(ended)) = (status, ended) else { continue };
                let hidden = self.was_behind_a_doubt(flow, ended);
                if issued.contains(run.as_str()) || hidden || !self.was_to_be_seen(flow, ended) {
                    continue;
                }
                let id = RunId::new(run);
                let store = self.history.store().real();
                if store.recovery_of(&id).await.unwrap().is_none() {
                    let journal = store.journal(&id).await.unwrap();
                    let skipped = journal.iter().any(|it| it.reason == Reason::SucceededSince);
                    if skipped && self.succeeded_after(flow, ended) {
                        continue;
                    }
                    // It waited for a doubt, and its dataflow was disabled when that was settled.
                    let seen = journal.iter().any(|it| it.reason == Reason::FlowDisabled);
                    if seen && self.was_in_a_doubt(flow, ended) {
                        continue;
                    }
                    return Err(format!("lost: {id} of {flow}, failed at {ended}; {journal:?}"));
                }
            }
        }
        Ok(())
    }

    /// True if a run of the dataflow ended well after then.
    fn succeeded_after(&self, flow: &str, then: Timestamp) -> bool {
        self.history.world(|world| {
            world.runs_of(flow).iter().any(|run| {
                world.run_status(run) == Some(RunStatus::Success)
                    && world.run_ended_at(run).is_some_and(|at| at > then)
            })
        })
    }

    /// True if a call of the dataflow was in doubt for its whole budget around then: a run that failed
    /// meanwhile may be the one that it made, and waits.
    fn was_behind_a_doubt(&self, flow: &str, failed: Timestamp) -> bool {
        let never_settled = |it: &&Recovery| {
            it.flow_id.as_str() == flow
                && matches!(it.state, State::GivenUp { why: Reason::StillInDoubt })
        };
        let doubted_at = |it: &Recovery| {
            let journal = self.journals[&it.root_run_id].iter();
            journal.filter(|entry| entry.event == Event::Begun).map(|entry| entry.at).max()
        };
        let mut doubts = self.recoveries.iter().filter(never_settled);
        doubts.any(|it| doubted_at(it) <= Some(failed) && failed <= it.updated_at)
    }

    /// True if a call of the dataflow was in doubt when a run of it failed.
    fn was_in_a_doubt(&self, flow: &str, failed: Timestamp) -> bool {
        let of_flow = self.recoveries.iter().filter(|it| it.flow_id.as_str() == flow);
        of_flow.map(|it| &self.journals[&it.root_run_id]).any(|journal| {
            let before = |entry: &&Entry| {
                entry.at <= failed && !matches!(entry.event, Event::Unlisted | Event::Postponed)
            };
            let last = journal.iter().rev().find(before).map(|entry| entry.event);
            matches!(last, Some(Event::Begun | Event::InDoubt))
        })
    }

    /// True if a run of `flow` that failed at `failed` was within reach of a complete sweep while
    /// the flow was enabled: one comes with the first complete pass after the sweep interval, once
    /// the flow is paused no more.
    fn was_to_be_seen(&self, flow: &str, failed: Timestamp) -> bool {
        let setting = &self.history.setting;
        let too_old = failed - LONGEST_RUN + LOOKBACK - 6 * HOUR;
        let mut free = failed;
        let after = self.history.passes.iter().filter(|pass| pass.at >= failed);
        for pass in after.take_while(|pass| !pass.disabled.contains(flow)) {
            if pass.paused.contains(flow) {
                free = pass.at;
            }
            let listed = free + setting.listing_delay() + setting.sweep_interval + 10 * MINUTE;
            if pass.complete && pass.at >= listed {
                return pass.at < too_old;
            }
        }
        false
    }

    pub fn explain(&self, recovery: &Recovery, wrong: &str) -> String {
        let root = &recovery.root_run_id;
        let mut text = format!("{wrong}\n  recovery of {root}: {:?}", recovery.state);
        for entry in &self.journals[root] {
            let (event, reason) = (entry.event.as_str(), entry.reason);
            let new = entry.new_run_id.as_ref().map_or("", RunId::as_str);
            let attempt = entry.attempt.unwrap_or(0);
            text.push_str(&format!(
                "\n    {} {event} {reason} #{attempt} {} {new}",
                entry.at, entry.run_id
            ));
        }
        let owned = |run: &str| {
            *run == *root.as_str() || recovery.attempts.iter().any(|a| a.issued.as_str() == run)
        };
        for call in self.ledger.retriggers.iter().filter(|call| owned(&call.asked_run)) {
            let at = Timestamp::from_millisecond(call.at_ms).unwrap_or_default();
            let (by, asked, outcome) = (&call.by, &call.asked_run, &call.outcome);
            text.push_str(&format!("\n    {at} the platform: {by} asked {asked}: {outcome:?}"));
        }
        text
    }

    fn summary(&self) -> Summary {
        let recovered = |r: &&Recovery| matches!(r.state, State::Recovered { .. });
        let doubts = self.journals.values().flatten().filter(|e| e.event == Event::InDoubt);
        Summary {
            recoveries: self.recoveries.len(),
            recovered: self.recoveries.iter().filter(recovered).count(),
            accepted: self.ours().filter(|call| call.new_run_id().is_some()).count(),
            doubts: doubts.count(),
            passes: self.history.passes.len(),
            crashes: self.history.crashes,
            deeds: self.deeds.amid_passes,
        }
    }
}

/// The run that was asked for and the one that was issued.
fn runs_of(attempt: &Attempt) -> (&str, &str) {
    (attempt.asked.as_str(), attempt.issued.as_str())
}
