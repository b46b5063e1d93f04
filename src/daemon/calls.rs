//! Making the calls of a pass: a sliding window of intents.
//!
//! An intent is stored before its call, and the outcome after it. One transaction stores the
//! outcomes that have arrived and as many new intents as there is room for, while other calls
//! continue. At most [`WINDOW`] intents are open at a time: if the process dies, each open intent
//! must be looked up at Adobe.

use super::error::PassError;
use super::lease::LeaseKeeper;
use super::log::{log_dry_run, log_entry, log_unstored};
use super::parts::Mode;
use super::report::Report;
use super::vitals::Vitals;
use crate::domain::model::ids::RunId;
use crate::domain::model::journal::Event;
use crate::domain::model::reason::Reason;
use crate::domain::model::verdict::{Refusal, Remedy, Verdict};
use crate::domain::plan::snapshot::Snapshot;
use crate::domain::policy::retry::RetryPolicy;
use crate::domain::recovery::Terms;
use crate::domain::recovery::{Change, Recovery, State};
use crate::flow_service::{FlowService, Patience};
use crate::store::{Batch, Store, StoreError};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use jiff::Timestamp;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// The maximum number of open intents.
const WINDOW: usize = 16;

/// Nothing is sent because of data that is older than this.
pub(super) const FRESH: Duration = Duration::from_secs(60);

/// What is needed to make calls.
#[derive(Debug)]
pub(super) struct Calls<'a> {
    pub(super) service: &'a FlowService,
    pub(super) store: &'a dyn Store,
    pub(super) lease: &'a LeaseKeeper,
    pub(super) stop: &'a CancellationToken,
    pub(super) vitals: &'a Vitals,
    pub(super) mode: Mode,
    pub(super) snapshot: &'a Snapshot,
    /// When reading the data behind the intents began.
    pub(super) read_at: Timestamp,
    /// The newest pause or resume that the plan knows.
    pub(super) orders_seen: Option<Timestamp>,
    /// How many calls may be in progress.
    pub(super) at_a_time: usize,
}

impl Calls<'_> {
    /// Stores `intents`, makes their calls and stores the outcomes. True if all were sent. Outcomes
    /// that cannot be stored go to `unfinished`.
    ///
    /// # Errors
    /// If the store fails; all calls in progress have ended by then.
    pub(super) async fn make(
        &self,
        intents: Vec<Change>,
        unfinished: &mut Vec<Change>,
        report: &mut Report,
    ) -> Result<bool, PassError> {
        let window = WINDOW.max(2 * self.at_a_time);
        // Calls with a stored intent wait here for their turn, which shows whether the turn comes
        // too late.
        let turns = Semaphore::new(self.at_a_time);
        let mut waiting = VecDeque::from(intents);
        let mut under_way = FuturesUnordered::new();
        let mut ended: Vec<Change> = Vec::new();
        let mut all_sent = true;
        loop {
            let room = match self.may_begin() {
                true => window.saturating_sub(under_way.len()).min(waiting.len()),
                false => 0,
            };
            let next: Vec<Change> = waiting.drain(..room).collect();
            if ended.is_empty() && next.is_empty() {
                if under_way.is_empty() {
                    return Ok(all_sent && waiting.is_empty());
                }
                collect_ended(&mut under_way, &mut ended).await;
                continue;
            }
            // An answer that is not stored yet must be waited for like the call itself.
            let answered = ended.iter().filter(|it| it.entry.event != Event::Postponed);
            let _unstored: Vec<_> = answered.map(|_| self.vitals.call_begins()).collect();
            let mut later = Vec::new();
            let step = self.store_step(&ended, &next);
            match alongside(step, &mut under_way, &mut later).await {
                Ok(applied) => {
                    let (of_ended, of_next) = applied.split_at(ended.len());
                    report_stored(&ended, of_ended, report);
                    report_stored(&next, of_next, report);
                    all_sent &= ended.iter().all(|it| it.entry.event != Event::Postponed);
                    // If an operator was faster, the next pass plans again.
                    all_sent &= of_next.iter().all(|applied| *applied);
                    let begun = next.into_iter().zip(of_next).filter(|(_, applied)| **applied);
                    under_way.extend(begun.map(|(intent, _)| self.call(intent, &turns)));
                    ended = later;
                }
                Err(error) => {
                    ended.extend(later);
                    ended.extend(under_way.collect::<Vec<_>>().await.into_iter().flatten());
                    keep_unstored(ended, &error, unfinished);
                    return Err(error.into());
                }
            }
        }
    }

    /// Stores outcomes and intents in one transaction.
    async fn store_step(&self, ended: &[Change], next: &[Change]) -> Result<Vec<bool>, StoreError> {
        let batch = Batch {
            changes: ended.iter().chain(next).cloned().collect(),
            orders_seen: Some(self.orders_seen),
            ..Batch::default()
        };
        Ok(self.store.commit(self.lease.owner(), &batch).await?.applied)
    }

    /// Whether another intent may be stored now.
    fn may_begin(&self) -> bool {
        let age = |now| self.read_at.duration_until(now).unsigned_abs();
        self.service.trusted_now().is_ok_and(|now| age(now) <= FRESH)
            && !self.stop.is_cancelled()
            && self.service.throttle_left().is_none()
            && !self.lease.trust_left().is_zero()
    }

    /// One call for one intent, and the change to the recovery that follows from it.
    async fn call(&self, intent: Change, turns: &Semaphore) -> Option<Change> {
        // The semaphore is never closed; without a permit, the client's own limit would apply.
        let _turn = tokio::select! {
            turn = turns.acquire() => turn.ok(),
            () = self.stop.cancelled() => None,
        };
        let _in_flight = self.vitals.call_begins();
        let recovery = &intent.recovery;
        let State::Triggering { asked, .. } = &recovery.state else { return None };
        let terms = self.snapshot.terms(recovery);
        let verdict = match self.mode {
            Mode::DryRun => {
                log_dry_run(&intent.entry);
                Verdict::Refused(Refusal {
                    remedy: Remedy::Hold,
                    reason: Reason::DryRun,
                    detail: "nothing was sent".to_owned(),
                })
            }
            Mode::Live => self.post(asked, intent.entry.at, &terms.policy).await,
        };
        let otherwise = self.read_once_more(recovery, asked, &verdict, terms).await;
        let now = self.service.now();
        otherwise.or_else(|| recovery.settle(&verdict, Terms { now, ..terms }))
    }

    /// Reads the run once more after a refusal that a person would have to act on: it may have
    /// succeeded, or be in progress.
    async fn read_once_more(
        &self,
        recovery: &Recovery,
        asked: &RunId,
        verdict: &Verdict,
        terms: Terms<'_>,
    ) -> Option<Change> {
        let Verdict::Refused(refusal) = verdict else { return None };
        if !recovery.doubts_refusal(refusal) {
            return None;
        }
        let wanted = [asked.clone(), recovery.latest_run().clone()];
        let runs = self.service.runs_by_id(&self.snapshot.sandbox, &wanted).await.items;
        let terms = Terms { now: self.service.now(), ..terms };
        runs.iter().find_map(|run| recovery.refused_in_vain(run, refusal, terms))
    }

    /// The POST, unless its turn comes too late. It must be sent while the lease is trusted, and
    /// well before the confirm window ends, because listings are judged as if it had been sent at
    /// once.
    async fn post(&self, asked: &RunId, begun_at: Timestamp, policy: &RetryPolicy) -> Verdict {
        let trust_left = self.lease.trust_left();
        let since_begun = begun_at.duration_until(self.service.now()).unsigned_abs();
        let patience = (policy.confirm_window / 2).saturating_sub(since_begun).min(trust_left);
        // A call whose turn comes at once is sent even without any patience.
        if self.stop.is_cancelled() || patience.is_zero() {
            let detail = "nothing was sent".to_owned();
            return Verdict::NotSent { reason: Reason::NotSent, detail };
        }
        let etag = self.snapshot.run(asked).and_then(|run| run.etag.as_ref());
        let patience = Patience { limit: patience, stop: Some(self.stop) };
        self.service.retrigger(&self.snapshot.sandbox, asked, etag, patience).await
    }
}

/// Logs and counts the `changes` that were applied.
pub(super) fn report_stored(changes: &[Change], applied: &[bool], report: &mut Report) {
    for (change, _) in changes.iter().zip(applied).filter(|(_, applied)| **applied) {
        log_entry(&change.entry, report.logged.is_news(&change.entry));
        report.changed(change);
    }
}

/// Keeps outcomes that could not be stored, unless the lease was lost: then its new holder finds
/// the intents and looks for the new runs.
pub(super) fn keep_unstored(
    outcomes: Vec<Change>,
    error: &StoreError,
    unfinished: &mut Vec<Change>,
) {
    let kept = !matches!(error, StoreError::LeaseLost);
    outcomes.iter().for_each(|change| log_unstored(&change.entry, kept));
    if kept {
        unfinished.extend(outcomes);
    }
}

/// Waits for one call, and takes all others that have ended by then.
async fn collect_ended<C: Future<Output = Option<Change>>>(
    calls: &mut FuturesUnordered<C>,
    ended: &mut Vec<Change>,
) {
    ended.extend(calls.next().await.flatten());
    while let Some(Some(outcome)) = calls.next().now_or_never() {
        ended.extend(outcome);
    }
}

/// Drives `work` to its end while calls are in progress; their outcomes go to `outcomes`.
async fn alongside<T, C: Future<Output = Option<Change>>>(
    work: impl Future<Output = T>,
    calls: &mut FuturesUnordered<C>,
    outcomes: &mut Vec<Change>,
) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            biased;
            Some(outcome) = calls.next() => outcomes.extend(outcome),
            done = &mut work => return done,
        }
    }
}
