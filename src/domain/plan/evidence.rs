//! What the runs that were read show about a recovery.

use crate::domain::model::flow::Schedule;
use crate::domain::model::ids::RunId;
use crate::domain::model::run::{Run, RunStatus};
use crate::domain::model::time::{after, before};
use crate::domain::recovery::{
    Candidate, ListingEvidence, Maker, Moment, Recovery, State, Traits, Whose,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::snapshot::{CLOCK_SKEW, ClientIdTrust, Snapshot};

/// `createdClient` of runs that people start in Adobe's user interface, as Adobe documents it.
const UI_CLIENT: &str = "exc_app";
/// Names from Adobe are cut to this length.
const NAME_LENGTH: usize = 64;

impl Snapshot {
    /// True if a later run of the dataflow succeeded: it began after the root run failed, and
    /// flowmend did not cause it.
    pub(super) fn later_run_succeeded(&self, recovery: &Recovery) -> bool {
        let later = |id: &RunId, status: &RunStatus, begun_at: Option<Timestamp>| {
            status.is_success()
                && begun_at.is_some_and(|at| at > recovery.failed_at)
                && !self.known.contains(id)
        };
        let last = self.flows.get(&recovery.flow_id).and_then(|d| d.flow.last_run.as_ref());
        let listed = self.listings.get(&recovery.flow_id);
        last.is_some_and(|last| later(&last.id, &last.status, last.started_at))
            || listed.is_some_and(|listing| {
                listing.runs.iter().any(|run| later(&run.id, &run.status, run.begun_at()))
            })
    }

    /// True if the runs that were read show a success after `run` that flowmend did not cause.
    pub(super) fn succeeded_since(&self, run: &Run) -> bool {
        let later = |id: &RunId, status: &RunStatus, begun_at: Option<Timestamp>| {
            status.is_success() && begun_at > run.begun_at() && !self.known.contains(id)
        };
        let last = self.flows.get(&run.flow_id).and_then(|it| it.flow.last_run.as_ref());
        let listed = self.listings.get(&run.flow_id).map_or(&[][..], |listing| &listing.runs);
        last.is_some_and(|last| later(&last.id, &last.status, last.started_at))
            || listed.iter().any(|run| later(&run.id, &run.status, run.begun_at()))
    }

    /// The run that someone else's re-trigger of `asked` seems to have created: a run without a
    /// recovery that was created after the failure. If it has ended, only its window or its creator
    /// shows that.
    pub(super) fn retriggered_elsewhere(
        &self,
        recovery: &Recovery,
        asked: &Run,
        claimed: &HashSet<RunId>,
    ) -> Option<Candidate> {
        let unanswered = |it: &Recovery| it.flow_id == recovery.flow_id && it.state.is_unanswered();
        // The run may belong to a call of our own that is in doubt.
        if self.recoveries.iter().any(unanswered) {
            return None;
        }
        let repeats = self.others(recovery, &asked.id, claimed).filter_map(|run| {
            let traits = self.traits(run, Some(asked), self.now);
            let shows = run.status.is_under_way()
                || traits.same_window == Some(true)
                || (recovery.contested && traits.names_a_caller());
            let after = run.made_at()? >= earliest_retry(recovery);
            let shows = shows && !will_tell_more(run, Some(asked));
            (after && shows && traits.seems_to_repeat()).then_some((traits, run))
        });
        let (traits, run) = repeats.max_by_key(|(traits, run)| {
            (traits.same_window, traits.names_a_caller(), run.made_at(), &run.id)
        })?;
        let whose = match traits.maker {
            Maker::Us => Whose::Proven,
            _ => Whose::Theirs,
        };
        Some(self.candidate(run, Some(asked), whose, None))
    }

    /// What a run shows about whose it is, for people; `None` if it was not read. Runs that are known to
    /// be ours are something to compare other runs with.
    pub(super) fn seen(&self, run: &RunId) -> Option<String> {
        let run = self.run(run)?;
        Some(self.candidate(run, None, Whose::Unclear, None).seen)
    }

    /// True if a run of the dataflow without a recovery is in progress. It is not waited for longer than
    /// `retry.watch_timeout`.
    pub(super) fn another_is_at_work(&self, recovery: &Recovery) -> bool {
        let policy = self.terms(recovery).policy;
        let oldest = before(self.now, policy.watch_timeout);
        let asked = recovery.target(&policy);
        self.others(recovery, asked, &self.known)
            .any(|run| run.status.is_under_way() && run.made_at().is_none_or(|made| made > oldest))
    }

    /// The listed runs of the dataflow that belong to no recovery.
    fn others<'a>(
        &'a self,
        recovery: &Recovery,
        asked: &'a RunId,
        claimed: &'a HashSet<RunId>,
    ) -> impl Iterator<Item = &'a Run> {
        let listed = self.listings.get(&recovery.flow_id).map_or(&[][..], |it| &it.runs);
        listed
            .iter()
            .map(Arc::as_ref)
            .filter(move |run| run.id != *asked && !claimed.contains(&run.id))
    }

    /// What the listing of its dataflow shows about the call in doubt; `None` without a listing.
    pub(super) fn listing_evidence(
        &self,
        recovery: &Recovery,
        claimed: &HashSet<RunId>,
    ) -> Option<ListingEvidence> {
        let State::InDoubt { asked, since, .. } = &recovery.state else { return None };
        let listing = self.listings.get(&recovery.flow_id)?;
        let asked_run = self.run(asked);
        let judged = self.others(recovery, asked, claimed).filter_map(|run| {
            let whose = self.whose(recovery, run)?;
            let candidate = self.candidate(run, asked_run, whose, Some(*since));
            Some(((run.made_at(), &run.id), (run, candidate)))
        });
        // BTreeMap: oldest first, and each run once even if the pages repeat it.
        let judged: BTreeMap<_, _> = judged.collect();
        let repeats = |run: &Run| self.traits(run, asked_run, *since).seems_to_repeat();
        let elsewhere = judged.values().rev().find(|(run, candidate)| {
            let ours = matches!(candidate.whose, Whose::Proven | Whose::Ours);
            recovery.contested && !ours && repeats(run)
        });
        let tells_more = judged.values().any(|(run, candidate)| {
            candidate.whose == Whose::Unclear && self.is_worth_waiting_for(recovery, run)
        });
        Some(ListingEvidence {
            elsewhere: elsewhere.map(|(_, candidate)| candidate.clone()),
            candidates: judged.into_values().map(|(_, candidate)| candidate).collect(),
            asked: asked_run.cloned(),
            // Nothing is concluded before such a run has shown whose it is.
            complete: listing.complete && !tells_more,
            listed_at: listing.begun_at,
        })
    }

    /// Whether `run`, of the same dataflow, is that of the recovery's call in doubt; `None` for a run
    /// that is older than the call.
    pub(super) fn whose(&self, recovery: &Recovery, run: &Run) -> Option<Whose> {
        let State::InDoubt { asked, since, .. } = &recovery.state else { return None };
        let made = run.made_at()?;
        let window = self.terms(recovery).policy.confirm_window;
        let (earliest, at_call, latest) = match recovery.contested {
            // If the call was refused, the run that is looked for existed already.
            true => (earliest_retry(recovery), *since, *since),
            false => (before(*since, CLOCK_SKEW), *since, after(*since, window)),
        };
        let moment = match made {
            made if made < earliest => return None,
            made if made <= after(at_call, CLOCK_SKEW) => Moment::AtCall,
            made if made <= after(latest, CLOCK_SKEW) => Moment::Later,
            _ => Moment::TooLate,
        };
        let traits = self.traits(run, self.run(asked), *since);
        match traits.maker {
            Maker::Untold | Maker::Other
                if moment != Moment::TooLate && self.is_worth_waiting_for(recovery, run) =>
            {
                Some(Whose::Unclear)
            }
            _ => Some(traits.whose(moment)),
        }
    }

    /// True if `run` will soon show its window, and so whose it is. A run that does not start is not
    /// waited for longer than `retry.watch_timeout`.
    fn is_worth_waiting_for(&self, recovery: &Recovery, run: &Run) -> bool {
        let State::InDoubt { asked, .. } = &recovery.state else { return false };
        let oldest = before(self.now, self.terms(recovery).policy.watch_timeout);
        run.made_at() > Some(oldest) && will_tell_more(run, self.run(asked))
    }

    /// What is known of `run`, compared with the run that was re-triggered by a call at `since`.
    fn traits(&self, run: &Run, asked: Option<&Run>, since: Timestamp) -> Traits {
        let windows = asked.and_then(|asked| asked.window).zip(run.window);
        let asked_by = asked.and_then(|asked| asked.created_client.as_deref());
        let maker = match (run.created_client.as_deref(), &self.client_trust) {
            (Some(UI_CLIENT), _) if asked_by != Some(UI_CLIENT) => Maker::Person,
            (Some(named), ClientIdTrust::Supposed(ours)) if named == ours => Maker::Us,
            (Some(named), ClientIdTrust::Proven { client, .. }) if named == client => Maker::Us,
            (Some(_), ClientIdTrust::Proven { since: changed, .. }) if since >= *changed => {
                Maker::Other
            }
            _ => Maker::Untold,
        };
        Traits {
            maker,
            same_window: windows.map(|(asked, its)| asked == its),
            on_slot: self
                .has_schedule(run)
                .then(|| self.since_slot(run).is_some_and(|past| past <= Schedule::SLOT_WIDTH)),
        }
    }

    fn has_schedule(&self, run: &Run) -> bool {
        let dataflow = self.flows.get(&run.flow_id);
        dataflow.is_some_and(|it| it.flow.schedule.is_some()) && run.made_at().is_some()
    }

    /// How long after a slot of its dataflow a run was created.
    fn since_slot(&self, run: &Run) -> Option<SignedDuration> {
        let schedule = self.flows.get(&run.flow_id)?.flow.schedule?;
        schedule.since_slot(run.made_at()?, CLOCK_SKEW)
    }

    fn candidate(
        &self,
        run: &Run,
        asked: Option<&Run>,
        whose: Whose,
        since: Option<Timestamp>,
    ) -> Candidate {
        let mut seen = format!("run {} ({})", run.id, run.status.as_str());
        if let Some(made) = run.made_at() {
            seen += &format!(", made {made}");
            if let Some(since) = since {
                seen += &format!(" ({} after the call)", seconds(since.duration_until(made)));
            }
        }
        if let Some(client) = &run.created_client {
            let clean = client.chars().filter(|c| !c.is_control()).take(NAME_LENGTH);
            seen += &format!(" by {}", clean.collect::<String>());
        }
        if let Some(window) = run.window {
            let same = asked.and_then(|asked| asked.window).map(|its| its == window);
            let compared = match same {
                Some(true) => " as the failed run",
                Some(false) => " unlike the failed run",
                None => "",
            };
            seen += &format!(", window {} to {}{compared}", window.start, window.end);
        }
        match self.since_slot(run) {
            Some(past) => seen += &format!(", {} after a slot", seconds(past)),
            None if self.has_schedule(run) => seen += ", before the first slot",
            None => {}
        }
        if let Some(provider_ref) = &run.provider_ref {
            seen += &format!(", providerRefId {provider_ref}");
        }
        Candidate { id: run.id.clone(), etag: run.etag.clone(), whose, seen }
    }
}

/// True if the window of `run` is not known yet, but will be once the run starts.
fn will_tell_more(run: &Run, asked: Option<&Run>) -> bool {
    let told = asked.is_some_and(|asked| asked.window.is_some());
    run.status == RunStatus::Queued && run.window.is_none() && told
}

/// A run that repeats the failed one, or the one issued last, is not older than this.
fn earliest_retry(recovery: &Recovery) -> Timestamp {
    let last = recovery.attempts.last();
    before(last.map_or(recovery.failed_at, |last| last.accepted_at), CLOCK_SKEW)
}

/// In seconds, with tenths.
fn seconds(span: SignedDuration) -> String {
    format!("{:.1} s", span.as_secs_f64())
}
