//! From the vital signs to messages about the daemon itself. What was reported is remembered in the
//! store, so each trouble is reported once, and its end only after it.

use super::compose::covers_sandbox;
use super::notice::{Notice, shortened};
use crate::daemon::{Cause, SandboxSigns, Signs};
use crate::domain::model::ids::SandboxName;
use crate::domain::model::topic::Topic;
use crate::settings::NotifyTarget;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A sandbox is reported after this many incomplete passes in a row.
const PASSES: u64 = 3;

/// Which trouble was reported, and since when it lasts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Reported {
    /// Sandboxes whose passes fail.
    failing: BTreeMap<SandboxName, Timestamp>,
    /// A loop that does not move.
    stuck: Option<Timestamp>,
    /// The day of the last digest, or of the first look at the time of digests.
    pub(super) digest: Option<Date>,
}

impl Reported {
    /// What the store remembers; a text that cannot be read is forgotten.
    pub(super) fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// For the store.
    pub(super) fn render(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The messages for `target` that are due, each with its id. Changes what is reported.
    pub(super) fn update(
        &mut self,
        target: &NotifyTarget,
        signs: &Signs,
        is_alive: bool,
        now: Timestamp,
    ) -> Vec<(String, Notice)> {
        let chosen = |topic| target.topics.contains(&topic);
        let mut notices = self.stuck(is_alive || !chosen(Topic::Stuck), now);
        let is_chosen = chosen(Topic::LoopFailing);
        let sandboxes =
            signs.sandboxes.iter().filter(|(name, _)| is_chosen && covers_sandbox(target, name));
        for (name, signs) in sandboxes {
            notices.extend(self.passes(name, signs, now));
        }
        self.failing.retain(|name, _| signs.sandboxes.contains_key(name));
        notices.retain(|notice| target.topics.contains(&notice.topic));
        let id = |notice: &Notice| {
            let Notice { topic, key, at, .. } = notice;
            format!("{topic}-{key}-{}", at.as_millisecond())
        };
        notices.into_iter().map(|notice| (id(&notice), notice)).collect()
    }

    fn stuck(&mut self, is_alive: bool, now: Timestamp) -> Vec<Notice> {
        let topic = match (is_alive, self.stuck) {
            (false, None) => Topic::Stuck,
            (true, Some(_)) => Topic::LoopWell,
            _ => return Vec::new(),
        };
        self.stuck = (!is_alive).then_some(now);
        vec![Notice::about_daemon(topic, "stuck".to_owned(), now)]
    }

    fn passes(
        &mut self,
        name: &SandboxName,
        signs: &SandboxSigns,
        now: Timestamp,
    ) -> Option<Notice> {
        let known = self.failing.contains_key(name);
        let notice = |topic, at, error| Notice {
            sandbox: Some(name.clone()),
            error,
            ..Notice::about_daemon(topic, format!("loop/{name}"), at)
        };
        match &signs.trouble {
            // Losing the lease is no trouble: another daemon does the work.
            Some(trouble)
                if !known && trouble.passes >= PASSES && trouble.cause != Cause::Lease =>
            {
                self.failing.insert(name.clone(), trouble.since);
                Some(notice(Topic::LoopFailing, trouble.since, Some(shortened(&trouble.error))))
            }
            None if known && signs.last_complete.is_some() => {
                self.failing.remove(name);
                Some(notice(Topic::LoopWell, signs.last_complete.unwrap_or(now), None))
            }
            _ => None,
        }
    }
}
