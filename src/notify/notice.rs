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
        let mut groups: Vec<Group> = Vec::new();
        for fact in facts {
            let same = |group: &&mut Group| {
                let Entry { sandbox, flow_id, reason, .. } = &fact.entry;
                (&group.sandbox, &group.flow_id, group.reason.as_str())
                    == (sandbox, flow_id, reason.as_str())
            };
            match groups.iter_mut().find(same) {
                Some(group) => group.add(&fact.entry),
                None => groups.push(Group::of(fact)),
            }
        }
        groups.sort_by_key(|group| std::cmp::Reverse(group.count));
        groups.truncate(GROUPS);
        let sandbox = first.entry.sandbox.clone();
        let is_common = facts.iter().all(|fact| fact.entry.sandbox == sandbox);
        Some(Self {
            topic: first.topic,
            key,
            at: first.entry.at,
            count: facts.len(),
            sandbox: is_common.then_some(sandbox),
            error: None,
            groups,
        })
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

    fn add(&mut self, entry: &Entry) {
        self.count += 1;
        if self.run_ids.len() < RUNS {
            self.run_ids.push(root_of(entry).clone());
        }
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
