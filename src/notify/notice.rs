//! What a message reports: facts, before they become text or JSON of a receiver.

use crate::domain::model::ids::{FlowId, RunId, SandboxName};
use crate::domain::model::journal::Entry;
use crate::domain::model::topic::Topic;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The most groups in a message.
const GROUPS: usize = 20;
/// The most runs in a group.
const RUNS: usize = 20;
/// The longest error, in characters.
const ERROR_CHARS: usize = 300;

/// What a message reports. It is stored as JSON, and a webhook receives it as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// What it is about.
    pub topic: Topic,
    /// What it belongs to: the end of trouble has the key of its beginning.
    pub key: String,
    /// When the first of its events occurred.
    pub at: Timestamp,
    /// How many recoveries or dataflows it reports.
    pub count: usize,
    /// The sandbox, if it is about one.
    pub sandbox: Option<SandboxName>,
    /// The error, if it is about the daemon.
    pub error: Option<String>,
    /// The recoveries by dataflow and cause, largest group first; at most 20.
    pub groups: Vec<Group>,
}

/// Recoveries of one dataflow with the same cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The sandbox.
    pub sandbox: SandboxName,
    /// The dataflow.
    pub flow_id: FlowId,
    /// Its name.
    pub flow_name: String,
    /// The reason, as in the log.
    pub reason: String,
    /// The reason in words.
    pub explanation: String,
    /// The error of the first run, shortened.
    pub error: Option<String>,
    /// How many recoveries.
    pub count: usize,
    /// Their original failed runs, at most 20.
    pub run_ids: Vec<RunId>,
    /// The attempts of the first one.
    pub attempts: Option<u32>,
    /// How long the first one took, in seconds, if it is over.
    pub duration_s: Option<u64>,
}

/// An event that is reported.
pub(super) struct Fact {
    pub(super) topic: Topic,
    pub(super) entry: Entry,
    /// How long the recovery took.
    pub(super) duration_s: Option<u64>,
}

impl Notice {
    /// One message for all `facts` of one topic; there is at least one.
    pub(super) fn of(key: String, facts: &[&Fact]) -> Option<Self> {
        let first = facts.first()?;
        let notice = Self::about_daemon(first.topic, key, first.entry.at);
        Some(notice.with_groups(facts.iter().map(|fact| Group::of(fact)).collect()))
    }

    /// The message about these recoveries; those with the same dataflow and cause become one group.
    pub(super) fn with_groups(self, parts: Vec<Group>) -> Self {
        let count = parts.len();
        let first = parts.first().map(|group| group.sandbox.clone());
        let is_common = parts.iter().all(|group| Some(&group.sandbox) == first.as_ref());
        let mut groups: Vec<Group> = Vec::new();
        for part in parts {
            match groups.iter_mut().find(|group| group.is_like(&part)) {
                Some(group) => group.add(part),
                None => groups.push(part),
            }
        }
        groups.sort_by_key(|group| std::cmp::Reverse(group.count));
        groups.truncate(GROUPS);
        Self { count, sandbox: first.filter(|_| is_common), groups, ..self }
    }

    /// A message about the daemon itself.
    pub(super) fn about_daemon(topic: Topic, key: String, at: Timestamp) -> Self {
        Self { topic, key, at, count: 1, sandbox: None, error: None, groups: Vec::new() }
    }

    /// A test message.
    pub(super) fn test(at: Timestamp) -> Self {
        Self::about_daemon(Topic::Test, "test".to_owned(), at)
    }
}

impl Group {
    fn of(fact: &Fact) -> Self {
        let Fact { entry, duration_s, .. } = fact;
        let error = entry.failure.as_ref().and_then(|failure| failure.errors.first());
        let error = error.map(|error| format!("{}: {}", error.code, error.message));
        let error = error.or_else(|| entry.detail.clone()).filter(|_| fact.topic.is_trouble());
        Self {
            sandbox: entry.sandbox.clone(),
            flow_id: entry.flow_id.clone(),
            flow_name: entry.flow_name.clone(),
            reason: entry.reason.as_str().to_owned(),
            explanation: entry.reason.explanation().to_owned(),
            error: error.map(|error| shortened(&error)),
            count: 1,
            run_ids: vec![root_of(entry).clone()],
            attempts: entry.attempt,
            duration_s: *duration_s,
        }
    }

    fn is_like(&self, other: &Group) -> bool {
        (&self.sandbox, &self.flow_id, &self.reason)
            == (&other.sandbox, &other.flow_id, &other.reason)
    }

    fn add(&mut self, other: Group) {
        self.count += other.count;
        self.run_ids.extend(other.run_ids);
        self.run_ids.truncate(RUNS);
    }
}

/// The original failed run of an entry, or the run itself if there is no recovery.
pub(super) fn root_of(entry: &Entry) -> &RunId {
    entry.root_run_id.as_ref().unwrap_or(&entry.run_id)
}

/// One line of limited length.
pub(super) fn shortened(text: &str) -> String {
    let mut short: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(ERROR_CHARS).collect();
    if text.chars().nth(ERROR_CHARS).is_some() {
        short.push('…');
    }
    short
}
