//! What was logged: many runs of a dataflow are refused, held or given up for one cause, which is a
//! warning once a day.

use crate::domain::model::ids::FlowId;
use crate::domain::model::journal::{Entry, Event};
use crate::domain::model::reason::Reason;
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;

/// The same refusal is logged again after this.
const AGAIN: SignedDuration = SignedDuration::from_hours(24);

/// What was logged, and when.
#[derive(Debug, Default)]
pub(super) struct RefusalLog(HashMap<(FlowId, Event, Reason, String), Timestamp>);

impl RefusalLog {
    /// False if the same was logged for the dataflow within a day: a refusal that repeating does not
    /// change, or a recovery that is held, given up or in doubt for the same cause.
    pub(super) fn is_news(&mut self, entry: &Entry) -> bool {
        let repeats = match entry.event {
            Event::Refused => entry.reason.most_refusals().is_some(),
            Event::Held | Event::GivenUp | Event::InDoubt => true,
            _ => false,
        };
        if !repeats {
            return true;
        }
        let detail = entry.detail.as_deref().unwrap_or_default();
        self.0.retain(|_, at| at.duration_until(entry.at) < AGAIN);
        let key = (entry.flow_id.clone(), entry.event, entry.reason, without_ids(detail));
        let is_new = !self.0.contains_key(&key);
        if is_new {
            self.0.insert(key, entry.at);
        }
        is_new
    }
}

/// `text` with `#` for each word with a digit: the ids of runs and requests, which differ each time.
fn without_ids(text: &str) -> String {
    let in_word = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    let words = text.split_inclusive(|c| !in_word(c)).map(|word| {
        match word.contains(|c: char| c.is_ascii_digit()) {
            true => format!("#{}", word.trim_start_matches(in_word)),
            false => word.to_owned(),
        }
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::model::ids::{RunId, SandboxName};

    fn held(flow: &str, detail: &str, second: i64) -> Entry {
        Entry {
            at: Timestamp::from_second(second).unwrap(),
            sandbox: SandboxName::new("prod"),
            flow_id: FlowId::new(flow),
            flow_name: flow.into(),
            run_id: RunId::new("r"),
            root_run_id: None,
            event: Event::Held,
            reason: Reason::BadRequest,
            rule: None,
            attempt: None,
            max_attempts: None,
            new_run_id: None,
            etag: None,
            due: None,
            detail: Some(detail.into()),
            failure: None,
        }
    }

    #[test]
    fn one_cause_is_said_once_a_day_for_a_dataflow() {
        let mut logged = RefusalLog::default();
        assert!(logged.is_news(&held("crm", "the run r1 is odd", 0)));
        assert!(!logged.is_news(&held("crm", "the run r2 is odd", 0)));
        assert!(!logged.is_news(&held("crm", "the run r3 is odd", 86_399)));
        assert!(logged.is_news(&held("crm", "the run r3 is even", 86_399)));
        assert!(logged.is_news(&held("web", "the run r3 is odd", 86_399)));
        assert!(logged.is_news(&held("crm", "the run r4 is odd", 86_400)));
    }

    #[test]
    fn what_is_given_up_or_in_doubt_is_said_once_too_and_each_new_recovery_is() {
        let mut logged = RefusalLog::default();
        for (event, news) in [
            (Event::GivenUp, [true, false]),
            (Event::InDoubt, [true, false]),
            (Event::Scheduled, [true, true]),
        ] {
            let entry = Entry { event, detail: None, ..held("crm", "", 0) };
            assert_eq!([logged.is_news(&entry), logged.is_news(&entry)], news, "{event:?}");
        }
    }

    #[test]
    fn ids_do_not_make_two_messages_different() {
        let one = without_ids("400 [request id 1c-2a] The run 8d0e-77 (flow_9) is odd.");
        assert_eq!(one, "# [request id #] The run # (#) is odd.");
        assert_eq!(one, without_ids("400 [request id 77] The run 1 (f2) is odd."));
        assert_ne!(one, without_ids("400 [request id 77] The run 1 (f2) is even."));
    }
}
