//! Making the calls of a pass: a sliding window of intents.
//!
//! An intent is stored before its call and its outcome after it. One transaction stores what has
//! come in and begins what has room, while the other calls go on. At most [`WINDOW`] intents are
//! open at any moment, because those that are open when the process dies must be looked up on the
//! platform.

use super::error::PassError;
use super::lease::LeaseKeeper;
use super::pass::{Mode, Report};
use super::tell::{tell, tell_dry_run, tell_unstored};
use crate::domain::model::ids::RunId;
use crate::domain::model::journal::Event;
use crate::domain::model::reason::Reason;
use crate::domain::model::verdict::{Refusal, Remedy, Verdict};
use crate::domain::plan::snapshot::Snapshot;
use crate::domain::policy::retry::RetryPolicy;
use crate::domain::recovery::Terms;
use crate::domain::recovery::{Change, Recovery, State};
use crate::flow_service::FlowService;
use crate::store::{Batch, Store, StoreError};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use jiff::Timestamp;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// The most intents that are open at a time.
const WINDOW: usize = 16;

/// A reading that is older is not acted on.
pub(super) const FRESH: Duration = Duration::from_secs(60);

/// What making calls needs.
#[derive(Debug)]
pub(super) struct Calls<'a> {
    pub(super) service: &'a FlowService,
    pub(super) store: &'a dyn Store,
    pub(super) lease: &'a LeaseKeeper,
    pub(super) stop: &'a CancellationToken,
    pub(super) mode: Mode,
    pub(super) snapshot: &'a Snapshot,
    /// When reading what is acted on began.
    pub(super) read_at: Timestamp,
    /// The newest operator's order that the plan knows of.
    pub(super) orders_seen: Option<Timestamp>,
    /// How many calls may be on their way.
    pub(super) at_a_time: usize,
}

impl Calls<'_> {
    /// Begins `intents`, makes their calls and stores what comes of them. True if all were sent.
    /// Outcomes that cannot be stored go to `unfinished`.
    ///
    /// # Errors
    /// If intents cannot be stored; calls that were under way have ended by then.
    pub(super) async fn make(
        &self,
        intents: Vec<Change>,
        unfinished: &mut Vec<Change>,
        report: &mut Report,
    ) -> Result<bool, PassError> {
        let window = WINDOW.max(2 * self.at_a_time);
        // Begun calls wait here for their turn, so that its lateness is seen when it comes.
        let turns = Semaphore::new(self.at_a_time);
        let mut waiting = VecDeque::from(intents);
        let mut under_way = FuturesUnordered::new();
        let mut outcomes: Vec<Change> = Vec::new();
        let (mut failed, mut all_sent) = (None, true);
        loop {
            let begins = failed.is_none() && self.may_begin();
            let idle = outcomes.is_empty() && under_way.is_empty();
            if idle && (waiting.is_empty() || !begins) {
                break;
            }
            let room = if begins { window.saturating_sub(under_way.len()) } else { 0 };
            let next: Vec<Change> = waiting.drain(..room.min(waiting.len())).collect();
            if outcomes.is_empty() && next.is_empty() {
                if let Some(outcome) = under_way.next().await {
                    outcomes.extend::<Option<Change>>(outcome);
                }
                while let Some(Some(outcome)) = under_way.next().now_or_never() {
                    outcomes.extend::<Option<Change>>(outcome);
                }
                continue;
            }
            let ended = std::mem::take(&mut outcomes);
            let stored = self.store_step(&ended, &next);
            match alongside(stored, &mut under_way, &mut outcomes).await {
                Ok(applied) => {
                    let (of_ended, of_next) = applied.split_at(ended.len());
                    report_stored(&ended, of_ended, report);
                    all_sent &= ended.iter().all(|it| it.entry.event != Event::Postponed);
                    report_stored(&next, of_next, report);
                    // An operator was faster: the next pass plans anew.
                    all_sent &= of_next.iter().all(|applied| *applied);
                    let begun = next.into_iter().zip(of_next).filter(|(_, applied)| **applied);
                    under_way.extend(begun.map(|(intent, _)| self.call(intent, &turns)));
                }
                Err(error) => {
                    ended.iter().for_each(|change| tell_unstored(&change.entry));
                    // Whoever holds the lease now finds the intents, and asks the platform.
                    if !matches!(error, StoreError::LeaseLost) {
                        unfinished.extend(ended);
                    }
                    failed.get_or_insert(error);
                    waiting.clear();
                    // The others end; what comes of them is kept, and not stored here again.
                    while let Some(outcome) = under_way.next().await {
                        outcomes.extend::<Option<Change>>(outcome);
                    }
                    outcomes.iter().for_each(|change| tell_unstored(&change.entry));
                    unfinished.append(&mut outcomes);
                }
            }
        }
        match failed {
            Some(error) => Err(error.into()),
            None => Ok(all_sent && waiting.is_empty()),
        }
    }

    /// Outcomes and intents in one transaction.
    async fn store_step(&self, ended: &[Change], next: &[Change]) -> Result<Vec<bool>, StoreError> {
        let batch = Batch {
            changes: ended.iter().chain(next).cloned().collect(),
            orders_seen: Some(self.orders_seen),
            ..Batch::default()
        };
        Ok(self.store.commit(self.lease.owner(), &batch).await?.applied)
    }

    /// Whether another intent may be begun now.
    fn may_begin(&self) -> bool {
        let age = |now| self.read_at.duration_until(now).unsigned_abs();
        self.service.trusted_now().is_ok_and(|now| age(now) <= FRESH)
            && !self.stop.is_cancelled()
            && self.service.pause_left().is_none()
            && !self.lease.trust_left().is_zero()
    }

    /// One call for one intent, and what it makes of the recovery.
    async fn call(&self, intent: Change, turns: &Semaphore) -> Option<Change> {
        // The semaphore is never closed; without a permit the client's own limit would hold.
        let _turn = turns.acquire().await.ok();
        let recovery = &intent.recovery;
        let State::Triggering { asked, .. } = &recovery.state else { return None };
        let terms = self.snapshot.terms(recovery);
        let verdict = match self.mode {
            Mode::DryRun => {
                tell_dry_run(&intent.entry);
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

    /// What the run, read once more, makes of a refusal that would call for a person.
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

    /// The POST, unless its turn comes too late. It has to leave while the lease is trusted, and
    /// well before the confirm window ends: listings are read as if it had left at once.
    async fn post(&self, asked: &RunId, begun_at: Timestamp, policy: &RetryPolicy) -> Verdict {
        let trust_left = self.lease.trust_left();
        let since_begun = begun_at.duration_until(self.service.now()).unsigned_abs();
        let patience = (policy.confirm_window / 2).saturating_sub(since_begun).min(trust_left);
        // A call whose turn comes at once would leave even without any patience.
        if self.stop.is_cancelled() || patience.is_zero() {
            let detail = "nothing was sent".to_owned();
            return Verdict::NotSent { reason: Reason::NotSent, detail };
        }
        let etag = self.snapshot.runs.get(asked).and_then(|run| run.etag.as_ref());
        self.service.retrigger(&self.snapshot.sandbox, asked, etag, patience).await
    }
}

/// Logs and counts those of `changes` that took effect.
pub(super) fn report_stored(changes: &[Change], applied: &[bool], report: &mut Report) {
    for (change, _) in changes.iter().zip(applied).filter(|(_, applied)| **applied) {
        tell(&change.entry);
        report.add(&change.entry);
    }
}

/// Drives `work` to its end while the calls go on; what comes of them goes to `outcomes`.
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
