//! From the journal to messages for one target.

use super::notice::{Fact, Notice, root_of};
use crate::domain::model::ids::{FlowId, SandboxName};
use crate::domain::model::journal::{Entry, Event};
use crate::domain::model::reason::Reason;
use crate::domain::model::time::before;
use crate::domain::model::topic::Topic;
use crate::settings::{NotifyTarget, TargetKind};
use crate::store::{Mute, Store, StoreError};
use jiff::Timestamp;
use std::collections::HashSet;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long before its end a breaker may have opened.
const BREAKER_LOOKBACK: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Up to this many recoveries of one topic are separate incidents of PagerDuty.
const INCIDENTS: usize = 10;
/// Older events are not reported: the target was unreachable for too long, or was added again.
pub(super) const OLDEST: Duration = DAY;

/// What the messages for one target are made from.
pub(super) struct Composer<'a> {
    pub(super) target: &'a NotifyTarget,
    pub(super) store: &'a dyn Store,
    /// Earlier events were not reported to the target.
    pub(super) since: Timestamp,
    pub(super) now: Timestamp,
    /// Dataflows whose events are not reported.
    pub(super) mutes: &'a [Mute],
}

impl Composer<'_> {
    /// The messages about `entries`, each with its id. The id names the range of the journal, so it is
    /// the same whenever the same entries are reported.
    pub(super) async fn messages(
        &self,
        entries: &[(i64, Entry)],
    ) -> Result<Vec<(String, Notice)>, StoreError> {
        let mut facts: Vec<(i64, Fact)> = Vec::new();
        for (position, entry) in entries {
            let Some(topic) = wanted(self.target, entry) else { continue };
            if entry.at < before(self.now, OLDEST) || self.is_muted(topic, entry) {
                continue;
            }
            let Some(duration_s) = self.is_news(topic, entry).await? else { continue };
            facts.push((*position, Fact { topic, entry: entry.clone(), duration_s }));
        }
        // If something began, ended and began again, the last message says that it lasts.
        let mut known = HashSet::new();
        facts.reverse();
        facts.retain(|(_, fact)| known.insert((fact.topic, key_of(fact.topic, &fact.entry))));
        let mut topics: Vec<Topic> = Vec::new();
        for (_, fact) in &facts {
            if !topics.contains(&fact.topic) {
                topics.push(fact.topic);
            }
        }
        facts.reverse();
        topics.reverse();
        let messages = topics.into_iter().flat_map(|topic| {
            let facts: Vec<&(i64, Fact)> =
                facts.iter().filter(|(_, fact)| fact.topic == topic).collect();
            match self.is_one_by_one(topic, facts.len()) {
                true => facts.chunks(1).filter_map(message).collect(),
                false => Vec::from_iter(message(&facts)),
            }
        });
        Ok(messages.collect())
    }

    /// An outage is not about one dataflow.
    fn is_muted(&self, topic: Topic, entry: &Entry) -> bool {
        let is_meant = |mute: &Mute| {
            mute.until > self.now
                && [entry.flow_id.as_str(), entry.flow_name.as_str()].contains(&&*mute.flow)
        };
        !matches!(topic, Topic::OutageBegan | Topic::OutageEnded) && self.mutes.iter().any(is_meant)
    }

    /// PagerDuty has an incident for each recovery, so that each can end.
    fn is_one_by_one(&self, topic: Topic, count: usize) -> bool {
        let is_pagerduty = matches!(self.target.kind, TargetKind::PagerDuty { .. });
        is_pagerduty && (count <= INCIDENTS || !topic.is_trouble())
    }

    /// `None` if the target knows this already, or need not know it; otherwise how long it took, if it
    /// is the end of a recovery.
    async fn is_news(
        &self,
        topic: Topic,
        entry: &Entry,
    ) -> Result<Option<Option<u64>>, StoreError> {
        match topic {
            Topic::Held | Topic::GivenUp => {
                let story = self.story_before(entry).await?;
                let last = story.iter().rposition(|it| self.was_reported(it, Some(topic)));
                let is_repeated = last.is_some_and(|last| {
                    !story[last..].iter().any(|it| it.reason == Reason::OperatorRetry)
                });
                Ok((!is_repeated).then_some(None))
            }
            Topic::Recovered => {
                let story = self.story_before(entry).await?;
                let was_trouble = story.iter().any(|it| self.was_reported(it, None));
                let began = story.first().map_or(entry.at, |first| first.at);
                let took = entry.at.duration_since(began).as_secs().unsigned_abs();
                Ok(was_trouble.then_some(Some(took)))
            }
            Topic::BreakerClosed => {
                let events = [Event::FlowHeld, Event::FlowHealed];
                let since = self.since.max(before(self.now, BREAKER_LOOKBACK));
                let story = self.store.history(Some(&entry.sandbox), since, &events).await?;
                let end = story.iter().rposition(|it| it == entry).unwrap_or(story.len());
                let last = story[..end].iter().rev().find(|it| it.flow_id == entry.flow_id);
                let was_open = last.and_then(Topic::of) == Some(Topic::BreakerOpen);
                Ok(was_open.then_some(None))
            }
            _ => Ok(Some(None)),
        }
    }

    /// The journal of the recovery before `entry`.
    async fn story_before(&self, entry: &Entry) -> Result<Vec<Entry>, StoreError> {
        let mut story = self.store.journal(root_of(entry)).await?;
        let end = story.iter().rposition(|it| it == entry).unwrap_or(story.len());
        story.truncate(end);
        Ok(story)
    }

    /// Whether the target was notified that the recovery of this entry is in trouble.
    fn was_reported(&self, entry: &Entry, topic: Option<Topic>) -> bool {
        let reported = wanted(self.target, entry).filter(|it| it.is_trouble());
        entry.at >= self.since && reported.is_some_and(|it| topic.is_none_or(|topic| it == topic))
    }
}

/// The topic of `entry`, if `target` has chosen it.
pub(super) fn wanted(target: &NotifyTarget, entry: &Entry) -> Option<Topic> {
    let topic = Topic::of(entry).filter(|topic| target.topics.contains(topic))?;
    let covers = match topic {
        Topic::OutageBegan | Topic::OutageEnded => covers_sandbox(target, &entry.sandbox),
        _ => target.scope.covers(&entry.sandbox, &entry.flow_id, &entry.flow_name),
    };
    covers.then_some(topic)
}

/// Whether `target` has chosen this sandbox.
pub(super) fn covers_sandbox(target: &NotifyTarget, sandbox: &SandboxName) -> bool {
    target.scope.sandbox.as_ref().is_none_or(|own| own == sandbox)
}

/// What an event belongs to; the same for the beginning and the end of trouble.
fn key_of(topic: Topic, entry: &Entry) -> String {
    let Entry { sandbox, flow_id, .. } = entry;
    let of_flow = |flow: &FlowId| format!("dataflow/{sandbox}/{flow}");
    match topic {
        Topic::OutageBegan | Topic::OutageEnded => match &entry.detail {
            Some(detail) if entry.reason == Reason::SourceOutage => {
                format!("outage/{sandbox}/{detail}")
            }
            _ => format!("outage/{sandbox}"),
        },
        Topic::BreakerOpen | Topic::BreakerClosed | Topic::FlowOnlyFailing => of_flow(flow_id),
        _ => root_of(entry).to_string(),
    }
}

fn message(facts: &[&(i64, Fact)]) -> Option<(String, Notice)> {
    let ((first, fact), (last, _)) = (facts.first()?, facts.last()?);
    let Fact { topic, entry, .. } = fact;
    let id = format!("{topic}-{}-{first}-{last}", entry.at.as_millisecond());
    let key = match facts {
        [_] => key_of(*topic, entry),
        _ => id.clone(),
    };
    let facts: Vec<&Fact> = facts.iter().map(|(_, fact)| fact).collect();
    Some((id, Notice::of(key, &facts)?))
}
